/*
 * The pace of Lua's collector in the program. With little live data, the next cycle begins only after some
 * allocation. With much live data, the cycle runs in the loop's idle time, in short slices; without idle
 * time, the collector's own steps go on beside the work.
 *
 * Input becomes strings, which are mostly dead when their handler ends. While such strings are a large part
 * of what is allocated, the collector is generational, and frees young objects again and again. For other
 * data that mode is worse: an object with a finaliser, such as a connection, stays until a full cycle.
 * docs/performance.md has the reasons and the measurements.
 *
 * A reload and many closed connections leave garbage that Lua would collect late. The collector collects it
 * at once, a slice in each turn.
 *
 * All of this applies only while the script doesn't set the collector's mode or parameters. In plain Lua,
 * where the module is a guest, the collector is always the script's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collector.h"

/* Lua's own parameters: the pause, in percent of the live data, and the work of a step. */
#define LUAS_PAUSE 200
#define LUAS_WORK 100

/* KiB that are at least allocated between two cycles; if more are live, as much as that. While the number
   of connections grows by an eighth from cycle to cycle, the pause is shorter, so that there is less garbage
   for each connection. */
#define LEAST_PAUSE 1024
#define GROWING_PAUSE 128

/* KiB of live data from which on cycles run in idle time. They begin there after half of the pause. */
#define MUCH 8192

/* A slice of idle time, in milliseconds, and the KiB that may be allocated between two slices without a
   step. */
#define SLICE 0.5
#define BETWEEN_SLICES 1024

/* KiB that are at least allocated between two collections of young objects. Each costs as much as ten
   strings, and more if more is live. */
#define YOUNG 16

/* KiB that these collections may leave in all before a full cycle. */
#define LEFT_OF_YOUNG 512

/* Bytes of strings of input that count as much among `kib` that were allocated. */
#define MUCH_INPUT(kib) ((size_t)(kib)*1024 / 4)

/* Units of work (a value or a small object each) for 16 bytes, and the size of a step: 8 KiB, about 0.1
   ms. */
#define WORK 4
#define STEP_SIZE 13

/* FEW closed connections leave garbage that is worth full cycles, if they are at least half of all
   objects: at once if they are, at a KiB each, a quarter of the memory in use, else after REST times as long
   as the last cycles took of the processor; not by the clock, which goes on while other processes run. If
   they are such a quarter, fewer are worth it too, when none was closed for QUIET milliseconds: those that
   are closed last, behind many, would stay otherwise. Memory is worth giving back to the system then, and if
   there are MANY objects fewer than there were. */
#define FEW 1024
#define REST 10
#define QUIET 500.0
#define MANY 4096

struct binding_collector {
    binding_state *state;
    enum { PACE_NONE, PACE_INCREMENTAL, PACE_GENERATIONAL } pace; /* none: Lua's own */
    bool cycle_ended;       /* the collector's last cycle ended just now */
    uint8_t silent;         /* cycles that ended without the sentinel's finaliser */
    const void *sentinel;   /* a dead userdata, whose finaliser shows that a cycle ended */
    bool collecting;        /* in the loop's idle time */
    bool tuned;             /* the script has set parameters */
    int collect_at;         /* KiB in use from which on a cycle runs, or young ones are collected; 0: never */
    int young_until;        /* KiB in use up to which young objects are collected */
    int young_pause;        /* KiB that may be allocated between two such collections */
    int cycles_due;         /* collector cycles to run in the next turns */
    uint32_t released;      /* sockets since the first of these cycles began */
    uint32_t seen;          /* of them, when it began to wait until none is closed; 0: it doesn't */
    bool quiet;             /* none was, and the cycles are for these few */
    double due_since;       /* the processor time when these cycles began; 0: none is due */
    double next_collection; /* when the next ones may begin, if these took long */
    uint64_t objects;       /* their number when the collector began to wait for its next cycle */
    uint64_t most_objects;  /* the largest number since memory was last given back */
};

typedef struct binding_collector binding_collector;

static void keep_pace(binding_collector *self);

static void keep_state_pace(binding_state *state) {
    keep_pace(state->collector);
}

