/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * TLP processing hints of memory regions
 */

#ifndef _MLX5_IB_MR_TPH_H
#define _MLX5_IB_MR_TPH_H

#include <linux/types.h>

struct dma_buf_attachment;
struct ib_dmah;
struct mlx5_ib_dev;

/**
 * enum mlx5_ib_mr_tph_state - where the hint of a memory region comes from, or
 *	why it has none
 * @MLX5_IB_MR_TPH_NOBODY: nobody was asked: this is no dma-buf
 * @MLX5_IB_MR_TPH_DATA_DIRECT: nobody was asked: another PCI function does the
 *	DMA
 * @MLX5_IB_MR_TPH_DMAH: the DMA handle decides
 * @MLX5_IB_MR_TPH_EXPORTER: the exporter of the dma-buf has a hint, and it is
 *	in use
 * @MLX5_IB_MR_TPH_NOT_SET: the exporter has no hint
 * @MLX5_IB_MR_TPH_OTHER_NAMESPACE: the exporter has one only for requests of
 *	the type that this requester does not send
 * @MLX5_IB_MR_TPH_NO_FIT: the tag has more bits than the mkey has room for
 * @MLX5_IB_MR_TPH_TABLE_FULL: the ST table is full of other tags
 * @MLX5_IB_MR_TPH_REQUESTER_OFF: the device does not send hints
 */
enum mlx5_ib_mr_tph_state {
	MLX5_IB_MR_TPH_NOBODY,
	MLX5_IB_MR_TPH_DATA_DIRECT,
	MLX5_IB_MR_TPH_DMAH,
	MLX5_IB_MR_TPH_EXPORTER,
	MLX5_IB_MR_TPH_NOT_SET,
	MLX5_IB_MR_TPH_OTHER_NAMESPACE,
	MLX5_IB_MR_TPH_NO_FIT,
	MLX5_IB_MR_TPH_TABLE_FULL,
	MLX5_IB_MR_TPH_REQUESTER_OFF,
};

/**
 * struct mlx5_ib_mr_tph - the hint of a memory region
 * @state: says which of the other members mean something
 * @extended: @tag is an extended (16-bit) one; with %MLX5_IB_MR_TPH_EXPORTER
 * @tag: the exporter's steering tag; with %MLX5_IB_MR_TPH_EXPORTER
 * @st_index: what the mkey has for the tag
 * @ph: processing hint in the mkey, %MLX5_IB_NO_PH for no hint at all
 *
 * Does not change in the life of a memory region, because an mkey takes it
 * only when it is created.
 */
struct mlx5_ib_mr_tph {
	enum mlx5_ib_mr_tph_state state;
	bool extended;
	u16 tag;
	u16 st_index;
	u8 ph;
};

int mlx5_ib_mr_tph_get(struct mlx5_ib_dev *dev,
		       struct dma_buf_attachment *attach, struct ib_dmah *dmah,
		       struct mlx5_ib_mr_tph *tph);
void mlx5_ib_mr_tph_put(struct mlx5_ib_dev *dev, struct mlx5_ib_mr_tph *tph);

#endif /* _MLX5_IB_MR_TPH_H */
