/*
 * The bell; see bell.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/bell.h"

#define AGAIN 500.0 /* milliseconds */

/* A wakeup with a notice, or NULL. Looked up anew each time: the last callback may have stopped any of
   them. */
static mp_wakeup *next_given(mp_bell *bell) {
    for (mp_ring *link = bell->wakeups.next; link != &bell->wakeups; link = link->next)
        if (MP_CONTAINER(link, mp_wakeup, link)->notice.given)
            return MP_CONTAINER(link, mp_wakeup, link);
    return NULL;
}

static void on_rung(mp_readable *rung);

static void on_again(mp_delay *again) {
    mp_bell *bell = MP_CONTAINER(again, mp_bell, again);
    mp_readable_start(&bell->rung, bell->rung.loop, bell->fds[0], on_rung);
}

static void on_rung(mp_readable *rung) {
    mp_bell *bell = MP_CONTAINER(rung, mp_bell, rung);
    mp_wakeup *wakeup;
    if (rung->deaf)
        mp_delay_start(&bell->again, rung->loop, AGAIN, on_again);
    mp_system_silence_bell(bell->fds[0]); /* first: a notice that comes now rings again */
    while ((wakeup = next_given(bell))) {
        wakeup->notice.given = 0;
        wakeup->woken(wakeup);
    }
}

int mp_bell_start(mp_bell *bell, mp_loop *loop) {
    int result = mp_system_open_bell(bell->fds);
    if (result < 0)
        return result;
    mp_ring_init(&bell->wakeups);
    mp_readable_start(&bell->rung, loop, bell->fds[0], on_rung);
    return 0;
}

void mp_bell_stop(mp_bell *bell) {
    assert(mp_ring_is_empty(&bell->wakeups));
    mp_readable_stop(&bell->rung);
    mp_delay_stop(&bell->again, bell->rung.loop);
    mp_system_close_bell(bell->fds);
}

void mp_wakeup_start(mp_wakeup *wakeup, mp_bell *bell, void (*woken)(mp_wakeup *wakeup)) {
    wakeup->notice = (mp_notice){.fd = bell->fds[1]};
    wakeup->loop = bell->rung.loop;
    wakeup->woken = woken;
    mp_ring_append(&bell->wakeups, &wakeup->link);
}

void mp_wakeup_stop(mp_wakeup *wakeup) {
    if (wakeup->link.next)
        mp_ring_remove(&wakeup->link);
}

static void on_interrupt(mp_wakeup *wakeup) {
    mp_interrupt *interrupt = MP_CONTAINER(wakeup, mp_interrupt, wakeup);
    interrupt->raised(interrupt);
}

void mp_interrupt_start(mp_interrupt *interrupt, mp_bell *bell, int number,
                        void (*raised)(mp_interrupt *interrupt)) {
    interrupt->number = number;
    interrupt->raised = raised;
    mp_wakeup_start(&interrupt->wakeup, bell, on_interrupt);
    mp_system_notice_signal(number, &interrupt->wakeup.notice);
}

void mp_interrupt_stop(mp_interrupt *interrupt) {
    if (!interrupt->wakeup.link.next)
        return;
    mp_system_notice_signal(interrupt->number, NULL);
    mp_wakeup_stop(&interrupt->wakeup);
}
