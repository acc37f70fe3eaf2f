/*
 * The console; see console.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/console.h"

#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "operate/console_environment.h"
#include "operate/show.h"
#include "run.h"
#include "signal/report.h"

#define NAME "=console"
#define STEP 1000 /* instructions between two looks at the clock */
#define SLICE 2.0 /* milliseconds that an entry runs in a turn */

/* --- an entry's run ------------------------------------------------------------------------------------- */

/* What the entry's own chunk has in locals becomes a field of its environment. */
static void keep_locals(lua_State *L, const program_entry *entry, lua_Debug *chunk) {
    const char *name;
    lua_getinfo(L, "S", chunk);
    if (strcmp(chunk->what, "main") != 0 || strcmp(chunk->source, NAME) != 0 || !lua_checkstack(L, 4))
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, entry->environment);
    for (int i = 1; (name = lua_getlocal(L, chunk, i)) != NULL; i++) {
        if (*name == '(') {
            lua_pop(L, 1);
            continue;
        }
        lua_pushstring(L, name);
        lua_insert(L, -2);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
}

static const binding_task_kind kind;

/* Also of coroutines that the entry makes. */
static void on_hook(lua_State *L, lua_Debug *where) {
    binding_state *state = binding_find(L);
    binding_task *task = binding_running_task(state);
    if (!task || task->kind != &kind)
        return;
    program_entry *entry = task->owner;
    if (where->event == LUA_HOOKRET) {
        keep_locals(L, entry, where);
        return;
    }
    double now = mp_loop_now();
    entry->late = entry->late || now > entry->deadline;
    if (!entry->late && now <= entry->slice_end)
        return;
    if (lua_isyieldable(L) && (task->co == L || entry->late)) {
        task->sliced = task->co == L;
        lua_yield(L, 0);
    } else if (entry->late) {
        luaL_error(L, "the entry took longer than --timeout");
    }
}

static void run_slice(mp_soon *next) {
    program_entry *entry = MP_CONTAINER(next, program_entry, next);
    binding_task *task = entry->task;
    entry->slice_end = mp_loop_now() + SLICE;
    task->sliced = false;
    binding_resume(task, 0);
    if (entry->task && entry->task->sliced && entry->late)
        binding_cancel(task);
    else if (entry->task && entry->task->sliced)
        mp_soon_start(&entry->next, entry->visitor->state->loop, run_slice);
}

static void on_over(mp_delay *over) {
    program_entry *entry = MP_CONTAINER(over, program_entry, over);
    entry->late = true;
    if (entry->task)
        binding_cancel(entry->task);
}

/* The error is on top of the task's stack. */
static int describe(lua_State *L) {
    binding_push_error(L, lua_touserdata(L, 1), true);
    return 1;
}

static void failed(binding_task *task) {
    program_entry *entry = task->owner;
    lua_State *L = task->state->L;
    lua_pushcfunction(L, describe);
    lua_pushlightuserdata(L, task->co);
    lua_State *before = binding_enter(task->state, L); /* __tostring is the script's */
    int status = lua_pcall(L, 1, 1, 0);
    binding_leave(task->state, before);
    if (!entry->told)
        program_end_answer(entry->visitor, status == LUA_OK ? lua_tostring(L, -1) : "an error without words");
    entry->told = true;
    lua_pop(L, 1);
}

/* values -> their texts */
static int show_all(lua_State *L) {
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
        program_show(L);
        lua_replace(L, i);
    }
    return count;
}

static void add_values(program_entry *entry, lua_State *co, int count) {
    binding_state *state = entry->visitor->state;
    lua_State *L = state->L;
    int top = lua_gettop(L);
    if (!lua_checkstack(L, count + LUA_MINSTACK))
        return;
    lua_pushcfunction(L, show_all);
    lua_xmove(co, L, count);
    lua_State *before = binding_enter(state, L);
    int status = lua_pcall(L, count, LUA_MULTRET, 0);
    binding_leave(state, before);
    for (int i = top + 1; i <= lua_gettop(L); i++) {
        size_t size;
        const char *text = lua_tolstring(L, i, &size);
        program_json_open(&entry->visitor->out, NULL);
        program_json_bytes(&entry->visitor->out, status == LUA_OK ? "value" : "print", text ? text : "",
                           text ? size : 0);
        program_json_end(&entry->visitor->out);
    }
    lua_settop(L, top);
}

