/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VFIO_PCI_DMABUF_TPH_H
#define VFIO_PCI_DMABUF_TPH_H

#include <linux/types.h>

struct dma_buf;
struct dma_buf_attachment;
struct vfio_device_feature_dma_buf_tph;
struct vfio_pci_core_device;

/**
 * struct vfio_pci_dma_buf_tph - the processing hints of one exported DMA-buf
 * @flags: VFIO_DMA_BUF_TPH_*, which of the tags are set
 * @steering_tag_ext: 16-bit Steering Tag
 * @steering_tag: 8-bit Steering Tag
 * @ph: Processing Hint that goes with either
 *
 * Belongs to the DMA-buf, not to the device: it is zeroed when the buffer is
 * created and outlives revocation and reset. Protected by the buffer's
 * reservation lock.
 */
struct vfio_pci_dma_buf_tph {
	u32 flags;
	u16 steering_tag_ext;
	u8 steering_tag;
	u8 ph;
};

#ifdef CONFIG_VFIO_PCI_DMABUF
/* Of vfio_pci_dmabuf.c, to which the buffer's private data belongs */
struct vfio_pci_dma_buf_tph *
vfio_pci_owner_dma_buf_tph(struct vfio_pci_core_device *vdev,
			   struct dma_buf *dmabuf);
const struct vfio_pci_dma_buf_tph *
vfio_pci_importer_dma_buf_tph(struct dma_buf_attachment *attachment);

void vfio_pci_dma_buf_tph_open(struct vfio_pci_core_device *vdev);
int vfio_pci_dma_buf_get_pci_tph(struct dma_buf_attachment *attachment,
				 bool extended, u16 *steering_tag, u8 *ph);
int vfio_pci_core_feature_dma_buf_tph(struct vfio_pci_core_device *vdev,
				      u32 flags,
				      struct vfio_device_feature_dma_buf_tph __user *arg,
				      size_t argsz);
#else
static inline void vfio_pci_dma_buf_tph_open(struct vfio_pci_core_device *vdev)
{
}

static inline int
vfio_pci_core_feature_dma_buf_tph(struct vfio_pci_core_device *vdev, u32 flags,
				  struct vfio_device_feature_dma_buf_tph __user *arg,
				  size_t argsz)
{
	return -ENOTTY;
}
#endif

#endif
