/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * BAR memory as a dma-buf, and the hint that its owner gives to those who
 * write to it: PCIe steering tag (ST) and processing hint (PH).
 *
 * All functions return a negative errno on failure and print nothing.
 */
#ifndef SAMPLE_TPH_DMABUF_H
#define SAMPLE_TPH_DMABUF_H

#include <stdbool.h>

#include <linux/vfio.h>

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF_TPH
#error "<linux/vfio.h> is not the patched kernel's: set KHDR="
#endif

struct vfio_device;

/* dmabuf_export(): the file descriptor of a dma-buf; page aligned range */
int dmabuf_export(struct vfio_device *dev, unsigned int bar, __u64 offset,
		  __u64 length);

/* dmabuf_tph(): a hint in the form that the kernel takes; @ns is 8 or 16 */
struct vfio_device_feature_dma_buf_tph
dmabuf_tph(int fd, unsigned int ns, __u16 tag, __u8 ph);
bool dmabuf_tph_equal(const struct vfio_device_feature_dma_buf_tph *a,
		      const struct vfio_device_feature_dma_buf_tph *b);

/* dmabuf_probe_tph(): 0 if kernel and device take hints at all */
int dmabuf_probe_tph(struct vfio_device *dev);

/* dmabuf_tph_namespaces(): VFIO_DMA_BUF_TPH_* flags that the device can take */
int dmabuf_tph_namespaces(struct vfio_device *dev, __u32 *flags);

/*
 * dmabuf_set_tph(): replace the hint of @tph->dmabuf_fd; flags 0 clears it.
 *
 * -EBUSY if that would change the hint while an importer uses it: set it
 * before anybody registers the buffer.
 */
int dmabuf_set_tph(struct vfio_device *dev,
		   const struct vfio_device_feature_dma_buf_tph *tph);

/* dmabuf_get_tph(): the hint of the dma-buf @fd */
int dmabuf_get_tph(struct vfio_device *dev, int fd,
		   struct vfio_device_feature_dma_buf_tph *tph);

#endif
