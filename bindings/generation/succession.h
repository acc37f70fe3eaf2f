/*
 * How one generation comes after another. It is staged (runs, but changes nothing that is seen), committed
 * (takes over the listeners of the one before) or rolled back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SUCCESSION_H
#define BINDING_SUCCESSION_H

#include "object/generation.h"

/* What a commit has done. */
typedef struct binding_commit {
    unsigned kept, added, closed; /* listeners */
    unsigned failed;              /* connectionResumed handlers that have thrown; grows afterwards */
} binding_commit;

/* Makes the next generation; the first serves at once, others are staged. Pushes its handle. */
binding_generation *binding_begin_generation(lua_State *L, binding_state *state);

/* The staged generation takes over, between two events. */
void binding_commit_generation(binding_generation *generation, binding_commit *report);

/* Has the code that serves closed a listener that the staged generation was to take over? */
bool binding_has_lost_listener(const binding_generation *generation);

/* The staged generation comes to nothing: closes all that it has made. */
void binding_rollback_generation(binding_generation *generation);

/* The listener of the current generation that a staged listen with these arguments will take over, or
   NULL. */
mp_tcp_server *binding_claim_listener(binding_generation *generation, const mp_address *address,
                                      uint16_t port);

/* One of the current generation that listens at the same port, with another address that nobody asks for;
   best one that nobody takes over yet; or NULL. */
mp_tcp_server *binding_claim_port(binding_generation *generation, uint16_t port);

/* The staged generation is about to take over: has its new listeners accept clients. False, and whose it
   was and why, if one can't; the generation is then to be rolled back. */
bool binding_open_listeners(binding_generation *generation, mp_tcp_server **which, enum mp_fault *fault);

/* The same of a staged setSocketDescriptor. */
mp_tcp_server *binding_claim_descriptor(binding_generation *generation, int fd);

/* Makes what is persisted. */
void binding_open_persist(lua_State *L);

/* persist, for the module's table. */
extern const luaL_Reg binding_persist_functions[];

#endif
