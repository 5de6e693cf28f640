/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Accesses to a mapped BAR: exactly one load or store of exactly that width,
 * little endian. memcpy() promises neither, and devices care.
 */
#ifndef SAMPLE_TPH_MMIO_H
#define SAMPLE_TPH_MMIO_H

#include <endian.h>
#include <linux/types.h>

static inline __u32 mmio_read32(const void *address)
{
	return le32toh(*(const volatile __u32 *)address);
}

static inline __u64 mmio_read64(const void *address)
{
	return le64toh(*(const volatile __u64 *)address);
}

static inline void mmio_write32(void *address, __u32 value)
{
	*(volatile __u32 *)address = htole32(value);
}

#endif
