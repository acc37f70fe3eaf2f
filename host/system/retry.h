/*
 * Only for the files of this folder.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RETRY_H
#define MP_RETRY_H

#include <errno.h>

/* Repeats a call that a signal interrupted; returns a failure as -errno. */
#define RETRY(call)                                                                                          \
    __extension__({                                                                                          \
        __typeof__(call) result_;                                                                            \
        do                                                                                                   \
            result_ = (call);                                                                                \
        while (result_ < 0 && errno == EINTR);                                                               \
        result_ < 0 ? -errno : result_;                                                                      \
    })

#endif
