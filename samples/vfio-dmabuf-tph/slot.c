// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmabuf.h"
#include "mmio.h"
#include "options.h"
#include "rdma.h"
#include "say.h"
#include "slot.h"
#include "vfio.h"

#define SLOT_WORDS (SLOT_SIZE / sizeof(__u32))

bool slot_open(struct slot *slot, const struct setup *setup,
	       unsigned int index, struct result *result)
{
	*slot = (struct slot) {
		.setup = setup,
		.result = result,
		.offset = (__u64)index * SLOT_SIZE,
		.fd = -1,
	};
	slot->mem = (char *)setup->accel->mem + slot->offset;
	result->bar_address = setup->accel->mem_address + slot->offset;
	result->bar_length = SLOT_SIZE;
	result->length = setup->opt->length;

	/* If the scenario before left it off, touching the memory is a SIGBUS. */
	if (!result_check_error(result, "memory decode", 0,
				vfio_memory_decode(setup->vfio, true)))
		return false;

	slot->want = calloc(SLOT_WORDS, sizeof(*slot->want));
	if (!slot->want)
		return result_check_error(result, "memory", 0, -ENOMEM);

	slot->fd = dmabuf_export(setup->vfio, TPH_ACCEL_MEM_BAR, slot->offset,
				 SLOT_SIZE);
	return result_check_error(result, "export as a dma-buf", 0,
				  slot->fd < 0 ? slot->fd : 0);
}

void slot_close(struct slot *slot)
{
	if (slot->mr)
		ibv_dereg_mr(slot->mr);
	if (slot->fd >= 0)
		close(slot->fd);
	free(slot->want);
}

bool slot_rule(struct slot *slot, unsigned int op)
{
	const struct options *opt = slot->setup->opt;

	return result_check_error(slot->result, "ingress rule", 0,
				  accel_set_rule(slot->setup->accel, opt->ns,
						 opt->tag, op));
}

static struct vfio_device_feature_dma_buf_tph hint_of(struct slot *slot,
						      __u8 ph)
{
	const struct options *opt = slot->setup->opt;

	return dmabuf_tph(slot->fd, opt->ns, opt->tag, ph);
}

static struct vfio_device_feature_dma_buf_tph no_hint_of(struct slot *slot)
{
	return (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = slot->fd,
	};
}

static void
tph_text(const struct vfio_device_feature_dma_buf_tph *tph, char *text,
	 size_t size)
{
	snprintf(text, size, "flags 0x%x ST 0x%x ST_EXT 0x%x PH %u",
		 tph->flags, tph->steering_tag, tph->steering_tag_ext,
		 tph->ph);
}

static bool check_get(struct slot *slot, const char *what,
		      const struct vfio_device_feature_dma_buf_tph *expected)
{
	struct vfio_device_feature_dma_buf_tph found;
	char expected_text[80], found_text[80];
	int ret;

	ret = dmabuf_get_tph(slot->setup->vfio, slot->fd, &found);
	if (ret)
		return result_check_error(slot->result, what, 0, ret);

	tph_text(expected, expected_text, sizeof(expected_text));
	tph_text(&found, found_text, sizeof(found_text));
	return result_check_text(slot->result, what, expected_text,
				 found_text);
}

bool slot_check_hint(struct slot *slot, const char *what, __u8 ph)
{
	struct vfio_device_feature_dma_buf_tph tph = hint_of(slot, ph);

	return check_get(slot, what, &tph);
}

bool slot_check_no_hint(struct slot *slot, const char *what)
{
	struct vfio_device_feature_dma_buf_tph tph = no_hint_of(slot);

	/* A device that takes none at all does not have the feature. */
	if (!slot->setup->namespaces)
		return result_check_error(slot->result, what, -EOPNOTSUPP,
					  dmabuf_get_tph(slot->setup->vfio,
							 slot->fd, &tph));
	return check_get(slot, what, &tph);
}

static bool try_set(struct slot *slot, const char *what,
		    const struct vfio_device_feature_dma_buf_tph *tph,
		    int expected)
{
	return result_check_error(slot->result, what, expected,
				  dmabuf_set_tph(slot->setup->vfio, tph));
}

bool slot_try_hint(struct slot *slot, const char *what, __u8 ph, int expected)
{
	struct vfio_device_feature_dma_buf_tph tph = hint_of(slot, ph);

	return try_set(slot, what, &tph, expected);
}

