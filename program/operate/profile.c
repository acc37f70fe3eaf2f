/*
 * profile: where the service spends its time. A signal comes a hundred times a second, also while the process
 * sleeps or is stuck in a call of the system. It counts idle time and the host's; in a script it sets a hook,
 * which notes the stack at the next instruction of Lua, or when a function in C returns. There is one profile
 * at a time, and while there is none it costs nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "object/signal_name.h"
#include "operate/commands.h"
#include "operate/stacks.h"
#include "run/task.h"
#include "script/slices.h"
#include "system/interrupt.h"

#define INTERVAL 10.0    /* milliseconds */
#define LONGEST 600000.0 /* milliseconds of a profile */
#define LOOK 50.0        /* milliseconds between two looks whether it is over */

typedef struct profile {
    program_visitor *visitor;
    program_stacks stacks;
    double end;                                     /* mp_loop_now */
    bool over;                                      /* it is told; visitor->next says what of it was */
    volatile bool waits;                            /* the loop sleeps */
    volatile unsigned idle, host, loading, pending; /* samples; pending ones wait for the hook */
} profile;

/* Global: a signal handler has no other way to find it. */
static profile *running;

/* --- samples -------------------------------------------------------------------------------------------- */

/* What the outermost function of a task's coroutine is called. */
static const char *root_of(lua_State *L) {
    const binding_task *task = binding_task_of(L);
    if (!task)
        return NULL;
    return task->on ? binding_signal_name(task->signal) : task->kind->name;
}

static void on_sample(lua_State *L, lua_Debug *where) {
    profile *self = running;
    (void)where;
    lua_sethook(L, NULL, 0, 0);
    if (!self || self->visitor->state->watch.late != L)
        return; /* a coroutine made meanwhile has inherited it */
    unsigned count = self->pending;
    self->pending = 0;
    self->visitor->state->watch.late = NULL;
    self->visitor->state->watch.samples = false;
    program_add_stack(&self->stacks, L, root_of(L), count);
}

static void on_tick(int number) {
    profile *self = running;
    (void)number;
    if (!self)
        return;
    binding_watch *watch = &self->visitor->state->watch;
    lua_State *L = watch->thread;
    if (self->pending > 0 && !watch->late) { /* the code has ended before its next instruction */
        self->host += self->pending;
        self->pending = 0;
    }
    if (!L && self->waits) {
        self->idle++;
    } else if (!L) {
        self->host++;
    } else if (watch->late) {
        self->pending++;
    } else if (lua_gethook(L)) { /* of what is loaded or runs in slices, or of the script */
        self->loading++;
    } else {
        self->pending++;
        watch->samples = true;
        watch->late = L;
        lua_sethook(L, on_sample, LUA_MASKCOUNT | LUA_MASKRET, 1);
    }
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void stop(profile *self) {
    binding_state *state = self->visitor->state;
    if (running != self)
        return;
    (void)mp_system_set_clock_timer(SIGVTALRM, 0);
    (void)mp_system_handle_signal(SIGVTALRM, SIG_IGN);
    mp_loop_watch_waits(state->loop, NULL);
    running = NULL;
    if (state->watch.late && state->watch.samples)
        binding_disarm(state);
}

static void end_notes(void *notes) {
    profile *self = notes;
    stop(self);
    program_free_stacks(&self->stacks);
}

static void begin(program_visitor *visitor) {
    double msec = strtod(visitor->words[1], NULL);
    if (!(msec >= 1 && msec <= LONGEST)) {
        program_end_answer(visitor, "needs a time of at most 600000 ms");
        return;
    }
    if (running) {
        program_end_answer(visitor, "somebody takes a profile already");
        return;
    }
    profile *self = calloc(1, sizeof *self);
    if (!self || !program_open_stacks(&self->stacks)) {
        free(self);
        program_end_answer(visitor, "out of memory");
        return;
    }
    self->visitor = visitor;
    self->end = mp_loop_now() + msec;
    visitor->notes = self;
    visitor->end_notes = end_notes;
    visitor->next = 0;
    mp_loop_watch_waits(visitor->state->loop, &self->waits);
    running = self;
    if (mp_system_handle_signal(SIGVTALRM, on_tick) == 0 &&
        mp_system_set_clock_timer(SIGVTALRM, INTERVAL) == 0)
        return;
    stop(self);
    self->over = true; /* and empty */
}

/* --- the answer ----------------------------------------------------------------------------------------- */

static bool more(program_visitor *visitor) {
    profile *self = visitor->notes;
    double left = visitor->ended ? 0 : self->end - mp_loop_now(); /* nobody is there any more */
    if (!self->over && left > 0) {
        program_pause(visitor, left < LOOK ? left : LOOK);
        return true;
    }
    if (!self->over) {
        stop(self);
        self->over = true;
        program_add_stack_text(&self->stacks, "(idle)", self->idle);
        program_add_stack_text(&self->stacks, "(host)", self->host + self->pending);
        program_add_stack_text(&self->stacks, "(hooked)", self->loading);
        program_add_stack_text(&self->stacks, "(others)", self->stacks.others);
    }
    for (; visitor->next < PROGRAM_STACKS && !program_is_behind(visitor); visitor->next++) {
        const program_stack *it = &self->stacks.places[visitor->next];
        if (it->count == 0)
            continue;
        program_json_open(&visitor->out, NULL);
        program_json_string(&visitor->out, "stack", it->text);
        program_json_integer(&visitor->out, "count", it->count);
        program_json_end(&visitor->out);
    }
    if (visitor->next < PROGRAM_STACKS)
        return true;
    program_end_answer(visitor, NULL);
    return false;
}

const program_command program_profile_command = {.name = "profile", .words = 1, .begin = begin, .more = more};
