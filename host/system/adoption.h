/*
 * Descriptors that come from elsewhere. Whether one blocks belongs to what is open, and that may be open in
 * other processes too: a shell's terminal is its program's standard input, and unusable after it if that
 * stays non-blocking. So what was made non-blocking is given back as it was when the descriptor is closed,
 * and when the process ends.
 *
 * What is open is the process's, and so is what is noted here. For descriptors below 64, as those that are
 * inherited are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ADOPTION_H
#define MP_ADOPTION_H

/* O_NONBLOCK and close-on-exec for a descriptor that comes from elsewhere. Returns 0 or -errno. */
int mp_system_adopt(int fd);

/* It is about to be closed: it blocks again, if it did. Does nothing for others. */
void mp_system_give_back(int fd);

/* The process ends: all that are left. Exits by exit(3) do this; a signal handler may. */
void mp_system_give_back_all(void);

#endif
