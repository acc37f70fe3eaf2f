/*
 * What the system gives to a service: processors, the manager that has started it, its environment.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SERVICE_H
#define MP_SERVICE_H

#include <stdbool.h>

/* The number of processors that this process may use at a time: those that it may run on, or fewer by the
   quota of its control group, rounded up. */
int mp_system_processors(void);

/* Tells systemd, see sd_notify(3). False: it doesn't ask for that, or wasn't reached. */
bool mp_system_notify(const char *text);

/* How many listening descriptors systemd has passed to this process, from 3 on. */
int mp_system_passed_descriptors(void);

/* This process takes the place of the one that systemd has started, which passed its descriptors on, but
   speaks for itself. At the start, while there are no threads. */
void mp_system_inherit_service(void);

#endif