static void ended(binding_task *task, int status, int count) {
    program_entry *entry = task->owner;
    entry->task = NULL;
    lua_sethook(task->co, NULL, 0, 0);
    mp_delay_stop(&entry->over, task->state->loop);
    mp_soon_stop(&entry->next);
    if (status == LUA_OK && count > 0)
        add_values(entry, task->co, count);
    if (!entry->told)
        program_end_answer(entry->visitor, entry->late ? "the entry took longer than --timeout, and was ended"
                                           : status == LUA_OK ? NULL
                                                              : "the entry was ended");
    program_send_soon(entry->visitor);
}

/* Its wait is over: a slice begins. */
static void woken(binding_task *task) {
    program_entry *entry = task->owner;
    run_slice(&entry->next);
}

static const binding_task_kind kind = {
    .name = "console", .lasting = true, .failed = failed, .ended = ended, .woken = woken};

/* --- commands ------------------------------------------------------------------------------------------- */

static void release(program_visitor *visitor) {
    program_entry *entry = visitor->entry;
    if (entry->task) {
        entry->told = true;
        binding_cancel(entry->task);
    }
    mp_delay_stop(&entry->over, visitor->state->loop);
    mp_soon_stop(&entry->next);
    luaL_unref(visitor->state->L, LUA_REGISTRYINDEX, entry->environment);
    *entry->holder = NULL;
    free(entry);
    visitor->entry = NULL;
}

/* The visitor's console, made at its first entry; NULL: no memory. */
static program_entry *console_of(program_visitor *visitor) {
    if (visitor->entry)
        return visitor->entry;
    lua_State *L = visitor->state->L;
    program_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    lua_pushcfunction(L, program_make_console_environment);
    lua_pushlightuserdata(L, entry);
    bool made = lua_pcall(L, 1, 1, 0) == LUA_OK;
    entry->visitor = visitor;
    entry->environment = made ? (int)lua_tointeger(L, -1) : LUA_NOREF;
    lua_pop(L, 1);
    if (!made) {
        free(entry);
        return NULL;
    }
    visitor->entry = entry;
    visitor->release = release;
    return entry;
}

/* entry -> the task's function. As an expression first, then as a statement. Raises for neither. */
static int compile(lua_State *L) {
    const program_entry *entry = lua_touserdata(L, 1);
    const program_visitor *visitor = entry->visitor;
    lua_pushliteral(L, "return ");
    lua_pushlstring(L, visitor->text, visitor->text_size);
    lua_concat(L, 2);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    if (luaL_loadbufferx(L, text, size, NAME, "t") != LUA_OK &&
        luaL_loadbufferx(L, visitor->text, visitor->text_size, NAME, "t") != LUA_OK)
        return lua_error(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, entry->environment);
    lua_setupvalue(L, -2, 1);
    return 1;
}

/* The error on top of L is about a text that ends too early. */
static bool is_incomplete(lua_State *L) {
    static const char end[] = "<eof>";
    size_t size;
    const char *why = lua_tolstring(L, -1, &size);
    return why && size >= sizeof end - 1 && strcmp(why + size - (sizeof end - 1), end) == 0;
}

static void begin_eval(program_visitor *visitor) {
    binding_state *state = visitor->state;
    lua_State *L = state->L;
    double msec = strtod(visitor->words[1], NULL);
    program_entry *entry = msec >= 1 && mp_reserve_is_whole() ? console_of(visitor) : NULL;
    if (!entry) {
        program_end_answer(visitor, msec >= 1 ? "out of memory" : "needs a time in milliseconds");
        return;
    }
    lua_pushcfunction(L, compile);
    lua_pushlightuserdata(L, entry);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        if (is_incomplete(L)) {
            program_json_open(&visitor->out, NULL);
            program_json_bool(&visitor->out, "incomplete", true);
            program_json_end(&visitor->out);
        }
        program_end_answer(visitor, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "out of memory");
        lua_pop(L, 1);
        return;
    }
    entry->task = binding_new_task(state, &kind, L, 0);
    if (!entry->task) {
        program_end_answer(visitor, "out of memory");
        return;
    }
    entry->late = entry->told = false;
    entry->deadline = mp_loop_now() + msec;
    entry->task->owner = entry;
    entry->task->context.of_run = false;
    binding_belong(entry->task, state->generations.current);
    lua_sethook(entry->task->co, on_hook, LUA_MASKCOUNT | LUA_MASKRET, STEP);
    mp_delay_start(&entry->over, state->loop, msec, on_over);
    run_slice(&entry->next);
}

const program_command program_eval_command = {
    .name = "eval", .words = 2, .has_text = true, .begin = begin_eval};

static void begin_complete(program_visitor *visitor) {
    program_entry *entry = console_of(visitor);
    if (entry)
        program_complete(visitor, entry);
    else
        program_end_answer(visitor, "out of memory");
}

const program_command program_complete_command = {
    .name = "complete", .words = 1, .has_text = true, .begin = begin_complete};
