/*
 * The Lua state of a thread of moonport.work; see work_state.h.
 *
 * A job that was given up is ended by a hook, which a signal handler sets in the thread. So the state notes
 * in which coroutine code runs, as the watchdog does for the program's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/work_state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "class/keyspace.h"
#include "run/bytecode.h"

#define MOST_CODES 256 /* that are kept compiled */

typedef struct work_state {
    lua_State *L;       /* NULL: made with the next job */
    size_t used, limit; /* bytes */
    uint32_t generation;
    int codes;                         /* how many are in the table of codes */
    lua_State *volatile running;       /* where a job's code runs, or NULL */
    volatile sig_atomic_t interrupted; /* the job shall end */
} work_state;

/* Registry key: the compiled functions by the number of their code. */
static const char codes_key = 0;

/* Registry key: the table `package`, which a function may remove from its globals. */
static const char package_key = 0;

static work_state *state_of(lua_State *L) {
    return *(work_state **)lua_getextraspace(L);
}

static void *allocate(void *owner, void *block, size_t before, size_t size) {
    work_state *state = owner;
    if (!block)
        before = 0; /* it is a type */
    if (size == 0) {
        free(block);
        state->used -= before;
        return NULL;
    }
    if (size > before && size - before > state->limit - state->used)
        return NULL;
    void *moved = realloc(block, size);
    if (moved)
        state->used += size - before;
    return moved;
}

/* --- interrupting --------------------------------------------------------------------------------------- */

static void on_interrupted(lua_State *L, lua_Debug *where) {
    (void)where;
    luaL_error(L, "cancelled");
}

void binding_work_interrupt(void *context) {
    work_state *state = context;
    lua_State *L = state->running;
    state->interrupted = 1;
    if (L)
        lua_sethook(L, on_interrupted, LUA_MASKCOUNT, 1);
}

