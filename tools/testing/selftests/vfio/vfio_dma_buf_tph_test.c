// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_BUF_TPH: the owner of a device sets the TPH of the
 * device memory that it exported.
 *
 * Runs on any PCIe device that VFIO can export memory of. What the answers have
 * to be is taken from config space. Tests that need more than that skip: a
 * second device of any kind (another address on the command line), an RDMA
 * device that asks for one of the hints that the device takes, udmabuf.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>

#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>

#include <libvfio.h>
#include <libvfio/pcie_tph.h>
#include <libvfio/uverbs.h>

#include "kselftest_harness.h"

#define TPH_SET		VFIO_DEVICE_FEATURE_SET
#define TPH_GET		VFIO_DEVICE_FEATURE_GET
#define TPH_PROBE	VFIO_DEVICE_FEATURE_PROBE

#define TPH_ST		VFIO_DMA_BUF_TPH_ST
#define TPH_ST_EXT	VFIO_DMA_BUF_TPH_ST_EXT

/* How often the tests of races try. Some tries take longer. */
#define NR_ROUNDS	2000
#define NR_SLOW_ROUNDS	200
#define NR_CLOSES	5
#define NR_RESETS	30
/* Seconds, for one that hangs: emulators and debug kernels are slow */
#define RACE_TIMEOUT	600

/* Reasons to skip a test */
#define NO_COMPLETER		"Not a TPH completer"
#define NO_EXT_COMPLETER	"16-bit tags do not reach the device"
#define NO_IMPORTER		"No RDMA device that asks for these hints"
#define NO_REREG		"The kernel re-registers no memory of dma-bufs"
#define NO_OTHER		"No second device was given"

struct tph_arg {
	u32 argsz;
	u32 flags;
	struct vfio_device_feature_dma_buf_tph tph;
	u32 more[2];
};

static_assert(offsetof(struct tph_arg, tph) ==
	       offsetof(struct vfio_device_feature, data), "layout");
static_assert(sizeof(struct vfio_device_feature_dma_buf_tph) == 12, "uAPI");

static const char *device_bdf;
static const char *other_bdf;

/* These return 0 or a negative errno. */

static int tph_ioctl(int device_fd, u32 op, size_t argsz, void *arg)
{
	struct vfio_device_feature *feature = arg;

	feature->argsz = argsz;
	feature->flags = op | VFIO_DEVICE_FEATURE_DMA_BUF_TPH;
	return ioctl(device_fd, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
}

static int tph_probe(int device_fd, u32 op)
{
	struct tph_arg arg = {};

	return tph_ioctl(device_fd, TPH_PROBE | op,
			 offsetof(struct tph_arg, tph), &arg);
}

static int tph_set(int device_fd,
		   const struct vfio_device_feature_dma_buf_tph *tph)
{
	struct tph_arg arg = { .tph = *tph };

	return tph_ioctl(device_fd, TPH_SET, offsetof(struct tph_arg, more),
			 &arg);
}

static int tph_get(int device_fd, int dmabuf_fd,
		   struct vfio_device_feature_dma_buf_tph *tph)
{
	struct tph_arg arg = { .tph.dmabuf_fd = dmabuf_fd };
	int ret;

	ret = tph_ioctl(device_fd, TPH_GET, offsetof(struct tph_arg, more),
			&arg);
	*tph = arg.tph;
	return ret;
}

/* Returns the file descriptor of a dma-buf of one page */
static int export_page(struct vfio_pci_device *device, u32 bar, u32 page)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_dma_buf dmabuf;
		struct vfio_region_dma_range range;
	} arg = {
		.head.argsz = sizeof(arg),
		.head.flags = VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_DMA_BUF,
		.dmabuf.region_index = bar,
		.dmabuf.open_flags = O_RDWR | O_CLOEXEC,
		.dmabuf.nr_ranges = 1,
		.range.offset = (u64)page * getpagesize(),
		.range.length = getpagesize(),
	};
	int fd;

	fd = ioctl(device->fd, VFIO_DEVICE_FEATURE, &arg);
	return fd < 0 ? -errno : fd;
}

/* Returns a BAR of two pages at least, -1 if the device has none */
static int find_bar(struct vfio_pci_device *device)
{
	u32 bar, best = 0;

	for (bar = 1; bar < PCI_STD_NUM_BARS; bar++)
		if (device->bars[bar].info.size > device->bars[best].info.size)
			best = bar;
	return device->bars[best].info.size >= 2 * getpagesize() ? best : -1;
}

static void memory_enable(struct vfio_pci_device *device, bool on)
{
	u16 command = vfio_pci_config_readw(device, PCI_COMMAND);

	if (on)
		command |= PCI_COMMAND_MEMORY;
	else
		command &= ~PCI_COMMAND_MEMORY;
	vfio_pci_config_writew(device, PCI_COMMAND, command);
}

FIXTURE(dma_buf_tph) {
	struct iommu *iommu;
	struct vfio_pci_device *device;
	u32 bar;

	/* TPH_ST | TPH_ST_EXT: what the device can take */
	u32 namespaces;

	/* A dma-buf, and the state that it has to have */
	struct vfio_device_feature_dma_buf_tph tph;
};

FIXTURE_VARIANT(dma_buf_tph) {
	const char *iommu_mode;
	const char *path;
};

FIXTURE_VARIANT_ADD(dma_buf_tph, group) {
	.iommu_mode = MODE_VFIO_TYPE1V2_IOMMU,
	.path = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(dma_buf_tph, cdev) {
	.iommu_mode = MODE_IOMMUFD,
	.path = "/dev/iommu",
};

static struct vfio_device_feature_dma_buf_tph
make_tph(int dmabuf_fd, u32 namespaces, u8 seed)
{
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = dmabuf_fd,
		.flags = namespaces,
		.ph = 1 + seed % 3,
	};

	if (tph.flags & TPH_ST)
		tph.steering_tag = 0x5a ^ seed;
	if (tph.flags & TPH_ST_EXT)
		tph.steering_tag_ext = 0xa5c3 ^ (seed << 8 | seed);
	return tph;
}

/* A state that uses all that the device can take; others for other @_seed */
#define some_tph(_self, _seed) ({					\
	const typeof(_self) __of = (_self);				\
									\
	make_tph(__of->tph.dmabuf_fd, __of->namespaces, _seed);		\
})

#define ASSERT_TPH(_expected, _seen) do {				\
	const struct vfio_device_feature_dma_buf_tph *__e = (_expected);\
	const struct vfio_device_feature_dma_buf_tph *__s = (_seen);	\
									\
	ASSERT_EQ(__e->dmabuf_fd, __s->dmabuf_fd);			\
	ASSERT_EQ(__e->flags, __s->flags);				\
	ASSERT_EQ(__e->steering_tag_ext, __s->steering_tag_ext);	\
	ASSERT_EQ(__e->steering_tag, __s->steering_tag);		\
	ASSERT_EQ(__e->ph, __s->ph);					\
} while (0)

