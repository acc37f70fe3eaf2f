/*
 * What is written in Redis' protocol: headers such as "$5\r\n", and strings behind theirs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESP_TEXT_H
#define MP_RESP_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { MP_RESP_HEADER = 24 /* bytes of the longest: "$-9223372036854775808\r\n" */ };

/* Writes digits so that they end in front of `end`. Returns where they begin. */
char *mp_resp_put_number(char *end, int64_t number);

/* The same for a header: its type, the number and a line end. */
char *mp_resp_put_header(char *end, char type, int64_t number);

/* Bytes of a string of `size` bytes, with its header and its end. */
size_t mp_resp_string_size(size_t size);

/* Writes such a string to `out`. Returns what lies behind it. */
char *mp_resp_put_string(char *out, const char *text, size_t size);

#endif
