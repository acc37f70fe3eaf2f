/*
 * Host names as they are asked for and found again: in ASCII and in lower case.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_NAME_H
#define MP_RESOLVER_NAME_H

/* Room for the longest name with its final dot and NUL, and one byte by which a longer one is recognised. */
#define MP_NAME_SIZE 256

/*
 * Copies a name in lower case. One beyond ASCII, in UTF-8, becomes its form for name servers (IDNA2008 as UTS
 * 46 has it). A name too long is cut to a length that no name has, and one that can't be a host's becomes
 * empty. Returns 0, -ENOMEM, or -ENOTSUP for a name beyond ASCII where libidn2 was not there when this was
 * built.
 */
int mp_name_fold(char folded[MP_NAME_SIZE], const char *name);

#endif
