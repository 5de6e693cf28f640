// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_BUF_TPH: the owner of a device says which processing
 * hints belong to the device memory that it exported, and importers get them.
 *
 * Lock order: vdev->memory_lock, under which buffers are moved, revoked and
 * cleaned up, then the buffer's reservation lock, which protects the hints. That
 * is the order of vfio_pci_dma_buf_move(). User memory is accessed outside both.
 */
#include <kunit/visibility.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/pci-tph.h>

#include "vfio_pci_dmabuf_tph.h"
#include "vfio_pci_priv.h"

/* PH is a field of two bits */
#define VFIO_PCI_TPH_PH_MAX	3

/**
 * vfio_pci_dma_buf_tph_open - learn which hints a device can take
 * @vdev: device that is being enabled for a user
 *
 * Done once for as long as the device is open, so that what a user is told does
 * not depend on whether the device answers at that moment: it may be in reset,
 * or powered down.
 */
void vfio_pci_dma_buf_tph_open(struct vfio_pci_core_device *vdev)
{
	vdev->tph_completer = pcie_tph_completer_type(vdev->pdev);
}

/* The namespaces, as VFIO_DMA_BUF_TPH_*, that hints may be set in */
static u32 tph_supported(struct vfio_pci_core_device *vdev)
{
	if (!vdev->pci_ops || !vdev->pci_ops->get_dmabuf_phys ||
	    vdev->pci_ops->no_dmabuf_tph)
		return 0;

	switch (vdev->tph_completer) {
	case PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY:
		return VFIO_DMA_BUF_TPH_ST;
	case PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH:
		return VFIO_DMA_BUF_TPH_ST | VFIO_DMA_BUF_TPH_ST_EXT;
	default:
		return 0;
	}
}

/**
 * vfio_pci_dma_buf_get_pci_tph - &dma_buf_ops.get_pci_tph of VFIO's DMA-bufs
 * @attachment: the importer's
 * @extended: 16-bit Steering Tag, not 8-bit
 * @steering_tag: the tag, if there is one
 * @ph: the Processing Hint, if there is a tag
 *
 * Return: 0, -EOPNOTSUPP if nothing is set in that namespace, -ENODEV if the
 * buffer is revoked, which includes that its device was closed.
 */
int vfio_pci_dma_buf_get_pci_tph(struct dma_buf_attachment *attachment,
				 bool extended, u16 *steering_tag, u8 *ph)
{
	const struct vfio_pci_dma_buf_tph *tph;

	tph = vfio_pci_importer_dma_buf_tph(attachment);
	if (IS_ERR(tph))
		return PTR_ERR(tph);

	if (!(tph->flags & (extended ? VFIO_DMA_BUF_TPH_ST_EXT :
				       VFIO_DMA_BUF_TPH_ST)))
		return -EOPNOTSUPP;

	*steering_tag = extended ? tph->steering_tag_ext : tph->steering_tag;
	*ph = tph->ph;
	return 0;
}

/* The hints of a buffer of @vdev, which cannot leave it before tph_unlock() */
static struct vfio_pci_dma_buf_tph *tph_lock(struct vfio_pci_core_device *vdev,
					     struct dma_buf *dmabuf)
{
	struct vfio_pci_dma_buf_tph *tph;
	int ret;

	ret = down_read_interruptible(&vdev->memory_lock);
	if (ret)
		return ERR_PTR(ret);

	/* Before its reservation is touched: it may be anybody's buffer */
	tph = vfio_pci_owner_dma_buf_tph(vdev, dmabuf);
	if (!IS_ERR(tph)) {
		ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
		if (ret)
			tph = ERR_PTR(ret);
	}
	if (IS_ERR(tph))
		up_read(&vdev->memory_lock);
	return tph;
}

static void tph_unlock(struct vfio_pci_core_device *vdev, struct dma_buf *dmabuf)
{
	dma_resv_unlock(dmabuf->resv);
	up_read(&vdev->memory_lock);
}

