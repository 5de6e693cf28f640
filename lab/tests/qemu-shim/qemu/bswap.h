/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_QEMU_BSWAP_H
#define SHIM_QEMU_BSWAP_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define cpu_to_le64(v) htole64(v)

static inline uint32_t ldl_be_p(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static inline void stl_be_p(void *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof(v));
}

#endif
