/*
 * Probation; see probation.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/probation.h"

#include <string.h>

#include "data/hash.h"
#include "net/tcp_server.h"
#include "object/generation.h"

#define PROBATION 10000.0 /* milliseconds that new code is on trial */
#define LOOK 50.0         /* milliseconds between two looks */
#define LEAST_CALLS 10    /* before the share counts */
#define MOST_PEERS 1000   /* connections of a server that are looked at for other peers */

static double share(uint64_t errors, uint64_t calls) {
    return calls > 0 ? 100.0 * (double)errors / (double)calls : 0;
}

/* --- the errors of a generation ------------------------------------------------------------------------- */

/* Of a message's first line, without the number of the script's line, which changes from version to
   version. */
static uint64_t hash_of(const char *message) {
    uint64_t hash = MP_HASH_START;
    bool placed = false;
    for (const char *at = message; *at && *at != '\n'; at++) {
        if (*at == ':' && !placed && at[1] >= '0' && at[1] <= '9') {
            at += 1 + strspn(at + 1, "0123456789");
            placed = true;
            if (!*at)
                break;
        }
        hash = mp_hash_byte(hash, *at);
    }
    return hash;
}

static bool is_known(const program_failures *failures, uint64_t hash) {
    unsigned count = failures->count < PROGRAM_KNOWN_ERRORS ? failures->count : PROGRAM_KNOWN_ERRORS;
    for (unsigned i = 0; i < count; i++)
        if (failures->known[i] == hash)
            return true;
    return false;
}

static void know(program_failures *failures, uint64_t hash) {
    if (!is_known(failures, hash))
        failures->known[failures->count++ % PROGRAM_KNOWN_ERRORS] = hash;
}

void program_note_failure(program_probation *probation, const binding_generation *generation,
                          const char *message, const mp_address *peer) {
    program_failures *now = &probation->now;
    if (probation->allowed < 0 || generation != probation->state->generations.current)
        return;
    uint64_t hash = hash_of(message);
    know(now, hash);
    if (is_known(&probation->before, hash))
        return;
    now->errors++;
    if (peer && !now->has_peer) {
        now->peer = *peer;
        now->has_peer = true;
    } else if (!peer || !mp_address_equal(peer, &now->peer)) {
        now->of_several = true;
    }
}

void program_renew_failures(program_probation *probation) {
    program_failures *before = &probation->before, *now = &probation->now;
    unsigned count = now->count < PROGRAM_KNOWN_ERRORS ? now->count : PROGRAM_KNOWN_ERRORS;
    for (unsigned i = 0; i < count; i++)
        know(before, now->known[i]);
    *now = (program_failures){0};
    probation->others = false;
}

/* --- the trial ------------------------------------------------------------------------------------------ */

/* A service behind a proxy has a single peer, and its errors count. */
static void look_for_others(program_probation *probation) {
    const mp_network *network = mp_network_of(probation->state->loop);
    if (!probation->others && probation->now.has_peer)
        probation->others = mp_tcp_server_has_other_peer(network, &probation->now.peer, MOST_PEERS);
}

static bool fails_too_often(program_probation *probation) {
    const binding_generation *now = probation->state->generations.current;
    look_for_others(probation);
    return now->calls >= LEAST_CALLS && share(probation->now.errors, now->calls) > probation->allowed &&
           share(probation->errors, probation->calls) <= probation->allowed &&
           (probation->now.of_several || !probation->others);
}

static void on_look(mp_delay *look) {
    program_probation *probation = MP_CONTAINER(look, program_probation, look);
    const binding_generation *now = probation->state->generations.current;
    mp_loop *loop = probation->state->loop;
    if (fails_too_often(probation)) {
        mp_log(
            loop->log_level, MP_LOG_ERROR,
            "generation %u: %llu of %llu handler calls failed; going back to the previous code. The first error: %s",
            now->number, (unsigned long long)probation->now.errors, (unsigned long long)now->calls,
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
