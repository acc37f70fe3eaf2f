/*
 * moonport.spawn and its tasks. A task's handle keeps its results until it is collected.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/spawn.h"

#include "object/arguments.h"
#include "object/class.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"

enum { STEP_START = 1, STEP_WAKE, STEP_CANCEL };

/* A task that is cancelled may cancel another in its __close, and so on. Each takes a piece of the C stack,
   so that the loop does it from this number on. */
#define MOST_CANCELLING 100

/* A Task userdata (behind its box). User value 1 is, before it starts, the function, or a table of it and its
   arguments; then the table of results. */
typedef struct task_handle {
    mp_object object;
    binding_task *task; /* NULL: ended */
    int arguments;      /* of the function */
    int status;         /* LUA_OK, LUA_YIELD for cancelled, else failed */
    int count;
} task_handle;

static bool is_active(const mp_object *object) {
    return ((const task_handle *)object)->task != NULL;
}

/* handle -> ; moves the function to the task's coroutine only now: a script may know the coroutine from an
   earlier task, and begin or close it. */
static bool prepare(lua_State *L, const task_handle *handle) {
    lua_State *co = handle->task->co;
    if (!lua_checkstack(co, handle->arguments + LUA_MINSTACK))
        return false;
    if (lua_getiuservalue(L, -1, 1) == LUA_TFUNCTION) {
        lua_xmove(L, co, 1);
    } else {
        for (int i = 0; i <= handle->arguments; i++) {
            lua_rawgeti(L, -1, i + 1);
            lua_xmove(L, co, 1);
        }
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    lua_setiuservalue(L, -2, 1);
    return true;
}

static void start(task_handle *handle) {
    binding_task *task = handle->task;
    lua_State *L = task->state->L;
    binding_push(L, &handle->object);
    bool ready = !task->doomed && !binding_has_retired(task) && prepare(L, handle);
    lua_pop(L, 1);
    if (ready)
        binding_resume(task, handle->arguments);
    else
        binding_discard(task);
}

static void step(mp_object *object, int number) {
    task_handle *handle = (task_handle *)object;
    if (number == STEP_WAKE)
        binding_wake(object, ~UINT64_C(0));
    else if (number == STEP_CANCEL)
        binding_cancel_spawned(object);
    else if (handle->task)
        start(handle);
}

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_TASK, is_active, step, NULL, NULL};

/* handle, from, count -> ; moves results from the task's stack into the handle's table */
static int keep_results(lua_State *L) {
    task_handle *handle = (task_handle *)binding_object(lua_touserdata(L, 1));
    lua_State *from = lua_touserdata(L, 2);
    handle->count = (int)lua_tointeger(L, 3);
    lua_createtable(L, handle->count, 0);
    luaL_checkstack(L, 1, NULL);
    for (int i = handle->count; i >= 1; i--) {
        lua_xmove(from, L, 1);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, 1, 1);
    return 0;
}

void binding_spawned_ended(binding_task *task, int status, int count) {
    lua_State *L = task->state->L;
    task_handle *handle = task->owner;
    if (!handle)
        return; /* finalised: the state ends */
    handle->task = NULL;
    handle->status = status;
    lua_pushcfunction(L, keep_results);
    binding_push(L, &handle->object);
    lua_pushlightuserdata(L, task->co);
    lua_pushinteger(L, status == LUA_OK ? count : status == LUA_YIELD ? 0 : 1);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
        handle->status = LUA_ERRMEM;
        handle->count = 0;
        lua_pop(L, 1);
    }
    mp_object_defer(&handle->object, STEP_WAKE);
}

static task_handle *check_task(lua_State *L, int parameters) {
    binding_takes(L, 1 + parameters);
    task_handle *handle = (task_handle *)binding_object(binding_check_userdata(L, 1, CLASS_TASK));
    if (!handle->object.loop)
        luaL_argerror(L, 1, "the object has been collected");
    return handle;
}

void binding_start_spawned(mp_object *object) {
    mp_object_defer(object, STEP_START);
}

void binding_cancel_spawned(mp_object *object) {
    task_handle *handle = (task_handle *)object;
    if (handle->task && !handle->task->suspended && !binding_box_of(object)->start_staged)
        handle->task->doomed = true;
    else if (handle->task && handle->task->suspended &&
             handle->task->state->tasks->cancelling >= MOST_CANCELLING)
        mp_object_defer(object, STEP_CANCEL);
    else if (handle->task && handle->task->suspended)
        binding_cancel(handle->task);
    else if (handle->task)
        binding_discard(handle->task);
}

/* fn, … -> one value at index 1: fn itself, or a table of all of them */
static void pack(lua_State *L, int arguments) {
    if (arguments == 0)
        return;
    lua_createtable(L, arguments + 1, 0);
    lua_insert(L, 1);
    for (int i = arguments + 1; i >= 1; i--)
        lua_rawseti(L, 1, i);
}