/* The state is what it has to be. */
#define ASSERT_STATE(_self) do {					\
	const typeof(_self) __st = (_self);				\
	struct vfio_device_feature_dma_buf_tph __state;			\
									\
	ASSERT_EQ(0, tph_get(__st->device->fd, __st->tph.dmabuf_fd,	\
			     &__state));				\
	ASSERT_TPH(&__st->tph, &__state);				\
} while (0)

/* @_tph becomes the state. */
#define ASSERT_SET(_self, _tph) do {					\
	const typeof(_self) __set = (_self);				\
									\
	__set->tph = (_tph);						\
	ASSERT_EQ(0, tph_set(__set->device->fd, &__set->tph));		\
	ASSERT_STATE(__set);						\
} while (0)

/* @_tph is refused, and the state is what it was. */
#define ASSERT_SET_FAILS(_errno, _self, _tph) do {			\
	const typeof(_self) __fails = (_self);				\
	struct vfio_device_feature_dma_buf_tph __tph = (_tph);		\
									\
	ASSERT_EQ(-(_errno), tph_set(__fails->device->fd, &__tph));	\
	ASSERT_STATE(__fails);						\
} while (0)

/* SET and GET of this file are refused, and the state is what it was. */
#define ASSERT_FD_FAILS(_errno, _self, _fd) do {			\
	const typeof(_self) __bad = (_self);				\
	const int __errno = (_errno), __fd = (_fd);			\
	struct vfio_device_feature_dma_buf_tph __arg =			\
		make_tph(__fd, __bad->namespaces, 7);			\
									\
	ASSERT_EQ(-__errno, tph_set(__bad->device->fd, &__arg));	\
	ASSERT_EQ(-__errno, tph_get(__bad->device->fd, __fd, &__arg));	\
	ASSERT_STATE(__bad);						\
} while (0)

FIXTURE_SETUP(dma_buf_tph)
{
	int bar, fd;

	if (access(variant->path, R_OK | W_OK))
		SKIP(return, "No %s", variant->path);

	self->iommu = iommu_init(variant->iommu_mode);
	self->device = vfio_pci_device_init(device_bdf, self->iommu);
	self->namespaces = pcie_tph_completer(device_bdf);

	bar = find_bar(self->device);
	if (bar < 0)
		SKIP(return, "No BAR of two pages");
	self->bar = bar;

	fd = export_page(self->device, bar, 0);
	if (fd == -ENOTTY || fd == -EOPNOTSUPP)
		SKIP(return, "Memory of this device cannot be exported");
	ASSERT_LE(0, fd);
	self->tph.dmabuf_fd = fd;

	if (tph_probe(self->device->fd, TPH_SET) == -ENOTTY)
		SKIP(return, "The kernel has no VFIO_DEVICE_FEATURE_DMA_BUF_TPH");
}

FIXTURE_TEARDOWN(dma_buf_tph)
{
	close(self->tph.dmabuf_fd);
	vfio_pci_device_cleanup(self->device);
	iommu_cleanup(self->iommu);
}

/* What the device can do */

TEST_F(dma_buf_tph, probe)
{
	int expected = self->namespaces ? 0 : -EOPNOTSUPP;

	ASSERT_EQ(expected, tph_probe(self->device->fd, TPH_SET));
	ASSERT_EQ(expected, tph_probe(self->device->fd, TPH_GET));
	ASSERT_EQ(expected, tph_probe(self->device->fd, TPH_SET | TPH_GET));
	ASSERT_EQ(expected, tph_probe(self->device->fd, 0));
}

TEST_F(dma_buf_tph, get_of_device)
{
	struct vfio_device_feature_dma_buf_tph tph, expected = {
		.dmabuf_fd = -1,
		.flags = self->namespaces,
	};
	struct tph_arg arg = {
		.tph = {
			.dmabuf_fd = -1,
			.flags = ~0,
			.steering_tag_ext = ~0,
			.steering_tag = ~0,
			.ph = ~0,
		},
	};

	if (!self->namespaces) {
		ASSERT_EQ(-EOPNOTSUPP, tph_get(self->device->fd, -1, &tph));
		return;
	}
	ASSERT_EQ(0, tph_get(self->device->fd, -1, &tph));
	ASSERT_TPH(&expected, &tph);

	/* What else is in there is not looked at */
	ASSERT_EQ(0, tph_ioctl(self->device->fd, TPH_GET,
			       offsetof(struct tph_arg, more), &arg));
	ASSERT_TPH(&expected, &arg.tph);

	/* ... and says nothing of a dma-buf */
	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, tph_get(self->device->fd, -1, &tph));
	ASSERT_TPH(&expected, &tph);
}

TEST_F(dma_buf_tph, namespace_not_supported)
{
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = self->tph.dmabuf_fd,
		.ph = 1,
	};
	u32 flags;

	if (self->namespaces == (TPH_ST | TPH_ST_EXT))
		SKIP(return, "The device takes tags of all kinds");

	if (self->namespaces)
		ASSERT_SET(self, some_tph(self, 1));

	for (flags = 0; flags <= (TPH_ST | TPH_ST_EXT); flags++) {
		tph.flags = flags;
		tph.ph = !!flags;
		if (self->namespaces && !(flags & ~self->namespaces))
			continue;
		ASSERT_EQ(-EOPNOTSUPP, tph_set(self->device->fd, &tph));
		if (self->namespaces)
			ASSERT_STATE(self);
	}
}

/* The device comes first: there is no argument that works, or that is wrong. */
TEST_F(dma_buf_tph, no_completer)
{
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = self->tph.dmabuf_fd,
	};
	struct tph_arg arg = {};

	if (self->namespaces)
		SKIP(return, "The device is a TPH completer");

	ASSERT_EQ(-EOPNOTSUPP, tph_set(self->device->fd, &tph));
	ASSERT_EQ(-EOPNOTSUPP, tph_get(self->device->fd, tph.dmabuf_fd, &tph));
	tph.flags = 1U << 31;
	ASSERT_EQ(-EOPNOTSUPP, tph_set(self->device->fd, &tph));
	tph.dmabuf_fd = -1;
	ASSERT_EQ(-EOPNOTSUPP, tph_set(self->device->fd, &tph));
	ASSERT_EQ(-EOPNOTSUPP, tph_ioctl(self->device->fd, TPH_SET,
					 offsetof(struct tph_arg, tph), &arg));
}

