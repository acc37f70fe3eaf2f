/*
 * Changes in folders; see change.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/change.h"

#include <unistd.h>

#include "system/retry.h"

#ifdef __linux__
#include <sys/inotify.h>

#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define CONTENTS (NAMES | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)

int mp_system_open_changes(void) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int mp_system_watch_folder(int fd, const char *path, bool contents) {
    int folder = inotify_add_watch(fd, path, (contents ? CONTENTS : NAMES) | IN_MASK_ADD);
    return folder < 0 ? -errno : folder;
}

void mp_system_read_changes(int fd, void (*changed)(void *context, const mp_change *change), void *context) {
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n;
    while ((n = RETRY(read(fd, buffer, sizeof buffer))) > 0)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (struct inotify_event *)at;
            mp_change change = {.folder = event->mask & IN_Q_OVERFLOW ? -1 : event->wd,
                                .name = event->len > 0 ? event->name : NULL,
                                .names = (event->mask & NAMES) != 0,
                                .writing = (event->mask & IN_MODIFY) != 0,
                                .attributes = !(event->mask & (NAMES | IN_MODIFY | IN_CLOSE_WRITE))};
            changed(context, &change);
            at += sizeof *event + event->len;
        }
}
#else
int mp_system_open_changes(void) {
    return -ENOSYS;
}

int mp_system_watch_folder(int fd, const char *path, bool contents) {
    (void)fd;
    (void)path;
    (void)contents;
    return -ENOSYS;
}

void mp_system_read_changes(int fd, void (*changed)(void *context, const mp_change *change), void *context) {
    (void)fd;
    (void)changed;
    (void)context;
}
#endif
