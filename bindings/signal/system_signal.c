/*
 * moonport.onSignal; see system_signal.h. A generation's functions are in a table, by the name of their
 * signal: so they end with the generation, and a new one begins with none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signal/system_signal.h"

#include <signal.h>

#include "object/suggestion.h"
#include "object/surplus.h"
#include "run/task.h"
#include "signal/report.h"

/* The signals that scripts may take. */
static const struct {
    const char *name;
    int number;
} table[] = {{"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},   {"SIGTERM", SIGTERM},   {"SIGQUIT", SIGQUIT},
             {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}, {"SIGWINCH", SIGWINCH}, {"SIGCONT", SIGCONT}};

enum { COUNT = sizeof table / sizeof *table };

static const char *name_at(const void *list, int i) {
    (void)list;
    return i < COUNT ? table[i].name : NULL;
}

/* The bit of a signal in generation->takes; 0: it isn't in the table. */
static int bit_of(int number) {
    for (int i = 0; i < COUNT; i++)
        if (table[i].number == number)
            return 1 << i;
    return 0;
}

bool binding_takes_signal(const binding_state *state, int number) {
    const binding_generation *generation = state->generations.current;
    return generation && (generation->takes & bit_of(number)) != 0;
}

/* moonport.onSignal(name, fn) */
static int module_on_signal(lua_State *L) {
    binding_takes(L, 2);
    binding_generation *generation = binding_generation_of(L);
    int which = binding_check_name(L, 1, "signal", name_at, NULL);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!generation->state->host)
        return luaL_error(L, "onSignal: only the program handles signals");
    if (generation->system_signals == LUA_NOREF) {
        lua_newtable(L);
        generation->system_signals = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->system_signals);
    luaL_getsubtable(L, -1, table[which].name);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    generation->takes = generation->takes | 1 << which;
    return 0;
}

/* --- running -------------------------------------------------------------------------------------------- */

/* A function that has begun runs to its end, also over a reload. */
static const binding_task_kind kind = {.name = "onSignal", .failed = binding_report};

/* Runs the function on top of L, and pops it. */
static void run(binding_state *state, binding_generation *generation, const char *name) {
    lua_State *L = state->L;
    lua_pushstring(L, name); /* interned when the function was set */
    binding_task *task = binding_new_task(state, &kind, L, 1);
    if (!task) {
        mp_log(state->loop->log_level, MP_LOG_ERROR, "%s: out of memory", name);
        return;
    }
    task->context.of_run = true;
    binding_belong(task, generation);
    generation->calls++;
    binding_resume(task, 1);
}

bool binding_signal_raised(binding_state *state, int number) {
    binding_generation *generation = state->generations.current;
    lua_State *L = state->L;
    int top = lua_gettop(L), which = 0;
    if (!binding_takes_signal(state, number))
        return false;
    while (table[which].number != number)
        which++;
    binding_reference(generation);
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->system_signals);
    lua_getfield(L, -1, table[which].name);
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, top + 2, i);
        run(state, generation, table[which].name);
    }
    lua_settop(L, top);
    binding_unreference(generation);
    return true;
}

const luaL_Reg binding_system_signal_functions[] = {{"onSignal", module_on_signal}, {NULL, NULL}};
