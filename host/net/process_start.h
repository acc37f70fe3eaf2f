/*
 * Starting a process. For process.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PROCESS_START_H
#define MP_PROCESS_START_H

#include "net/process.h"

/* Starts the program: then the process is as a fresh one that is starting. Else it is as a fresh one, and
   has the reason as its text. No signal. Faults: NO_PROGRAM, PROCESS_NOT_STARTED. */
enum mp_fault mp_process_begin(mp_process *process, mp_process_start *start);

#endif