/* Set and get */

TEST_F(dma_buf_tph, nothing_at_first)
{
	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	ASSERT_STATE(self);
}

TEST_F(dma_buf_tph, st)
{
	static const u8 tags[] = { 0, 1, 0x5a, 0x80, 0xff };
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = self->tph.dmabuf_fd,
		.flags = TPH_ST,
	};
	int i;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	for (i = 0; i < ARRAY_SIZE(tags) * 4; i++) {
		tph.steering_tag = tags[i / 4];
		tph.ph = i % 4;
		ASSERT_SET(self, tph);
	}
}

TEST_F(dma_buf_tph, st_ext)
{
	static const u16 tags[] = { 0, 1, 0xff, 0x100, 0xa5c3, 0xffff };
	struct vfio_device_feature_dma_buf_tph tph = {
		.dmabuf_fd = self->tph.dmabuf_fd,
		.flags = TPH_ST_EXT,
	};
	int i;

	if (!(self->namespaces & TPH_ST_EXT))
		SKIP(return, NO_EXT_COMPLETER);

	for (i = 0; i < ARRAY_SIZE(tags) * 4; i++) {
		tph.steering_tag_ext = tags[i / 4];
		tph.ph = i % 4;
		ASSERT_SET(self, tph);
	}
}

/* SET replaces all there is: nothing of an earlier state shines through. */
TEST_F(dma_buf_tph, replace)
{
	struct vfio_device_feature_dma_buf_tph both, only;

	if (!(self->namespaces & TPH_ST_EXT))
		SKIP(return, NO_EXT_COMPLETER);

	both = some_tph(self, 1);
	ASSERT_SET(self, both);

	only = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = self->tph.dmabuf_fd,
		.flags = TPH_ST,
		.steering_tag = 0x11,
		.ph = 3,
	};
	ASSERT_SET(self, only);

	only = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = self->tph.dmabuf_fd,
		.flags = TPH_ST_EXT,
		.steering_tag_ext = 0x2222,
	};
	ASSERT_SET(self, only);
	ASSERT_SET(self, both);
	ASSERT_SET(self, both);
}

TEST_F(dma_buf_tph, clear)
{
	struct vfio_device_feature_dma_buf_tph nothing = self->tph;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_SET(self, nothing);
	ASSERT_SET(self, nothing);
	ASSERT_SET(self, some_tph(self, 2));
}

TEST_F(dma_buf_tph, two_buffers)
{
	struct vfio_device_feature_dma_buf_tph first, second;
	int fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	first = self->tph;

	/* The same memory, even, but another dma-buf */
	fd = export_page(self->device, self->bar, 0);
	ASSERT_LE(0, fd);
	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = fd,
	};
	ASSERT_STATE(self);
	second = some_tph(self, 2);
	ASSERT_SET(self, second);

	self->tph = first;
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 3));
	self->tph = second;
	ASSERT_STATE(self);
	self->tph = first;
	close(fd);
}

/* Arguments that are refused */

TEST_F(dma_buf_tph, unknown_flag)
{
	struct vfio_device_feature_dma_buf_tph tph;
	int bit;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	for (bit = 0; bit < 32; bit++) {
		if ((TPH_ST | TPH_ST_EXT) & 1U << bit)
			continue;
		tph = some_tph(self, 2);
		tph.flags |= 1U << bit;
		ASSERT_SET_FAILS(EINVAL, self, tph);

		tph = (struct vfio_device_feature_dma_buf_tph) {
			.dmabuf_fd = self->tph.dmabuf_fd,
			.flags = 1U << bit,
		};
		ASSERT_SET_FAILS(EINVAL, self, tph);
	}
}

TEST_F(dma_buf_tph, ph_too_large)
{
	struct vfio_device_feature_dma_buf_tph tph;
	int ph;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	for (ph = 4; ph <= 0xff; ph++) {
		tph = some_tph(self, 2);
		tph.ph = ph;
		ASSERT_SET_FAILS(EINVAL, self, tph);
	}
}

TEST_F(dma_buf_tph, field_without_flag)
{
	struct vfio_device_feature_dma_buf_tph tph;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));

	tph = some_tph(self, 2);
	tph.flags = TPH_ST;
	tph.steering_tag_ext = 1;
	ASSERT_SET_FAILS(EINVAL, self, tph);
	tph.steering_tag_ext = 0x100;
	ASSERT_SET_FAILS(EINVAL, self, tph);

	tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = self->tph.dmabuf_fd,
	};
	tph.ph = 1;
	ASSERT_SET_FAILS(EINVAL, self, tph);
	tph.ph = 0;
	tph.steering_tag = 1;
	ASSERT_SET_FAILS(EINVAL, self, tph);
	tph.steering_tag = 0;
	tph.steering_tag_ext = 1;
	ASSERT_SET_FAILS(EINVAL, self, tph);

	if (self->namespaces & TPH_ST_EXT) {
		tph = some_tph(self, 2);
		tph.flags = TPH_ST_EXT;
		tph.steering_tag = 1;
		ASSERT_SET_FAILS(EINVAL, self, tph);
	}
}

TEST_F(dma_buf_tph, argsz)
{
	const size_t full = offsetof(struct tph_arg, more);
	struct tph_arg arg = {};
	size_t size;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	for (size = 0; size < full; size++) {
		arg.tph = some_tph(self, 2);
		ASSERT_EQ(-EINVAL, tph_ioctl(self->device->fd, TPH_SET, size,
					     &arg));
		ASSERT_EQ(-EINVAL, tph_ioctl(self->device->fd, TPH_GET, size,
					     &arg));
		arg.tph.dmabuf_fd = -1;
		ASSERT_EQ(-EINVAL, tph_ioctl(self->device->fd, TPH_GET, size,
					     &arg));
		ASSERT_STATE(self);
	}

	/* Later kernels may have more to say */
	arg.tph = some_tph(self, 2);
	arg.more[0] = 0x12345678;
	arg.more[1] = 0x9abcdef0;
	ASSERT_EQ(0, tph_ioctl(self->device->fd, TPH_SET, sizeof(arg), &arg));
	self->tph = some_tph(self, 2);
	ASSERT_STATE(self);
	memset(&arg.tph, 0xee, sizeof(arg.tph));
	arg.tph.dmabuf_fd = self->tph.dmabuf_fd;
	ASSERT_EQ(0, tph_ioctl(self->device->fd, TPH_GET, sizeof(arg), &arg));
	ASSERT_TPH(&self->tph, &arg.tph);
	ASSERT_EQ(0x12345678, arg.more[0]);
	ASSERT_EQ(0x9abcdef0, arg.more[1]);
}

