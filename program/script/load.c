/*
 * A load of the script; see load.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/load.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moonport.h"
#include "signal/report.h"
#include "script/environment.h"
#include "script/error.h"
#include "script/globals.h"
#include "script/source.h"
#include "script/staged.h"

#define SLICE 1.0          /* milliseconds */
#define HOOK_INTERVAL 2000 /* instructions between two looks at the clock */

static const char not_in_time[] = "the main chunk has not ended in time";
static const char refused[] = "it has asked for what only a generation that serves may";

/* --- the main chunk ------------------------------------------------------------------------------------- */

/* Upvalue 1: an array of functions, the script's last. Its arguments are the script's. */
static int run_next(lua_State *L, int status, lua_KContext context) {
    lua_Integer next = (lua_Integer)context, count = (lua_Integer)lua_rawlen(L, lua_upvalueindex(1));
    (void)status;
    for (; next <= count; next++) {
        int arguments = lua_gettop(L);
        lua_rawgeti(L, lua_upvalueindex(1), next);
        for (int i = 1; i <= arguments; i++)
            lua_pushvalue(L, i);
        lua_callk(L, arguments, 0, (lua_KContext)(next + 1), run_next);
    }
    return 0;
}

static void on_next_slice(mp_soon *soon);

/* The main chunk is about to yield: it goes on in the next turn, whatever has resumed it this time. */
static void wait_for_slice(program_load *load) {
    load->task->sliced = true;
    mp_soon_start(&load->next_slice, load->state->loop, on_next_slice);
}

static int wait_for_compiler(program_compiler *compiler, lua_State *L, lua_KFunction k) {
    wait_for_slice(MP_CONTAINER(compiler, program_load, compiler));
    return lua_yieldk(L, 0, 0, k);
}

static int script_compiled(lua_State *L, int status, lua_KContext context);

/* Upvalue 2: the load, if the script is being compiled. */
static int run_chunks(lua_State *L) {
    luaL_checkstack(L, lua_gettop(L) + 2, "too many arguments");
    program_load *load = lua_touserdata(L, lua_upvalueindex(2));
    if (!load)
        return run_next(L, LUA_OK, 1);
    return wait_for_compiler(&load->compiler, L, script_compiled);
}

/* Sets `arg` as in lua, in the globals at `globals`. */
static void set_arg(lua_State *L, const program_options *options, int globals) {
    int first = options->script ? options->script_index : options->argument_count;
    lua_createtable(L, options->argument_count, first + 1);
    for (int i = 0; i < options->argument_count; i++) {
        lua_pushstring(L, options->arguments[i]);
        lua_rawseti(L, -2, i - first);
    }
    lua_setfield(L, globals, "arg");
}

/* Pushes the array of compiled chunks, or a message and returns false. */
static bool push_chunks(lua_State *L, program_load *load, int environment) {
    const program_options *options = load->options;
    program_compiler *compiler = load->generation->staging ? &load->compiler : NULL;
    lua_newtable(L);
    int chunks = lua_gettop(L);
    for (int i = 0; i <= options->code_count; i++) {
        enum program_compiled compiled;
        if (i < options->code_count) {
            const char *code = options->code[i];
            compiled = luaL_loadbufferx(L, code, strlen(code), "=(-e)", "t") == LUA_OK ? PROGRAM_COMPILED
                                                                                       : PROGRAM_WRONG;
        } else if (!options->script) {
            break;
        } else {
            compiled = program_compile(L, options->script, environment, compiler);
        }
        if (compiled == PROGRAM_WRONG)
            return false;
        if (compiled == PROGRAM_WAITS)
            break;
        lua_getfield(L, environment, PROGRAM_GLOBALS);
        lua_setupvalue(L, -2, 1);
        lua_rawseti(L, chunks, i + 1);
    }
    return true;
}

/* The run's environment, which reads its sources from `from` if that isn't LUA_NOREF; `moonport` is at index
   `module`. */
static void push_environment(lua_State *L, program_load *load, int module, int from) {
    program_push_environment(L, load->options, module);
    int environment = lua_gettop(L);
    if (from != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, from);
        lua_getfield(L, -1, PROGRAM_SOURCES);
        lua_setfield(L, environment, PROGRAM_SOURCES);
        lua_pop(L, 1);
    }
    if (load->generation->staging) {
        lua_pushlightuserdata(L, &load->compiler);
        lua_setfield(L, environment, PROGRAM_COMPILER);
    }
    lua_pushvalue(L, environment);
    load->environment = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, environment, PROGRAM_GLOBALS);
    set_arg(L, load->options, lua_gettop(L));
    if (load->generation->staging) {
        lua_pushvalue(L, -1);
        program_stage_globals(L, load->generation->number);
    }
    program_register_globals(L, load->generation->number);
}

static void chunk_failed(binding_task *task);
static void chunk_ended(binding_task *task, int status, int count);

