/*
 * Reports errors of handlers and tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_REPORT_H
#define BINDING_REPORT_H

#include "run/task.h"

/* Logs the error of a task (its message is on top of its stack) with a traceback, calls onError's
   function, and aborts the connection that it happened on. Never raises. For a task's kind. */
void binding_report(binding_task *task);

/* The same for a handler that runs with others in one coroutine. */
void binding_report_of_batch(binding_task *task);

/* Pushes the message of the error value at index -1 of `from`, with a traceback, onto L. May raise. */
void binding_push_error(lua_State *L, lua_State *from, bool traceback);

#endif