bool slot_try_clear(struct slot *slot, const char *what, int expected)
{
	struct vfio_device_feature_dma_buf_tph tph = no_hint_of(slot);

	return try_set(slot, what, &tph, expected);
}

bool slot_set_hint(struct slot *slot, __u8 ph)
{
	return slot_try_hint(slot, "SET of the hint", ph, 0) &&
	       slot_check_hint(slot, "GET of the hint", ph);
}

/* The BAR offset serves as remote address: a trace of requests explains itself. */
static struct ibv_mr *try_register(struct slot *slot)
{
	errno = 0;
	return rdma_register(slot->setup->rdma, slot->fd, SLOT_SIZE,
			     slot->offset);
}

static int register_error(void)
{
	return errno ? -errno : -EIO;
}

static bool reconnect_if_broken(struct slot *slot)
{
	struct rdma *rdma = slot->setup->rdma;

	return !rdma->broken ||
	       result_check_error(slot->result, "new connection", 0,
				  rdma_reconnect(rdma));
}

bool slot_register(struct slot *slot)
{
	struct result *r = slot->result;

	if (!reconnect_if_broken(slot))
		return false;
	slot->mr = try_register(slot);
	if (!slot->mr)
		return result_check_error(r, "ibv_reg_dmabuf_mr", 0,
					  register_error());
	r->registered = true;
	r->lkey = slot->mr->lkey;
	r->rkey = slot->mr->rkey;
	return result_check_error(r, "ibv_reg_dmabuf_mr", 0, 0);
}

/* In vain, so what there is of a success goes at once. */
bool slot_register_fails(struct slot *slot, const char *what, int expected)
{
	struct ibv_mr *mr = try_register(slot);
	int ret = mr ? 0 : register_error();

	if (mr)
		ibv_dereg_mr(mr);
	return result_check_error(slot->result, what, expected, ret);
}

bool slot_deregister(struct slot *slot)
{
	int ret;

	ret = ibv_dereg_mr(slot->mr);
	if (!ret)
		slot->mr = NULL;
	return result_check_error(slot->result, "ibv_dereg_mr", 0, -ret);
}

/* Lanes are little endian in the memory, and in everything compared with it. */
static __u32 fill_word(unsigned int i)
{
	return 0xa5000000 + i;
}

static __u32 pattern_word(unsigned int i, __u32 seed)
{
	return (i + 1) * 0x9e3779b1 + seed * 0x01010101;
}

void slot_fill(struct slot *slot)
{
	unsigned int i;

	for (i = 0; i < SLOT_WORDS; i++) {
		slot->want[i] = fill_word(i);
		mmio_write32((__u32 *)slot->mem + i, slot->want[i]);
	}
	/* Stores to a device are posted; a load from it waits for them. */
	mmio_read32(slot->mem);
}

void slot_begin(struct slot *slot)
{
	accel_read_counters(slot->setup->accel, &slot->before);
}

static void check_count(struct slot *slot, const char *what, __u64 bytes,
			const struct accel_count *found, bool *ok)
{
	struct result *r = slot->result;
	char name[64];

	snprintf(name, sizeof(name), "bytes %s", what);
	if (!result_check_number(r, name, bytes, found->bytes))
		*ok = false;
	/* How many TLPs they are is up to the payload size of the route. */
	snprintf(name, sizeof(name), "TLPs %s", what);
	if (!result_check_text(r, name, bytes ? "some" : "none",
			       found->tlps ? "some" : "none"))
		*ok = false;
}

static bool check_last(struct slot *slot, const struct accel_hint *expected)
{
	char expected_text[48], found_text[48];
	struct accel_hint *found = &slot->result->last;

	accel_last_hint(slot->setup->accel, found);
	accel_hint_text(expected, expected_text, sizeof(expected_text));
	accel_hint_text(found, found_text, sizeof(found_text));
	return result_check_text(slot->result, "hint of the last write",
				 expected_text, found_text);
}

