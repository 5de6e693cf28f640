/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H
#define SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H

#include <linux/bits.h>
#include <linux/types.h>

struct ib_uverbs_rereg_mr;

/*
 * An RDMA device that imports dma-bufs, driven without libibverbs. Opening one
 * takes arguments that are its driver's own; those of mlx5 are known here.
 */
struct uverbs {
	int fd;
	u32 pd;
};

/*
 * Open /dev/infiniband/@name.
 *
 * Returns 0 or a negative errno, -EOPNOTSUPP if it has another driver.
 */
int uverbs_open(struct uverbs *uverbs, const char *name);
void uverbs_close(struct uverbs *uverbs);

/*
 * Register the first @length bytes of a dma-buf for remote access.
 *
 * Returns 0 and the handle of the memory region in @mr, or a negative errno.
 */
int uverbs_reg_dmabuf_mr(struct uverbs *uverbs, int dmabuf_fd, u64 length,
			 u32 *mr);
int uverbs_dereg_mr(struct uverbs *uverbs, u32 mr);

/* What of a memory region is to change */
#define UVERBS_REREG_TRANS	BIT(0)
#define UVERBS_REREG_PD		BIT(1)
#define UVERBS_REREG_ACCESS	BIT(2)

/*
 * Change a memory region: @change->flags says what, and other fields to what.
 *
 * Returns 0 or a negative errno.
 */
int uverbs_rereg_mr(struct uverbs *uverbs, u32 mr,
		    const struct ib_uverbs_rereg_mr *change);

/* Returns 0 and the handle of a new protection domain, or a negative errno. */
int uverbs_alloc_pd(struct uverbs *uverbs, u32 *pd);

#endif /* SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H */
