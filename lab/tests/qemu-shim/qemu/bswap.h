/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_QEMU_BSWAP_H
#define SHIM_QEMU_BSWAP_H

#include <endian.h>

#define cpu_to_le64(v) htole64(v)

#endif
