/*
 * Messages; see message.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/message.h"

#include <stdarg.h>
#include <stdio.h>

void mp_tls_say(mp_tls_message *message, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->text, sizeof message->text, format, arguments);
    va_end(arguments);
}
