/*
 * The main chunk in slices; see slices.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/slices.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "script/error.h"

#define SLICE 1.0          /* milliseconds */
#define CLOSING 100.0      /* milliseconds for the variables of a task that is ended */
#define HOOK_INTERVAL 2000 /* instructions between two looks at the clock */

static const char not_in_time[] = "the main chunk has not ended in time";
static const char refused[] = "it has asked for what only a generation that serves may";

/* For hooks, which can't find them otherwise: the slices whose stack this is, and those that have one. */
static program_slices *inside, *started;

program_slices *program_running_slices(void) {
    return inside;
}

program_slices *program_started_slices(void) {
    return started;
}

/* --- the hook ------------------------------------------------------------------------------------------- */

/* The slice is over: switches to the loop, which comes back in a later turn. */
static void give_way(program_slices *self) {
    binding_state *state = self->state;
    binding_context *running = state->running;
    lua_State *thread = state->watch.thread;
    state->running = NULL;
    binding_leave(state, NULL);
    mp_system_return_turn(self->turns);
    (void)binding_enter(state, thread);
    state->running = running;
}

static void on_count(lua_State *L, lua_Debug *where);
static void on_next(mp_soon *soon);

static void set_text(program_slices *self, char *text) {
    free(self->text);
    self->text = text;
    self->message = text ? strlen(text) : 0;
}

/* Notes where L is, with the reason and a traceback; L is in its hook. */
static void note_place(lua_State *L, program_slices *self) {
    char why[96];
    snprintf(why, sizeof why, "the main chunk has not ended within %.1f ms", self->limit);
    set_text(self, program_place_text(L, self->why == not_in_time ? why : self->why));
    if (!self->text)
        return;
    luaL_traceback(L, L, self->text, 0);
    char *text = strdup(lua_tostring(L, -1));
    lua_pop(L, 1);
    if (text) {
        free(self->text);
        self->text = text; /* the message is as long as before */
    }
}

/* No hook runs in a coroutine that has died of a hook's error, not even while its variables are closed. So an
   error is the last resort; it is raised again if code catches it. */
static void interrupt(lua_State *L, program_slices *self) {
    lua_State *co = self->task->co;
    lua_sethook(co, on_count, LUA_MASKCOUNT, 1);
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    if (!self->text)
        note_place(L, self);
    if (lua_isyieldable(L)) {
        if (L == co) {
            self->task->sliced = true;
            self->cancelled = true;
        }
        lua_yield(L, 0);
        return;
    }
    self->raised = true;
    self->state->watch.cut = L;
    if (self->text)
        lua_pushlstring(L, self->text, self->message);
    else
        lua_pushstring(L, self->why);
    lua_error(L);
}

/* The hook. Coroutines that the task makes inherit it. */
static void on_count(lua_State *L, lua_Debug *where) {
    program_slices *self = inside;
    (void)where;
    if (!started)
        lua_sethook(L, NULL, 0, 0);
    /* onError's function of the run that serves may be called here. */
    if (!self || !self->task || (self->state->running && self->state->running != &self->task->context))
        return;
    double now = mp_loop_now();
    if (!self->why && now > self->deadline)
        self->why = not_in_time;
    if (self->closing ? now > self->deadline : self->why != NULL)
        interrupt(L, self);
    else if (now > self->end && L != self->state->L && !binding_in_finaliser(L))
        give_way(self);
}

bool program_is_sliced(lua_State *L) {
    return lua_gethook(L) == on_count;
}

void program_slice(lua_State *L) {
    lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
}

bool program_have_slices_raised(const program_slices *self, lua_State *co) {
    size_t length;
    const char *message = lua_type(co, -1) == LUA_TSTRING ? lua_tolstring(co, -1, &length) : NULL;
    return self->raised && message && length == self->message && memcmp(message, self->text, length) == 0;
}

/* --- the stack ------------------------------------------------------------------------------------------ */

