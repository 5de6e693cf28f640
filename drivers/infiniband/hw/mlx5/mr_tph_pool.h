/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Which hints of exporters get a pool of mkeys
 */

#ifndef _MLX5_IB_MR_TPH_POOL_H
#define _MLX5_IB_MR_TPH_POOL_H

#include <linux/types.h>

struct mlx5_ib_mr_tph;

/* More than an owner of memory has use for, and an ST table has room for */
#define MLX5_IB_MR_TPH_POOLED	64

/**
 * struct mlx5_ib_mr_tph_pool - the hints that have a pool of mkeys
 * @hints: each as one number that is not 0; filled from the start, never
 *	emptied, and so in need of no lock
 */
struct mlx5_ib_mr_tph_pool {
	u32 hints[MLX5_IB_MR_TPH_POOLED];
};

bool mlx5_ib_mr_tph_pooled(struct mlx5_ib_mr_tph_pool *pool,
			   const struct mlx5_ib_mr_tph *tph);

#endif /* _MLX5_IB_MR_TPH_POOL_H */
