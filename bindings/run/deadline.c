/*
 * moonport.deadline: a time by which every wait of the same task ends. It belongs to the task and not to a
 * wait, so it holds however deep the calls are. A to-be-closed guard puts the deadline before back, whichever
 * way the function ends; nothing catches its errors, so their tracebacks stay whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/deadline.h"

#include <math.h>

#include "object/arguments.h"
#include "object/class.h"
#include "run/wait.h"

/* Registry key: the metatable of guards. */
static const char guard_key = 0;

typedef struct guard {
    const binding_task *task; /* NULL: the main program of a plain Lua */
    double before;
} guard;

/* guard:__close() */
static int guard_close(lua_State *L) {
    const guard *self = lua_touserdata(L, 1);
    double *deadline = binding_deadline(L);
    if (deadline && binding_task_of(L) == self->task)
        *deadline = self->before;
    return 0;
}

static int ended(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

/* moonport.deadline(msec, fn, ...) -> the results of fn(...); every wait in it ends in msec */
static int module_deadline(lua_State *L) {
    (void)luaL_checknumber(L, 1);
    double msec = binding_check_msec(L, 1, -1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    double *deadline = binding_deadline(L);
    if (!deadline)
        return luaL_error(L, "deadline: cannot wait here: in a coroutine of the script's own");
    guard *self = lua_newuserdatauv(L, sizeof *self, 0);
    *self = (guard){binding_task_of(L), *deadline};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &guard_key);
    lua_setmetatable(L, -2);
    lua_replace(L, 1);
    lua_toclose(L, 1);
    double until = mp_loop_now() + msec;
    if (msec >= 0 && !isinf(msec) && (*deadline == 0 || until < *deadline))
        *deadline = until;
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, ended);
    return ended(L, LUA_OK, 0);
}

void binding_open_deadlines(lua_State *L, binding_state *state) {
    lua_createtable(L, 0, 1);
    binding_set_function(L, state, "__close", guard_close);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &guard_key);
}

const luaL_Reg binding_deadline_functions[] = {{"deadline", module_deadline}, {NULL, NULL}};
