/*
 * Bottom halves and timers without a main loop
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "shim.h"

struct QEMUBH {
    void (*cb)(void *opaque);
    void *opaque;
    MemReentrancyGuard *guard;
    bool scheduled;
    QEMUBH *next;
};

static QEMUBH *bhs;
static QEMUTimer *timers;
static int64_t now;

QEMUBH *qemu_bh_new_guarded(void (*cb)(void *opaque), void *opaque,
                            MemReentrancyGuard *guard)
{
    QEMUBH *bh = g_new0(QEMUBH, 1);

    bh->cb = cb;
    bh->opaque = opaque;
    bh->guard = guard;
    bh->next = bhs;
    bhs = bh;
    return bh;
}

void qemu_bh_schedule(QEMUBH *bh)
{
    bh->scheduled = true;
}

void qemu_bh_delete(QEMUBH *bh)
{
    QEMUBH **link = &bhs;

    while (*link != bh) {
        link = &(*link)->next;
    }
    *link = bh->next;
    g_free(bh);
}

bool shim_poll(void)
{
    QEMUBH *bh, *next;
    bool ran = false;

    for (bh = bhs; bh; bh = next) {
        MemReentrancyGuard none = { 0 };
        MemReentrancyGuard *guard = bh->guard ? bh->guard : &none;
        bool engaged = guard->engaged_in_io;

        next = bh->next;
        if (bh->scheduled) {
            bh->scheduled = false;
            guard->engaged_in_io = true;
            bh->cb(bh->opaque);
            guard->engaged_in_io = engaged;
            ran = true;
        }
    }
    return ran;
}

unsigned int shim_settle(void)
{
    unsigned int turns = 0;

    while (shim_poll()) {
        turns++;
    }
    return turns;
}

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    (void)type;
    return now;
}

void timer_init_ns(QEMUTimer *timer, QEMUClockType type,
                   void (*cb)(void *opaque), void *opaque)
{
    (void)type;
    *timer = (QEMUTimer) { .cb = cb, .opaque = opaque };
}

void timer_del(QEMUTimer *timer)
{
    QEMUTimer **link = &timers;

    if (timer->pending) {
        while (*link != timer) {
            link = &(*link)->next;
        }
        *link = timer->next;
        timer->pending = false;
    }
}

void timer_mod_ns(QEMUTimer *timer, int64_t expires)
{
    timer_del(timer);
    timer->expires = expires;
    timer->pending = true;
    timer->next = timers;
    timers = timer;
}

bool timer_pending(QEMUTimer *timer)
{
    return timer->pending;
}

static QEMUTimer *first_timer(void)
{
    QEMUTimer *first = timers;

    for (QEMUTimer *timer = timers; timer; timer = timer->next) {
        if (timer->expires < first->expires) {
            first = timer;
        }
    }
    return first;
}

int64_t shim_next_timer(void)
{
    QEMUTimer *first = first_timer();

    return first ? first->expires - now : -1;
}

void shim_advance(int64_t ns)
{
    int64_t end = now + ns;
    QEMUTimer *first;

    shim_settle();
    while ((first = first_timer()) && first->expires <= end) {
        now = first->expires;
        timer_del(first);
        first->cb(first->opaque);
        shim_settle();
    }
    now = end;
}