TEST_F(dma_buf_tph, operation)
{
	struct tph_arg arg = {};

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	arg.tph = some_tph(self, 2);
	ASSERT_EQ(-EINVAL, tph_ioctl(self->device->fd, 0,
				     offsetof(struct tph_arg, more), &arg));
	ASSERT_EQ(-EINVAL, tph_ioctl(self->device->fd, TPH_SET | TPH_GET,
				     offsetof(struct tph_arg, more), &arg));
	ASSERT_STATE(self);

	/* PROBE does nothing else */
	ASSERT_EQ(0, tph_ioctl(self->device->fd, TPH_PROBE | TPH_SET,
			       offsetof(struct tph_arg, more), &arg));
	ASSERT_STATE(self);
}

TEST_F(dma_buf_tph, bad_fd)
{
	struct vfio_device_feature_dma_buf_tph tph;
	int closed;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	closed = dup(self->tph.dmabuf_fd);
	ASSERT_LE(0, closed);
	close(closed);

	ASSERT_FD_FAILS(EBADF, self, closed);
	ASSERT_FD_FAILS(EBADF, self, INT_MAX);
	ASSERT_FD_FAILS(EBADF, self, INT_MIN);
	ASSERT_FD_FAILS(EBADF, self, -2);
	ASSERT_FD_FAILS(EBADF, self, AT_FDCWD);

	/* GET has a meaning for this one */
	tph = some_tph(self, 2);
	tph.dmabuf_fd = -1;
	ASSERT_SET_FAILS(EBADF, self, tph);
}

TEST_F(dma_buf_tph, no_dma_buf)
{
	int fd, fds[2];

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	fd = open("/dev/null", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_FD_FAILS(EINVAL, self, fd);
	close(fd);

	fd = memfd_create("not a dma-buf", 0);
	ASSERT_LE(0, fd);
	ASSERT_FD_FAILS(EINVAL, self, fd);
	close(fd);

	ASSERT_EQ(0, pipe(fds));
	ASSERT_FD_FAILS(EINVAL, self, fds[0]);
	close(fds[0]);
	close(fds[1]);

	ASSERT_FD_FAILS(EINVAL, self, self->device->fd);
	if (self->iommu->iommufd)
		ASSERT_FD_FAILS(EINVAL, self, self->iommu->iommufd);
	else
		ASSERT_FD_FAILS(EINVAL, self, self->iommu->container_fd);
}

TEST_F(dma_buf_tph, dma_buf_of_another_exporter)
{
	struct udmabuf_create create = { .size = getpagesize() };
	int udmabuf, memfd, fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	udmabuf = open("/dev/udmabuf", O_RDWR);
	if (udmabuf < 0)
		SKIP(return, "No udmabuf");

	ASSERT_SET(self, some_tph(self, 1));
	memfd = memfd_create("udmabuf", MFD_ALLOW_SEALING);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, create.size));
	ASSERT_EQ(0, fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	create.memfd = memfd;
	fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
	ASSERT_LE(0, fd);

	ASSERT_FD_FAILS(EINVAL, self, fd);
	close(fd);
	close(memfd);
	close(udmabuf);
}

/* @argsz may say what it wants: what counts is what is there. */
TEST_F(dma_buf_tph, unreadable)
{
	const size_t size = offsetof(struct tph_arg, more);
	const size_t page = getpagesize();
	struct tph_arg *arg;
	size_t readable;
	char *map;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));

	for (readable = 8; readable < size; readable += 4) {
		struct tph_arg whole = { .tph = some_tph(self, 2) };

		arg = (void *)(map + page - readable);
		memcpy(arg, &whole, readable);
		ASSERT_EQ(-EFAULT, tph_ioctl(self->device->fd, TPH_SET, size,
					     arg));
		ASSERT_EQ(-EFAULT, tph_ioctl(self->device->fd, TPH_GET, size,
					     arg));
		ASSERT_STATE(self);
	}

	/* All of it, and nothing more, is enough */
	arg = (void *)(map + page - size);
	arg->tph = some_tph(self, 2);
	ASSERT_EQ(0, tph_ioctl(self->device->fd, TPH_SET, size, arg));
	self->tph = some_tph(self, 2);
	ASSERT_STATE(self);
	munmap(map, 2 * page);
}

TEST_F(dma_buf_tph, unwritable)
{
	const size_t size = offsetof(struct tph_arg, more);
	const size_t page = getpagesize();
	struct tph_arg *arg;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	arg = mmap(NULL, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);

	arg->argsz = size;
	arg->flags = TPH_GET | VFIO_DEVICE_FEATURE_DMA_BUF_TPH;
	arg->tph.dmabuf_fd = self->tph.dmabuf_fd;
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ));
	ASSERT_EQ(-1, ioctl(self->device->fd, VFIO_DEVICE_FEATURE, arg));
	ASSERT_EQ(EFAULT, errno);

	ASSERT_EQ(0, mprotect(arg, page, PROT_READ | PROT_WRITE));
	arg->tph.dmabuf_fd = -1;
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ));
	ASSERT_EQ(-1, ioctl(self->device->fd, VFIO_DEVICE_FEATURE, arg));
	ASSERT_EQ(EFAULT, errno);

	/* SET only reads */
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ | PROT_WRITE));
	arg->flags = TPH_SET | VFIO_DEVICE_FEATURE_DMA_BUF_TPH;
	arg->tph = some_tph(self, 2);
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ));
	ASSERT_EQ(0, ioctl(self->device->fd, VFIO_DEVICE_FEATURE, arg));
	self->tph = some_tph(self, 2);
	ASSERT_STATE(self);
	munmap(arg, page);
}

/* File descriptors that change */

TEST_F(dma_buf_tph, duplicated_fd)
{
	int old = self->tph.dmabuf_fd, copy;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	copy = dup(old);
	ASSERT_LE(0, copy);

	self->tph.dmabuf_fd = copy;
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 2));

	self->tph.dmabuf_fd = old;
	ASSERT_STATE(self);
	close(old);
	self->tph.dmabuf_fd = copy;
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 3));
}

TEST_F(dma_buf_tph, replaced_fd)
{
	struct vfio_device_feature_dma_buf_tph first, second;
	int fd = self->tph.dmabuf_fd, keep, other, null;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	keep = dup(fd);
	other = export_page(self->device, self->bar, 1);
	null = open("/dev/null", O_RDWR);
	ASSERT_LE(0, keep);
	ASSERT_LE(0, other);
	ASSERT_LE(0, null);

	ASSERT_SET(self, some_tph(self, 1));
	first = self->tph;
	first.dmabuf_fd = keep;

	/* Another dma-buf with the same number is another dma-buf */
	ASSERT_EQ(fd, dup2(other, fd));
	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = fd,
	};
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 2));
	second = self->tph;
	self->tph = first;
	ASSERT_STATE(self);

	/* ... and something else is none */
	ASSERT_EQ(other, dup2(null, other));
	ASSERT_FD_FAILS(EINVAL, self, other);
	self->tph = second;
	ASSERT_STATE(self);

	close(null);
	close(other);
	close(keep);
}