/* Of main chunks. Their errors are the load's. */
static const binding_task_kind kind = {
    .name = "main chunk", .lasting = true, .failed = chunk_failed, .ended = chunk_ended};

/* load, from; `moonport` of the first load -> number of arguments; makes the task. Raises what is wrong with
   the script. */
static int prepare(lua_State *L) {
    program_load *load = lua_touserdata(L, 1);
    const program_options *options = load->options;
    int from = (int)lua_tointeger(L, 2);
    if (lua_gettop(L) < 3)
        load->generation = binding_push_new_module(L, load->state);
    else
        load->generation = load->state->generations.current;
    push_environment(L, load, 3, from);
    if (!load->generation->staging && options->script) {
        lua_pushstring(L, options->script);
        lua_setfield(L, 4, PROGRAM_PIPE);
    }
    if (!push_chunks(L, load, 4))
        return lua_error(L);
    lua_pushlightuserdata(L, load->compiler.L ? load : NULL);
    lua_pushcclosure(L, run_chunks, 2);
    int count = options->script ? options->argument_count - options->script_index - 1 : 0;
    luaL_checkstack(L, count + 1, "too many arguments");
    for (int i = 1; i <= count; i++)
        lua_pushstring(L, options->arguments[options->script_index + i]);
    load->task = binding_new_task(load->state, &kind, L, count);
    if (!load->task)
        return luaL_error(L, "out of memory");
    lua_pushinteger(L, count);
    return 1;
}

/* --- its end -------------------------------------------------------------------------------------------- */

static void set_error(program_load *load, char *text) {
    free(load->error);
    load->error = text ? text : strdup("out of memory");
    load->message = load->error ? strlen(load->error) : 0;
}

/* Its stack tells where. What a variable throws that is closed behind the first error, or as the chunk is
   given up, is told as any error. */
static void chunk_failed(binding_task *task) {
    program_load *load = task->owner;
    size_t message = 0;
    if (task->told || task->doomed) {
        binding_report(task);
    } else if (load->late != refused && !load->unreadable) {
        char *text = program_error_text(load->state->L, task->co, &message);
        set_error(load, text);
        if (text)
            load->message = message;
    }
}

/* Stack: arguments. The script has been compiled, as the last of the chunks. */
static int script_compiled(lua_State *L, int status, lua_KContext context) {
    program_load *load = lua_touserdata(L, lua_upvalueindex(2));
    (void)status;
    (void)context;
    lua_rawgeti(L, LUA_REGISTRYINDEX, load->environment);
    if (!program_take_compiled(L, -1, &load->compiler)) {
        load->unreadable = true;
        set_error(load, strdup(lua_tostring(L, -1)));
        return lua_error(L);
    }
    lua_rawseti(L, lua_upvalueindex(1), (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)) + 1);
    lua_pop(L, 1);
    return run_next(L, LUA_OK, 1);
}

static void chunk_ended(binding_task *task, int status, int count) {
    program_load *load = task->owner;
    bool threw = status != LUA_OK && status != LUA_YIELD;
    (void)count;
    lua_sethook(task->co, NULL, 0, 0);
    program_give_up_compiling(&load->compiler);
    load->task = NULL;
    load->outcome = load->late || threw ? LOAD_FAILED : status == LUA_OK ? LOAD_SUCCEEDED : LOAD_CANCELLED;
    if (load->outcome != LOAD_SUCCEEDED && !load->error)
        set_error(load, strdup(load->late ? load->late : "cancelled")); /* it has caught the error of that */
    load->ended(load);
}

void program_cut_load(program_load *load, const char *why) {
    if (!load->task)
        return;
    load->late = why ? why : not_in_time;
    if (load->task->suspended || load->compiler.turns) {
        set_error(load, program_place_text(load->task->co, load->late));
        binding_cancel(load->task); /* one that runs is ended by its hook */
    }
}

/* --- slices --------------------------------------------------------------------------------------------- */

static void on_count(lua_State *L, lua_Debug *where);

/* The load whose main chunk runs now beside a generation that serves, or NULL. */
static program_load *running_load(const binding_state *state) {
    binding_task *task = binding_running_task(state);
    return task && task->kind == &kind && task->context.generation == state->generations.staging ? task->owner
                                                                                                 : NULL;
}

/* The load whose main chunk ends in this coroutine, and closes its variables: it doesn't count as running any
   more. */
static program_load *ending_load(const binding_state *state, lua_State *L) {
    binding_task *task = binding_task_of(L);
    return task && task->kind == &kind && task->context.generation == state->generations.staging ? task->owner
                                                                                                 : NULL;
}

/* Its time is over: the script gets an error; one that catches it is ended where it can yield, which a
   variable that is being closed can't. */
