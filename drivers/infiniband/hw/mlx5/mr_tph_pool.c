// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Which hints of exporters get a pool of mkeys
 *
 * An mkey cannot change its hint, so that each hint needs pools of its own: one
 * for each size of memory regions, and more for different access flags. A pool
 * is never freed while the device is there. The hints of a dma-buf are user
 * space's to choose, and there are many. Without a limit, going through them all
 * would cost the kernel memory that nobody is charged for.
 */

#include <kunit/visibility.h>
#include <linux/bitfield.h>
#include <linux/bitops.h>

#include "mlx5_ib.h"

#define HINT_PH		GENMASK(9, 8)
#define HINT_ST_INDEX	GENMASK(7, 0)

/**
 * mlx5_ib_mr_tph_pooled - May the mkey of a memory region come from a pool?
 * @pool: the hints of the device that have one
 * @tph: the hint of the memory region
 *
 * The first hints that a device sees get a pool each. They keep it, because the
 * pool stays anyway.
 *
 * What counts is not the tag but its index, for that is what the mkey holds.
 *
 * Return: false if the memory region needs an mkey that is created for it and
 * destroyed with it
 */
bool mlx5_ib_mr_tph_pooled(struct mlx5_ib_mr_tph_pool *pool,
			   const struct mlx5_ib_mr_tph *tph)
{
	unsigned int hint = FIELD_PREP(HINT_PH, tph->ph) |
			    FIELD_PREP(HINT_ST_INDEX, tph->st_index);

	/* The tags of DMA handles are the platform's and not the user's */
	if (tph->state != MLX5_IB_MR_TPH_EXPORTER)
		return true;

	if (test_bit(hint, pool->hints))
		return true;

	if (!atomic_add_unless(&pool->nr_hints, 1, MLX5_IB_MR_TPH_POOLED))
		return false;

	/* Two that bring the same new hint at once have counted it twice */
	if (test_and_set_bit(hint, pool->hints))
		atomic_dec(&pool->nr_hints);

	return true;
}
EXPORT_SYMBOL_IF_KUNIT(mlx5_ib_mr_tph_pooled);
