/*
 * Foreign bytes in a line: escaped, so that they can't control a terminal, begin another line or end the
 * string that they are in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ESCAPE_H
#define MP_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each copies `text` to `out`, at most `size` bytes. -> how many it has written. What doesn't fit whole, an
 * escape or a sequence of UTF-8, is left out with all that follows, so what is written can be closed by a
 * quote anywhere.
 */

/* As the log shows it: \n, \t and \r, and \xhh for each byte of other control characters, of U+2028 and
   U+2029 (line ends for some readers), and of what isn't UTF-8. */
size_t mp_escape_text(char *out, size_t size, const char *text, size_t length);

/* The same within double quotes, which are the caller's: \" and \\, too. */
size_t mp_escape_quoted(char *out, size_t size, const char *text, size_t length);

/* Within a string of JSON (RFC 8259), whose quotes are the caller's. The same characters are escaped, as \n
   or \u2028. Each byte that belongs to no UTF-8 becomes \ufffd. */
size_t mp_escape_json(char *out, size_t size, const char *text, size_t length);

/* The length without a sequence that its end has cut: for text that was copied into too small a buffer. */
size_t mp_utf8_whole(const char *text, size_t length);

bool mp_utf8_valid(const char *text, size_t length);

#endif
