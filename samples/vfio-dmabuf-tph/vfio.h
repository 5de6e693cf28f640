/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI device opened through its VFIO character device and iommufd.
 *
 * Functions return 0 (or what they say) or a negative errno. Only those that
 * open or map something complain by themselves.
 */
#ifndef SAMPLE_TPH_VFIO_H
#define SAMPLE_TPH_VFIO_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct vfio_device {
	const char *address;	/* PCI address, the caller's string */
	int iommufd;
	int fd;
	__u32 flags;		/* VFIO_DEVICE_FLAGS_* */
	__u64 config;		/* offset of the config space in @fd */
};

int vfio_open(struct vfio_device *dev, const char *address);
void vfio_close(struct vfio_device *dev);

/* vfio_region_size(): bytes of a BAR, 0 if the device does not have it */
int vfio_region_size(struct vfio_device *dev, unsigned int bar, __u64 *size);

/* vfio_map(): NULL after a complaint; undo with munmap() */
void *vfio_map(struct vfio_device *dev, unsigned int bar, size_t length);

/* vfio_bar_address(): where the host put a BAR */
int vfio_bar_address(struct vfio_device *dev, unsigned int bar,
		     __u64 *address);

/*
 * vfio_memory_decode(): the memory enable bit of the PCI command register.
 *
 * Off revokes all dma-bufs of the device's BARs. Mappings stay, but touching
 * one before decode is on again is a SIGBUS.
 */
int vfio_memory_decode(struct vfio_device *dev, bool on);

/* vfio_reset(): revokes all dma-bufs, too; they can be registered anew after */
int vfio_reset(struct vfio_device *dev);

/*
 * vfio_feature(): VFIO_DEVICE_FEATURE with @flags (operation and number) on
 * @size bytes of @data, which are read and, for a GET, written.
 *
 * Returns what the ioctl returned (a file descriptor for some features).
 */
int vfio_feature(struct vfio_device *dev, __u32 flags, void *data,
		 size_t size);

#endif
