/*
 * How one generation follows another. It is staged: it runs, but changes nothing that anybody sees. Then it
 * is committed and takes over the listeners of the one before, or it is rolled back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SUCCESSION_H
#define BINDING_SUCCESSION_H

#include "object/generation.h"

/* What a commit has done. */
typedef struct binding_commit {
    unsigned kept, added, closed; /* listeners */
    unsigned failed;              /* connectionResumed handlers that failed; grows afterwards */
} binding_commit;

/* Begins a new generation: the first serves at once, others are staged. */
void binding_begin_generation(binding_generation *generation);

/* Has the staged generation take over, between two events. */
void binding_commit_generation(binding_generation *generation, binding_commit *report);

/* True if the code that serves closed a listener that the staged generation would have taken over. */
bool binding_has_lost_listener(const binding_generation *generation);

/* Rolls the staged generation back: closes everything that it made. */
void binding_rollback_generation(binding_generation *generation);

/* The listener of the current generation that a staged listen with these arguments will take over, or
   NULL. */
mp_tcp_server *binding_claim_listener(binding_generation *generation, const mp_endpoint *endpoint);

/* The same for a staged setSocketDescriptor. */
mp_tcp_server *binding_claim_descriptor(binding_generation *generation, int fd);

/* A listener of the current generation at the same port with another address, for which no staged listen
   asks; NULL if there is none. Prefers one that nobody takes over yet. */
mp_tcp_server *binding_claim_port(binding_generation *generation, uint16_t port);

/* Lets clients connect to the new listeners of the staged generation, right before it takes over. Returns
   false, and which server failed and why, if one can't; the caller then rolls back. */
bool binding_open_listeners(binding_generation *generation, mp_tcp_server **which, enum mp_fault *fault);

/* Makes the table of persisted values. */
void binding_open_persist(lua_State *L);

/* persist, for the module's table. */
extern const luaL_Reg binding_persist_functions[];

/* Pushes the table of moonport.persist; false: there is none, and something else is pushed. */
bool binding_push_persisted(lua_State *L);

#endif