static void interrupt(lua_State *L, program_load *load, bool ending) {
    if (load->interrupted && !ending && lua_isyieldable(L)) {
        if (!load->error)
            set_error(load, program_place_text(L, load->late));
        if (L == load->task->co)
            wait_for_slice(load);
        lua_yield(L, 0); /* that ends it */
        return;
    }
    load->interrupted = true;
    lua_sethook(L, on_count, LUA_MASKCOUNT,
                1);   /* where it can't yield it gets the error until none catches it */
    luaL_where(L, 0); /* what it was at: a hook is no level of its own */
    if (load->late == not_in_time)
        lua_pushfstring(L, "the main chunk has not ended within %f ms", load->options->reload_timeout);
    else
        lua_pushstring(L, load->late);
    lua_concat(L, 2);
    lua_error(L);
}

/* Inherited by coroutines that the main chunk makes: those can't be interrupted, only ended. */
static void on_count(lua_State *L, lua_Debug *where) {
    binding_state *state = binding_find(L);
    program_load *load = running_load(state);
    bool ending = !load;
    double now = mp_loop_now();
    (void)where;
    if (!state->generations.staging)
        lua_sethook(L, NULL, 0, 0);
    if (ending)
        load = ending_load(state, L);
    if (!load)
        return;
    if (!load->late && now > load->started + load->options->reload_timeout)
        load->late = not_in_time;
    if (load->late) {
        interrupt(L, load, ending);
    } else if (!ending && L == load->task->co && now > load->slice + SLICE && lua_isyieldable(L)) {
        wait_for_slice(load);
        lua_yield(L, 0);
    }
}

static void run_slice(program_load *load, int arguments) {
    binding_task *task = load->task;
    load->slice = mp_loop_now();
    task->sliced = false;
    binding_resume(task, arguments);
    mp_loop_settle(load->state->loop);
}

static void on_next_slice(mp_soon *soon) {
    program_load *load = MP_CONTAINER(soon, program_load, next_slice);
    if (!load->task || !load->task->sliced)
        return;
    if (load->interrupted)
        binding_cancel(load->task);
    else if (program_go_on_compiling(&load->compiler, SLICE))
        mp_soon_start(soon, load->state->loop, on_next_slice);
    else
        run_slice(load, 0);
}

static bool can_wait(program_compiler *compiler, lua_State *L) {
    program_load *load = MP_CONTAINER(compiler, program_load, compiler);
    return load->task && L == load->task->co && running_load(load->state) == load && lua_isyieldable(L);
}

void program_refuse(lua_State *L, const char *name) {
    program_load *load = running_load(binding_find(L));
    char why[96];
    if (!load && program_is_called_by_staged(L))
        luaL_error(L, "%s: by a generation that doesn't serve", name);
    if (!load)
        return;
    snprintf(why, sizeof why, "%s: while the script is being loaded anew", name);
    load->late = refused;
    load->interrupted = true;
    set_error(load, program_place_text(L, why));
    lua_pushstring(L, load->error ? load->error : why);
    lua_error(L);
}

/* --- the load ------------------------------------------------------------------------------------------- */

void program_init_load(program_load *load, binding_state *state, const program_options *options,
                       void (*ended)(program_load *load), void *owner) {
    *load = (program_load){.state = state,
                           .options = options,
                           .environment = LUA_NOREF,
                           .ended = ended,
                           .owner = owner,
                           .compiler = {.can_wait = can_wait, .wait = wait_for_compiler}};
}

void program_end_load(program_load *load) {
    mp_soon_stop(&load->next_slice);
    program_give_up_compiling(&load->compiler);
    free(load->error);
    program_init_load(load, load->state, load->options, load->ended, load->owner);
}

/* Stack: what prepare takes, `arguments` values. */
static void begin(program_load *load, int arguments) {
    lua_State *L = load->state->L;
    load->started = mp_loop_now();
    if (lua_pcall(L, arguments, 1, 0) != LUA_OK) {
        set_error(load, lua_tostring(L, -1) ? strdup(lua_tostring(L, -1)) : NULL);
        lua_pop(L, 1);
        load->outcome = LOAD_FAILED;
        program_give_up_compiling(&load->compiler);
        load->ended(load);
        return;
    }
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    binding_task *task = load->task;
    task->owner = load;
    task->context.of_run = true;
    binding_belong(task, load->generation);
    if (load->generation->staging)
        lua_sethook(task->co, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
    run_slice(load, count);
}

void program_load_first(program_load *load, int module) {
    lua_State *L = load->state->L;
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, load);
    lua_pushinteger(L, LUA_NOREF);
    lua_rawgeti(L, LUA_REGISTRYINDEX, module);
    luaL_unref(L, LUA_REGISTRYINDEX, module);
    begin(load, 3);
}

void program_load_next(program_load *load, int from) {
    lua_State *L = load->state->L;
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, load);
    lua_pushinteger(L, from);
    begin(load, 2);
}
