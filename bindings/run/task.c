/*
 * Tasks: every handler, spawned function and main chunk runs as a coroutine of the host. Coroutines that have
 * ended well are used again, so that a handler that doesn't wait costs no allocation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "run/work.h"

#define MOST_SPARES 256

/* --- the pool ------------------------------------------------------------------------------------------- */

static int make_coroutine(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    task->co = lua_newthread(L);
    luaL_checkstack(task->co, LUA_MINSTACK, NULL);
    *(binding_task **)lua_getextraspace(task->co) = task;
    task->co_reference = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static binding_task *make_task(binding_state *state) {
    binding_task *task = calloc(1, sizeof *task);
    if (!task)
        return NULL;
    lua_pushcfunction(state->L, make_coroutine);
    lua_pushlightuserdata(state->L, task);
    if (lua_pcall(state->L, 1, 0, 0) != LUA_OK) {
        lua_pop(state->L, 1);
        free(task);
        return NULL;
    }
    task->state = state;
    task->wait.outcome = WAIT_READY;
    task->wait.task = task;
    mp_ring_append(&state->tasks->all, &task->link);
    return task;
}

binding_task *binding_take_task(binding_state *state) {
    binding_task *task = state->tasks->spares;
    if (!task)
        return make_task(state);
    state->tasks->spares = task->next_spare;
    state->tasks->spare_count--;
    assert(!task->suspended && !task->entered && !task->late && lua_gettop(task->co) == 0);
    return task;
}

static void free_task(binding_state *state, binding_task *task) {
    *(binding_task **)lua_getextraspace(task->co) = NULL; /* a script may keep the coroutine */
    luaL_unref(state->L, LUA_REGISTRYINDEX, task->co_reference);
    mp_ring_remove(&task->link);
    free(task);
}

void binding_open_tasks(lua_State *L, binding_state *state) {
    state->tasks = binding_allocate(L, sizeof *state->tasks);
    mp_ring_init(&state->tasks->all);
    lua_pushliteral(L, "a handler can't yield: it waits with moonport.sleep, receive, lines or waitFor...");
    state->tasks->cant_yield = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "the script has closed or resumed the coroutine of a handler that was waiting");
    state->tasks->lost = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "a handler that waits continues when its wait is over");
    state->tasks->not_yours = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "the handler has not returned in time");
    state->tasks->late = luaL_ref(L, LUA_REGISTRYINDEX);
    state->tasks->nobody = lua_newthread(L);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
}

void binding_free_tasks(binding_state *state) {
    for (mp_ring *link = state->tasks->all.next, *next; link != &state->tasks->all; link = next) {
        binding_task *task = MP_CONTAINER(link, binding_task, link);
        next = link->next;
        mp_delay_stop(&task->wait.delay, state->loop);
        if (task->suspended && task->context.generation)
            task->context.generation->handlers--;
        binding_unreference(task->context.generation);
        free(task);
    }
    mp_ring_init(&state->tasks->all);
    state->tasks->spares = NULL;
}

void binding_give_back(binding_task *task) {
    binding_state *state = task->state;
    assert(!task->context.generation && !task->taken && task->wait.outcome != WAIT_RUNNING);
    if (state->tasks->spare_count >= MOST_SPARES) {
        free_task(state, task);
        return;
    }
    lua_settop(task->co, 0);
    task->suspended = task->entered = task->working = task->doomed = false;
    task->sliced = task->spoilt = task->context.of_run = false;
    task->wait.outcome = WAIT_READY;
    task->next_spare = state->tasks->spares;
    state->tasks->spares = task;
    state->tasks->spare_count++;
}

binding_task *binding_new_task(binding_state *state, const binding_task_kind *kind, lua_State *L,
                               int arguments) {
    binding_task *task = binding_take_task(state);
    if (task && !lua_checkstack(task->co, arguments + LUA_MINSTACK)) {
        free_task(state, task);
        task = NULL;
    }
    if (!task) {
        lua_pop(L, arguments + 1);
        return NULL;
    }
    lua_xmove(L, task->co, arguments + 1);
    task->kind = kind;
    task->on = NULL;
    return task;
}

/* --- running -------------------------------------------------------------------------------------------- */

/* Closes the to-be-closed variables of a task that has failed or is cancelled. Gives LUA_OK or, if one of
   them or what it ran before has thrown, leaves the last error on top of its stack. */
static int close_coroutine(binding_task *task) {
    lua_State *before = binding_enter(task->state, task->co);
#if LUA_VERSION_RELEASE_NUM >= 50406
    int status = lua_closethread(task->co, task->state->L);
#else
    int status = lua_resetthread(task->co);
#endif
    binding_leave(task->state, before);
    return status;
}

/* Passes its error to its kind. */
static void fail(binding_task *task) {
    if (task->kind->failed)
        task->kind->failed(task);
    task->told = true;
}

