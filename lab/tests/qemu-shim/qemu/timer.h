/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_QEMU_TIMER_H
#define SHIM_QEMU_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define SCALE_MS 1000000
#define SCALE_US 1000
#define SCALE_NS 1

typedef enum { QEMU_CLOCK_VIRTUAL } QEMUClockType;

typedef struct QEMUTimer {
    void (*cb)(void *opaque);
    void *opaque;
    int64_t expires;
    bool pending;
    struct QEMUTimer *next;
} QEMUTimer;

int64_t qemu_clock_get_ns(QEMUClockType type);
void timer_init_ns(QEMUTimer *timer, QEMUClockType type,
                   void (*cb)(void *opaque), void *opaque);
void timer_mod_ns(QEMUTimer *timer, int64_t expires);
void timer_del(QEMUTimer *timer);
bool timer_pending(QEMUTimer *timer);

#endif
