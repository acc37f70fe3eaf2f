/*
 * LocalSockets; see local_socket.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/local_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/local_extras.h"
#include "net/stream_output.h"
#include "net/stream_transport.h"
#include "net/trace.h"
#include "system/local.h"
#include "system/system.h"

/* --- the class ------------------------------------------------------------------------------------------ */

static void drop_received(mp_stream *stream) {
    mp_local_facts *facts = mp_local_facts_of(stream);
    for (size_t i = 0; facts && i < facts->received_count; i++)
        mp_system_close(facts->received[i]);
    if (facts)
        facts->received_count = 0;
}

/* NULL: no memory. */
static mp_local_facts *need_facts(mp_stream *stream) {
    mp_local_extras *extras = (mp_local_extras *)mp_stream_need_extras(stream);
    if (extras && !extras->facts)
        extras->facts = calloc(1, sizeof *extras->facts);
    return extras ? extras->facts : NULL;
}

static void remember(mp_stream *stream) {
    mp_local_name name;
    mp_tcp_socket_remember(stream);
    mp_local_facts *facts = mp_system_local_name(stream->watcher.fd, &name) == 0 ? need_facts(stream) : NULL;
    if (facts)
        facts->own = name;
}

/* The transport of the last connection has been released with it. */
static void connecting(mp_stream *stream) {
    mp_local_facts *facts = mp_local_facts_of(stream);
    if (!facts)
        return;
    drop_received(stream);
    facts->own.size = 0;
    if (facts->most > 0 && mp_stream_is_plain(stream))
        (void)mp_stream_set_plain_transport(stream, &mp_transport_descriptors);
}

static void free_extras(mp_stream_extras *of_stream) {
    mp_local_facts *facts = ((mp_local_extras *)of_stream)->facts;
    drop_received(of_stream->stream);
    if (facts) {
        assert(facts->outgoing_count == 0);
        free(facts->received);
        free(facts->outgoing);
        free(facts->asked);
        free(facts);
    }
    mp_tcp_socket_free_extras(of_stream);
}

const mp_stream_class mp_local_socket_class = {
    .behaviour = {MP_LOCAL_SOCKET, mp_stream_is_active, mp_tcp_socket_step, NULL, mp_tcp_socket_wind_down},
    .extras_size = sizeof(mp_local_extras),
    .leave = mp_tcp_socket_leave,
    .remember = remember,
    .forget = mp_tcp_socket_forget,
    .free_extras = free_extras,
    .connecting = connecting,
    .dropped = drop_received,
};

void mp_local_socket_init(mp_local_socket *socket, mp_network *network) {
    mp_tcp_socket_init_as(&socket->tcp, network, &mp_local_socket_class);
}

/* --- names ---------------------------------------------------------------------------------------------- */

int mp_local_socket_set_name(mp_local_socket *socket, const char *asked, size_t size,
                             const mp_local_name *full) {
    mp_local_facts *facts = need_facts(&socket->tcp.stream);
    char *copy = malloc(size + 1);
    if (!facts || !copy) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, asked, size);
    copy[size] = '\0';
    free(facts->asked);
    facts->asked = copy;
    facts->asked_size = size;
    facts->full.size = 0;
    if (full)
        facts->full = *full;
    return 0;
}

const char *mp_local_socket_name(const mp_local_socket *socket, size_t *size) {
    const mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    bool asked = facts && facts->asked;
    *size = asked ? facts->asked_size : 0;
    return asked ? facts->asked : "";
}

bool mp_local_socket_full_name(const mp_local_socket *socket, mp_local_name *name) {
    const mp_stream *stream = &socket->tcp.stream;
    const mp_local_facts *facts = mp_local_facts_of(stream);
    if (facts && facts->full.size > 0) {
        *name = facts->full;
        return true;
    }
    if (stream->watcher.fd >= 0)
        return mp_system_local_name(stream->watcher.fd, name) == 0 ||
               mp_system_peer_local_name(stream->watcher.fd, name) == 0;
    if (!facts || facts->own.size == 0)
        return false;
    *name = facts->own;
    return true;
}

int mp_local_socket_set_abstract(mp_local_socket *socket, bool abstract) {
    mp_local_facts *facts = need_facts(&socket->tcp.stream);
    if (facts)
        facts->abstract = abstract;
    return facts ? 0 : -ENOMEM;
}

