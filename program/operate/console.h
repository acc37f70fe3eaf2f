/*
 * The console: Lua in the running service. An entry is compiled with the globals of the code that serves, and
 * runs as a task: it may wait. It runs in slices beside the service, and ends after its time. Its locals stay
 * for the visitor's next entries. Whatever goes wrong in it is only its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CONSOLE_H
#define PROGRAM_CONSOLE_H

#include "operate/visitor.h"

/* eval MSEC SIZE: the answer has an object with `print` for each print, one with `value` for each result, and
   one with `incomplete` if the text is only the beginning of something. */
extern const program_command program_eval_command;

/* complete SIZE: an object with `name` for each name that the text, "moonport.sl", may become. */
extern const program_command program_complete_command;

#endif
