/*
 * The transport of the tests; see record_transport.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "record_transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system/system.h"

/* --- bytes ---------------------------------------------------------------------------------------------- */

void record_scramble(char *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(data[i] ^ 0x5a);
}

bool record_append(record_bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->capacity) {
        size_t capacity = 2 * bytes->capacity + size;
        char *bigger = realloc(bytes->data, capacity);
        if (!bigger)
            return false;
        bytes->data = bigger;
        bytes->capacity = capacity;
    }
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

void record_drop(record_bytes *bytes, size_t size) {
    bytes->size -= size;
    if (bytes->size > 0)
        memmove(bytes->data, bytes->data + size, bytes->size);
}

void record_free(record_bytes *bytes) {
    free(bytes->data);
    *bytes = (record_bytes){0};
}

/* --- records -------------------------------------------------------------------------------------------- */

static record_transport *state_of(const mp_stream *stream) {
    return stream->extras->carrier.state;
}

/* Adds a record to the output. False: there is no memory. */
static bool put_record(record_transport *own, enum record_type type, const char *body, size_t size) {
    char header[RECORD_HEADER] = {(char)type, (char)(size >> 8), (char)size};
    if (!record_append(&own->out, header, sizeof header) || !record_append(&own->out, body, size))
        return false;
    record_scramble(own->out.data + own->out.size - size, size);
    return true;
}

/* What it also wants from the poll: to send its own output. */
static uint8_t wanted(const record_transport *own) {
    return own->out.size > 0 ? EV_WRITE : 0;
}

static mp_transport_result bytes(const record_transport *own, size_t n) {
    return (mp_transport_result){.n = (ssize_t)n, .outcome = MP_TRANSPORT_BYTES, .wants = wanted(own)};
}

static mp_transport_result again(const record_transport *own, int waits) {
    return (mp_transport_result){
        .outcome = MP_TRANSPORT_AGAIN, .waits = (uint8_t)waits, .wants = wanted(own)};
}

static mp_transport_result suspended(void) {
    return (mp_transport_result){.outcome = MP_TRANSPORT_SUSPENDED};
}

static mp_transport_result congested(void) {
    return (mp_transport_result){.outcome = MP_TRANSPORT_CONGESTED};
}

/* `sent`: what give_output has answered. */
static bool is_congested(int sent) {
    return sent == -ENOBUFS || sent == -ENOMEM;
}

static mp_transport_result failed(record_transport *own, enum mp_transport_outcome outcome,
                                  enum mp_fault fault, const char *text) {
    own->text = text;
    return (mp_transport_result){.outcome = (uint8_t)outcome, .fault = (uint8_t)fault};
}

static mp_transport_result out_of_memory(record_transport *own) {
    return failed(own, MP_TRANSPORT_BROKEN, MP_FAULT_RESOURCE, NULL);
}

/* Opens the complete records. False: there is no memory. */
static bool open_records(record_transport *own) {
    while (!own->broken && !own->parted && own->raw.size >= RECORD_HEADER) {
        const unsigned char *header = (const unsigned char *)own->raw.data;
        size_t size = (size_t)header[1] << 8 | header[2];
        char type = own->raw.data[0];
        if (strchr("HDKATG", type) && own->raw.size < RECORD_HEADER + size)
            return true;
        switch (type) {
        case RECORD_HELLO: own->heard = true; break;
        case RECORD_DATA:
            record_scramble(own->raw.data + RECORD_HEADER, size);
            if (!record_append(&own->plain, own->raw.data + RECORD_HEADER, size))
                return false;
            break;
        case RECORD_ASK:
            if (own->stops_to_answer && own->out.size > 0)
                return true;
            if (!put_record(own, RECORD_ANSWER, NULL, 0))
                return false;
            break;
        case RECORD_TICK: own->unticked = false; break;
        case RECORD_GOODBYE: own->parted = true; break;
        default: own->broken = true; return true;
        }
        record_drop(&own->raw, RECORD_HEADER + size);
        if (type == RECORD_ASK && own->stops_to_answer)
            return true;
    }
    return true;
}

/* Receives once. Returns 1; 0 at the end or if there is nothing; or -errno. */
static int take_input(mp_stream *stream) {
    record_transport *own = state_of(stream);
    static char data[70000];
    ssize_t n = own->ended ? 0 : mp_system_receive(mp_stream_descriptor(stream), data, sizeof data, false);
    own->ended |= n == 0;
    if (n > 0 && !record_append(&own->raw, data, (size_t)n))
        return -ENOMEM;
    if (!open_records(own))
        return -ENOMEM;
    return n > 0 ? 1 : n == -EAGAIN || n == 0 ? 0 : (int)n;
}