static int tph_check(struct vfio_pci_core_device *vdev,
		     const struct vfio_device_feature_dma_buf_tph *arg)
{
	if (arg->flags & ~(VFIO_DMA_BUF_TPH_ST | VFIO_DMA_BUF_TPH_ST_EXT))
		return -EINVAL;
	if (arg->ph > VFIO_PCI_TPH_PH_MAX)
		return -EINVAL;

	/* Nothing may hide where the flags say that there is nothing */
	if ((arg->ph && !arg->flags) ||
	    (arg->steering_tag && !(arg->flags & VFIO_DMA_BUF_TPH_ST)) ||
	    (arg->steering_tag_ext && !(arg->flags & VFIO_DMA_BUF_TPH_ST_EXT)))
		return -EINVAL;

	if (arg->flags & ~tph_supported(vdev))
		return -EOPNOTSUPP;

	return 0;
}

static int tph_set(struct vfio_pci_core_device *vdev, struct dma_buf *dmabuf,
		   const struct vfio_device_feature_dma_buf_tph *arg)
{
	struct vfio_pci_dma_buf_tph *tph, new = {
		.flags = arg->flags,
		.steering_tag_ext = arg->steering_tag_ext,
		.steering_tag = arg->steering_tag,
		.ph = arg->ph,
	};
	int ret;

	ret = tph_check(vdev, arg);
	if (ret)
		return ret;

	tph = tph_lock(vdev, dmabuf);
	if (IS_ERR(tph))
		return PTR_ERR(tph);

	if (memcmp(tph, &new, sizeof(new))) {
		if (dma_buf_pci_tph_taken(dmabuf))
			ret = -EBUSY;
		else
			*tph = new;
	}
	tph_unlock(vdev, dmabuf);
	return ret;
}

static int tph_get(struct vfio_pci_core_device *vdev, struct dma_buf *dmabuf,
		   struct vfio_device_feature_dma_buf_tph *arg)
{
	const struct vfio_pci_dma_buf_tph *tph = tph_lock(vdev, dmabuf);

	if (IS_ERR(tph))
		return PTR_ERR(tph);

	arg->flags = tph->flags;
	arg->steering_tag_ext = tph->steering_tag_ext;
	arg->steering_tag = tph->steering_tag;
	arg->ph = tph->ph;
	tph_unlock(vdev, dmabuf);
	return 0;
}

/**
 * vfio_pci_core_feature_dma_buf_tph - VFIO_DEVICE_FEATURE_DMA_BUF_TPH
 * @vdev: the device
 * @flags: VFIO_DEVICE_FEATURE_*
 * @arg: user's argument, see uapi/linux/vfio.h for its meaning
 * @argsz: size of @arg
 *
 * Return: 0 or a negative error code, in which case nothing has changed.
 */
int vfio_pci_core_feature_dma_buf_tph(struct vfio_pci_core_device *vdev,
				      u32 flags,
				      struct vfio_device_feature_dma_buf_tph __user *arg,
				      size_t argsz)
{
	struct vfio_device_feature_dma_buf_tph tph;
	struct dma_buf *dmabuf;
	int ret;

	/* Before anything else, so that PROBE tells what the device can do */
	if (!tph_supported(vdev))
		return -EOPNOTSUPP;

	ret = vfio_check_feature(flags, argsz,
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_SET, sizeof(tph));
	if (ret != 1)
		return ret;

	if (copy_from_user(&tph, arg, sizeof(tph)))
		return -EFAULT;

	if ((flags & VFIO_DEVICE_FEATURE_GET) && tph.dmabuf_fd == -1) {
		tph = (struct vfio_device_feature_dma_buf_tph) {
			.dmabuf_fd = -1,
			.flags = tph_supported(vdev),
		};
	} else {
		dmabuf = dma_buf_get(tph.dmabuf_fd);
		if (IS_ERR(dmabuf))
			return PTR_ERR(dmabuf);

		if (flags & VFIO_DEVICE_FEATURE_SET)
			ret = tph_set(vdev, dmabuf, &tph);
		else
			ret = tph_get(vdev, dmabuf, &tph);
		dma_buf_put(dmabuf);
		if (ret)
			return ret;
	}

	if ((flags & VFIO_DEVICE_FEATURE_GET) &&
	    copy_to_user(arg, &tph, sizeof(tph)))
		return -EFAULT;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(vfio_pci_core_feature_dma_buf_tph);
