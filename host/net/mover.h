/*
 * A mover moves a stream's bytes in place of the script: a pipe (pipe.h), or a file that is being sent
 * (file_sender.h). The stream refers to it by its extras, and has MP_MOVED in its open mode; meanwhile it
 * lacks the modes that the mover took.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_MOVER_H
#define MP_MOVER_H

#include <ev.h>

#include "data/error.h"
#include "net/transport.h"

typedef struct mp_mover mp_mover;
typedef void mp_mover_event(struct ev_loop *ev, ev_io *watcher, int revents);

/* What the stream tells it; one static table. Each call may end the mover. */
typedef struct mp_mover_kind {
    /* The bytes arrived; they are valid during this call. Only of a stream without MP_READ_ONLY. */
    void (*arrived)(mp_mover *mover, mp_stream *stream, const char *data, size_t size);
    /* The system took some of its output. */
    void (*sent)(mp_mover *mover, mp_stream *stream);
    /* Its peer has finished sending. The stream doesn't close because of that, unless it has closed its
       own side. Only of a stream without MP_READ_ONLY. */
    void (*ended)(mp_mover *mover, mp_stream *stream);
    /* It closes or has failed: the mover must leave the stream. */
    void (*left)(mp_mover *mover, mp_stream *stream, enum mp_fault fault);
    /* False: what arrives can't go anywhere any more, so that nobody reads to its end. NULL: the mover reads
       nothing. */
    bool (*is_read)(const mp_mover *mover);
} mp_mover_kind;

struct mp_mover {
    const mp_mover_kind *kind;
    uint8_t open_mode;        /* the stream's, before */
    mp_mover_event *on_event; /* the stream's own callback; NULL: the mover has none, see below */
};

/* Gives the stream, which has extras, to the mover: it takes these of the stream's modes. The events of a
   plain socket go to `on_event`; what a transport carries goes on by itself. */
void mp_mover_attach(mp_mover *mover, mp_stream *stream, int modes, mp_mover_event *on_event);

/* Gives it back to the script. */
void mp_mover_detach(mp_mover *mover, mp_stream *stream);

/* Has the plain socket's next event tell that it takes more, whether or not something is queued. */
void mp_mover_await_room(mp_stream *stream);

#endif
