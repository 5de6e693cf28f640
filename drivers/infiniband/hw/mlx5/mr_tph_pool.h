/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Which hints of exporters get a pool of mkeys
 */

#ifndef _MLX5_IB_MR_TPH_POOL_H
#define _MLX5_IB_MR_TPH_POOL_H

#include <linux/atomic.h>
#include <linux/types.h>

struct mlx5_ib_mr_tph;

/* More than an owner of memory has use for, and an ST table has room for */
#define MLX5_IB_MR_TPH_POOLED	64

/* As many as an mkey can hold: 8 bits of tag or index, 2 of processing hint */
#define MLX5_IB_MR_TPH_HINTS	1024

/**
 * struct mlx5_ib_mr_tph_pool - the hints that have a pool of mkeys
 * @hints: a bit for each that has; set once, never cleared, and so in need of
 *	no lock
 * @nr_hints: how many there are
 */
struct mlx5_ib_mr_tph_pool {
	DECLARE_BITMAP(hints, MLX5_IB_MR_TPH_HINTS);
	atomic_t nr_hints;
};

bool mlx5_ib_mr_tph_pooled(struct mlx5_ib_mr_tph_pool *pool,
			   const struct mlx5_ib_mr_tph *tph);

#endif /* _MLX5_IB_MR_TPH_POOL_H */
