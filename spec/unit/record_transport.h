/*
 * A transport for the tests of the seam. Its toy protocol does everything that encryption does: a greeting in
 * each direction before anything else, records, its own answers, a goodbye, faults with texts. The test
 * drives the peer's end by hand (transport_peer.h).
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

/* The types of records; comparisons in the tests use the letters. */
enum record_type {
    RECORD_HELLO = 'H',
    RECORD_DATA = 'D',
    RECORD_ASK = 'K',    /* demands an answer */
    RECORD_ANSWER = 'A', /* reply to RECORD_ASK */
    RECORD_TICK = 'T',   /* acknowledges a record of data */
    RECORD_GOODBYE = 'G'
};

/* Its faults and their texts. */
#define RECORD_TRUNCATED MP_FAULT_NETWORK
#define RECORD_TRUNCATED_TEXT "the peer left without a goodbye"
#define RECORD_BROKEN MP_FAULT_UNSUPPORTED
#define RECORD_BROKEN_TEXT "a record of type '!'"

typedef struct record_bytes {
    char *data;
    size_t size, capacity;
} record_bytes;

/* Zeroed, except for what the test sets. */
typedef struct record_transport {
    /* Set by the test: how the transport behaves. */
    int begin_result;    /* of begin */
    int suspensions;     /* how many calls of its handshake return SUSPENDED, after the peer has greeted */
    bool suspends;       /* the next call of receive, send or goodbye returns SUSPENDED */
    bool waits_for_tick; /* each record of data must be acknowledged before the next */
    bool commits; /* a record counts as taken after it was sent; offered bytes become a record at once */
    bool stops_to_answer; /* receives nothing more until its answer is sent */
    int congestions;      /* how many calls of receive return CONGESTED */
    int goodbyes_again;   /* how many calls of goodbye must be repeated */
    size_t most;          /* bytes of a record; 0: RECORD_MOST */
    int send_error;       /* errno of each send, until the test clears it */
    /* Read by the test. */
    unsigned calls;           /* all calls except begin and release */
    unsigned begun, released; /* successful calls of begin */
    record_bytes taken;       /* in begin */
    unsigned retried;         /* sends that followed one with AGAIN */
    bool cheated;             /* such a send was offered other bytes, or fewer */
    bool late; /* a send or receive came before the handshake, after the goodbye or after a failure */
    /* Its own. */
    record_bytes raw, plain, out; /* received, opened, to be sent */
    size_t record;                /* bytes of the stream in the record being sent */
    record_bytes offered;         /* to the send that returned AGAIN */
    size_t committed;             /* how many of those are already in a record */
    bool greeted, heard, ended, told, parted, said, failed, unticked, broken;
    int suspended;
    const char *text;
} record_transport;

extern const mp_transport record_transport_table;

/* Scrambles, and unscrambles. */
void record_scramble(char *data, size_t size);

/* False: there is no memory. */
bool record_append(record_bytes *bytes, const void *data, size_t size);
void record_drop(record_bytes *bytes, size_t size);
void record_free(record_bytes *bytes);

#endif
