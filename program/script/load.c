/*
 * Loading: the script's main chunk runs as a task of a new generation. While it is loaded anew beside a serving one it runs in
 * slices of a millisecond, so that not even an endless loop in it holds the service up.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define SLICE 1.0          /* milliseconds */
#define HOOK_INTERVAL 2000 /* instructions between two looks at the clock */

/* --- the main chunk ------------------------------------------------------------------------------------------------ */

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

static int run_chunks(lua_State *L) {
    luaL_checkstack(L, lua_gettop(L) + 2, "too many arguments");
    return run_next(L, LUA_OK, 1);
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
static bool push_chunks(lua_State *L, const program_options *options, int environment) {
    lua_newtable(L);
    int chunks = lua_gettop(L);
    for (int i = 0; i <= options->code_count; i++) {
        bool compiled = true;
        if (i < options->code_count) {
            const char *code = options->code[i];
            compiled = luaL_loadbuffer(L, code, strlen(code), "=(-e)") == LUA_OK;
        } else if (!options->script) {
            break;
        } else {
            compiled = program_compile(L, options->script, environment);
        }
        if (!compiled)
            return false;
        lua_getfield(L, environment, PROGRAM_GLOBALS);
        lua_setupvalue(L, -2, 1);
        lua_rawseti(L, chunks, i + 1);
    }
    return true;
}

/* self, from -> ; leaves everything in self->load. Raises what is wrong with the script. */
static int prepare(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    int from = (int)lua_tointeger(L, 2);
    const program_options *options = &self->options;
    if (self->begun) {
        self->load.generation = binding_new_generation(L, self->state);
    } else {
        self->begun = true;
        self->load.generation = self->state->current;
        lua_pushglobaltable(L);
        set_arg(L, options, lua_gettop(L)); /* installed modules look for it there */
        lua_pop(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, self->module);
        luaL_unref(L, LUA_REGISTRYINDEX, self->module);
    }
    program_push_environment(L, options, lua_gettop(L));
    int environment = lua_gettop(L);
    if (from != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, from);
        lua_getfield(L, -1, PROGRAM_SOURCES);
        lua_setfield(L, environment, PROGRAM_SOURCES);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, environment);
    self->load.environment = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, environment, PROGRAM_GLOBALS);
    set_arg(L, options, lua_gettop(L));
    if (!push_chunks(L, options, environment))
        return lua_error(L);
    lua_pushcclosure(L, run_chunks, 1);
    int count = options->script ? options->argument_count - options->script_index - 1 : 0;
    luaL_checkstack(L, count + 1, "too many arguments");
    for (int i = 1; i <= count; i++)
        lua_pushstring(L, options->arguments[options->script_index + i]);
    self->load.task = binding_new_task(self->state, L, count);
    if (!self->load.task)
        return luaL_error(L, "out of memory");
    lua_pushinteger(L, count);
    return 1;
}

/* --- errors -------------------------------------------------------------------------------------------------------- */

