/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * tph-accel, the lab's accelerator: BAR memory with an ingress block in front,
 * which acts on the steering tag of a write.
 */
#ifndef SAMPLE_TPH_ACCEL_H
#define SAMPLE_TPH_ACCEL_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "hw/misc/tph_accel_regs.h"

struct vfio_device;

struct accel {
	const char *address;
	void *regs;
	void *mem;
	size_t mem_mapped;
	__u64 mem_size;
	__u64 mem_address;	/* of the BAR, as the host sees it */
};

struct accel_count {
	__u64 tlps;
	__u64 bytes;
};

struct accel_counters {
	struct accel_count rule;	/* writes that matched the rule */
	struct accel_count plain;	/* writes without a hint */
	struct accel_count other;	/* writes with a tag of no rule */
	struct accel_count read;
	__u64 unaligned;		/* bytes of lanes written in part */
};

/* struct accel_hint: what the last write carried */
struct accel_hint {
	bool th;
	__u8 ph;
	__u16 st;
	unsigned int ns;		/* 8 or 16 */
};

/* accel_open(): map the registers and @length bytes of the memory */
int accel_open(struct accel *accel, struct vfio_device *dev, size_t length);
void accel_close(struct accel *accel);

/*
 * accel_set_rule(): make @op (TPH_ACCEL_OP_*) on 32-bit lanes what happens to
 * writes with this tag, and to no others. 0 or a negative errno after a
 * complaint.
 */
int accel_set_rule(struct accel *accel, unsigned int ns, __u16 tag,
		   unsigned int op);

void accel_read_counters(struct accel *accel, struct accel_counters *c);
/* accel_add_counters(): @sum += @to - @from */
void accel_add_counters(struct accel_counters *sum,
			const struct accel_counters *from,
			const struct accel_counters *to);

void accel_last_hint(struct accel *accel, struct accel_hint *hint);
/* accel_hint_text(): like "TH=1 PH=2 ST=0x5a (8-bit)", or "TH=0" */
void accel_hint_text(const struct accel_hint *hint, char *text, size_t size);

#endif
