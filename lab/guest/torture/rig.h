/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the torture programs have in common: the lab's accelerator through
 * vfio, the first RDMA device, and "ok" lines. The accelerator's memory is
 * handled in slots, any number of dma-bufs may be made of one.
 */
#ifndef TORTURE_RIG_H
#define TORTURE_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include <infiniband/verbs.h>

#include "dmabuf.h"
#include "vfio.h"

#define SLOT_SIZE 65536

struct rig {
	char accel[32];			/* PCI address */
	struct vfio_device vfio;
	struct ibv_context *context;
	struct ibv_pd *pd;
	unsigned int ns;		/* of the tags that the NIC sends, 8 or 16 */
	unsigned int st_entries;	/* usable ones; 0: direct mode */
	int failed;			/* "not ok" lines so far */
};

/* rig_open(): exits after a complaint if there is no lab to work with */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* All return 0, or a descriptor, or a negative errno. */
int rig_export(struct rig *rig, unsigned int slot);
int rig_set(struct rig *rig, int fd, __u16 tag, __u8 ph);
int rig_clear(struct rig *rig, int fd);
int rig_get(struct rig *rig, int fd, __u16 *tag, __u8 *ph);

/*
 * rig_register(): @access is on top of local and remote writes and remote reads.
 * NULL and errno, as ibv_reg_dmabuf_mr()
 */
struct ibv_mr *rig_register(struct ibv_pd *pd, int fd, int access);
/* rig_register_dmah(): without, as ibv_reg_mr_ex() with a DMA handle */
struct ibv_mr *rig_register_dmah(struct ibv_pd *pd, int fd,
				 struct ibv_dmah *dmah);

/*
 * rig_held(): does an importer hold this hint, which is what @fd has? 1 or 0, a
 * negative errno if that cannot be told. The hint is the same afterwards.
 */
int rig_held(struct rig *rig, int fd, __u16 tag, __u8 ph);

/* rig_check_table(): each entry of the NIC's ST table can still be used */
void rig_check_table(struct rig *rig);

/* A line of the result; returns @ok */
bool rig_result(struct rig *rig, bool ok, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