/* The device's states */

TEST_F(dma_buf_tph, revoked)
{
	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	memory_enable(self->device, false);
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 2));
	memory_enable(self->device, true);
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 3));
}

TEST_F(dma_buf_tph, exported_while_revoked)
{
	int fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	memory_enable(self->device, false);
	fd = export_page(self->device, self->bar, 1);
	ASSERT_LE(0, fd);
	close(self->tph.dmabuf_fd);
	self->tph.dmabuf_fd = fd;
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 1));
	memory_enable(self->device, true);
	ASSERT_STATE(self);
}

TEST_F(dma_buf_tph, reset)
{
	struct vfio_device_feature_dma_buf_tph tph;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!(self->device->info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "The device has no reset");

	ASSERT_SET(self, some_tph(self, 1));
	vfio_pci_device_reset(self->device);
	ASSERT_STATE(self);
	ASSERT_EQ(0, tph_get(self->device->fd, -1, &tph));
	ASSERT_EQ(self->namespaces, tph.flags);
	ASSERT_SET(self, some_tph(self, 2));
}

/* A dma-buf outlives the device's file, but not as one of the device's. */
TEST_F(dma_buf_tph, closed_device)
{
	int old = self->tph.dmabuf_fd, fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	vfio_pci_device_cleanup(self->device);
	self->device = vfio_pci_device_init(device_bdf, self->iommu);

	fd = export_page(self->device, self->bar, 0);
	ASSERT_LE(0, fd);
	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = fd,
	};
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 2));
	ASSERT_FD_FAILS(EINVAL, self, old);
	close(old);
	ASSERT_STATE(self);
}

TEST_F(dma_buf_tph, closed_dma_buf)
{
	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	ASSERT_SET(self, some_tph(self, 1));
	close(self->tph.dmabuf_fd);

	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = export_page(self->device, self->bar, 0),
	};
	ASSERT_LE(0, self->tph.dmabuf_fd);
	ASSERT_STATE(self);
}

/* Another device's dma-bufs are none of this one's business, nor its state. */
TEST_F(dma_buf_tph, other_device)
{
	struct vfio_device_feature_dma_buf_tph tph, seen;
	struct vfio_pci_device *other;
	u32 namespaces;
	int bar, fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!other_bdf)
		SKIP(return, NO_OTHER);

	other = vfio_pci_device_init(other_bdf, self->iommu);
	bar = find_bar(other);
	if (bar < 0)
		SKIP(goto out, "No BAR of two pages on %s", other_bdf);
	fd = export_page(other, bar, 0);
	ASSERT_LE(0, fd);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_FD_FAILS(EINVAL, self, fd);

	namespaces = pcie_tph_completer(other_bdf);
	if (namespaces) {
		tph = (struct vfio_device_feature_dma_buf_tph) {
			.dmabuf_fd = fd,
			.flags = TPH_ST,
			.steering_tag = 0x77,
			.ph = 2,
		};
		ASSERT_EQ(0, tph_set(other->fd, &tph));
		ASSERT_FD_FAILS(EINVAL, self, fd);
		ASSERT_EQ(0, tph_get(other->fd, fd, &seen));
		ASSERT_TPH(&tph, &seen);

		tph.dmabuf_fd = self->tph.dmabuf_fd;
		ASSERT_EQ(-EINVAL, tph_set(other->fd, &tph));
		ASSERT_EQ(-EINVAL, tph_get(other->fd, tph.dmabuf_fd, &seen));
		ASSERT_STATE(self);
	}
	close(fd);
out:
	vfio_pci_device_cleanup(other);
}

/* Many at once */

struct race {
	struct vfio_pci_device *device;
	struct vfio_device_feature_dma_buf_tph tph;
	u32 bar;
	int (*step)(struct race *race, int round);
	struct uverbs *uverbs;
	int fds[3];
	int rounds;
	int rounds_done;
	int error;
	bool stop;
	bool done;
	pthread_t thread;
};

