/*
 * --share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SHARE_H
#define PROGRAM_SHARE_H

/* Prints the folder of the installed files; returns an exit status. */
int program_print_share(void);

#endif
