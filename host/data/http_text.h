/*
 * What the text of HTTP messages is made of: tokens, values, names of hosts, reasons.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_HTTP_TEXT_H
#define MP_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of these bytes may be in a token, such as a header field's name; one at least. */
bool mp_http_is_token(const char *text, size_t size);

/* How many bytes from the first one on may be in a token. */
uint32_t mp_http_token_span(const char *text, size_t size);

/* Whether the bytes may be a Host field's value, which may be empty. */
bool mp_http_is_host(const char *text, size_t size);

/* Whether the bytes may be in a header field's value: no CR, LF, NUL, or other control character but tab. */
bool mp_http_is_value(const char *text, size_t size);

/* Where the bytes that aren't control characters (a tab isn't) end, from `at` on. */
size_t mp_http_plain_end(const char *text, size_t at, size_t size);

/* "OK" for 200; NULL for a status without a phrase of its own */
const char *mp_http_reason(int status);

#endif
