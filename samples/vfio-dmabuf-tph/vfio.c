// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "say.h"
#include "vfio.h"

#define FEATURE_MAX 64

/* The character device is named by the vfio-dev directory of the PCI device. */
static int find_cdev(const char *address, char *path, size_t size)
{
	char dir_path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/sys/bus/pci/devices/%s",
		 address);
	if (access(dir_path, F_OK))
		return complain(errno, "there is no PCI device %s", address);

	snprintf(dir_path, sizeof(dir_path),
		 "/sys/bus/pci/devices/%s/vfio-dev", address);
	dir = opendir(dir_path);
	if (!dir)
		return complain(errno, "%s is not bound to vfio-pci (%s)",
				address, dir_path);

	do
		entry = readdir(dir);
	while (entry && strncmp(entry->d_name, "vfio", 4));
	if (entry)
		snprintf(path, size, "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
	if (!entry)
		return complain(ENODEV, "%s has no VFIO character device (CONFIG_VFIO_DEVICE_CDEV)",
				address);
	return 0;
}

/*
 * Binding gives access to the device. No address space is attached: that would
 * be for DMA by the device itself, and here the device is only written to.
 */
static int bind_iommufd(struct vfio_device *dev)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = dev->iommufd,
	};

	if (ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return complain(errno, "%s: cannot bind to iommufd",
				dev->address);
	return 0;
}

static int region_info(struct vfio_device *dev, unsigned int index,
		       struct vfio_region_info *info)
{
	*info = (struct vfio_region_info) {
		.argsz = sizeof(*info),
		.index = index,
	};
	return ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info) ? -errno : 0;
}

static int learn(struct vfio_device *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config;
	int ret;

	if (ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &info))
		return complain(errno, "%s: VFIO_DEVICE_GET_INFO",
				dev->address);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return complain(0, "%s is not a PCI device to VFIO",
				dev->address);
	dev->flags = info.flags;

	ret = region_info(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (ret)
		return complain(-ret, "%s: no config space region",
				dev->address);
	dev->config = config.offset;
	return 0;
}

static int open_nodes(struct vfio_device *dev)
{
	char path[PATH_MAX];
	int ret;

	ret = find_cdev(dev->address, path, sizeof(path));
	if (ret)
		return ret;

	dev->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (dev->iommufd < 0)
		return complain(errno, "/dev/iommu");
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0)
		return complain(errno, "%s (%s)", path, dev->address);
	return 0;
}

int vfio_open(struct vfio_device *dev, const char *address)
{
	int ret;

	*dev = (struct vfio_device) {
		.address = address,
		.iommufd = -1,
		.fd = -1,
	};
	ret = open_nodes(dev);
	if (!ret)
		ret = bind_iommufd(dev);
	if (!ret)
		ret = learn(dev);
	if (!ret) {
		ret = vfio_memory_decode(dev, true);
		if (ret)
			complain(-ret, "%s: cannot enable memory decode",
				 address);
	}
	if (ret)
		vfio_close(dev);
	return ret;
}

void vfio_close(struct vfio_device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->iommufd >= 0)
		close(dev->iommufd);
	dev->fd = -1;
	dev->iommufd = -1;
}

int vfio_region_size(struct vfio_device *dev, unsigned int bar, __u64 *size)
{
	struct vfio_region_info info;
	int ret;

	ret = region_info(dev, bar, &info);
	if (!ret)
		*size = info.size;
	return ret;
}

void *vfio_map(struct vfio_device *dev, unsigned int bar, size_t length)
{
	struct vfio_region_info info;
	void *address;
	int ret;

	ret = region_info(dev, bar, &info);
	if (ret) {
		complain(-ret, "%s: BAR %u", dev->address, bar);
		return NULL;
	}
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP)) {
		complain(0, "%s: BAR %u cannot be mapped", dev->address, bar);
		return NULL;
	}
	if (length > info.size) {
		complain(0, "%s: BAR %u has %llu bytes, %zu are needed",
			 dev->address, bar, info.size, length);
		return NULL;
	}
	address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
		       dev->fd, info.offset);
	if (address == MAP_FAILED) {
		complain(errno, "%s: mmap of BAR %u", dev->address, bar);
		return NULL;
	}
	return address;
}

/* One line per resource, "start end flags"; BARs come first, in order. */
int vfio_bar_address(struct vfio_device *dev, unsigned int bar,
		     __u64 *address)
{
	char path[PATH_MAX], line[128];
	__u64 start;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		 dev->address);
	file = fopen(path, "re");
	if (!file)
		return complain(errno, "%s", path);
	do {
		if (!fgets(line, sizeof(line), file))
			line[0] = 0;
	} while (line[0] && bar--);
	fclose(file);

	start = strtoull(line, NULL, 16);
	if (!start)
		return complain(0, "%s: no address for the BAR", path);
	*address = start;
	return 0;
}

int vfio_memory_decode(struct vfio_device *dev, bool on)
{
	off_t where = dev->config + PCI_COMMAND;
	__le16 raw;
	__u16 command;
	ssize_t len;

	len = pread(dev->fd, &raw, sizeof(raw), where);
	if (len != sizeof(raw))
		return len < 0 ? -errno : -EIO;

	command = le16toh(raw);
	if (!!(command & PCI_COMMAND_MEMORY) == on)
		return 0;
	command ^= PCI_COMMAND_MEMORY;
	raw = htole16(command);

	len = pwrite(dev->fd, &raw, sizeof(raw), where);
	if (len != sizeof(raw))
		return len < 0 ? -errno : -EIO;
	return 0;
}

int vfio_reset(struct vfio_device *dev)
{
	if (!(dev->flags & VFIO_DEVICE_FLAGS_RESET))
		return -EOPNOTSUPP;
	return ioctl(dev->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

int vfio_feature(struct vfio_device *dev, __u32 flags, void *data,
		 size_t size)
{
	union {
		struct vfio_device_feature head;
		__u8 bytes[sizeof(struct vfio_device_feature) + FEATURE_MAX];
	} arg = { .bytes = { 0 } };
	void *payload = arg.bytes + sizeof(arg.head);
	int ret;

	if (size > FEATURE_MAX)
		return -E2BIG;
	arg.head.argsz = sizeof(arg.head) + size;
	arg.head.flags = flags;
	if (size)
		memcpy(payload, data, size);

	ret = ioctl(dev->fd, VFIO_DEVICE_FEATURE, &arg);
	if (ret < 0)
		return -errno;
	if (size && (flags & VFIO_DEVICE_FEATURE_GET))
		memcpy(data, payload, size);
	return ret;
}