/* Sets whether the pace is checked after each handler from `collect_at` on. */
static void set_collect_at(binding_collector *self, int collect_at) {
    self->collect_at = collect_at;
    self->state->pace = collect_at > 0 || self->cycle_ended ? keep_state_pace : NULL;
}

/* The end of a cycle: the sentinel is finalised, and marks itself again for the next one. lua_gc does
   nothing in here. */
static int cycle_ended(lua_State *L) {
    binding_collector *self = binding_state_of(L)->collector;
    if (lua_touserdata(L, 1) != self->sentinel)
        return 0;
    self->silent = 0;
    self->cycle_ended = true;
    self->state->pace = keep_state_pace;
    lua_getmetatable(L, 1);
    lua_setmetatable(L, 1);
    return 0;
}

/* state -> */
static int make_sentinel(lua_State *L) {
    binding_state *state = lua_touserdata(L, 1);
    const void *sentinel = lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, cycle_ended, 1);
    lua_setfield(L, -2, "__gc");
    state->collector->sentinel = sentinel;
    lua_setmetatable(L, -2);
    return 0;
}

/*
 * A step of the collector. -> whether it was the last of a cycle
 *
 * If there is no memory to call a finaliser, Lua drops it, also the sentinel's. The pace would then wait for
 * cycles that ended already. So a step that Lua reports as the last one counts, too, unless the sentinel
 * was finalised before, within a handler, which may happen once.
 */
static bool step(binding_collector *self) {
    lua_State *L = self->state->L;
    bool last = lua_gc(L, LUA_GCSTEP, 0) != 0;
    if (last && !self->cycle_ended && ++self->silent > 1) {
        self->silent = 0;
        self->cycle_ended = true;
        self->sentinel = NULL;
        lua_pushcfunction(L, make_sentinel);
        lua_pushlightuserdata(L, self->state);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
            lua_pop(L, 1); /* the sentinel is lost again */
    }
    return last || self->cycle_ended;
}

static int used(const binding_collector *self) {
    return lua_gc(self->state->L, LUA_GCCOUNT);
}

/* The next cycle begins when enough has been allocated. While the collector is stopped, nothing is set: a
   step would run it. */
static void await_cycle(binding_collector *self) {
    int live = used(self), pause = live > LEAST_PAUSE ? live : LEAST_PAUSE;
    uint64_t objects = self->state->loop->objects;
    bool grows = live > LEAST_PAUSE && live < MUCH && objects > FEW &&
                 objects > self->objects + self->objects / 8;
    int percent = lua_gc(self->state->L, LUA_GCSETPAUSE, grows ? GROWING_PAUSE : LUAS_PAUSE) - 100;
    self->objects = objects;
    set_collect_at(self, live >= MUCH ? live + live / 2 : 0);
    if (!grows && lua_gc(self->state->L, LUA_GCISRUNNING) && live / 100 * percent < pause)
        (void)lua_gc(self->state->L, LUA_GCSTEP, live / 100 * percent - pause);
}

/* The next collection of young objects starts here, between two handlers. Lua starts one by itself only in
   a handler that allocates very much. */
static void await_youth(binding_collector *self) {
    (void)lua_gc(self->state->L, LUA_GCSTEP, -LEAST_PAUSE);
    int live = used(self);
    self->young_pause = live / 4 > YOUNG ? live / 4 : YOUNG;
    set_collect_at(self, live + self->young_pause);
    self->state->input_strings = 0;
}

static void begin_pace(binding_collector *self) {
    (void)lua_gc(self->state->L, LUA_GCINC, LUAS_PAUSE, WORK, STEP_SIZE);
    self->pace = PACE_INCREMENTAL;
}

static void be_incremental(binding_collector *self) {
    bool was_generational = lua_gc(self->state->L, LUA_GCINC, 0, 0, 0) == LUA_GCGEN;
    self->pace = PACE_INCREMENTAL;
    if (was_generational)
        await_cycle(self);
}

