/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A slot: the BAR range of one scenario, exported as a dma-buf of its own,
 * with what its memory should hold by now.
 *
 * Functions that return bool have recorded a check in the result, and true
 * means that it holds.
 */
#ifndef SAMPLE_TPH_SLOT_H
#define SAMPLE_TPH_SLOT_H

#include <stdbool.h>

#include "accel.h"
#include "report.h"

/* One slot; a multiple of the page size of every machine with PCIe. */
#define SLOT_SIZE 0x10000

struct ibv_mr;
struct options;
struct rdma;
struct vfio_device;

/* struct setup: what all scenarios share */
struct setup {
	const struct options *opt;
	struct vfio_device *vfio;
	struct accel *accel;
	struct rdma *rdma;
	__u32 namespaces;	/* VFIO_DMA_BUF_TPH_* that the device takes */
};

struct slot {
	const struct setup *setup;
	struct result *result;
	__u64 offset;			/* in the BAR */
	void *mem;			/* mapped */
	__u32 *want;			/* what @mem should hold */
	int fd;				/* of the dma-buf */
	struct ibv_mr *mr;
	struct accel_counters before;
	const char *command;		/* to run while registered, or NULL */
};

/* What the accelerator does to its memory with a write */
enum effect {
	EFFECT_STORE,
	EFFECT_ADD,
};

/* slot_open(): slot_close() is due whatever it returns */
bool slot_open(struct slot *slot, const struct setup *setup,
	       unsigned int index, struct result *result);
void slot_close(struct slot *slot);

/* slot_rule(): let the accelerator do @op with the tag of the options */
bool slot_rule(struct slot *slot, unsigned int op);

/* The owner's side: SET the options' tag with @ph, clear it, compare by GET */
bool slot_set_hint(struct slot *slot, __u8 ph);
bool slot_try_hint(struct slot *slot, const char *what, __u8 ph, int expected);
bool slot_try_clear(struct slot *slot, const char *what, int expected);
bool slot_check_hint(struct slot *slot, const char *what, __u8 ph);
bool slot_check_no_hint(struct slot *slot, const char *what);

/* The importer's side. slot_register() connects anew if that is needed. */
bool slot_register(struct slot *slot);
bool slot_register_fails(struct slot *slot, const char *what, int expected);
bool slot_deregister(struct slot *slot);

/* slot_fill(): give the memory a known content, by plain stores */
void slot_fill(struct slot *slot);

/*
 * slot_begin() to slot_end(): count what the accelerator receives. @hint is
 * what each of the @writes in between is to carry; its content is of no
 * matter if there are none.
 */
void slot_begin(struct slot *slot);
bool slot_end(struct slot *slot, unsigned int writes,
	      const struct accel_hint *hint);

/* slot_write(): RDMA WRITE of a pattern that depends on @seed */
bool slot_write(struct slot *slot, __u32 seed, enum effect effect);
/* slot_write_refused(): the same, to end with a remote access error */
bool slot_write_refused(struct slot *slot, const char *what);
/* slot_write_vanishes(): it ends well, but does not change the memory */
bool slot_write_vanishes(struct slot *slot, __u32 seed);

/* slot_read_refused(): RDMA READ that ends with a remote operational error */
bool slot_read_refused(struct slot *slot);

/* slot_verify_read(): by RDMA READ; slot_verify_map(): by plain loads */
bool slot_verify_read(struct slot *slot);
bool slot_verify_map(struct slot *slot);

#endif