/* Sends the output. Returns 0 or -errno; -EAGAIN if some is left. */
static int give_output(mp_stream *stream) {
    record_transport *own = state_of(stream);
    if (own->send_error)
        return -own->send_error;
    while (own->out.size > 0) {
        ssize_t n = mp_system_send(mp_stream_descriptor(stream), own->out.data, own->out.size, false);
        if (n < 0)
            return (int)n;
        record_drop(&own->out, (size_t)n);
    }
    own->record = 0;
    return 0;
}

/* --- the table ------------------------------------------------------------------------------------------ */

static void free_all(record_transport *own) {
    record_free(&own->taken);
    record_free(&own->raw);
    record_free(&own->plain);
    record_free(&own->out);
    record_free(&own->offered);
}

static int begin(mp_stream *stream, const char *unread, size_t size) {
    record_transport *own = state_of(stream);
    if (own->begin_result < 0)
        return own->begin_result;
    if (!record_append(&own->taken, unread, size) || !record_append(&own->raw, unread, size)) {
        free_all(own);
        return -ENOMEM;
    }
    own->begun++;
    return 0;
}

static mp_transport_result handshake(mp_stream *stream) {
    record_transport *own = state_of(stream);
    own->calls++;
    if (!own->greeted && !put_record(own, RECORD_HELLO, NULL, 0))
        return out_of_memory(own);
    own->greeted = true;
    int sent = give_output(stream);
    if (is_congested(sent))
        return congested();
    if (sent < 0 && sent != -EAGAIN)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_WRITE, -sent), NULL);
    int received = own->heard ? 0 : take_input(stream);
    if (received == -ENOMEM)
        return out_of_memory(own);
    if (received < 0)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_READ, -received), NULL);
    if (own->broken)
        return failed(own, MP_TRANSPORT_BROKEN, RECORD_BROKEN, RECORD_BROKEN_TEXT);
    if (!own->heard && own->ended)
        return failed(own, MP_TRANSPORT_TRUNCATED, RECORD_TRUNCATED, RECORD_TRUNCATED_TEXT);
    if (!own->heard)
        return again(own, EV_READ);
    if (own->suspended < own->suspensions) {
        own->suspended++;
        return suspended();
    }
    return sent < 0 ? again(own, EV_WRITE) : bytes(own, 0);
}

static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    record_transport *own = state_of(stream);
    own->calls++;
    own->late |= !own->heard || size == 0;
    if (own->suspends)
        return suspended();
    if (own->congestions > 0) {
        own->congestions--;
        return congested();
    }
    bool stopped = own->stops_to_answer && own->out.size > 0;
    int received = 0;
    if (!stopped && !open_records(own))
        return out_of_memory(own);
    while (!stopped && !own->parted && !own->broken && own->plain.size < size &&
           (received = take_input(stream)) > 0)
        stopped = own->stops_to_answer && own->out.size > 0;
    if (received == -ENOMEM)
        return out_of_memory(own);
    if (own->plain.size > 0) {
        size_t n = own->plain.size < size ? own->plain.size : size;
        memcpy(data, own->plain.data, n);
        record_drop(&own->plain, n);
        return bytes(own, n);
    }
    if (own->broken)
        return failed(own, MP_TRANSPORT_BROKEN, RECORD_BROKEN, RECORD_BROKEN_TEXT);
    own->told |= own->parted || own->ended;
    if (own->parted)
        return (mp_transport_result){.outcome = MP_TRANSPORT_END, .wants = wanted(own)};
    if (own->ended)
        return failed(own, MP_TRANSPORT_TRUNCATED, RECORD_TRUNCATED, RECORD_TRUNCATED_TEXT);
    if (received < 0)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_READ, -received), NULL);
    return again(own, own->stops_to_answer && own->out.size > 0 ? EV_WRITE : 0);
}

/* Checks that it is offered the same bytes as before. */
static void compare(record_transport *own, const struct iovec *vectors, int count) {
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        size_t left = own->offered.size - at, size = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        if (size > 0 && memcmp(own->offered.data + at, vectors[i].iov_base, size) != 0)
            own->cheated = true;
        at += size;
    }
    own->cheated |= at < own->offered.size;
    own->retried += own->offered.size > 0;
    record_drop(&own->offered, own->offered.size);
}

/* The answer to a send that has to be repeated. */
static mp_transport_result offered_again(record_transport *own, const struct iovec *vectors, int count,
                                         mp_transport_result answer) {
    for (int i = 0; i < count; i++)
        if (!record_append(&own->offered, vectors[i].iov_base, vectors[i].iov_len))
            return out_of_memory(own);
    return answer;
}

static mp_transport_result wait_with(record_transport *own, const struct iovec *vectors, int count,
                                     int waits) {
    return offered_again(own, vectors, count, again(own, waits));
}

