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

#include "mlx5_ib.h"

#define HINT_VALID	BIT(31)
#define HINT_PH		GENMASK(23, 16)
#define HINT_ST_INDEX	GENMASK(15, 0)

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
	u32 hint = HINT_VALID | FIELD_PREP(HINT_PH, tph->ph) |
		   FIELD_PREP(HINT_ST_INDEX, tph->st_index);
	unsigned int i;

	/* There are no more DMA handles' hints than the platform has CPUs */
	if (tph->state != MLX5_IB_MR_TPH_EXPORTER)
		return true;

	for (i = 0; i < ARRAY_SIZE(pool->hints); i++) {
		u32 old = READ_ONCE(pool->hints[i]);

		if (!old)
			old = cmpxchg(&pool->hints[i], 0, hint) ?: hint;
		if (old == hint)
			return true;
	}

	return false;
}
EXPORT_SYMBOL_IF_KUNIT(mlx5_ib_mr_tph_pooled);
