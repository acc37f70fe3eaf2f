/*
 * moonport ctl: asks a running program by its control socket (operate/). It is written in Lua, and uses
 * moonport itself, as a script in a plain Lua does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CTL_H
#define PROGRAM_CTL_H

/* Runs the command with these words. Returns an exit status. */
int program_ctl(int count, char **words);

#endif