/* Makes one record of the offered bytes. Returns its size, or -ENOMEM. */
static ssize_t gather(record_transport *own, const struct iovec *vectors, int count) {
    record_bytes body = {0};
    size_t most = own->most ? own->most : RECORD_MOST;
    bool whole = true;
    for (int i = 0; i < count && body.size < most && whole; i++) {
        size_t size = vectors[i].iov_len < most - body.size ? vectors[i].iov_len : most - body.size;
        whole = record_append(&body, vectors[i].iov_base, size);
    }
    ssize_t n = whole && put_record(own, RECORD_DATA, body.data, body.size) ? (ssize_t)body.size : -ENOMEM;
    record_free(&body);
    return n;
}

static mp_transport_result send_some(mp_stream *stream, const struct iovec *vectors, int count) {
    record_transport *own = state_of(stream);
    own->calls++;
    own->late |= !own->heard || (own->said && count > 0) || own->failed;
    compare(own, vectors, count);
    if (own->suspends)
        return suspended();
    int sent = give_output(stream);
    if (is_congested(sent))
        return offered_again(own, vectors, count, congested());
    if (sent < 0 && sent != -EAGAIN)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_WRITE, -sent), NULL);
    if (sent == -EAGAIN)
        return wait_with(own, vectors, count, EV_WRITE);
    if (own->committed > 0) {
        size_t n = own->committed;
        own->committed = 0;
        return bytes(own, n);
    }
    if (count == 0)
        return bytes(own, 0);
    if (own->unticked && own->waits_for_tick && take_input(stream) == -ENOMEM)
        return out_of_memory(own);
    if (own->unticked && own->waits_for_tick)
        return own->ended ? failed(own, MP_TRANSPORT_BROKEN, RECORD_TRUNCATED, RECORD_TRUNCATED_TEXT)
                          : wait_with(own, vectors, count, EV_READ);
    ssize_t n = gather(own, vectors, count);
    if (n < 0)
        return out_of_memory(own);
    own->unticked = true;
    sent = give_output(stream);
    if (is_congested(sent))
        sent = -EAGAIN; /* the next call finds out */
    if (sent < 0 && sent != -EAGAIN)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_WRITE, -sent), NULL);
    if (sent == 0)
        return bytes(own, (size_t)n);
    if (own->commits) {
        own->committed = (size_t)n;
        return wait_with(own, vectors, count, EV_WRITE);
    }
    own->record = (size_t)n;
    return bytes(own, (size_t)n);
}

static mp_transport_result send_vectors(mp_stream *stream, const struct iovec *vectors, int count) {
    mp_transport_result result = send_some(stream, vectors, count);
    state_of(stream)->failed |= result.outcome == MP_TRANSPORT_BROKEN;
    return result;
}

static mp_transport_result goodbye(mp_stream *stream) {
    record_transport *own = state_of(stream);
    own->calls++;
    own->late |= !own->heard;
    if (own->suspends)
        return suspended();
    if (own->goodbyes_again > 0) {
        own->goodbyes_again--;
        return again(own, EV_WRITE);
    }
    if (!own->said && !put_record(own, RECORD_GOODBYE, NULL, 0))
        return out_of_memory(own);
    own->said = true;
    int sent = give_output(stream);
    if (is_congested(sent))
        return congested();
    if (sent < 0 && sent != -EAGAIN)
        return failed(own, MP_TRANSPORT_BROKEN, mp_fault_from_errno(MP_ATTEMPT_WRITE, -sent), NULL);
    return sent < 0 ? again(own, EV_WRITE) : bytes(own, 0);
}

static bool has_pending(const mp_stream *stream) {
    const record_transport *own = state_of(stream);
    bool complete = own->raw.size >= RECORD_HEADER &&
                    own->raw.size >= RECORD_HEADER + ((size_t)(unsigned char)own->raw.data[1] << 8 |
                                                      (unsigned char)own->raw.data[2]);
    return own->plain.size > 0 || own->broken || complete || ((own->parted || own->ended) && !own->told);
}

static size_t unsent(const mp_stream *stream) {
    return state_of(stream)->record;
}

static const char *fault_text(const mp_stream *stream) {
    return state_of(stream)->text;
}

/* The structure belongs to the test. */
static void release(mp_stream *stream) {
    record_transport *own = state_of(stream);
    own->released++;
    free_all(own);
}

const mp_transport record_transport_table = {
    .name = "record",
    .begin = begin,
    .receive = receive,
    .send = send_vectors,
    .handshake = handshake,
    .goodbye = goodbye,
    .has_pending = has_pending,
    .unsent = unsent,
    .fault_text = fault_text,
    .release = release,
};