static void *race_run(void *data)
{
	struct race *race = data;
	int round;

	for (round = 0; round < race->rounds && !race->error; round++) {
		if (__atomic_load_n(&race->stop, __ATOMIC_RELAXED))
			break;
		race->error = race->step(race, round);
	}
	__atomic_store_n(&race->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void race_start(struct race *race, int rounds,
		       int (*step)(struct race *race, int round))
{
	race->rounds = rounds;
	race->step = step;
	VFIO_ASSERT_EQ(pthread_create(&race->thread, NULL, race_run, race), 0);
}

/* Returns what ended it early */
static int race_join(struct race *race)
{
	VFIO_ASSERT_EQ(pthread_join(race->thread, NULL), 0);
	return race->error;
}

static bool race_done(struct race *race)
{
	return __atomic_load_n(&race->done, __ATOMIC_ACQUIRE);
}

static int step_set(struct race *race, int round)
{
	return tph_set(race->device->fd, &race->tph);
}

static bool tph_equal(const struct vfio_device_feature_dma_buf_tph *a,
		      const struct vfio_device_feature_dma_buf_tph *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* The state is always one that somebody set, never part of one and another. */
TEST_F_TIMEOUT(dma_buf_tph, race_of_set_and_get, RACE_TIMEOUT)
{
	struct race races[2] = {};
	int fd = self->tph.dmabuf_fd;
	int seen[2] = {};
	int i;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	for (i = 0; i < ARRAY_SIZE(races); i++) {
		races[i].device = self->device;
		races[i].tph = some_tph(self, i ? 0xff : 0);
	}
	ASSERT_SET(self, races[0].tph);
	for (i = 0; i < ARRAY_SIZE(races); i++)
		race_start(&races[i], NR_ROUNDS, step_set);

	while (!race_done(&races[0]) || !race_done(&races[1])) {
		struct vfio_device_feature_dma_buf_tph tph;
		bool second;

		ASSERT_EQ(0, tph_get(self->device->fd, fd, &tph));
		second = tph.flags && tph_equal(&tph, &races[1].tph);
		if (!second)
			ASSERT_TPH(&races[0].tph, &tph);
		seen[second]++;
	}
	for (i = 0; i < ARRAY_SIZE(races); i++)
		ASSERT_EQ(0, race_join(&races[i]));
	TH_LOG("Saw the first state %d times, the second %d times", seen[0],
	       seen[1]);
}

static int step_dup2(struct race *race, int round)
{
	int fd = race->tph.dmabuf_fd;

	return dup2(race->fds[round % 3], fd) == fd ? 0 : -errno;
}

/* Whichever file is found is the one that the call is about, to its end. */
TEST_F_TIMEOUT(dma_buf_tph, race_of_dup2, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	struct vfio_device_feature_dma_buf_tph tph, state[2];
	int i, ret, fd = self->tph.dmabuf_fd;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	race.tph.dmabuf_fd = fd;
	race.fds[0] = dup(fd);
	race.fds[1] = export_page(self->device, self->bar, 1);
	race.fds[2] = open("/dev/null", O_RDWR);
	for (i = 0; i < ARRAY_SIZE(race.fds); i++)
		ASSERT_LE(0, race.fds[i]);
	for (i = 0; i < ARRAY_SIZE(state); i++) {
		state[i] = some_tph(self, i + 1);
		state[i].dmabuf_fd = race.fds[i];
		ASSERT_EQ(0, tph_set(self->device->fd, &state[i]));
	}

	race_start(&race, NR_ROUNDS, step_dup2);
	while (!race_done(&race)) {
		/* Which one this changes is open, but it changes all of it */
		tph = some_tph(self, 3);
		ret = tph_set(self->device->fd, &tph);
		ASSERT_TRUE(!ret || ret == -EINVAL);

		ret = tph_get(self->device->fd, fd, &tph);
		ASSERT_TRUE(!ret || ret == -EINVAL);
		if (ret)
			continue;
		tph.dmabuf_fd = fd;
		for (i = 1; i <= 3; i++) {
			struct vfio_device_feature_dma_buf_tph one =
				some_tph(self, i);

			if (tph_equal(&tph, &one))
				break;
		}
		ASSERT_LE(i, 3);
	}
	ASSERT_EQ(0, race_join(&race));

	ASSERT_EQ(fd, dup2(race.fds[0], fd));
	ASSERT_SET(self, some_tph(self, 4));
	for (i = 0; i < ARRAY_SIZE(race.fds); i++)
		close(race.fds[i]);
}

static int step_revoke(struct race *race, int round)
{
	memory_enable(race->device, round & 1);
	return 0;
}

TEST_F_TIMEOUT(dma_buf_tph, race_of_revoke, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	u8 round = 0;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	race_start(&race, NR_SLOW_ROUNDS, step_revoke);
	while (!race_done(&race))
		ASSERT_SET(self, some_tph(self, round++));
	ASSERT_EQ(0, race_join(&race));
	memory_enable(self->device, true);
	ASSERT_STATE(self);
}

static int step_export(struct race *race, int round)
{
	struct vfio_device_feature_dma_buf_tph tph, seen;
	int fd, ret;

	fd = export_page(race->device, race->bar, round & 1);
	if (fd < 0)
		return fd;
	tph = race->tph;
	tph.dmabuf_fd = fd;
	ret = tph_set(race->device->fd, &tph);
	if (!ret)
		ret = tph_get(race->device->fd, fd, &seen);
	if (!ret && !tph_equal(&tph, &seen))
		ret = -EILSEQ;
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(dma_buf_tph, race_of_export_and_close, RACE_TIMEOUT)
{
	struct race races[2] = {};
	u8 round = 0;
	int i;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	for (i = 0; i < ARRAY_SIZE(races); i++) {
		races[i].device = self->device;
		races[i].bar = self->bar;
		races[i].tph = some_tph(self, i + 1);
		race_start(&races[i], NR_ROUNDS, step_export);
	}
	while (!race_done(&races[0]) || !race_done(&races[1]))
		ASSERT_SET(self, some_tph(self, round++));
	for (i = 0; i < ARRAY_SIZE(races); i++)
		ASSERT_EQ(0, race_join(&races[i]));
}

static int step_foreign(struct race *race, int round)
{
	struct vfio_device_feature_dma_buf_tph tph = race->tph;

	tph.dmabuf_fd = race->fds[0];
	return tph_set(race->device->fd, &tph) == -EINVAL ? 0 : -EILSEQ;
}

/* The other device's file goes while its dma-buf is looked at. */
TEST_F_TIMEOUT(dma_buf_tph, race_of_other_device_closed, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	struct vfio_pci_device *other;
	int bar, fd, i;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!other_bdf)
		SKIP(return, NO_OTHER);

	race.tph = some_tph(self, 2);
	other = vfio_pci_device_init(other_bdf, self->iommu);
	bar = find_bar(other);
	if (bar < 0)
		SKIP(goto out, "No BAR of two pages on %s", other_bdf);
	race.fds[0] = export_page(other, bar, 0);
	ASSERT_LE(0, race.fds[0]);
	ASSERT_SET(self, some_tph(self, 1));

	race_start(&race, INT_MAX, step_foreign);
	for (i = 0; i < NR_CLOSES; i++) {
		vfio_pci_device_cleanup(other);
		other = vfio_pci_device_init(other_bdf, self->iommu);
		fd = export_page(other, bar, 0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(race.fds[0], dup2(fd, race.fds[0]));
		close(fd);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, race_join(&race));
	ASSERT_STATE(self);
	close(race.fds[0]);
out:
	vfio_pci_device_cleanup(other);
}

static int step_set_by_number(struct race *race, int round)
{
	__atomic_store_n(&race->rounds_done, round, __ATOMIC_RELAXED);
	return tph_set(race->fds[0], &race->tph);
}

/*
 * The device's own file goes. A call that is under way keeps it open until its
 * end, and then it is that call's thread that closes the device.
 */
TEST_F_TIMEOUT(dma_buf_tph, race_of_device_closed, RACE_TIMEOUT)
{
	struct race race;
	int i, old;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);

	for (i = 0; i < NR_CLOSES; i++) {
		ASSERT_SET(self, some_tph(self, i));
		race = (struct race) {
			.fds[0] = self->device->fd,
			.tph = some_tph(self, i + 1),
		};
		race_start(&race, INT_MAX, step_set_by_number);
		while (__atomic_load_n(&race.rounds_done, __ATOMIC_RELAXED) < 10)
			sched_yield();
		vfio_pci_device_cleanup(self->device);
		ASSERT_EQ(-EBADF, race_join(&race));

		old = self->tph.dmabuf_fd;
		self->device = vfio_pci_device_init(device_bdf, self->iommu);
		self->tph = (struct vfio_device_feature_dma_buf_tph) {
			.dmabuf_fd = export_page(self->device, self->bar, 0),
		};
		ASSERT_LE(0, self->tph.dmabuf_fd);
		ASSERT_STATE(self);
		ASSERT_FD_FAILS(EINVAL, self, old);
		close(old);
	}
}

static int step_reset(struct race *race, int round)
{
	vfio_pci_device_reset(race->device);
	return 0;
}

static void ignore_signal(int sig)
{
}

static void signals_mask(int how)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	VFIO_ASSERT_EQ(pthread_sigmask(how, &alarm, NULL), 0);
}

/* Every so many microseconds, none at all for 0 */
static void signals_start(int interval)
{
	const struct sigaction action = { .sa_handler = ignore_signal };
	const struct itimerval timer = {
		.it_interval.tv_usec = interval,
		.it_value.tv_usec = interval,
	};

	VFIO_ASSERT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	VFIO_ASSERT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* A reset takes long, and whoever waits for its end does not have to. */
TEST_F_TIMEOUT(dma_buf_tph, interrupted, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	struct vfio_device_feature_dma_buf_tph tph;
	int interrupted[2] = {};
	u8 round = 0;
	int ret;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!(self->device->info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "The device has no reset");

	ASSERT_SET(self, some_tph(self, 0));
	/* Not the thread that resets is to get them */
	signals_mask(SIG_BLOCK);
	race_start(&race, NR_RESETS, step_reset);
	signals_mask(SIG_UNBLOCK);
	signals_start(10000);
	while (!race_done(&race) && !(interrupted[0] && interrupted[1])) {
		tph = some_tph(self, ++round);
		ret = tph_set(self->device->fd, &tph);
		ASSERT_TRUE(!ret || ret == -EINTR);
		if (!ret)
			self->tph = tph;
		interrupted[0] += ret == -EINTR;

		ret = tph_get(self->device->fd, self->tph.dmabuf_fd, &tph);
		ASSERT_TRUE(!ret || ret == -EINTR);
		if (!ret)
			ASSERT_TPH(&self->tph, &tph);
		interrupted[1] += ret == -EINTR;
	}
	signals_start(0);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, race_join(&race));
	ASSERT_STATE(self);
	ASSERT_NE(0, interrupted[0]);
	ASSERT_NE(0, interrupted[1]);
}

/* Importers */

/*
 * Open an RDMA device that asks for hints of a kind that the device can take.
 * Returns that kind, or 0 if there is no such device.
 */
static u32 open_importer(u32 namespaces, struct uverbs *uverbs)
{
	static const char class[] = "/sys/class/infiniband_verbs";
	char path[PATH_MAX], device[PATH_MAX];
	u32 namespace = 0;
	struct dirent *entry;
	DIR *dir;

	dir = opendir(class);
	while (dir && !namespace && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "uverbs", 6))
			continue;
		snprintf_assert(path, sizeof(path), "%s/%s/device", class,
				entry->d_name);
		if (!realpath(path, device))
			continue;
		namespace = pcie_tph_requester(basename(device)) & namespaces;
		if (namespace && uverbs_open(uverbs, entry->d_name))
			namespace = 0;
	}
	if (dir)
		closedir(dir);
	return namespace;
}

