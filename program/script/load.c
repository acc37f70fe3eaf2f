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
#include "run/bytecode.h"
#include "signal/report.h"
#include "script/environment.h"
#include "script/error.h"
#include "script/globals.h"
#include "script/source.h"
#include "script/staged.h"

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

static int script_compiled(lua_State *L, int status, lua_KContext context);

/* Upvalue 2: the load, if the script is being compiled. */
static int run_chunks(lua_State *L) {
    luaL_checkstack(L, lua_gettop(L) + 2, "too many arguments");
    program_load *load = lua_touserdata(L, lua_upvalueindex(2));
    if (!load)
        return run_next(L, LUA_OK, 1);
    return program_wait_for_compiler(&load->slices.compiler, L, script_compiled);
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
    program_compiler *compiler = load->generation->staging ? &load->slices.compiler : NULL;
    lua_newtable(L);
    int chunks = lua_gettop(L);
    for (int i = 0; i <= options->code_count; i++) {
        enum program_compiled compiled;
        if (i < options->code_count) {
            const char *code = options->code[i];
            compiled = luaL_loadbufferx(L, code, strlen(code), "=(-e)", binding_chunk_mode(L, NULL)) == LUA_OK
                           ? PROGRAM_COMPILED
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
    if (load->options->worker > 0) {
        lua_pushboolean(L, 1);
        lua_setfield(L, environment, PROGRAM_KEEPS_INPUT);
    }
    lua_pushlightuserdata(L, load->late);
    lua_setfield(L, environment, PROGRAM_LATE);
    if (load->generation->staging) {
        lua_pushlightuserdata(L, &load->slices.compiler);
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
static void chunk_woken(binding_task *task);

/* Of main chunks. Their errors are the load's. */
static const binding_task_kind kind = {.name = "main chunk",
                                       .lasting = true,
                                       .failed = chunk_failed,
                                       .ended = chunk_ended,
                                       .woken = chunk_woken};

/* load, from; `moonport` of the first load -> number of arguments; makes the task. Raises if the script can't
   be compiled. */
static int prepare(lua_State *L) {
    program_load *load = lua_touserdata(L, 1);
    const program_options *options = load->options;
    int from = (int)lua_tointeger(L, 2);
    if (lua_gettop(L) < 3)
        load->generation = binding_push_new_module(L, load->state);
    else
        load->generation = load->state->generations.current;
    load->speaker = lua_newthread(L);
    load->speaker_reference = luaL_ref(L, LUA_REGISTRYINDEX);
    push_environment(L, load, 3, from);
    if (!load->generation->staging && options->script) {
        lua_pushstring(L, options->script);
        lua_setfield(L, 4, PROGRAM_PIPE);
    }
    if (!push_chunks(L, load, 4))
        return lua_error(L);
    lua_pushlightuserdata(L, load->slices.compiler.L ? load : NULL);
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

/* The task's stack says where. Errors of variables that are closed after the first error, or when the chunk
   is given up, are reported like any others. */
static void chunk_failed(binding_task *task) {
    program_load *load = task->owner;
    size_t message = 0;
    if (program_have_slices_raised(&load->slices, task->co)) {
        task->spoilt = true;
        return;
    }
    if (task->told || task->doomed) {
        program_make_message(load->speaker, task->co); /* its __tostring is guarded */
        binding_report(task);
    } else if (!load->slices.why && !load->unreadable) {
        char *text = program_error_text(load->speaker, task->co, &message);
        if (load->slices.why) { /* its __tostring was late */
            free(text);
            return;
        }
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
    if (!program_take_compiled(L, load->options->script, -1, &load->slices.compiler)) {
        load->unreadable = true;
        set_error(load, strdup(lua_tostring(L, -1)));
        return lua_error(L);
    }
    lua_rawseti(L, lua_upvalueindex(1), (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)) + 1);
    lua_pop(L, 1);
    return run_next(L, LUA_OK, 1);
}

/* Takes the slices' reason for its end, unless it has failed before. */
static void take_reason(program_load *load) {
    program_slices *slices = &load->slices;
    if (!slices->why || load->error)
        return;
    set_error(load, slices->text ? slices->text : strdup(slices->why));
    if (slices->text)
        load->message = slices->message;
    slices->text = NULL;
}

static void chunk_ended(binding_task *task, int status, int count) {
    program_load *load = task->owner;
    bool threw = status != LUA_OK && status != LUA_YIELD;
    (void)count;
    load->task = NULL;
    if (load->slices.task)
        program_leave_slices(&load->slices);
    take_reason(load);
    load->outcome = load->slices.why || threw ? LOAD_FAILED
                    : status == LUA_OK        ? LOAD_SUCCEEDED
                                              : LOAD_CANCELLED;
    if (load->outcome != LOAD_SUCCEEDED && !load->error)
        set_error(load, strdup("cancelled"));
    load->ended(load);
}

/* Its wait is over. */
static void chunk_woken(binding_task *task) {
    program_load *load = task->owner;
    if (load->slices.task)
        program_wake_slices(&load->slices);
    else
        binding_resume(task, 0);
}

void program_cut_load(program_load *load, const char *why) {
    program_cut_slices(&load->slices, why);
}

void program_refuse(lua_State *L, const char *name) {
    const binding_state *state = binding_find(L);
    program_slices *slices = program_running_slices();
    char why[96];
    if (!slices || !slices->task || state->running != &slices->task->context) {
        if (program_is_called_by_staged(L))
            luaL_error(L, "%s: by a generation that doesn't serve", name);
        return;
    }
    snprintf(why, sizeof why, "%s: while the script is being reloaded", name);
    program_refuse_slices(slices, program_place_text(L, why));
    lua_pushstring(L, slices->text ? slices->text : why);
    lua_error(L);
}

/* --- the load ------------------------------------------------------------------------------------------- */

void program_init_load(program_load *load, binding_state *state, const program_options *options,
                       program_late_modules *late, void (*ended)(program_load *load), void *owner) {
    *load = (program_load){.state = state,
                           .options = options,
                           .late = late,
                           .environment = LUA_NOREF,
                           .speaker_reference = LUA_NOREF,
                           .ended = ended,
                           .owner = owner};
    program_init_slices(&load->slices, state);
}

void program_end_load(program_load *load) {
    program_end_slices(&load->slices);
    luaL_unref(load->state->L, LUA_REGISTRYINDEX, load->speaker_reference);
    free(load->error);
    program_init_load(load, load->state, load->options, load->late, load->ended, load->owner);
}

/* Stack: what prepare takes, `arguments` values. */
static void begin(program_load *load, int arguments) {
    lua_State *L = load->state->L;
    load->started = mp_loop_now();
    if (lua_pcall(L, arguments, 1, 0) != LUA_OK) {
        set_error(load, lua_tostring(L, -1) ? strdup(lua_tostring(L, -1)) : NULL);
        lua_pop(L, 1);
        load->outcome = LOAD_FAILED;
        program_give_up_compiling(&load->slices.compiler);
        load->ended(load);
        return;
    }
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    binding_task *task = load->task;
    task->owner = load;
    task->context.of_run = true;
    binding_belong(task, load->generation);
    if (!load->generation->staging) {
        binding_resume(task, count);
        mp_loop_settle(load->state->loop);
        return;
    }
    program_slice(load->speaker);
    if (!program_start_slices(&load->slices, task, count, load->started, load->options->reload_timeout)) {
        set_error(load, strdup("there is no thread for the main chunk"));
        binding_discard(task);
    }
}

void program_load_first(program_load *load, int module, int from) {
    lua_State *L = load->state->L;
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, load);
    lua_pushinteger(L, from);
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
