/*
 * The limits of a stream: its own, and what a change of them means for it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_LIMITS_H
#define MP_STREAM_LIMITS_H

#include "net/stream_state.h"

/* The stream's own limits, to be changed in place and then applied; NULL: no memory. */
mp_limits *mp_stream_own_limits(mp_stream *stream);

/* Takes changed limits into account. Returns 0 or -ENOMEM (idle time-out). */
int mp_stream_apply_limits(mp_stream *stream);

#endif
