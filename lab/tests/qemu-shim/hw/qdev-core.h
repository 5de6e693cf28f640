/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_HW_QDEV_CORE_H
#define SHIM_HW_QDEV_CORE_H

#include <stdbool.h>

typedef struct {
    bool engaged_in_io;
} MemReentrancyGuard;

#endif