static void run(mp_turns *turns, void *context) {
    program_slices *self = context;
    while (self->task) {
        int arguments = self->arguments;
        self->arguments = 0;
        if (self->cancelled) {
            self->closing = true;
            self->deadline = mp_loop_now() + CLOSING;
            program_slice(self->task->co);
            binding_cancel(self->task);
        } else {
            self->task->sliced = false;
            binding_resume(self->task, arguments);
        }
        if (self->task && !self->cancelled)
            mp_system_return_turn(turns);
    }
}

static void begin_slice(program_slices *self) {
    binding_state *state = self->state;
    assert(!inside && !state->running);
    bool raises = state->watch.raises;
    inside = self;
    state->watch.raises = true;
    self->end = mp_loop_now() + SLICE;
    bool goes_on = mp_system_pass_turn(self->turns);
    state->watch.raises = raises;
    inside = NULL;
    if (!goes_on) {
        mp_system_end_turns(self->turns);
        self->turns = NULL;
    } else if (self->task->entered || self->task->sliced) {
        mp_soon_start(&self->next, state->loop, on_next);
    }
    if (state->pace)
        state->pace(state);
    mp_loop_settle(state->loop);
}

static bool waits(const program_slices *self) {
    return self->task->suspended && !self->task->entered && self->task->wait.outcome == WAIT_RUNNING;
}

static void on_next(mp_soon *soon) {
    program_slices *self = MP_CONTAINER(soon, program_slices, next);
    if (!self->turns || (waits(self) && !self->cancelled))
        return;
    if (!self->cancelled && program_go_on_compiling(&self->compiler, SLICE))
        mp_soon_start(soon, self->state->loop, on_next);
    else
        begin_slice(self);
}

void program_init_slices(program_slices *self, binding_state *state) {
    *self = (program_slices){.state = state,
                             .compiler = {.can_wait = program_can_wait, .wait = program_wait_for_compiler}};
}

bool program_start_slices(program_slices *self, binding_task *task, int arguments, double begun,
                          double limit) {
    assert(!started && !self->turns);
    self->turns = mp_system_start_turns(run, self);
    if (!self->turns)
        return false;
    started = self;
    self->task = task;
    self->arguments = arguments;
    self->limit = limit;
    self->deadline = begun + limit;
    program_slice(task->co);
    begin_slice(self);
    return true;
}

void program_wake_slices(program_slices *self) {
    mp_soon_start(&self->next, self->state->loop, on_next);
}

/* If it is running, its hook does the rest. */
static void cancel_waiting(program_slices *self) {
    if (self->task->entered)
        return;
    self->cancelled = true;
    mp_soon_start(&self->next, self->state->loop, on_next);
}

void program_cut_slices(program_slices *self, const char *why) {
    if (!self->task)
        return;
    self->why = why ? why : not_in_time;
    if (!self->text && !self->task->entered)
        set_text(self, program_place_text(self->task->co, self->why));
    cancel_waiting(self);
}

void program_refuse_slices(program_slices *self, char *text) {
    self->why = refused;
    set_text(self, text);
    cancel_waiting(self);
}

void program_leave_slices(program_slices *self) {
    lua_sethook(self->task->co, NULL, 0, 0);
    program_give_up_compiling(&self->compiler);
    self->state->watch.cut = NULL;
    self->task = NULL;
    started = NULL;
}

void program_end_slices(program_slices *self) {
    mp_soon_stop(&self->next);
    program_give_up_compiling(&self->compiler);
    free(self->text);
    if (started == self)
        started = NULL;
    program_init_slices(self, self->state);
}

/* --- compiling ------------------------------------------------------------------------------------------ */

bool program_can_wait(program_compiler *compiler, lua_State *L) {
    const program_slices *self = MP_CONTAINER(compiler, program_slices, compiler);
    return self == inside && self->task && L == self->task->co &&
           self->state->running == &self->task->context && lua_isyieldable(L);
}

int program_wait_for_compiler(program_compiler *compiler, lua_State *L, lua_KFunction k) {
    program_slices *self = MP_CONTAINER(compiler, program_slices, compiler);
    self->task->sliced = true;
    return lua_yieldk(L, 0, 0, k);
}
