// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "accel.h"
#include "mmio.h"
#include "say.h"
#include "vfio.h"

/* The one rule that this program uses; the others are kept off. */
#define RULE 0

static __u32 read32(struct accel *accel, unsigned int reg)
{
	return mmio_read32((char *)accel->regs + reg);
}

static __u64 read64(struct accel *accel, unsigned int reg)
{
	return mmio_read64((char *)accel->regs + reg);
}

static void write32(struct accel *accel, unsigned int reg, __u32 value)
{
	mmio_write32((char *)accel->regs + reg, value);
}

static int identify(struct accel *accel)
{
	__u32 id = read32(accel, TPH_ACCEL_REG_ID);
	__u32 version = read32(accel, TPH_ACCEL_REG_VERSION);
	__u32 rules = read32(accel, TPH_ACCEL_REG_RULES);

	if (id != TPH_ACCEL_ID)
		return complain(0, "%s is not a tph-accel: its ID register is 0x%x, not 0x%x",
				accel->address, id, TPH_ACCEL_ID);
	if (version != 1)
		return complain(0, "%s: version %u of tph-accel is not known",
				accel->address, version);
	if (rules <= RULE || rules > TPH_ACCEL_NR_RULES)
		return complain(0, "%s: %u ingress rules", accel->address,
				rules);
	accel->mem_size = read64(accel, TPH_ACCEL_REG_MEM_SIZE);
	return 0;
}

int accel_open(struct accel *accel, struct vfio_device *dev, size_t length)
{
	int ret;

	*accel = (struct accel) { .address = dev->address };
	accel->regs = vfio_map(dev, TPH_ACCEL_REGS_BAR, TPH_ACCEL_REGS_SIZE);
	if (!accel->regs)
		return -EIO;

	ret = identify(accel);
	if (!ret)
		ret = vfio_bar_address(dev, TPH_ACCEL_MEM_BAR,
				       &accel->mem_address);
	if (!ret) {
		accel->mem = vfio_map(dev, TPH_ACCEL_MEM_BAR, length);
		if (!accel->mem)
			ret = -EIO;
		accel->mem_mapped = length;
	}
	if (ret)
		accel_close(accel);
	return ret;
}

void accel_close(struct accel *accel)
{
	if (accel->mem)
		munmap(accel->mem, accel->mem_mapped);
	if (accel->regs)
		munmap(accel->regs, TPH_ACCEL_REGS_SIZE);
	accel->mem = NULL;
	accel->regs = NULL;
}

static void clear_rules(struct accel *accel)
{
	unsigned int nr = read32(accel, TPH_ACCEL_REG_RULES);
	unsigned int n;

	for (n = 0; n < nr && n < TPH_ACCEL_NR_RULES; n++)
		write32(accel, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_CTRL, 0);
}

/* The tag comes before the valid bit: no write sees half a rule. */
int accel_set_rule(struct accel *accel, unsigned int ns, __u16 tag,
		   unsigned int op)
{
	__u32 ctrl = TPH_ACCEL_RULE_VALID |
		     op << TPH_ACCEL_RULE_OP_SHIFT |
		     TPH_ACCEL_LANE_U32 << TPH_ACCEL_RULE_LANE_SHIFT;
	__u32 found_ctrl, found_tag;

	if (ns == 16)
		ctrl |= TPH_ACCEL_RULE_EXT;
	clear_rules(accel);
	write32(accel, TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_TAG, tag);
	write32(accel, TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_CTRL, ctrl);

	found_ctrl = read32(accel, TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_CTRL);
	found_tag = read32(accel, TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_TAG);
	if (found_ctrl != ctrl || found_tag != tag)
		return complain(0, "%s: rule %d: wrote 0x%x, tag 0x%x; reads 0x%x, tag 0x%x",
				accel->address, RULE, ctrl, tag, found_ctrl,
				found_tag);
	return 0;
}

static struct accel_count read_count(struct accel *accel, unsigned int tlps,
				     unsigned int bytes)
{
	return (struct accel_count) {
		.tlps = read64(accel, tlps),
		.bytes = read64(accel, bytes),
	};
}

void accel_read_counters(struct accel *accel, struct accel_counters *c)
{
	c->rule = read_count(accel, TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_TLPS,
			     TPH_ACCEL_RULE(RULE) + TPH_ACCEL_RULE_BYTES);
	c->plain = read_count(accel, TPH_ACCEL_REG_PLAIN_TLPS,
			      TPH_ACCEL_REG_PLAIN_BYTES);
	c->other = read_count(accel, TPH_ACCEL_REG_OTHER_TLPS,
			      TPH_ACCEL_REG_OTHER_BYTES);
	c->read = read_count(accel, TPH_ACCEL_REG_READ_TLPS,
			     TPH_ACCEL_REG_READ_BYTES);
	c->unaligned = read64(accel, TPH_ACCEL_RULE(RULE) +
			      TPH_ACCEL_RULE_UNALIGNED);
}

static void add_count(struct accel_count *sum, const struct accel_count *from,
		      const struct accel_count *to)
{
	sum->tlps += to->tlps - from->tlps;
	sum->bytes += to->bytes - from->bytes;
}

void accel_add_counters(struct accel_counters *sum,
			const struct accel_counters *from,
			const struct accel_counters *to)
{
	add_count(&sum->rule, &from->rule, &to->rule);
	add_count(&sum->plain, &from->plain, &to->plain);
	add_count(&sum->other, &from->other, &to->other);
	add_count(&sum->read, &from->read, &to->read);
	sum->unaligned += to->unaligned - from->unaligned;
}

void accel_last_hint(struct accel *accel, struct accel_hint *hint)
{
	__u32 last = read32(accel, TPH_ACCEL_REG_LAST);

	*hint = (struct accel_hint) { .ns = 8 };
	if (!(last & TPH_ACCEL_LAST_TH))
		return;
	hint->th = true;
	hint->ph = (last & TPH_ACCEL_LAST_PH_MASK) >> TPH_ACCEL_LAST_PH_SHIFT;
	hint->st = last & TPH_ACCEL_LAST_ST_MASK;
	hint->ns = last & TPH_ACCEL_LAST_EXT ? 16 : 8;
}

void accel_hint_text(const struct accel_hint *hint, char *text, size_t size)
{
	if (hint->th)
		snprintf(text, size, "TH=1 PH=%u ST=0x%0*x (%u-bit)", hint->ph,
			 hint->ns / 4, hint->st, hint->ns);
	else
		snprintf(text, size, "TH=0");
}