static void collect_young(binding_collector *self) {
    if (self->state->input_strings >= MUCH_INPUT(self->young_pause) && self->collect_at < self->young_until) {
        (void)lua_gc(self->state->L, LUA_GCSTEP, 0);
        await_youth(self);
    } else {
        be_incremental(self);
    }
}

static void end_cycle(binding_collector *self) {
    bool young = self->cycles_due == 0 && self->state->input_strings >= MUCH_INPUT(LEAST_PAUSE) &&
                 used(self) < LEAST_PAUSE;
    self->state->input_strings = 0;
    if (self->cycles_due > 0)
        self->cycles_due--; /* allocations of handlers may have finished the cycle */
    if (!young) {
        await_cycle(self);
    } else {
        (void)lua_gc(self->state->L, LUA_GCGEN, 0, 0);
        self->pace = PACE_GENERATIONAL;
        await_youth(self);
        self->young_until = self->collect_at + LEFT_OF_YOUNG;
    }
}

/* A chore of idle time: runs a slice of the cycle, and begins one if necessary. */
static bool collect_some(mp_loop *loop) {
    binding_collector *self = ((binding_state *)loop->owner)->collector;
    double until = mp_loop_now() + SLICE;
    if (self->pace != PACE_INCREMENTAL || !lua_gc(self->state->L, LUA_GCISRUNNING))
        return self->collecting = false;
    do {
        if (step(self)) {
            keep_pace(self);
            return self->collecting = false;
        }
    } while (mp_loop_now() < until);
    (void)lua_gc(self->state->L, LUA_GCSTEP, -BETWEEN_SLICES);
    return true;
}

static void keep_pace(binding_collector *self) {
    int now = used(self);
    bool ended = self->cycle_ended;
    if (now < 0 || !lua_gc(self->state->L, LUA_GCISRUNNING))
        return; /* in a finaliser; or stopped: even a change of mode would collect */
    self->cycle_ended = false;
    set_collect_at(self, self->collect_at);
    if (self->pace == PACE_GENERATIONAL) {
        if (now >= self->collect_at)
            collect_young(self);
    } else if (self->pace == PACE_INCREMENTAL && ended) {
        end_cycle(self);
    } else if (self->pace == PACE_INCREMENTAL && now > self->collect_at && !self->collecting) {
        self->collecting = true;
        mp_loop_set_chore(self->state->loop, MP_CHORE_WHEN_IDLE, collect_some);
    }
}

/* --- after a reload, and behind many connections -------------------------------------------------------- */

static void collect_if_released(binding_collector *self);

/* It was too early before, or more sockets might have been closed. */
static void collect_later(mp_loop *loop) {
    binding_collector *self = ((binding_state *)loop->owner)->collector;
    uint32_t seen = self->seen;
    self->seen = 0;
    if (self->cycles_due > 0)
        return;
    self->quiet = seen > 0 && seen == self->released;
    if (self->quiet)
        binding_collect_soon(self->state);
    else
        collect_if_released(self);
}

static void collect_if_released(binding_collector *self) {
    uint32_t released = self->released;
    if (released < self->state->loop->objects / 2 || (released < FEW && self->seen > 0))
        return;
    bool is_much = released >= (uint32_t)used(self) / 4;
    double wait = is_much ? 0 : self->next_collection - mp_loop_now();
    if (released >= FEW && wait <= 0) {
        binding_collect_soon(self->state);
    } else if (released >= FEW) {
        mp_loop_call_later(self->state->loop, wait, collect_later);
    } else if (is_much) {
        self->seen = released;
        mp_loop_call_later(self->state->loop, QUIET, collect_later);
    }
}

static void give_back(binding_collector *self) {
    uint64_t objects = self->state->loop->objects;
    bool quiet = self->quiet;
    self->quiet = false;
    if (!quiet && self->most_objects < objects + MANY)
        return;
    if (objects < FEW)
        self->most_objects = objects; /* else more memory becomes free while the number falls */
    if (self->state->host)
        self->state->host->trim();
    mp_network_trim(mp_network_of(self->state->loop));
}

