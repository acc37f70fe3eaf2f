/*
 * connectionResumed: connections learn of a reload one by one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_RESUMPTION_H
#define BINDING_RESUMPTION_H

#include "object/generation.h"

/* Call it before an event of a connection that is behind: runs connectionResumed of its new server, once. */
void binding_tell_connection(mp_stream *socket);

/* Does the same for connections without an event, for a slice of time. True while there are more. */
bool binding_tell_some(mp_loop *loop);

#endif
