/*
 * The pace of Lua's collector in the program. A service with little live data need not go through it again
 * and again: the next cycle begins only after some allocation. One with much is gone through in the loop's
 * idle time, in slices that no request feels; only where there is none, the collector's own steps go on
 * beside the work.
 *
 * What peers send becomes strings, which are mostly dead as soon as their handler ends. Where these are more
 * than a few bytes long they soon fill the processor's cache. As long as much of what is allocated is of that
 * kind the collector is generational, and frees what is young again and again: for next to nothing, and while
 * the cache still has it. For anything else that mode is no good: whatever has a finaliser, as connections
 * have, stays in it until all is gone through at once.
 *
 * A reload and many closed connections leave garbage that Lua sees no reason to collect soon: it is gone
 * through at once, a slice a turn.
 *
 * All that is for scripts that leave the collector alone. With a mode or parameters of its own the collector
 * is the script's, as it is in plain Lua, where the module is a guest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collector.h"

/* Lua's own parameters: the pause, percent of what is live, and the work of a step. */
#define LUAS_PAUSE 200
#define LUAS_WORK 100

/* KiB that are allocated between two cycles at least; if more are live, as much as that. But while
   connections become more, by an eighth from cycle to cycle, the pause is shorter, lest garbage is another
   part of what each of them takes. */
#define LEAST_PAUSE 1024
#define GROWING_PAUSE 128

/* KiB of live data that are worth the idle time, which takes a cycle on from half of that pause. */
#define MUCH 8192

/* A slice of idle time, milliseconds; and KiB that may be allocated from one to the next without a step. */
#define SLICE 0.5
#define BETWEEN_SLICES 1024

/* KiB that are allocated from one collection of what is young to the next, at least; its cost is that of some
   ten strings, or grows with what is live. */
#define YOUNG 16

/* KiB that these may leave in all, before all is gone through. */
#define LEFT_OF_YOUNG 512

/* Of `kib` that were allocated so much is much, bytes of strings of input. */
#define MUCH_INPUT(kib) ((size_t)(kib)*1024 / 4)

/* Units of work (a value or a small object each) for 16 bytes, and the size of a step: 8 KiB, that is 0.1 ms
   or so. */
#define WORK 4
#define STEP_SIZE 13

/* So many closed connections leave garbage that is worth going through all, if they are at least half of all
   objects; at once if they are, with a KiB for each, a quarter of what is in use, else when REST times as
   long has passed as it took before. And where there are so many objects fewer than there were, memory is
   worth giving back to the system. */
#define FEW 1024
#define REST 10
#define MANY 4096

struct binding_collector {
    binding_state *state;
    enum { PACE_NONE, PACE_INCREMENTAL, PACE_GENERATIONAL } pace; /* none: Lua's own */
    bool cycle_ended;       /* the collector's last cycle, a moment ago */
    uint8_t silent;         /* cycles that have ended without a word of the sentinel */
    const void *sentinel;   /* a dead userdata, whose finaliser says that a cycle has ended */
    bool collecting;        /* in the loop's idle time */
    bool tuned;             /* the script has set parameters */
    int collect_at;         /* KiB in use from which it does so, or collects what is young; 0: never */
    int young_until;        /* KiB in use up to which it does that */
    int young_pause;        /* KiB that may be allocated from one time to the next */
    int cycles_due;         /* collector cycles to go through in the turns to come */
    uint32_t released;      /* sockets since the first of them began */
    double due_since;       /* when these began; 0: they haven't */
    double next_collection; /* when as many may again, if it is long */
    uint64_t objects;       /* that there were when the collector began to wait for its next cycle */
    uint64_t most_objects;  /* that there were since memory was given back */
};

typedef struct binding_collector binding_collector;

static void keep_pace(binding_collector *self);

static void keep_state_pace(binding_state *state) {
    keep_pace(state->collector);
}

/* Has the pace looked after behind each handler from `collect_at` on, or not. */
static void set_collect_at(binding_collector *self, int collect_at) {
    self->collect_at = collect_at;
    self->state->pace = collect_at > 0 || self->cycle_ended ? keep_state_pace : NULL;
}

/* The end of a cycle: the sentinel is finalised, and asks for the same in the next one. No lua_gc works in
   here. */
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
 * A finaliser for whose call there is no memory is lost, the sentinel's too, and cycles would be waited for
 * that had long ended. Lua says itself when a step is the last one; the sentinel may have spoken before,
 * within a handler, once.
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
            lua_pop(L, 1); /* it is lost as before */
    }
    return last || self->cycle_ended;
}

static int used(const binding_collector *self) {
    return lua_gc(self->state->L, LUA_GCCOUNT);
}

/* The next cycle begins when enough has been allocated. Nothing is put off while the collector is stopped: a
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

/* The next collection of what is young comes from here, between two handlers; by itself only in one that
   allocates very much. */
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
        self->cycles_due--; /* it may have been handlers' allocations that took it to its end */
    if (!young) {
        await_cycle(self);
    } else {
        (void)lua_gc(self->state->L, LUA_GCGEN, 0, 0);
        self->pace = PACE_GENERATIONAL;
        await_youth(self);
        self->young_until = self->collect_at + LEFT_OF_YOUNG;
    }
}

/* A chore of idle time: a slice of the cycle, which it begins if need be. */
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
        return; /* within a finaliser; or stopped: even a change of mode would collect */
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

static void collect_later(mp_loop *loop) {
    binding_collector *self = ((binding_state *)loop->owner)->collector;
    if (self->cycles_due == 0)
        collect_if_released(self);
}

static void collect_if_released(binding_collector *self) {
    if (self->released < FEW || self->released < self->state->loop->objects / 2)
        return;
    double wait = self->released >= (uint32_t)used(self) / 4 ? 0 : self->next_collection - mp_loop_now();
    if (wait <= 0)
        binding_collect_soon(self->state);
    else
        mp_loop_call_later(self->state->loop, wait, collect_later);
}

static void give_back(binding_collector *self) {
    uint64_t objects = self->state->loop->objects;
    if (self->most_objects < objects + MANY)
        return;
    if (objects < FEW)
        self->most_objects = objects; /* else it goes on: more memory comes at its end */
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
        double now = mp_loop_now();
        self->next_collection = now + REST * (now - self->due_since);
        self->due_since = 0;
        collect_if_released(self); /* while it was going on */
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
    /* The first may be at work already, and the third frees what the finalisers of the second let go. */
    self->cycles_due = 3;
    self->released = 0;
    self->due_since = mp_loop_now();
    mp_loop_set_chore(state->loop, MP_CHORE_EACH_TURN, state->hooks->chore);
}

/* --- what scripts see ----------------------------------------------------------------------------------- */

/* collectgarbage, as in Lua's manual: a script's mode is incremental until it sets another one, whatever the
   program makes of it, and where it sets its own, or parameters, the collector is left to it. */
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
    if (used(self) >= 0 && option > ISRUNNING) { /* within a finaliser nothing but the questions works */
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
