// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what importers are told about the processing hints of DMA-bufs
 *
 * The importer is one that asks at any time. Those that there are ask when they
 * attach, which fails while the buffer is revoked, so that user space never sees
 * the answer to a question that comes later.
 *
 * The device is a mock with a BAR that nobody touches. Exporting memory, setting
 * hints, revoking and closing is done by the code that does it for user space.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fdtable.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/vfio_pci_core.h>
#include <linux/workqueue.h>

#include "vfio_pci_dmabuf_tph.h"
#include "vfio_pci_priv.h"

/* The hint, and what outputs are preset to, to see who writes to them */
#define TAG_8BIT	0x5a
#define TAG_16BIT	0xa5c3
#define PH		2
#define UNTOUCHED_TAG	0xdead
#define UNTOUCHED_PH	0xee

/**
 * struct dmabuf_test - what a test has
 * @vdev: the device, open for a user
 * @pdev: of @vdev, with memory enabled
 * @vconfig: of @vdev
 * @user: memory of the user's
 * @fd: of the DMA-buf
 * @attach: of an importer to the DMA-buf
 */
struct dmabuf_test {
	struct vfio_pci_core_device vdev;
	struct pci_dev pdev;
	u8 vconfig[PCI_STD_HEADER_SIZEOF];
	void __user *user;
	int fd;
	struct dma_buf_attachment *attach;
};

static int mock_get_dmabuf_phys(struct vfio_pci_core_device *vdev,
				struct p2pdma_provider **provider,
				unsigned int region_index,
				struct phys_vec *phys_vec,
				struct vfio_region_dma_range *dma_ranges,
				size_t nr_ranges)
{
	return 0;
}

static const struct vfio_pci_device_ops mock_pci_ops = {
	.get_dmabuf_phys = mock_get_dmabuf_phys,
};

static const struct vfio_pci_device_ops mock_pci_ops_opt_out = {
	.get_dmabuf_phys = mock_get_dmabuf_phys,
	.no_dmabuf_tph = true,
};

/* Nothing is ever mapped */
static void mock_invalidate_mappings(struct dma_buf_attachment *attach)
{
}

static const struct dma_buf_attach_ops mock_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = mock_invalidate_mappings,
};

/* What the user gets: 0 or a file descriptor, or a negative errno */
static int export(struct kunit *test)
{
	DEFINE_RAW_FLEX(struct vfio_device_feature_dma_buf, arg, dma_ranges, 1);
	struct dmabuf_test *t = test->priv;

	arg->open_flags = O_RDWR | O_CLOEXEC;
	arg->nr_ranges = 1;
	arg->dma_ranges[0].length = PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(t->user, arg, __struct_size(arg)));
	return vfio_pci_core_feature_dma_buf(&t->vdev, VFIO_DEVICE_FEATURE_GET,
					     t->user, __struct_size(arg));
}

static int device_feature_tph(struct kunit *test,
			      struct vfio_pci_core_device *vdev, u32 op, int fd,
			      u32 namespaces)
{
	struct dmabuf_test *t = test->priv;
	struct vfio_device_feature_dma_buf_tph arg = {
		.dmabuf_fd = fd,
		.flags = namespaces,
		.steering_tag = TAG_8BIT,
		.steering_tag_ext = TAG_16BIT,
		.ph = PH,
	};

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(t->user, &arg, sizeof(arg)));
	return vfio_pci_core_feature_dma_buf_tph(vdev, op, t->user, sizeof(arg));
}

static int feature_tph(struct kunit *test, u32 op, int fd, u32 namespaces)
{
	struct dmabuf_test *t = test->priv;

	return device_feature_tph(test, &t->vdev, op, fd, namespaces);
}

static int set_hint(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;

	return feature_tph(test, VFIO_DEVICE_FEATURE_SET, t->fd,
			   VFIO_DMA_BUF_TPH_ST | VFIO_DMA_BUF_TPH_ST_EXT);
}

static void revoke(struct dmabuf_test *t, bool revoked)
{
	down_write(&t->vdev.memory_lock);
	vfio_pci_dma_buf_move(&t->vdev, revoked);
	up_write(&t->vdev.memory_lock);
}

/* The answer in both namespaces, and to one who wants to know of no hint */
static void expect_answer(struct kunit *test, int err)
{
	static const u16 tags[] = { TAG_8BIT, TAG_16BIT };
	struct dmabuf_test *t = test->priv;
	struct dma_resv *resv = t->attach->dmabuf->resv;
	int claim = err == -EOPNOTSUPP ? 0 : err ?: -EINVAL;

	dma_resv_lock(resv, NULL);
	for (int extended = 0; extended < 2; extended++) {
		u16 tag = UNTOUCHED_TAG;
		u8 ph = UNTOUCHED_PH;

		KUNIT_EXPECT_EQ(test, err, dma_buf_get_pci_tph(t->attach, extended,
							       &tag, &ph));
		KUNIT_EXPECT_EQ(test, tag, err ? UNTOUCHED_TAG : tags[extended]);
		KUNIT_EXPECT_EQ(test, ph, err ? UNTOUCHED_PH : PH);
	}
	KUNIT_EXPECT_EQ(test, claim, dma_buf_claim_no_pci_tph(t->attach));
	dma_buf_put_pci_tph(t->attach);
	dma_resv_unlock(resv);
}

static void close_dmabuf(void *ptr)
{
	struct dmabuf_test *t = ptr;

	close_fd(t->fd);
}

