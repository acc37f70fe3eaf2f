/*
 * Probation; see probation.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/probation.h"

#include "object/generation.h"

#define PROBATION 10000.0 /* milliseconds that new code is on trial */
#define LOOK 50.0         /* milliseconds between two looks */
#define LEAST_CALLS 10    /* before a share means anything */

static double share(uint64_t errors, uint64_t calls) {
    return calls > 0 ? 100.0 * (double)errors / (double)calls : 0;
}

static bool fails_too_often(const program_probation *probation) {
    const binding_generation *now = probation->state->generations.current;
    return now->calls >= LEAST_CALLS && share(now->errors, now->calls) > probation->allowed &&
           share(probation->errors, probation->calls) <= probation->allowed;
}

static void on_look(mp_delay *look) {
    program_probation *probation = MP_CONTAINER(look, program_probation, look);
    const binding_generation *now = probation->state->generations.current;
    mp_loop *loop = probation->state->loop;
    if (fails_too_often(probation)) {
        mp_log(
            loop->log_level, MP_LOG_ERROR,
            "generation %u: %llu of %llu handler calls failed; going back to the code before. The first error: %s",
            now->number, (unsigned long long)now->errors, (unsigned long long)now->calls,
            now->first_error ? now->first_error : "unknown");
        probation->failed(probation);
    } else if (mp_loop_now() > probation->ends) {
        program_end_probation(probation);
    } else {
        mp_delay_start(look, loop, LOOK, on_look);
    }
}

void program_init_probation(program_probation *probation, binding_state *state, double allowed,
                            void (*failed)(program_probation *probation), void *owner) {
    *probation = (program_probation){
        .state = state, .allowed = allowed, .environment = LUA_NOREF, .failed = failed, .owner = owner};
}

void program_begin_probation(program_probation *probation, int environment, uint64_t calls, uint64_t errors) {
    program_end_probation(probation);
    probation->environment = environment;
    probation->calls = calls;
    probation->errors = errors;
    probation->ends = mp_loop_now() + PROBATION;
    mp_delay_start(&probation->look, probation->state->loop, LOOK, on_look);
}

void program_end_probation(program_probation *probation) {
    mp_delay_stop(&probation->look, probation->state->loop);
    luaL_unref(probation->state->L, LUA_REGISTRYINDEX, probation->environment);
    probation->environment = LUA_NOREF;
}