static int import_page(struct uverbs *uverbs, int fd, u32 *mr)
{
	return uverbs_reg_dmabuf_mr(uverbs, fd, getpagesize(), mr);
}

TEST_F(dma_buf_tph, busy)
{
	struct vfio_device_feature_dma_buf_tph tph = self->tph;
	struct uverbs uverbs;
	u32 first, second;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &first));
	ASSERT_SET_FAILS(EBUSY, self, tph);
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	tph = some_tph(self, 1);
	tph.ph ^= 1;
	ASSERT_SET_FAILS(EBUSY, self, tph);
	tph = some_tph(self, 1);
	tph.steering_tag ^= 1;
	ASSERT_SET_FAILS(EBUSY, self, tph);
	if (self->namespaces & TPH_ST_EXT) {
		tph = some_tph(self, 1);
		tph.steering_tag_ext ^= 0x100;
		ASSERT_SET_FAILS(EBUSY, self, tph);
		tph = some_tph(self, 1);
		tph.flags = TPH_ST_EXT;
		tph.steering_tag = 0;
		ASSERT_SET_FAILS(EBUSY, self, tph);
	}

	/* Wrong is wrong, whoever is there */
	tph = some_tph(self, 2);
	tph.ph = 4;
	ASSERT_SET_FAILS(EINVAL, self, tph);

	/* What changes nothing is no change */
	ASSERT_SET(self, some_tph(self, 1));

	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &second));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, first));
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, second));
	ASSERT_SET(self, some_tph(self, 2));
	uverbs_close(&uverbs);
}

/* The importer's process ends, or it forgets. */
TEST_F(dma_buf_tph, importer_closed)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	uverbs_close(&uverbs);
	ASSERT_SET(self, some_tph(self, 2));
}

/* Who found nothing does not rely on anything. */
TEST_F(dma_buf_tph, imported_without_hint)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	uverbs_close(&uverbs);
}

TEST_F(dma_buf_tph, imported_with_other_hint)
{
	struct vfio_device_feature_dma_buf_tph tph;
	struct uverbs uverbs;
	u32 namespace, mr;

	if (!(self->namespaces & TPH_ST_EXT))
		SKIP(return, NO_EXT_COMPLETER);
	namespace = open_importer(self->namespaces, &uverbs);
	if (!namespace)
		SKIP(return, NO_IMPORTER);

	tph = some_tph(self, 1);
	tph.flags &= ~namespace;
	if (namespace == TPH_ST)
		tph.steering_tag = 0;
	else
		tph.steering_tag_ext = 0;
	ASSERT_SET(self, tph);
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET(self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	uverbs_close(&uverbs);
}

TEST_F(dma_buf_tph, import_while_revoked)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	memory_enable(self->device, false);
	ASSERT_EQ(-ENODEV, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET(self, some_tph(self, 2));
	memory_enable(self->device, true);

	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 3));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	uverbs_close(&uverbs);
}

/* Revoking ends the use of the memory. The hint is held until the end. */
TEST_F(dma_buf_tph, busy_while_revoked)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	memory_enable(self->device, false);
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	memory_enable(self->device, true);
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));

	memory_enable(self->device, false);
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	ASSERT_SET(self, some_tph(self, 2));
	memory_enable(self->device, true);
	ASSERT_STATE(self);
	uverbs_close(&uverbs);
}

