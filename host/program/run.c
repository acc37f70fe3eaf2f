/*
 * Running: the libraries, then -e and the script as tasks of the host, so that main chunks may wait too.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "../../bindings/module.h"
#include "lualib.h"
#include "program.h"

/* A message without a position comes from assert(nil, message) or error(message, 0): it was meant for people, and says
   all; its place is put in front. Anything else gets its traceback. */
static int main_error_text(lua_State *L) {
    binding_task *task = lua_touserdata(L, 1);
    const char *message = lua_tostring(task->co, -1);
    lua_Debug where;
    bool placed = false;
    if (message) {
        const char *colon = strchr(message, ':');
        placed = colon && colon[1] >= '0' && colon[1] <= '9' && strchr(colon + 1, ':') &&
                 strchr(message, '.');
        const char *space = strchr(message, ' ');
        placed = placed && (!space || space > colon);
    }
    if (!message || placed) {
        binding_push_error(L, task->co, true);
        return 1;
    }
    for (int level = 0; lua_getstack(task->co, level, &where); level++) {
        lua_getinfo(task->co, "Sl", &where);
        if (where.currentline > 0) {
            lua_pushfstring(L, "%s:%d: %s", where.short_src, where.currentline, message);
            return 1;
        }
    }
    lua_pushstring(L, message);
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
    free(self->options.code);
    return self->failed ? 1 : self->state->quit_status;
}
