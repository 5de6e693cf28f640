// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <fcntl.h>
#include <string.h>

#include "dmabuf.h"
#include "vfio.h"

int dmabuf_export(struct vfio_device *dev, unsigned int bar, __u64 offset,
		  __u64 length)
{
	struct vfio_device_feature_dma_buf head = {
		.region_index = bar,
		.open_flags = O_RDWR | O_CLOEXEC,
		.nr_ranges = 1,
	};
	struct vfio_region_dma_range range = {
		.offset = offset,
		.length = length,
	};
	__u8 arg[sizeof(head) + sizeof(range)];

	memcpy(arg, &head, sizeof(head));
	memcpy(arg + sizeof(head), &range, sizeof(range));
	return vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_BUF, arg, sizeof(arg));
}

/* Fields whose flag is clear have to be zero. */
struct vfio_device_feature_dma_buf_tph
dmabuf_tph(int fd, unsigned int ns, __u16 tag, __u8 ph)
{
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = fd,
		.ph = ph,
	};

	if (ns == 16) {
		tph.flags = VFIO_DMA_BUF_TPH_ST_EXT;
		tph.steering_tag_ext = tag;
	} else {
		tph.flags = VFIO_DMA_BUF_TPH_ST;
		tph.steering_tag = tag;
	}
	return tph;
}

bool dmabuf_tph_equal(const struct vfio_device_feature_dma_buf_tph *a,
		      const struct vfio_device_feature_dma_buf_tph *b)
{
	return a->flags == b->flags &&
	       a->steering_tag_ext == b->steering_tag_ext &&
	       a->steering_tag == b->steering_tag && a->ph == b->ph;
}

int dmabuf_probe_tph(struct vfio_device *dev)
{
	int ret;

	ret = vfio_feature(dev, VFIO_DEVICE_FEATURE_PROBE |
			   VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_GET |
			   VFIO_DEVICE_FEATURE_DMA_BUF_TPH, NULL, 0);
	return ret < 0 ? ret : 0;
}

int dmabuf_tph_namespaces(struct vfio_device *dev, __u32 *flags)
{
	struct vfio_device_feature_dma_buf_tph tph;
	int ret;

	ret = dmabuf_get_tph(dev, -1, &tph);
	if (!ret)
		*flags = tph.flags;
	return ret;
}

int dmabuf_set_tph(struct vfio_device *dev,
		   const struct vfio_device_feature_dma_buf_tph *tph)
{
	struct vfio_device_feature_dma_buf_tph arg = *tph;
	int ret;

	ret = vfio_feature(dev, VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_DMA_BUF_TPH, &arg, sizeof(arg));
	return ret < 0 ? ret : 0;
}

int dmabuf_get_tph(struct vfio_device *dev, int fd,
		   struct vfio_device_feature_dma_buf_tph *tph)
{
	int ret;

	*tph = (struct vfio_device_feature_dma_buf_tph) { .dmabuf_fd = fd };
	ret = vfio_feature(dev, VFIO_DEVICE_FEATURE_GET |
			   VFIO_DEVICE_FEATURE_DMA_BUF_TPH, tph, sizeof(*tph));
	return ret < 0 ? ret : 0;
}
