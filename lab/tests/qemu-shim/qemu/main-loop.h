/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_QEMU_MAIN_LOOP_H
#define SHIM_QEMU_MAIN_LOOP_H

#include "hw/qdev-core.h"

typedef struct QEMUBH QEMUBH;

QEMUBH *qemu_bh_new_guarded(void (*cb)(void *opaque), void *opaque,
                            MemReentrancyGuard *guard);
void qemu_bh_schedule(QEMUBH *bh);
void qemu_bh_delete(QEMUBH *bh);

#endif