/* The task is over: with `count` results on its stack, or an error value. */
static void end(binding_task *task, int status, int count, bool cancelled) {
    binding_state *state = task->state;
    binding_generation *generation = task->context.generation;
    if (task->kind->ended)
        task->kind->ended(task, cancelled ? LUA_YIELD : status, count);
    while (task->taken)
        binding_untaken(task->taken);
    if (task->suspended) {
        task->suspended = false;
        state->tasks->count--;
        mp_loop_unref(state->loop);
        if (generation)
            generation->handlers--;
        binding_leave_object(task);
    }
    task->context.generation = NULL;
    binding_unreference(generation);
    if (status == LUA_OK)
        binding_give_back(task);
    else
        free_task(state, task);
}

/* Closes the variables of a task that ends without returning. What they throw is reported like any error; the
   last one is then on top of its stack. `error`: an error is there already. */
static void close_variables(binding_task *task, bool error) {
    lua_State *L = task->state->L;
    bool copied = error && lua_checkstack(L, 2);
    if (copied) {
        lua_pushvalue(task->co, -1);
        lua_xmove(task->co, L, 1);
    }
    bool threw = close_coroutine(task) != LUA_OK;
    if (threw && copied) {
        lua_pushvalue(task->co, -1);
        lua_xmove(task->co, L, 1);
        threw = !lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
    }
    if (threw)
        fail(task);
    if (copied && !threw) {
        lua_settop(task->co, 0);
        lua_pushvalue(L, -1);
        lua_xmove(L, task->co, 1);
    }
    if (copied)
        lua_pop(L, 1);
}

/* The task has thrown what is on top of its stack. */
static void broke(binding_task *task, int status) {
    bool cancelled = task->doomed; /* what the report calls can't cancel it any more */
    if (!cancelled)
        fail(task);
    if (!task->spoilt)
        close_variables(task, true);
    end(task, status, 0, cancelled);
}

/* The script has closed or resumed the waiting coroutine, so this doesn't touch it any more. The task fails
   in another coroutine. */
static void lost(binding_task *task) {
    binding_state *state = task->state;
    if (task->wait.outcome == WAIT_RUNNING)
        binding_end_wait(&task->wait, WAIT_CANCELLED);
    *(binding_task **)lua_getextraspace(task->co) = NULL;
    luaL_unref(state->L, LUA_REGISTRYINDEX, task->co_reference);
    task->entered = true;
    task->co_reference = LUA_NOREF;
    lua_pushcfunction(state->L, make_coroutine);
    lua_pushlightuserdata(state->L, task);
    if (lua_pcall(state->L, 1, 0, 0) !=
        LUA_OK) { /* no report then; the old stack still exists, but it isn't ours */
        lua_pop(state->L, 1);
        task->co = state->tasks->nobody;
        lua_settop(task->co, 0);
    }
    lua_rawgeti(task->co, LUA_REGISTRYINDEX, state->tasks->lost);
    broke(task, LUA_ERRRUN);
}

void binding_resume(binding_task *task, int arguments) {
    binding_state *state = task->state;
    binding_context *before = state->running;
    int count = 0;
    assert(!task->entered && task->wait.outcome != WAIT_RUNNING);
    if ((task->suspended || task->sliced) && lua_status(task->co) != LUA_YIELD) {
        lost(task);
        return;
    }
    assert(task->suspended || lua_gettop(task->co) >= arguments);
    state->running = &task->context;
    task->entered = true;
    lua_State *outer = binding_enter(state, task->co);
    int status = lua_resume(task->co, state->L, arguments, &count);
    binding_leave(state, outer);
    state->running = before;
    if (state->pace)
        state->pace(state);
    if (status == LUA_OK) {
        end(task, status, count, task->doomed);
    } else if (status != LUA_YIELD) {
        broke(task, status);
    } else if (task->late) { /* its hook has left room on the stack */
        lua_rawgeti(task->co, LUA_REGISTRYINDEX, state->tasks->late);
        broke(task, LUA_ERRRUN);
    } else if (task->wait.outcome == WAIT_RUNNING) {
        task->entered = false;
        binding_suspended(task);
        if (task->doomed)
            binding_cancel(task);
    } else if (task->sliced) {
        task->entered = false;
    } else {
        lua_settop(task->co, 0);
        lua_rawgeti(task->co, LUA_REGISTRYINDEX, state->tasks->cant_yield);
        broke(task, LUA_ERRRUN);
    }
}

void binding_discard(binding_task *task) {
    assert(!task->suspended && !task->entered);
    task->doomed = true;
    lua_settop(task->co, 0);
    end(task, LUA_OK, 0, true);
}

void binding_cancel(binding_task *task) {
    binding_state *state = task->state;
    task->doomed = true;
    if (task->entered || (!task->suspended && !task->sliced))
        return; /* it runs, and ends where it would wait; or it is ending */
    if (lua_status(task->co) != LUA_YIELD) {
        lost(task);
        return;
    }
    if (task->wait.outcome == WAIT_RUNNING)
        binding_end_wait(&task->wait, WAIT_CANCELLED);
    binding_context *before = state->running;
    state->running = NULL;
    task->entered = true;
    state->tasks->cancelling++;
    close_variables(task, false);
    state->tasks->cancelling--;
    state->running = before;
    end(task, LUA_ERRRUN, 0, true);
}
