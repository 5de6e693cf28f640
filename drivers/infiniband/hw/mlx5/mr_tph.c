// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * TLP processing hints for memory of other PCI devices
 *
 * Memory that another device exports as a dma-buf may come with a hint for
 * whoever writes to it. A memory region of such a dma-buf takes it when it is
 * registered and keeps it until it is deregistered: the core of dma-buf sees
 * to it that the exporter does not change its mind meanwhile.
 */

#include <kunit/visibility.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/pci-tph.h>

#include "dmah.h"
#include "mlx5_ib.h"

MODULE_IMPORT_NS("DMA_BUF");

/*
 * Ask for a hint of the type that the device sends. One of the other type is of
 * no use, for its tag has another meaning and not only another size; but users
 * want to know that this is what happened.
 */
static int mlx5_ib_mr_tph_ask(struct dma_buf_attachment *attach, bool extended,
			      struct mlx5_ib_mr_tph *tph)
{
	u16 other_tag;
	u8 other_ph;
	int err;

	dma_resv_assert_held(attach->dmabuf->resv);

	err = dma_buf_get_pci_tph(attach, extended, &tph->tag, &tph->ph);
	if (!err) {
		tph->state = MLX5_IB_MR_TPH_EXPORTER;
		tph->extended = extended;
		return 0;
	}
	if (err != -EOPNOTSUPP)
		return err;

	err = dma_buf_get_pci_tph(attach, !extended, &other_tag, &other_ph);
	if (!err) {
		dma_buf_put_pci_tph(attach);
		tph->state = MLX5_IB_MR_TPH_OTHER_NAMESPACE;
		return 0;
	}
	if (err != -EOPNOTSUPP)
		return err;

	tph->state = MLX5_IB_MR_TPH_NOT_SET;
	return 0;
}

/*
 * A DMA handle has the tag of a CPU, which means something else, or worse, to
 * a device that has tags of its own.
 */
static int mlx5_ib_mr_tph_dmah(struct dma_buf_attachment *attach,
			       struct ib_dmah *dmah, struct mlx5_ib_mr_tph *tph)
{
	int err;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	err = dma_buf_claim_no_pci_tph(attach);
	dma_resv_unlock(attach->dmabuf->resv);
	if (err)
		return err;

	tph->state = MLX5_IB_MR_TPH_DMAH;
	tph->ph = dmah->ph;
	if (dmah->valid_fields & BIT(IB_DMAH_CPU_ID_EXISTS))
		tph->st_index = to_mdmah(dmah)->st_index;
	return 0;
}

/**
 * mlx5_ib_mr_tph_get - Find out which hint a new memory region gets
 * @dev: the device
 * @attach: to the dma-buf, of the PCI function that is going to do the DMA
 * @dmah: DMA handle that the user wants, or NULL
 * @tph: the result; it belongs to the memory region from then on
 *
 * That the device has no use or no room for an exporter's hint is no error, for
 * it is only a hint; &mlx5_ib_mr_tph.state says why. The exporter is not held to
 * it then.
 *
 * Takes and drops the dma_resv of the dma-buf. The lock of the ST table comes
 * after that, not inside.
 *
 * Return:
 * * 0 - give @tph back with mlx5_ib_mr_tph_put()
 * * -EINVAL - both the exporter and @dmah have a hint
 * * another error of the exporter, which cannot answer, such as -ENODEV for a
 *   device that has gone: a memory region that lost its hint in a race would be
 *   worse than none
 * * -ENOMEM, or the error of a write to this device's config space: the ST table
 *   has room, but the entry could not be made. Memory is short then, or the
 *   device gone, and that is not the hint's fault: it is told like anything else
 *   that goes wrong in a registration.
 */
int mlx5_ib_mr_tph_get(struct mlx5_ib_dev *dev,
		       struct dma_buf_attachment *attach, struct ib_dmah *dmah,
		       struct mlx5_ib_mr_tph *tph)
{
	u8 req_type = pcie_tph_enabled_req_type(dev->mdev->pdev);
	int err;

	*tph = (struct mlx5_ib_mr_tph) {
		.st_index = MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX,
		.ph = MLX5_IB_NO_PH,
	};

	/* Data direct: another function, with a requester of its own or none */
	if (attach->dev != dev->ib_dev.dma_device) {
		tph->state = MLX5_IB_MR_TPH_DATA_DIRECT;
		return 0;
	}

	if (dmah)
		return mlx5_ib_mr_tph_dmah(attach, dmah, tph);

	if (req_type != PCI_TPH_REQ_TPH_ONLY && req_type != PCI_TPH_REQ_EXT_TPH) {
		tph->state = MLX5_IB_MR_TPH_REQUESTER_OFF;
		return 0;
	}

	dma_resv_lock(attach->dmabuf->resv, NULL);
	err = mlx5_ib_mr_tph_ask(attach, req_type == PCI_TPH_REQ_EXT_TPH, tph);
	dma_resv_unlock(attach->dmabuf->resv);
	if (err || tph->state != MLX5_IB_MR_TPH_EXPORTER)
		return err;

	err = mlx5_st_alloc_index_by_tag(dev->mdev, tph->tag, &tph->st_index);
	switch (err) {
	case 0:
		return 0;
	case -ERANGE:
		tph->state = MLX5_IB_MR_TPH_NO_FIT;
		break;
	case -ENOSPC:
		tph->state = MLX5_IB_MR_TPH_TABLE_FULL;
		break;
	case -EOPNOTSUPP:
		tph->state = MLX5_IB_MR_TPH_REQUESTER_OFF;
		break;
	default:
		/* The attachment does not survive this, nor does what it holds */
		return err;
	}

	tph->ph = MLX5_IB_NO_PH;
	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_put_pci_tph(attach);
	dma_resv_unlock(attach->dmabuf->resv);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mlx5_ib_mr_tph_get);

/**
 * mlx5_ib_mr_tph_put - Give back what mlx5_ib_mr_tph_get() took
 * @dev: the device
 * @tph: the hint of a memory region whose mkey sends nothing any more
 *
 * The exporter's part of it ends with the attachment.
 */
void mlx5_ib_mr_tph_put(struct mlx5_ib_dev *dev, struct mlx5_ib_mr_tph *tph)
{
	if (tph->state == MLX5_IB_MR_TPH_EXPORTER)
		mlx5_st_dealloc_index(dev->mdev, tph->st_index);
}
EXPORT_SYMBOL_IF_KUNIT(mlx5_ib_mr_tph_put);
