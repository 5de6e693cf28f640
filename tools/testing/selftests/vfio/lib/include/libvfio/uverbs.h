/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H
#define SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H

#include <linux/types.h>

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

#endif /* SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_UVERBS_H */
