/*
 * Running: the libraries, then -e and the script as tasks of the host, so that main chunks may wait too.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "../../bindings/module.h"
#include "lualib.h"
#include "program.h"

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

/* The message of assert(nil, message) or error(message, 0) was meant for people and says all, with its place in front.
   Anything else gets its traceback. */
static int main_error_text(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    lua_State *co = task->co;
    const char *message = lua_tostring(co, -1);
    bool placed = !message || push_place(L, co, message);
    if (!message || (placed && !asserted(L, co, message))) {
        binding_push_error(L, co, true);
    } else {
        if (placed)
            lua_pushliteral(L, "");
        lua_pushstring(L, message);
        lua_concat(L, 2);
    }
    return 1;
}

static void main_ended(binding_task *task, int status, int count) {
    program *self = task->owner;
    lua_State *L = self->L;
    (void)count;
    if (status == LUA_OK || status == LUA_YIELD)
        return;
    lua_pushcfunction(L, main_error_text);
    lua_pushlightuserdata(L, task);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        lua_settop(L, -1);
    program_complain(lua_tostring(L, -1) ? lua_tostring(L, -1) : "out of memory");
    lua_pop(L, 1);
    self->failed = true;
    ev_break(self->state->loop->ev, EVBREAK_ALL);
}

/* Runs the chunk under its `count` arguments on the stack until it waits or ends. False if it has failed. */
static bool run_chunk(program *self, int count) {
    binding_task *task = binding_new_task(self->state, self->L, count);
    if (!task) {
        program_complain("out of memory");
        self->failed = true;
        return false;
    }
    task->owner = self;
    task->ended = main_ended;
    task->quiet = true;
    binding_resume(task, count);
    mp_loop_settle(self->state->loop);
    return !self->failed;
}

static bool run_code(program *self) {
    for (int i = 0; i < self->options.code_count; i++) {
        const char *code = self->options.code[i];
        if (luaL_loadbuffer(self->L, code, strlen(code), "=(-e)") != LUA_OK) {
            program_complain(lua_tostring(self->L, -1));
            return false;
        }
        if (!run_chunk(self, 0))
            return false;
    }
    return true;
}

static int open_libraries(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    luaL_openlibs(L);
    luaL_requiref(L, "moonport", luaopen_moonport, 0);
    self->state = binding_find(L);
    self->state->hosted = true;
    self->state->loop->log_level = self->options.log_level;
    if (self->options.script && strcmp(self->options.script, "-") != 0)
        program_set_path(L, self->options.script);
    (void)program_push_arguments(L, &self->options);
    return 0;
}

static bool start(program *self) {
    lua_State *L = self->L;
    if (!run_code(self))
        return false;
    if (!self->options.script)
        return true;
    if (!program_load_script(L, self->options.script))
        return false;
    return run_chunk(self, program_push_arguments(L, &self->options));
}

int program_run(program *self) {
    lua_State *L = self->L;
    if (self->options.check)
        return program_check(L, &self->options);
    lua_pushcfunction(L, open_libraries);
    lua_pushlightuserdata(L, self);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        program_complain(lua_tostring(L, -1));
        return 1;
    }
    program_watch_signals(self);
    self->state->looping = true;
    if (start(self))
        mp_loop_run(self->state->loop);
    else
        self->failed = true;
    program_unwatch_signals(self);
    return self->failed ? 1 : self->state->quit_status;
}