bool slot_end(struct slot *slot, unsigned int writes,
	      const struct accel_hint *hint)
{
	__u64 bytes = (__u64)writes * slot->setup->opt->length;
	struct accel_counters now, diff = {};
	bool ok = true;

	accel_read_counters(slot->setup->accel, &now);
	accel_add_counters(&diff, &slot->before, &now);
	accel_add_counters(&slot->result->counters, &slot->before, &now);

	check_count(slot, "that matched the rule", hint->th ? bytes : 0,
		    &diff.rule, &ok);
	check_count(slot, "without a hint", hint->th ? 0 : bytes,
		    &diff.plain, &ok);
	check_count(slot, "with a foreign tag", 0, &diff.other, &ok);
	if (!result_check_number(slot->result, "bytes of partial lanes", 0,
				 diff.unaligned))
		ok = false;
	if (writes && !check_last(slot, hint))
		ok = false;
	return ok;
}

static void fill_source(struct slot *slot, __u32 seed)
{
	__u32 *source = slot->setup->rdma->source;
	unsigned int i;

	for (i = 0; i < slot->setup->opt->length / sizeof(*source); i++)
		source[i] = htole32(pattern_word(i, seed));
}

static void update_want(struct slot *slot, __u32 seed, enum effect effect)
{
	unsigned int i;

	for (i = 0; i < slot->setup->opt->length / sizeof(__u32); i++) {
		if (effect == EFFECT_STORE)
			slot->want[i] = 0;
		slot->want[i] += pattern_word(i, seed);
	}
}

static bool write_ends(struct slot *slot, const char *what, __u32 seed,
		       int expected)
{
	struct result *r = slot->result;
	int status;

	fill_source(slot, seed);
	status = rdma_write(slot->setup->rdma, slot->offset, slot->mr->rkey,
			    slot->setup->opt->length);
	if (status == IBV_WC_SUCCESS)
		r->writes++;
	else
		r->failed_writes++;
	return result_check_text(r, what, rdma_status_name(expected),
				 rdma_status_name(status));
}

bool slot_write(struct slot *slot, __u32 seed, enum effect effect)
{
	if (!write_ends(slot, "RDMA WRITE", seed, IBV_WC_SUCCESS))
		return false;
	update_want(slot, seed, effect);
	return true;
}

bool slot_write_refused(struct slot *slot, const char *what)
{
	return write_ends(slot, what, 0x66, IBV_WC_REM_ACCESS_ERR);
}

/* Writes are posted: that one does not arrive is nothing a sender learns. */
bool slot_write_vanishes(struct slot *slot, __u32 seed)
{
	return write_ends(slot, "RDMA WRITE", seed, IBV_WC_SUCCESS);
}

static bool check_words(struct slot *slot, const char *what,
			const __u32 *found, size_t nr)
{
	char expected_text[40], found_text[40];
	size_t i;

	for (i = 0; i < nr; i++)
		if (mmio_read32(found + i) != slot->want[i])
			break;
	if (i == nr)
		return result_check_text(slot->result, what, "as written",
					 "as written");

	snprintf(expected_text, sizeof(expected_text), "0x%08x at byte 0x%zx",
		 slot->want[i], i * sizeof(__u32));
	snprintf(found_text, sizeof(found_text), "0x%08x",
		 mmio_read32(found + i));
	return result_check_text(slot->result, what, expected_text,
				 found_text);
}

/*
 * On one connection a READ comes after the WRITEs before it, in the BAR also:
 * once its data is here, plain loads see the same.
 */
bool slot_verify_read(struct slot *slot)
{
	struct rdma *rdma = slot->setup->rdma;
	unsigned int length = slot->setup->opt->length;
	int status;

	memset(rdma->sink, 0xee, length);
	status = rdma_read(rdma, slot->offset, slot->mr->rkey, length);
	if (!result_check_text(slot->result, "RDMA READ",
			       rdma_status_name(IBV_WC_SUCCESS),
			       rdma_status_name(status)))
		return false;
	return check_words(slot, "memory by RDMA READ", rdma->sink,
			   length / sizeof(__u32));
}

bool slot_read_refused(struct slot *slot)
{
	int status = rdma_read(slot->setup->rdma, slot->offset, slot->mr->rkey,
			       slot->setup->opt->length);

	return result_check_text(slot->result, "RDMA READ",
				 rdma_status_name(IBV_WC_REM_OP_ERR),
				 rdma_status_name(status));
}

/* The whole slot: behind the written part nothing may have changed. */
bool slot_verify_map(struct slot *slot)
{
	return check_words(slot, "memory by plain loads", slot->mem,
			   SLOT_WORDS);
}