/* moonport.spawn(fn, ...) -> task */
static int module_spawn(lua_State *L) {
    binding_state *state = binding_state_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    int arguments = lua_gettop(L) - 1;
    pack(L, arguments);
    binding_box *box = binding_new_box(L, state, CLASS_TASK, sizeof(task_handle)); /* 2 */
    task_handle *handle = (task_handle *)binding_object(box);
    mp_object_init(&handle->object, state->loop, &behaviour);
    binding_made(L, 2);
    lua_insert(L, 1);
    lua_setiuservalue(L, 1, 1);
    binding_anchor(L, 1, &handle->object);
    mp_object_check(&handle->object);
    binding_task *task = binding_take_task(state);
    if (!task)
        return luaL_error(L, "spawn: out of memory");
    task->kind = state->hooks->spawned;
    task->on = NULL;
    task->owner = handle;
    task->context.of_run = box->of_run;
    binding_belong(task, box->generation);
    handle->task = task;
    handle->arguments = arguments;
    if (binding_box_is_staged(box))
        box->start_staged = true;
    else
        mp_object_defer(&handle->object, STEP_START);
    return 1;
}

/* task:cancel() -> true, or false if it had ended */
static int task_cancel(lua_State *L) {
    task_handle *handle = check_task(L, BINDING_ANY);
    binding_task *task = handle->task;
    lua_pushboolean(L, task != NULL);
    if (!task)
        return 1;
    if (task == binding_running_task(task->state)) {
        task->doomed = true;
        return luaL_error(L, "cancelled");
    }
    binding_cancel_spawned(&handle->object);
    return 1;
}

static bool has_ended(const binding_wait *wait) {
    return ((task_handle *)wait->object)->task == NULL;
}

/* Pushes what join returns for an ended task, which is at index 1; returns how many values. */
static int push_results(lua_State *L, task_handle *handle) {
    if (handle->status == LUA_YIELD)
        return binding_fail(L, "join", MP_FAULT_CANCELLED);
    luaL_checkstack(L, handle->count + 1, NULL);
    if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE)
        return binding_fail(L, "join", MP_FAULT_RESOURCE);
    int results = lua_gettop(L);
    if (handle->status != LUA_OK) {
        lua_pushnil(L);
        lua_rawgeti(L, results, 1);
        binding_error_to_text(L);
        lua_pushliteral(L, "TaskFailedError");
        return 3;
    }
    for (int i = 1; i <= handle->count; i++)
        lua_rawgeti(L, results, i);
    return handle->count;
}

/* task … -> its results | nil, message, code */
static int joined(lua_State *L, int status, lua_KContext context) {
    task_handle *handle = check_task(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (!handle->task)
        return push_results(L, handle);
    return binding_fail(L, "join", binding_wait_fault(L));
}

/* task:join([msec = -1]) -> its results | nil, message, code */
static int task_join(lua_State *L) {
    task_handle *handle = check_task(L, 1);
    binding_wait_request request = {.object = &handle->object,
                                    .test = has_ended,
                                    .signals = ~UINT64_C(0),
                                    .msec = binding_check_msec(L, 2, -1)};
    if (!handle->task)
        return push_results(L, handle);
    if (handle->task == binding_running_task(binding_state_of(L)))
        return luaL_error(L, "a task can't join itself");
    return binding_suspend(L, &request, joined, 0);
}

/* task:isActive() -> boolean */
static int task_is_active(lua_State *L) {
    lua_pushboolean(L, check_task(L, 0)->task != NULL);
    return 1;
}

/* tostring(task) */
static int task_tostring(lua_State *L) {
    task_handle *handle = check_task(L, BINDING_ANY);
    lua_pushfstring(L, "Task(%s)",
                    handle->task                  ? "active"
                    : handle->status == LUA_OK    ? "ended"
                    : handle->status == LUA_YIELD ? "cancelled"
                                                  : "failed");
    return 1;
}

/* One that is active is anchored: the state ends. */
static void destroy(mp_object *object) {
    task_handle *handle = (task_handle *)object;
    if (handle->task)
        handle->task->owner = NULL;
    handle->task = NULL;
    mp_object_destroy(object);
}

static int task_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

void binding_open_spawn(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {
        {"cancel", task_cancel}, {"join", task_join}, {"isActive", task_is_active}, {NULL, NULL}};
    binding_new_class(L, state, CLASS_TASK, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, task_gc);
    lua_setfield(L, -2, "__gc");
    binding_set_function(L, state, "__tostring", task_tostring);
    binding_set_function(L, state, "__close", task_cancel);
    lua_pop(L, 1);
}

const luaL_Reg binding_spawn_functions[] = {{"spawn", module_spawn}, {NULL, NULL}};