/* Before the DMA-buf is closed, whose release comes late, when @t is gone */
static void close_device(void *ptr)
{
	struct dmabuf_test *t = ptr;

	vfio_pci_dma_buf_cleanup(&t->vdev);
}

static void detach(void *ptr)
{
	struct dma_buf_attachment *attach = ptr;

	dma_buf_detach(attach->dmabuf, attach);
}

static void mock_vdev(struct dmabuf_test *t)
{
	struct vfio_pci_core_device *vdev = &t->vdev;

	t->pdev.no_command_memory = 1;
	vdev->pdev = &t->pdev;
	vdev->pci_ops = &mock_pci_ops;
	vdev->vconfig = t->vconfig;
	vdev->barmap[0] = (void __iomem *)t->vconfig;
	vdev->tph_completer = PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH;
	init_rwsem(&vdev->memory_lock);
	INIT_LIST_HEAD(&vdev->dmabufs);
	refcount_set(&vdev->vdev.refcount, 1);
}

static int dmabuf_test_init(struct kunit *test)
{
	struct dmabuf_test *t;
	struct dma_buf *dmabuf;
	struct device *importer;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	mock_vdev(t);
	t->user = (void __user *)kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
					       PROT_READ | PROT_WRITE,
					       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)t->user);

	t->fd = export(test);
	KUNIT_ASSERT_GE(test, t->fd, 0);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_dmabuf, t));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_device, t));

	importer = kunit_device_register(test, "importer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, importer);
	dmabuf = dma_buf_get(t->fd);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	t->attach = dma_buf_dynamic_attach(dmabuf, importer, &mock_attach_ops, t);
	dma_buf_put(dmabuf);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->attach);
	return kunit_add_action_or_reset(test, detach, t->attach);
}

static void test_revoked(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;

	/* Not even that there is no hint is an answer then */
	expect_answer(test, -EOPNOTSUPP);
	revoke(t, true);
	expect_answer(test, -ENODEV);
	revoke(t, false);
	expect_answer(test, -EOPNOTSUPP);

	KUNIT_ASSERT_EQ(test, set_hint(test), 0);
	expect_answer(test, 0);
	revoke(t, true);
	expect_answer(test, -ENODEV);
	revoke(t, false);
	expect_answer(test, 0);
}

static void test_closed(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, set_hint(test), 0);
	expect_answer(test, 0);
	kunit_release_action(test, close_device, t);
	expect_answer(test, -ENODEV);

	/* Neither is it one of the device's any more */
	KUNIT_EXPECT_EQ(test, set_hint(test), -EINVAL);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			feature_tph(test, VFIO_DEVICE_FEATURE_GET, t->fd, 0));
}

/* A driver may keep hints from its devices, but memory is exported as ever */
static void test_opt_out(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;
	u32 set = VFIO_DEVICE_FEATURE_SET, get = VFIO_DEVICE_FEATURE_GET;

	KUNIT_EXPECT_EQ(test, 0, feature_tph(test, VFIO_DEVICE_FEATURE_PROBE | set,
					     -1, 0));
	KUNIT_EXPECT_EQ(test, 0, feature_tph(test, get, -1, 0));

	t->vdev.pci_ops = &mock_pci_ops_opt_out;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			feature_tph(test, VFIO_DEVICE_FEATURE_PROBE | set, -1, 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, feature_tph(test, get, -1, 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, feature_tph(test, get, t->fd, 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, set_hint(test));
	expect_answer(test, -EOPNOTSUPP);
}

/* Somebody who has the reservation of a buffer locked */
struct locker {
	struct work_struct work;
	struct dma_resv *resv;
	struct completion locked, unlock;
};

static void locker_work(struct work_struct *work)
{
	struct locker *locker = container_of(work, struct locker, work);

	dma_resv_lock(locker->resv, NULL);
	complete(&locker->locked);
	wait_for_completion(&locker->unlock);
	dma_resv_unlock(locker->resv);
}

/* Another device's buffer is refused without waiting for whoever has it locked */
static void test_foreign_locked(struct kunit *test)
{
	struct dmabuf_test *t = test->priv;
	struct locker locker = { .resv = t->attach->dmabuf->resv };
	struct vfio_pci_core_device *other;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	other->pci_ops = &mock_pci_ops;
	other->tph_completer = PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH;
	init_rwsem(&other->memory_lock);

	INIT_WORK_ONSTACK(&locker.work, locker_work);
	init_completion(&locker.locked);
	init_completion(&locker.unlock);
	schedule_work(&locker.work);
	wait_for_completion(&locker.locked);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			device_feature_tph(test, other, VFIO_DEVICE_FEATURE_SET,
					   t->fd, VFIO_DMA_BUF_TPH_ST |
					   VFIO_DMA_BUF_TPH_ST_EXT));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			device_feature_tph(test, other, VFIO_DEVICE_FEATURE_GET,
					   t->fd, 0));
	complete(&locker.unlock);
	flush_work(&locker.work);
	destroy_work_on_stack(&locker.work);
	expect_answer(test, -EOPNOTSUPP);
}

static struct kunit_case dmabuf_cases[] = {
	KUNIT_CASE(test_revoked),
	KUNIT_CASE(test_closed),
	KUNIT_CASE(test_opt_out),
	KUNIT_CASE(test_foreign_locked),
	{}
};

static struct kunit_suite dmabuf_test_suite = {
	.name = "vfio-pci-dmabuf",
	.init = dmabuf_test_init,
	.test_cases = dmabuf_cases,
};

kunit_test_suite(dmabuf_test_suite);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the DMA-bufs of VFIO's PCI devices");
MODULE_LICENSE("GPL");