bool mp_local_socket_is_abstract(const mp_local_socket *socket) {
    const mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    return facts && facts->abstract;
}

int mp_local_socket_credentials(const mp_local_socket *socket, pid_t *pid, uid_t *uid, gid_t *gid) {
    const mp_stream *stream = &socket->tcp.stream;
    bool connected = stream->watcher.fd >= 0 &&
                     (stream->state == MP_STATE_CONNECTED || stream->state == MP_STATE_CLOSING);
    return connected ? mp_system_peer_credentials(stream->watcher.fd, pid, uid, gid) : -ENOTCONN;
}

bool mp_local_socket_adopts(int fd) {
    return mp_system_is_local(fd);
}

/* --- descriptors ---------------------------------------------------------------------------------------- */

/* Has the transport that passes descriptors carry the stream. */
static int carry(mp_stream *stream) {
    assert(!(stream->flags & FLAG_PIPE));
    mp_trace_give_way(stream);
    return stream->flags & FLAG_CARRIED ? 0
                                        : mp_stream_set_plain_transport(stream, &mp_transport_descriptors);
}

int mp_local_socket_set_receive(mp_local_socket *socket, size_t most) {
    mp_stream *stream = &socket->tcp.stream;
    mp_local_facts *facts = need_facts(&socket->tcp.stream);
    if (!facts)
        return -ENOMEM;
    if (most > facts->received_count || most != facts->received_room) {
        size_t room = most > facts->received_count ? most : facts->received_count;
        int *received = realloc(facts->received, (room > 0 ? room : 1) * sizeof *received);
        if (!received)
            return -ENOMEM;
        facts->received = received;
        facts->received_room = room;
    }
    facts->most = most;
    return most > 0 && stream->state != MP_STATE_UNCONNECTED ? carry(stream) : 0;
}

int mp_local_socket_adopted(mp_local_socket *socket) {
    mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    if (!facts)
        return 0;
    drop_received(&socket->tcp.stream);
    facts->own.size = facts->full.size = 0;
    facts->asked_size = 0;
    return mp_local_socket_set_receive(socket, facts->most);
}

size_t mp_local_socket_receive_limit(const mp_local_socket *socket) {
    const mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    return facts ? facts->most : 0;
}

size_t mp_local_socket_descriptor_count(const mp_local_socket *socket) {
    const mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    return facts ? facts->received_count : 0;
}

int mp_local_socket_take_descriptor(mp_local_socket *socket) {
    mp_local_facts *facts = mp_local_facts_of(&socket->tcp.stream);
    if (!facts || facts->received_count == 0)
        return -1;
    int fd = facts->received[0];
    facts->received_count--;
    memmove(facts->received, facts->received + 1, facts->received_count * sizeof *facts->received);
    return fd;
}

static bool has_room(mp_local_facts *facts) {
    if (facts->outgoing_count < facts->outgoing_room)
        return true;
    size_t room = facts->outgoing_room > 0 ? 2 * facts->outgoing_room : 4;
    mp_outgoing *outgoing = realloc(facts->outgoing, room * sizeof *outgoing);
    if (!outgoing)
        return false;
    facts->outgoing = outgoing;
    facts->outgoing_room = room;
    return true;
}

enum mp_fault mp_local_socket_send_descriptor(mp_local_socket *socket, int fd, const char *data,
                                              size_t size) {
    mp_stream *stream = &socket->tcp.stream;
    assert(size > 0);
    enum mp_fault fault = mp_stream_can_write(stream, size);
    if (fault != MP_FAULT_NONE)
        return fault;
    mp_local_facts *facts = need_facts(&socket->tcp.stream);
    int own = mp_system_duplicate(fd);
    if (own < 0)
        return own == -EBADF ? MP_FAULT_INVALID_DESCRIPTOR : MP_FAULT_RESOURCE;
    uint64_t position = facts ? facts->passed + stream->out.bytes : 0;
    if (!facts || !has_room(facts) || carry(stream) < 0) {
        mp_system_close(own);
        return MP_FAULT_RESOURCE;
    }
    fault = mp_stream_write(stream, data, size, MP_COPY);
    if (fault == MP_FAULT_NONE)
        facts->outgoing[facts->outgoing_count++] = (mp_outgoing){position, own};
    else
        mp_system_close(own);
    return fault;
}
