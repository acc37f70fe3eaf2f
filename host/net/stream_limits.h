/*
 * The limits of a stream, and the effect of a change.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_LIMITS_H
#define MP_STREAM_LIMITS_H

#include "net/stream_state.h"

/* The stream's own limits, to change in place and then apply; NULL: no memory. */
mp_limits *mp_stream_own_limits(mp_stream *stream);

/* Applies changed limits. Returns 0 or -ENOMEM (idle time-out). */
int mp_stream_apply_limits(mp_stream *stream);

#endif