/* Does `assert` stand where the error came from? Its message, if the script gave one, was meant for people. */
static bool asserted(lua_State *L, lua_State *co, const char *message) {
    lua_Debug where;
    if (!lua_getstack(co, 0, &where) || strstr(message, "assertion failed!"))
        return false;
    lua_getinfo(co, "f", &where);
    lua_xmove(co, L, 1);
    lua_getglobal(L, "assert");
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* Pushes the place "file:line: " that stands in front of the message; or, if there is none, that of the innermost Lua
   function, and returns false. */
static bool push_place(lua_State *L, lua_State *co, const char *message) {
    lua_Debug where;
    lua_pushliteral(L, "");
    int top = lua_gettop(L);
    for (int level = 0; lua_getstack(co, level, &where); level++) {
        lua_getinfo(co, "Sl", &where);
        if (where.currentline <= 0)
            continue;
        const char *place = lua_pushfstring(L, "%s:%d: ", where.short_src, where.currentline);
        if (strncmp(message, place, strlen(place)) == 0)
            return true;
        if (lua_rawlen(L, top) == 0)
            lua_replace(L, top);
        lua_settop(L, top);
    }
    return false;
}

/* Takes the traceback's last line away: the function below the main chunk is ours. */
static void cut_bottom(lua_State *L) {
    static const char bottom[] = "\n\t[C]: in ?";
    size_t length, end = sizeof bottom - 1;
    const char *text = lua_tolstring(L, -1, &length);
    if (length > end && strcmp(text + length - end, bottom) == 0) {
        lua_pushlstring(L, text, length - end);
        lua_remove(L, -2);
    }
}

/* The message of assert(nil, message) or error(message, 0) was meant for people and says all, with its place in front.
   Anything else gets its traceback. */
static int error_text(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    lua_State *co = task->co;
    const char *message = lua_tostring(co, -1);
    bool placed = !message || push_place(L, co, message);
    if (!message || (placed && !asserted(L, co, message))) {
        binding_push_error(L, co, true);
        cut_bottom(L);
    } else {
        if (placed)
            lua_pushliteral(L, "");
        lua_pushstring(L, message);
        lua_concat(L, 2);
    }
    return 1;
}

static void set_error(program *self, const char *text) {
    free(self->load.error);
    self->load.error = strdup(text ? text : "out of memory");
}

static const char *why_ended(const program *self) {
    return self->load.superseded ? "given up for a newer version" : "the main chunk has not ended in time";
}

void program_note_late(program *self, lua_State *co) {
    char text[LUA_IDSIZE + 80] = "";
    lua_Debug where = {0};
    for (int level = 0; lua_getstack(co, level, &where); level++) {
        lua_getinfo(co, "Sl", &where);
        if (where.currentline > 0)
            break;
    }
    if (where.currentline > 0)
        snprintf(text, sizeof text, "%s:%d: ", where.short_src, where.currentline);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", why_ended(self));
    set_error(self, text);
}

/* The first main chunk, which had not ended when a reload came, has failed: so has the program, as it would without that. */
static void fail_late(program *self, binding_task *task) {
    lua_State *L = self->L;
    lua_pushcfunction(L, error_text);
    lua_pushlightuserdata(L, task);
    (void)lua_pcall(L, 1, 1, 0);
    program_complain(lua_tostring(L, -1) ? lua_tostring(L, -1) : "out of memory");
    lua_pop(L, 1);
    self->failed = true;
    ev_break(self->state->loop->ev, EVBREAK_ALL);
}

static void chunk_ended(binding_task *task, int status, int count) {
    program *self = task->owner;
    lua_State *L = self->L;
    (void)count;
    lua_sethook(task->co, NULL, 0, 0);
    if (self->load.task != task) {
        /* An older run's main chunk, which waited until it was retired, or ends by itself. */
        if (status != LUA_OK && status != LUA_YIELD)
            fail_late(self, task);
        return;
    }
    self->load.ended = true;
    self->load.succeeded = status == LUA_OK;
    self->load.task = NULL;
    program_load_ended(self);
    if (status == LUA_OK || status == LUA_YIELD) {
        /* Late: it may have noted where, or have caught the error that told it so. */
        if (!self->load.error)
            set_error(self, self->load.timed_out ? why_ended(self) : "cancelled");
        return;
    }
    lua_pushcfunction(L, error_text);
    lua_pushlightuserdata(L, task);
    /* An error while the message is made (a __tostring that throws) is told in its place. */
    (void)lua_pcall(L, 1, 1, 0);
    set_error(self, lua_tostring(L, -1));
    lua_pop(L, 1);
}

/* --- slices -------------------------------------------------------------------------------------------------------- */

/* Inherited by coroutines that the main chunk makes: those can't be interrupted, only ended. */
static void on_count(lua_State *L, lua_Debug *where) {
    program *self = binding_find(L)->program;
    binding_task *task = self->load.task;
    double now = mp_loop_now();
    (void)where;
    if (!task || !self->load.generation || !self->load.generation->staging) {
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    if (self->state->running != task)
        return;
    if (self->load.timed_out || now > self->load.started + self->options.reload_timeout) {
        self->load.timed_out = true;
        if (self->load.interrupted && lua_isyieldable(L)) {
            program_note_late(self, L);
            task->sliced = L == task->co;
            lua_yield(L, 0); /* it has caught the error: run_slice ends it */
            return;
        }
        self->load.interrupted = true;
        lua_sethook(L, on_count, LUA_MASKCOUNT,
                    1); /* if it can't yield it gets the error where nothing catches it */
        luaL_error(L,
                   self->load.superseded ? "given up for a newer version"
                                         : "the main chunk has not ended within %f ms",
                   self->options.reload_timeout);
    }
    if (L == task->co && now > self->load.slice + SLICE && lua_isyieldable(L)) {
        task->sliced = true;
        lua_yield(L, 0);
    }
}

static void run_slice(program *self, int arguments) {
    binding_task *task = self->load.task;
    self->load.slice = mp_loop_now();
    task->sliced = false;
    binding_resume(task, arguments);
    if (self->load.task && task->sliced && self->load.interrupted)
        binding_cancel(task);
    else if (self->load.task && task->sliced)
        ev_idle_start(self->state->loop->ev, &self->slicer);
    mp_loop_settle(self->state->loop);
}

void program_go_on_loading(program *self) {
    if (self->load.task && self->load.task->sliced)
        run_slice(self, 0);
}

/* --- the load ------------------------------------------------------------------------------------------------------ */

void program_end_load(program *self) {
    free(self->load.error);
    memset(&self->load, 0, sizeof self->load);
    self->load.environment = LUA_NOREF;
}

bool program_begin_load(program *self, int from) {
    lua_State *L = self->L;
    program_end_load(self);
    self->load.started = mp_loop_now();
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, self);
    lua_pushinteger(L, from);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        set_error(self, lua_tostring(L, -1));
        lua_pop(L, 1);
        self->load.ended = true;
        return false;
    }
    int arguments = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    binding_task *task = self->load.task;
    task->owner = self;
    task->ended = chunk_ended;
    task->quiet = true;
    task->of_run = true;
    task->generation = self->load.generation;
    if (self->load.generation->staging)
        lua_sethook(task->co, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
    run_slice(self, arguments);
    return true;
}
