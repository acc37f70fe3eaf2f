/*
 * Host names in the form in which they are asked and found: in ASCII and in lower case.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_NAME_H
#define MP_RESOLVER_NAME_H

/* Room for the longest name with its final dot and NUL, and one byte more, which shows that a name is
   longer. */
#define MP_NAME_SIZE 256

/*
 * Copies a name in lower case. A name beyond ASCII, in UTF-8, becomes its form for name servers (IDNA2008 by
 * UTS 46). A name that is too long is cut to a length that no valid name has, and one that can't be a host's
 * becomes empty. Returns 0, -ENOMEM, or -ENOTSUP for a name beyond ASCII if this was built without libidn2.
 */
int mp_name_fold(char folded[MP_NAME_SIZE], const char *name);

#endif
