/*
 * System calls on datagram sockets, several datagrams at once. Each returns a result or -errno; a caller
 * never sees EINTR.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SYSTEM_DATAGRAM_H
#define MP_SYSTEM_DATAGRAM_H

#include "data/datagram.h"

/* How many datagrams one call receives or sends at most. */
#define MP_DATAGRAM_SLOTS 32

/* Where datagrams are received. */
typedef struct mp_datagram_slots mp_datagram_slots;

/* Returns 0 or -ENOMEM. Memory is used only as far as datagrams fill it. */
int mp_datagram_slots_new(mp_datagram_slots **out);
void mp_datagram_slots_free(mp_datagram_slots *slots);

/* A non-blocking, close-on-exec datagram socket of `family`. */
int mp_system_datagram_socket(int family);

/* True for a datagram socket of IPv4 or IPv6; *family is which. */
bool mp_system_is_datagram_socket(int fd, int *family);

/* Has the system say of each datagram where it was sent to, its hop limit and its class of service; and
   allows broadcasts. What the system can't say stays unknown. */
void mp_system_describe_datagrams(int fd, int family);

/* Receives into the slots from `first` on. Returns the number of datagrams, or -EAGAIN; -ECONNREFUSED and the
   like report earlier datagrams of a connected socket. */
int mp_system_receive_datagrams(int fd, mp_datagram_slots *slots, int first);

/* The datagram in a slot. */
void mp_datagram_slot(const mp_datagram_slots *slots, int slot, mp_datagram *out);

/* Sends; returns how many the system took, or, if it refuses the first, -errno. */
int mp_system_send_datagrams(int fd, const mp_datagram *datagrams, int count);

/* Fixes the peer. */
int mp_system_connect_datagrams(int fd, const mp_socket_address *peer);

/* How many datagrams the system has dropped for lack of room since the descriptor exists; negative:
   unknown. */
int64_t mp_system_dropped_datagrams(int fd);

/* Joins a multicast group, or leaves it, on the interface with this index (0: the system's choice). */
int mp_system_multicast_group(int fd, const mp_address *group, uint32_t interface, bool join);

/* Has multicasts leave by the interface with this index; 0: the system's choice. */
int mp_system_set_multicast_interface(int fd, int family, uint32_t interface);

/* The index of a network interface; 0: there is none with this name. And the name, "" if there is none. */
uint32_t mp_system_interface(const char *name);
#define MP_INTERFACE_NAME 16
void mp_system_interface_name(uint32_t index, char name[MP_INTERFACE_NAME]);

#endif
