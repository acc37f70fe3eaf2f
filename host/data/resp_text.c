/*
 * See resp_text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/resp_text.h"

#include <string.h>

char *mp_resp_put_number(char *end, int64_t number) {
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--end = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--end = '-';
    return end;
}

char *mp_resp_put_header(char *end, char type, int64_t number) {
    *--end = '\n';
    *--end = '\r';
    end = mp_resp_put_number(end, number);
    *--end = type;
    return end;
}

size_t mp_resp_string_size(size_t size) {
    size_t digits = 1;
    for (size_t rest = size; rest >= 10; rest /= 10)
        digits++;
    return 1 + digits + 2 + size + 2;
}

char *mp_resp_put_string(char *out, const char *text, size_t size) {
    char header[MP_RESP_HEADER], *end = header + sizeof header;
    const char *begin = mp_resp_put_header(end, '$', (int64_t)size);
    memcpy(out, begin, (size_t)(end - begin));
    out += end - begin;
    if (size > 0)
        memcpy(out, text, size);
    out += size;
    *out++ = '\r';
    *out++ = '\n';
    return out;
}