/* Calls the function that is upvalue 1, which runs code in the coroutine `co`. */
static int call_in(lua_State *L, lua_State *co) {
    work_state *state = state_of(L);
    lua_State *before = state->running;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    state->running = co ? co : L;
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    state->running = before;
    if (state->interrupted)
        lua_sethook(L, on_interrupted, LUA_MASKCOUNT, 1); /* the coroutine has only ended its own code */
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* Replaces a function of a library by one whose upvalue is Lua's own. */
static void replace(lua_State *L, const char *library, const char *name, lua_CFunction function) {
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* coroutine.resume and coroutine.close. Upvalue: Lua's own */
static int tracked(lua_State *L) {
    return call_in(L, lua_tothread(L, 1));
}

/* What coroutine.wrap returns. Upvalues: Lua's own resume, the coroutine */
static int wrapped(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    int count = call_in(L, co);
    if (lua_toboolean(L, 1))
        return count - 1;
    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) { /* as Lua's own: where it was called comes first */
        luaL_where(L, 1);
        lua_insert(L, 2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* coroutine.wrap(f). Upvalues: Lua's own resume and create */
static int wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_pushcclosure(L, wrapped, 2);
    return 1;
}

static void track_coroutines(lua_State *L) {
    lua_getglobal(L, LUA_COLIBNAME);
    lua_getfield(L, -1, "resume");
    lua_getfield(L, -2, "create");
    lua_pushcclosure(L, wrap, 2);
    lua_setfield(L, -2, "wrap");
    lua_pop(L, 1);
    replace(L, LUA_COLIBNAME, "resume", tracked);
    replace(L, LUA_COLIBNAME, "close", tracked);
}

/* --- the state ------------------------------------------------------------------------------------------ */

/* Upvalue: the name of a function that would act on the whole process, or on the hook. */
static int refuse(lua_State *L) {
    return luaL_error(L, "%s: not in moonport.work", lua_tostring(L, lua_upvalueindex(1)));
}

static void forbid(lua_State *L, const char *library, const char *name) {
    lua_getglobal(L, library);
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushcclosure(L, refuse, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* os.execute and io.popen: what they start can be signalled. Upvalue: Lua's own */
static int start_program(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    mp_workers_take_signals(true);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    mp_workers_take_signals(false);
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* require(name). Upvalue: Lua's own */
static int require(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (strcmp(name, "moonport.store.sync") == 0)
        return luaopen_moonport_store_sync(L);
    if (strcmp(name, "moonport") == 0 || strncmp(name, "moonport.", 9) == 0)
        return luaL_error(L, "module '%s' is not in moonport.work: its functions run beside the loop", name);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* whether it loads bytecode -> */
static int open_libraries(lua_State *L) {
    luaL_openlibs(L);
    if (!lua_toboolean(L, 1)) {
        binding_refuse_bytecode(L);
        binding_refuse_bytecode_files(L);
    }
    forbid(L, LUA_OSLIBNAME, "exit");
    forbid(L, LUA_OSLIBNAME, "setlocale");
    forbid(L, LUA_DBLIBNAME, "sethook");
    forbid(L, LUA_DBLIBNAME, "getregistry"); /* others run in this state, too */
    replace(L, LUA_OSLIBNAME, "execute", start_program);
    replace(L, LUA_IOLIBNAME, "popen", start_program);
    replace(L, LUA_GNAME, "require", require);
    track_coroutines(L);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &package_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &codes_key);
    return 0;
}

static void close_state(work_state *state) {
    if (state->L)
        lua_close(state->L);
    state->L = NULL;
}

/* False: there is not enough memory. */
static bool open_state(work_state *state, uint32_t generation, bool bytecode) {
    state->used = 0;
    state->codes = 0;
    state->generation = generation;
    state->L = lua_newstate(allocate, state);
    if (!state->L)
        return false;
    *(work_state **)lua_getextraspace(state->L) = state;
    lua_pushcfunction(state->L, open_libraries);
    lua_pushboolean(state->L, bytecode);
    if (lua_pcall(state->L, 1, 0, 0) == LUA_OK)
        return true;
    close_state(state);
    return false;
}

void *binding_work_begin(void) {
    return calloc(1, sizeof(work_state));
}

void binding_work_end(void *context) {
    close_state(context);
    free(context);
}

/* --- running a job -------------------------------------------------------------------------------------- */

static void set_path(lua_State *L, const char *name, const char *path) {
    if (!path)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &package_key);
    lua_pushstring(L, name);
    lua_pushstring(L, path);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Pushes the function of a code. Its _ENV, if it has one, is the globals. */
static void push_code(lua_State *L, const binding_work_code *code) {
    work_state *state = state_of(L);
    if (state->codes >= MOST_CODES) {
        lua_newtable(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &codes_key);
        state->codes = 0;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &codes_key);
    if (lua_rawgeti(L, -1, (lua_Integer)code->number) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        set_path(L, "path", code->path);
        set_path(L, "cpath", code->cpath);
        if (luaL_loadbufferx(L, code->data, code->size, "=moonport.work", "b") != LUA_OK)
            lua_error(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (lua_Integer)code->number);
        state->codes++;
    }
    lua_remove(L, -2);
}

/* error -> its text and where it was raised. A __tostring can be interrupted; then this is called once more,
   with the text of that. */
static int describe(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    if (!text && luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    state_of(L)->running = NULL; /* no hook in what follows */
    lua_sethook(L, NULL, 0, 0);
    if (!text)
        text = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    luaL_traceback(L, L, text, 1);
    return 1;
}

/* job -> ; runs it, and copies its results or its error */
static int run_job(lua_State *L) {
    binding_job *job = lua_touserdata(L, 1);
    work_state *state = state_of(L);
    lua_pushcfunction(L, describe);
    push_code(L, job->code);
    int count = binding_copy_push(L, &job->values);
    job->values.size = 0;
    job->values.count = 0;
    state->running = L;
    if (mp_workers_gives_up())
        return 0;
    int status = lua_pcall(L, count, LUA_MULTRET, 2);
    state->running = NULL;
    lua_sethook(L, NULL, 0, 0);
    if (status != LUA_OK && status != LUA_ERRMEM) {
        binding_copy_put(L, &job->values, lua_gettop(L), "the error");
        return 0;
    }
    if (status == LUA_ERRMEM)
        return luaL_error(L, "not enough memory (--work-memory)");
    binding_copy_put(L, &job->values, 3, "result");
    job->outcome = JOB_RETURNED;
    return 0;
}

/* The job has failed for a reason of ours, which is on top. */
static void note_failure(const work_state *state, binding_job *job) {
    const char *text = state->L ? lua_tostring(state->L, -1) : NULL;
    binding_copy_set_text(&job->values, text ? text : "not enough memory (--work-memory)");
}

void binding_work_run(void *context, mp_job *queued) {
    binding_job *job = MP_CONTAINER(queued, binding_job, job);
    work_state *state = context;
    job->outcome = JOB_RAISED;
    if (!state) {
        binding_copy_set_text(&job->values, "not enough memory");
        return;
    }
    state->running = NULL;
    state->interrupted = 0;
    state->limit = job->memory;
    if (state->L && state->generation != job->code->generation)
        close_state(state);
    if (!state->L && !open_state(state, job->code->generation, job->bytecode)) {
        note_failure(state, job);
        return;
    }
    lua_State *L = state->L;
    lua_sethook(L, NULL, 0, 0);
    lua_pushcfunction(L, run_job);
    lua_pushlightuserdata(L, job);
    int status = lua_pcall(L, 1, 0, 0);
    state->running = NULL;
    if (status != LUA_OK)
        note_failure(state, job);
    lua_settop(L, 0);
    if (status != LUA_OK)
        close_state(state); /* it may be full or broken: the next job begins with an empty one */
    if (mp_workers_gives_up())
        job->outcome = JOB_GIVEN_UP;
}
