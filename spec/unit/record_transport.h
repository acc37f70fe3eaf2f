/*
 * A transport for the tests of the seam, with a toy protocol that does all that an encrypting one does: a
 * greeting each way before anything else, records, answers of its own, a goodbye, faults with words. The
 * peer's end of it is driven by hand (transport_peer.h).
 *
 * A record is its type, the size of its body (two bytes, the high one first), and the body, scrambled.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RECORD_TRANSPORT_H
#define RECORD_TRANSPORT_H

#include "net/stream.h"

#define RECORD_HEADER 3
#define RECORD_MOST 65535 /* bytes of a body */

/* What a record is, also in what the tests compare. */
enum record_type {
    RECORD_HELLO = 'H',
    RECORD_DATA = 'D',
    RECORD_ASK = 'K',    /* demands an answer */
    RECORD_ANSWER = 'A', /* to that */
    RECORD_TICK = 'T',   /* acknowledges a record of data */
    RECORD_GOODBYE = 'G'
};

/* Which faults it has, and the words that it gives them. */
#define RECORD_TRUNCATED MP_FAULT_NETWORK
#define RECORD_TRUNCATED_TEXT "the peer has gone without a goodbye"
#define RECORD_BROKEN MP_FAULT_UNSUPPORTED
#define RECORD_BROKEN_TEXT "a record of type '!'"

typedef struct record_bytes {
    char *data;
    size_t size, capacity;
} record_bytes;

/* Zeroed, but for what the test sets. */
typedef struct record_transport {
    /* The test's: how it is to behave. */
    int begin_result;    /* of begin */
    int suspensions;     /* so many calls of its handshake answer SUSPENDED, once the peer has greeted */
    bool suspends;       /* so does the next call of receive, send or goodbye */
    bool waits_for_tick; /* each record of data must be acknowledged before the next */
    bool commits; /* a record counts as taken when it has left; what was offered is made a record at once */
    bool stops_to_answer; /* receives nothing more before its answer has left */
    int goodbyes_again;   /* so many calls of goodbye are to be repeated */
    size_t most;          /* bytes of a record; 0: RECORD_MOST */
    int send_error;       /* errno of the next send */
    /* The test's to look at. */
    unsigned calls;           /* all of them, but begin and release */
    unsigned begun, released; /* begun without a failure */
    record_bytes taken;       /* in begin */
    unsigned retried;         /* sends that followed one that had to wait */
    bool cheated;             /* it was offered something else then, or less */
    bool late; /* something was to be sent or received before the handshake, after the goodbye or a failure */
    /* Its own. */
    record_bytes raw, plain, out; /* received, opened, to be sent */
    size_t record;                /* bytes of the stream's in the record that is on its way */
    record_bytes offered;         /* to the send that had to wait */
    size_t committed;             /* bytes of those that are a record by now */
    bool greeted, heard, ended, told, parted, said, failed, unticked, broken;
    int suspended;
    const char *text;
} record_transport;

extern const mp_transport record_transport_table;

/* Scrambles, and back. */
void record_scramble(char *data, size_t size);

/* False: there is no memory. */
bool record_append(record_bytes *bytes, const void *data, size_t size);
void record_drop(record_bytes *bytes, size_t size);
void record_free(record_bytes *bytes);

#endif