TEST_F(dma_buf_tph, busy_across_reset)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);
	if (!(self->device->info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(goto out, "The device has no reset");

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	vfio_pci_device_reset(self->device);
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	ASSERT_SET(self, some_tph(self, 2));
out:
	uverbs_close(&uverbs);
}

TEST_F(dma_buf_tph, closed_device_while_imported)
{
	int old = self->tph.dmabuf_fd, fd;
	struct uverbs uverbs;
	u32 mr, late;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	vfio_pci_device_cleanup(self->device);
	ASSERT_EQ(-ENODEV, import_page(&uverbs, self->tph.dmabuf_fd, &late));

	self->device = vfio_pci_device_init(device_bdf, self->iommu);
	fd = export_page(self->device, self->bar, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(-ENODEV, import_page(&uverbs, self->tph.dmabuf_fd, &late));
	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = fd,
	};
	ASSERT_STATE(self);
	ASSERT_FD_FAILS(EINVAL, self, old);
	ASSERT_SET(self, some_tph(self, 2));

	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	close(old);
	ASSERT_STATE(self);
	uverbs_close(&uverbs);
}

/* Nobody but the importer has the dma-buf any more. */
TEST_F(dma_buf_tph, closed_dma_buf_while_imported)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	close(self->tph.dmabuf_fd);
	memory_enable(self->device, false);
	memory_enable(self->device, true);

	self->tph = (struct vfio_device_feature_dma_buf_tph) {
		.dmabuf_fd = export_page(self->device, self->bar, 0),
	};
	ASSERT_LE(0, self->tph.dmabuf_fd);
	ASSERT_STATE(self);
	ASSERT_SET(self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	ASSERT_STATE(self);
	uverbs_close(&uverbs);
}

/* Access, then the protection domain, then both */
static int rereg(struct uverbs *uverbs, u32 mr)
{
	static const u32 flags[] = {
		UVERBS_REREG_ACCESS,
		UVERBS_REREG_PD,
		UVERBS_REREG_ACCESS | UVERBS_REREG_PD,
	};
	struct ib_uverbs_rereg_mr change = {};
	u32 pds[2] = { uverbs->pd };
	int i, ret;

	ret = uverbs_alloc_pd(uverbs, &pds[1]);
	for (i = 0; !ret && i < ARRAY_SIZE(flags); i++) {
		change.flags = flags[i];
		change.pd_handle = pds[i & 1];
		change.access_flags = IB_UVERBS_ACCESS_LOCAL_WRITE |
				      IB_UVERBS_ACCESS_REMOTE_WRITE;
		if (i & 2)
			change.access_flags |= IB_UVERBS_ACCESS_REMOTE_READ;
		ret = uverbs_rereg_mr(uverbs, mr, &change);
	}
	return ret;
}

TEST_F(dma_buf_tph, rereg)
{
	struct uverbs uverbs;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	/* Registered without a hint, it stays without one */
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	if (rereg(&uverbs, mr) == -EOPNOTSUPP)
		SKIP(return, NO_REREG);
	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, rereg(&uverbs, mr));
	ASSERT_SET(self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));

	/* ... and with one, with that one */
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_EQ(0, rereg(&uverbs, mr));
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 3));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	ASSERT_SET(self, some_tph(self, 3));
	uverbs_close(&uverbs);
}

/* The memory region is one of other memory then, and the dma-buf is free. */
TEST_F(dma_buf_tph, rereg_of_other_memory)
{
	struct ib_uverbs_rereg_mr change = {
		.flags = UVERBS_REREG_TRANS,
		.length = getpagesize(),
	};
	struct uverbs uverbs;
	void *memory;
	u32 mr;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	memory = mmap(NULL, change.length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	change.start = (u64)memory;

	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	if (rereg(&uverbs, mr) == -EOPNOTSUPP)
		SKIP(return, NO_REREG);
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));

	ASSERT_SET(self, some_tph(self, 1));
	ASSERT_EQ(0, import_page(&uverbs, self->tph.dmabuf_fd, &mr));
	ASSERT_SET_FAILS(EBUSY, self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_rereg_mr(&uverbs, mr, &change));
	ASSERT_SET(self, some_tph(self, 2));
	ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
	munmap(memory, change.length);
	uverbs_close(&uverbs);
}

/*
 * The races come last: they go through more hints than there are pools of mkeys
 * for, and memory regions without a pool are another case.
 */

static int step_import(struct race *race, int round)
{
	u32 mr;
	int ret;

	ret = import_page(race->uverbs, race->tph.dmabuf_fd, &mr);
	return ret ?: uverbs_dereg_mr(race->uverbs, mr);
}

TEST_F_TIMEOUT(dma_buf_tph, race_of_import, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	struct uverbs uverbs;
	u8 round = 0;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	race.tph = self->tph;
	race.uverbs = &uverbs;
	ASSERT_SET(self, some_tph(self, 0));
	race_start(&race, NR_SLOW_ROUNDS, step_import);
	while (!race_done(&race)) {
		struct vfio_device_feature_dma_buf_tph tph =
			some_tph(self, ++round);
		int ret = tph_set(self->device->fd, &tph);

		ASSERT_TRUE(!ret || ret == -EBUSY);
		if (!ret)
			self->tph = tph;
		ASSERT_STATE(self);
	}
	ASSERT_EQ(0, race_join(&race));
	ASSERT_SET(self, some_tph(self, 1));
	uverbs_close(&uverbs);
}

/* Whichever comes first, a memory region has the hint or there is none. */
TEST_F_TIMEOUT(dma_buf_tph, race_of_import_and_revoke, RACE_TIMEOUT)
{
	struct race race = { .device = self->device };
	struct uverbs uverbs;
	int imported = 0, refused = 0;
	u8 round = 0;
	u32 mr;
	int ret;

	if (!self->namespaces)
		SKIP(return, NO_COMPLETER);
	if (!open_importer(self->namespaces, &uverbs))
		SKIP(return, NO_IMPORTER);

	ASSERT_SET(self, some_tph(self, 0));
	race_start(&race, NR_SLOW_ROUNDS, step_revoke);
	while (!race_done(&race)) {
		ret = import_page(&uverbs, self->tph.dmabuf_fd, &mr);
		if (ret) {
			ASSERT_EQ(-ENODEV, ret);
			refused++;
		} else {
			imported++;
			ASSERT_SET_FAILS(EBUSY, self, some_tph(self, round + 1));
			ASSERT_EQ(0, uverbs_dereg_mr(&uverbs, mr));
		}
		ASSERT_SET(self, some_tph(self, ++round));
	}
	ASSERT_EQ(0, race_join(&race));
	TH_LOG("%d imports, %d were refused", imported, refused);
	uverbs_close(&uverbs);
}

int main(int argc, char *argv[])
{
	char **bdfs;
	int nr_bdfs;

	bdfs = vfio_selftests_get_bdfs(&argc, argv, &nr_bdfs);
	device_bdf = bdfs[0];
	if (nr_bdfs > 1)
		other_bdf = bdfs[1];
	return test_harness_run(argc, argv);
}
