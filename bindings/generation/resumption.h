/*
 * connectionResumed: connections are told of a reload one by one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESUMPTION_H
#define BINDING_RESUMPTION_H

#include "object/generation.h"

/* Before an event of a connection that is behind: tells it, once, to the server that has taken it over. */
void binding_tell_connection(mp_stream *socket);

/* Tells connections that have not had an event yet, a slice. True while there are more. */
bool binding_tell_some(mp_loop *loop);

#endif