bool binding_collect_due(binding_state *state) {
    binding_collector *self = state->collector;
    if (self->pace == PACE_NONE || !lua_gc(self->state->L, LUA_GCISRUNNING))
        self->due_since = self->cycles_due = 0;
    if (self->due_since == 0)
        return false;
    if (self->cycles_due > 0) {
        be_incremental(self);
        (void)step(self);
        if (self->cycle_ended)
            keep_pace(self);
    }
    if (self->cycles_due == 0) {
        self->next_collection = mp_loop_now() + REST * (mp_loop_processor_time() - self->due_since);
        self->due_since = 0;
        collect_if_released(self); /* sockets that were released meanwhile */
        if (self->cycles_due == 0)
            give_back(self);
    }
    return self->cycles_due > 0;
}

void binding_note_release(binding_state *state) {
    binding_collector *self = state->collector;
    self->released++;
    if (self->most_objects < self->state->loop->objects)
        self->most_objects = self->state->loop->objects;
    if (self->cycles_due == 0)
        collect_if_released(self);
}

void binding_collect_soon(binding_state *state) {
    binding_collector *self = state->collector;
    /* The first cycle may have begun already, and the third frees what the finalisers of the second
       release. */
    self->cycles_due = 3;
    self->released = 0;
    self->due_since = mp_loop_processor_time();
    mp_loop_set_chore(state->loop, MP_CHORE_EACH_TURN, state->hooks->chore);
}

/* --- what scripts see ----------------------------------------------------------------------------------- */

/* collectgarbage, as in Lua's manual. A script's mode is incremental until it sets another one, whatever
   mode the program uses. When a script sets a mode or parameters, the program leaves the collector to it. */
static int collect_garbage(lua_State *L) {
    static const char *const options[] = {"count",       "isrunning",    "collect",  "step",
                                          "stop",        "restart",      "setpause", "setstepmul",
                                          "incremental", "generational", NULL};
    static const uint8_t numbers[] = {0, 0, 0, 1, 0, 0, 1, 1, 3, 2};
    enum { ISRUNNING = 1, SETPAUSE = 6, SETSTEPMUL, INCREMENTAL, GENERATIONAL };
    binding_collector *self = ((binding_state *)lua_touserdata(L, lua_upvalueindex(1)))->collector;
    int option = luaL_checkoption(L, 1, "collect", options);
    bool has_numbers = false, comes_back = false;
    for (int i = 0; i < numbers[option]; i++)
        has_numbers = luaL_optinteger(L, 2 + i, 0) != 0 || has_numbers;
    if (used(self) >= 0 && option > ISRUNNING) { /* in a finaliser only the questions work */
        if (self->pace == PACE_GENERATIONAL)
            be_incremental(self);
        if (option == SETPAUSE || option == SETSTEPMUL || (option == INCREMENTAL && has_numbers))
            self->tuned = true;
        if (self->pace != PACE_NONE && (self->tuned || option == GENERATIONAL)) {
            self->pace = PACE_NONE;
            set_collect_at(self, 0);
            (void)lua_gc(L, LUA_GCINC, LUAS_PAUSE, LUAS_WORK, STEP_SIZE);
        }
        comes_back = self->pace == PACE_NONE && !self->tuned && option == INCREMENTAL;
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (comes_back)
        begin_pace(self);
    return lua_gettop(L);
}

void binding_open_collector(lua_State *L, binding_state *state) {
    state->collector = binding_allocate(L, sizeof *state->collector);
    state->collector->state = state;
}

void binding_collect_eagerly(lua_State *L) {
    enum { NO_PAUSE = 1, MUCH_WORK = 1000, STEP_WITHOUT_END = 100 };
    (void)lua_gc(L, LUA_GCINC, NO_PAUSE, MUCH_WORK, STEP_WITHOUT_END);
}

void binding_pace_collector(lua_State *L, binding_state *state) {
    lua_pushcfunction(L, make_sentinel);
    lua_pushlightuserdata(L, state);
    lua_call(L, 1, 0);
    begin_pace(state->collector);
    lua_pushlightuserdata(L, state);
    lua_getglobal(L, "collectgarbage");
    lua_pushcclosure(L, collect_garbage, 2);
    lua_setglobal(L, "collectgarbage");
}
