// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * KUnit tests of the processing hints of memory regions
 *
 * The exporter of the dma-buf is a mock that answers what a test tells it to.
 * So is the ST table of mlx5_core, which has tests of its own.
 */

#include <kunit/device.h>
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/pci-tph.h>
#include <net/netlink.h>
#include <uapi/rdma/rdma_netlink.h>

#include "dmah.h"
#include "mlx5_ib.h"
#include "restrack.h"

/* The hints of the exporter, and the index that a tag gets */
#define TAG_8BIT	0x12
#define TAG_16BIT	0x3456
#define PH		2
#define ST_INDEX	7

/* The hint of the DMA handle */
#define DMAH_ST_INDEX	9
#define DMAH_PH		1

/* The namespaces in which the exporter has a hint */
#define HAS_8BIT	BIT(0)
#define HAS_16BIT	BIT(1)

/**
 * struct mr_tph_test - what a test has
 * @dev: registers the memory, enabled for requests of a type; its DMA is done by
 *	a device that is a mock
 * @mdev: of @dev
 * @pdev: of @dev
 * @dmah: names a CPU
 * @dmabuf: the memory
 * @attach: of @dev to @dmabuf
 * @has: in which namespaces the exporter has a hint
 * @answer: what it says to questions for those it has none in
 * @asked: how often it was asked
 * @st_error: what allocating an index ends with
 * @tag: that an index was asked for
 * @indexes: how many are in use
 */
struct mr_tph_test {
	struct mlx5_ib_dev dev;
	struct mlx5_core_dev mdev;
	struct pci_dev pdev;
	struct mlx5_ib_dmah dmah;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	unsigned int has;
	int answer[2];
	unsigned int asked;
	int st_error;
	int tag;
	int indexes;
};

static int mock_get_pci_tph(struct dma_buf_attachment *attach, bool extended,
			    u16 *steering_tag, u8 *ph)
{
	struct mr_tph_test *t = attach->dmabuf->priv;

	t->asked++;
	if (!(t->has & BIT(extended)))
		return t->answer[extended];
	*steering_tag = extended ? TAG_16BIT : TAG_8BIT;
	*ph = PH;
	return 0;
}

static struct sg_table *mock_map(struct dma_buf_attachment *attach,
				 enum dma_data_direction dir)
{
	return ERR_PTR(-ENXIO);
}

static void mock_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
}

/* Comes late, when the test and its memory are gone */
static void mock_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops mock_dmabuf_ops = {
	.map_dma_buf = mock_map,
	.unmap_dma_buf = mock_unmap,
	.release = mock_release,
	.get_pci_tph = mock_get_pci_tph,
};

static int mock_alloc_index_by_tag(struct mlx5_core_dev *dev, u16 tag,
				   u16 *st_index)
{
	struct kunit *test = kunit_get_current_test();
	struct mr_tph_test *t = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, dev, &t->mdev);
	/* The lock of the ST table is not for inside of this one */
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(t->dmabuf->resv));
	t->tag = tag;
	if (t->st_error)
		return t->st_error;
	*st_index = ST_INDEX;
	t->indexes++;
	return 0;
}

static int mock_dealloc_index(struct mlx5_core_dev *dev, u16 st_index)
{
	struct kunit *test = kunit_get_current_test();
	struct mr_tph_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, st_index, ST_INDEX);
	t->indexes--;
	return 0;
}

KUNIT_DEFINE_ACTION_WRAPPER(put_dmabuf, dma_buf_put, struct dma_buf *);

static void detach(void *ptr)
{
	struct dma_buf_attachment *attach = ptr;

	dma_buf_detach(attach->dmabuf, attach);
}

static void attach_dev(struct kunit *test, struct device *dev)
{
	struct mr_tph_test *t = test->priv;

	t->attach = dma_buf_attach(t->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->attach);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, detach, t->attach));
}

static void set_req_type(struct mr_tph_test *t, u8 req_type)
{
	t->pdev.tph_enabled = req_type != PCI_TPH_REQ_DISABLE;
	t->pdev.tph_req_type = req_type;
}

static int mr_tph_test_init(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mr_tph_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;

	t->dev.mdev = &t->mdev;
	t->dev.ib_dev.dma_device = kunit_device_register(test, "importer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->dev.ib_dev.dma_device);
	t->mdev.pdev = &t->pdev;
	set_req_type(t, PCI_TPH_REQ_TPH_ONLY);
	t->dmah.ibdmah.ph = DMAH_PH;
	t->dmah.ibdmah.valid_fields = BIT(IB_DMAH_CPU_ID_EXISTS);
	t->dmah.st_index = DMAH_ST_INDEX;
	t->answer[false] = -EOPNOTSUPP;
	t->answer[true] = -EOPNOTSUPP;
	t->tag = -1;

	info.ops = &mock_dmabuf_ops;
	info.size = PAGE_SIZE;
	info.priv = t;
	t->dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->dmabuf);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, put_dmabuf, t->dmabuf));
	attach_dev(test, t->dev.ib_dev.dma_device);

	kunit_activate_static_stub(test, mlx5_st_alloc_index_by_tag,
				   mock_alloc_index_by_tag);
	kunit_activate_static_stub(test, mlx5_st_dealloc_index,
				   mock_dealloc_index);
	return 0;
}

/* Must the exporter stay with what it has said? */
static bool taken(struct mr_tph_test *t)
{
	bool ret;

	dma_resv_lock(t->dmabuf->resv, NULL);
	ret = dma_buf_pci_tph_taken(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);
	return ret;
}

static void expect_hint(struct kunit *test, const struct mlx5_ib_mr_tph *tph,
			bool extended)
{
	struct mr_tph_test *t = test->priv;
	u16 tag = extended ? TAG_16BIT : TAG_8BIT;

	KUNIT_EXPECT_EQ(test, tph->state, MLX5_IB_MR_TPH_EXPORTER);
	KUNIT_EXPECT_EQ(test, tph->extended, extended);
	KUNIT_EXPECT_EQ(test, tph->tag, tag);
	KUNIT_EXPECT_EQ(test, tph->ph, PH);
	KUNIT_EXPECT_EQ(test, tph->st_index, ST_INDEX);
	KUNIT_EXPECT_EQ(test, t->tag, tag);
	KUNIT_EXPECT_EQ(test, t->indexes, 1);
	KUNIT_EXPECT_TRUE(test, taken(t));
}

/* What goes into the mkey is as if there were no hints in the world */
static void expect_none(struct kunit *test, const struct mlx5_ib_mr_tph *tph,
			enum mlx5_ib_mr_tph_state state)
{
	struct mr_tph_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, tph->state, state);
	KUNIT_EXPECT_EQ(test, tph->ph, MLX5_IB_NO_PH);
	KUNIT_EXPECT_EQ(test, tph->st_index,
			MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
	KUNIT_EXPECT_FALSE(test, taken(t));
}

static int get(struct mr_tph_test *t, struct ib_dmah *dmah,
	       struct mlx5_ib_mr_tph *tph)
{
	/* Nothing of what was there before may stay */
	memset(tph, 0x5a, sizeof(*tph));
	return mlx5_ib_mr_tph_get(&t->dev, t->attach, dmah, tph);
}

static const struct namespace_param {
	const char *name;
	u8 req_type;
	unsigned int has;
	enum mlx5_ib_mr_tph_state state;
} namespaces[] = {
	{ "sends 8 bits, no hint", PCI_TPH_REQ_TPH_ONLY, 0,
	  MLX5_IB_MR_TPH_NOT_SET },
	{ "sends 8 bits, 8-bit hint", PCI_TPH_REQ_TPH_ONLY, HAS_8BIT,
	  MLX5_IB_MR_TPH_EXPORTER },
	{ "sends 8 bits, 16-bit hint", PCI_TPH_REQ_TPH_ONLY, HAS_16BIT,
	  MLX5_IB_MR_TPH_OTHER_NAMESPACE },
	{ "sends 8 bits, both hints", PCI_TPH_REQ_TPH_ONLY, HAS_8BIT | HAS_16BIT,
	  MLX5_IB_MR_TPH_EXPORTER },
	{ "sends 16 bits, no hint", PCI_TPH_REQ_EXT_TPH, 0,
	  MLX5_IB_MR_TPH_NOT_SET },
	{ "sends 16 bits, 8-bit hint", PCI_TPH_REQ_EXT_TPH, HAS_8BIT,
	  MLX5_IB_MR_TPH_OTHER_NAMESPACE },
	{ "sends 16 bits, 16-bit hint", PCI_TPH_REQ_EXT_TPH, HAS_16BIT,
	  MLX5_IB_MR_TPH_EXPORTER },
	{ "sends 16 bits, both hints", PCI_TPH_REQ_EXT_TPH, HAS_8BIT | HAS_16BIT,
	  MLX5_IB_MR_TPH_EXPORTER },
};

KUNIT_ARRAY_PARAM_DESC(namespace, namespaces, name);

static void test_namespace(struct kunit *test)
{
	const struct namespace_param *param = test->param_value;
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	set_req_type(t, param->req_type);
	t->has = param->has;
	KUNIT_ASSERT_EQ(test, get(t, NULL, &tph), 0);
	if (param->state == MLX5_IB_MR_TPH_EXPORTER) {
		expect_hint(test, &tph, param->req_type == PCI_TPH_REQ_EXT_TPH);
	} else {
		expect_none(test, &tph, param->state);
		KUNIT_EXPECT_EQ(test, t->tag, -1);
	}

	/* The index goes with the memory region, the rest with the attachment */
	mlx5_ib_mr_tph_put(&t->dev, &tph);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
	kunit_release_action(test, detach, t->attach);
	KUNIT_EXPECT_FALSE(test, taken(t));
}

/* Who may not send hints has no questions, a type that is reserved included */
static void test_requester_off(struct kunit *test)
{
	static const u8 types[] = { PCI_TPH_REQ_DISABLE, 2 };
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	t->has = HAS_8BIT | HAS_16BIT;
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		set_req_type(t, types[i]);
		KUNIT_ASSERT_EQ(test, get(t, NULL, &tph), 0);
		expect_none(test, &tph, MLX5_IB_MR_TPH_REQUESTER_OFF);
		mlx5_ib_mr_tph_put(&t->dev, &tph);
		KUNIT_EXPECT_EQ(test, t->indexes, 0);
	}
	KUNIT_EXPECT_EQ(test, t->asked, 0);
}

static const int errors[] = { -ENODEV, -EINVAL, -EINTR, -ENOMEM };

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%pe", ERR_PTR(*err));
}

KUNIT_ARRAY_PARAM(error, errors, error_name);

/* An exporter that cannot say is not one that has no hint */
static void test_exporter_error(struct kunit *test)
{
	const int err = *(const int *)test->param_value;
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	for (int extended = 0; extended < 2; extended++) {
		t->answer[extended] = err;
		t->answer[!extended] = -EOPNOTSUPP;
		KUNIT_EXPECT_EQ(test, get(t, NULL, &tph), err);
		KUNIT_EXPECT_EQ(test, get(t, &t->dmah.ibdmah, &tph), err);
		KUNIT_EXPECT_EQ(test, t->tag, -1);
		KUNIT_EXPECT_FALSE(test, taken(t));
	}
}

static const struct st_error_param {
	const char *name;
	int err;
	enum mlx5_ib_mr_tph_state state;
} st_errors[] = {
	{ "does not fit", -ERANGE, MLX5_IB_MR_TPH_NO_FIT },
	{ "table full", -ENOSPC, MLX5_IB_MR_TPH_TABLE_FULL },
	{ "no table", -EOPNOTSUPP, MLX5_IB_MR_TPH_REQUESTER_OFF },
};

KUNIT_ARRAY_PARAM_DESC(st_error, st_errors, name);

/* A hint that cannot be used is no error, but nobody is held to it */
static void test_st_error(struct kunit *test)
{
	const struct st_error_param *param = test->param_value;
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	t->has = HAS_8BIT;
	t->st_error = param->err;
	KUNIT_ASSERT_EQ(test, get(t, NULL, &tph), 0);
	KUNIT_EXPECT_EQ(test, t->tag, TAG_8BIT);
	expect_none(test, &tph, param->state);
	mlx5_ib_mr_tph_put(&t->dev, &tph);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
}

/* What is the matter with the device, and not with the hint, is one */
static void test_st_failure(struct kunit *test)
{
	const int err = *(const int *)test->param_value;
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	t->has = HAS_8BIT;
	t->st_error = err;
	KUNIT_EXPECT_EQ(test, get(t, NULL, &tph), err);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
	kunit_release_action(test, detach, t->attach);
	KUNIT_EXPECT_FALSE(test, taken(t));
}

/* The hint comes first: a CPU's tag does not go where tags have a meaning */
static void test_hint_then_dmah(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	for (t->has = HAS_8BIT; t->has <= (HAS_8BIT | HAS_16BIT); t->has++) {
		KUNIT_EXPECT_EQ(test, get(t, &t->dmah.ibdmah, &tph), -EINVAL);
		KUNIT_EXPECT_FALSE(test, taken(t));
		/* Not even one that names no CPU */
		t->dmah.ibdmah.valid_fields ^= BIT(IB_DMAH_CPU_ID_EXISTS);
		KUNIT_EXPECT_EQ(test, get(t, &t->dmah.ibdmah, &tph), -EINVAL);
		KUNIT_EXPECT_FALSE(test, taken(t));
	}
	KUNIT_EXPECT_EQ(test, t->tag, -1);
}

/* The DMA handle comes first: no hint comes after it */
static void test_dmah_then_hint(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	KUNIT_ASSERT_EQ(test, get(t, &t->dmah.ibdmah, &tph), 0);
	KUNIT_EXPECT_EQ(test, tph.state, MLX5_IB_MR_TPH_DMAH);
	KUNIT_EXPECT_EQ(test, tph.ph, DMAH_PH);
	KUNIT_EXPECT_EQ(test, tph.st_index, DMAH_ST_INDEX);
	KUNIT_EXPECT_TRUE(test, taken(t));

	/* The index is the DMA handle's, and stays with it */
	mlx5_ib_mr_tph_put(&t->dev, &tph);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
	KUNIT_EXPECT_EQ(test, t->tag, -1);
	kunit_release_action(test, detach, t->attach);
	KUNIT_EXPECT_FALSE(test, taken(t));
}

static void test_dmah_without_cpu(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;

	t->dmah.ibdmah.valid_fields = 0;
	KUNIT_ASSERT_EQ(test, get(t, &t->dmah.ibdmah, &tph), 0);
	KUNIT_EXPECT_EQ(test, tph.state, MLX5_IB_MR_TPH_DMAH);
	KUNIT_EXPECT_EQ(test, tph.ph, DMAH_PH);
	KUNIT_EXPECT_EQ(test, tph.st_index,
			MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);
	KUNIT_EXPECT_TRUE(test, taken(t));
}

/* It is another function that does the DMA, and nobody asks for its sake */
static void test_data_direct(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph;
	struct device *dev;

	dev = kunit_device_register(test, "data-direct");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	attach_dev(test, dev);

	t->has = HAS_8BIT | HAS_16BIT;
	KUNIT_ASSERT_EQ(test, get(t, NULL, &tph), 0);
	expect_none(test, &tph, MLX5_IB_MR_TPH_DATA_DIRECT);
	KUNIT_EXPECT_EQ(test, t->asked, 0);
	mlx5_ib_mr_tph_put(&t->dev, &tph);
	KUNIT_EXPECT_EQ(test, t->indexes, 0);
}

static bool pooled(struct mr_tph_test *t, u16 st_index, u8 ph)
{
	struct mlx5_ib_mr_tph tph = {
		.state = MLX5_IB_MR_TPH_EXPORTER,
		.st_index = st_index,
		.ph = ph,
	};

	return mlx5_ib_mr_tph_pooled(&t->dev.tph_pool, &tph);
}

static void test_pool_bound(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;

	/* Index 0 with PH 0 is a hint too */
	for (int i = 0; i < MLX5_IB_MR_TPH_POOLED; i++)
		KUNIT_EXPECT_TRUE(test, pooled(t, i / 4, i % 4));

	/* Those are in for good, and nobody else is */
	for (int round = 0; round < 2; round++) {
		for (int i = MLX5_IB_MR_TPH_POOLED; i < 1024; i++)
			KUNIT_EXPECT_FALSE(test, pooled(t, i / 4, i % 4));
		for (int i = 0; i < MLX5_IB_MR_TPH_POOLED; i++)
			KUNIT_EXPECT_TRUE(test, pooled(t, i / 4, i % 4));
	}
}

/* One hint needs one place, however often it comes and whatever its tag is */
static void test_pool_same(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph = {
		.state = MLX5_IB_MR_TPH_EXPORTER,
		.st_index = 5,
		.ph = 3,
	};

	for (int i = 0; i < 2 * MLX5_IB_MR_TPH_POOLED; i++) {
		tph.tag = i;
		tph.extended = i & 1;
		KUNIT_EXPECT_TRUE(test, mlx5_ib_mr_tph_pooled(&t->dev.tph_pool,
							      &tph));
	}
	for (int i = 1; i < MLX5_IB_MR_TPH_POOLED; i++)
		KUNIT_EXPECT_TRUE(test, pooled(t, 0x80 + i, 3));
	KUNIT_EXPECT_FALSE(test, pooled(t, 5, 2));
	KUNIT_EXPECT_FALSE(test, pooled(t, 4, 3));
	KUNIT_EXPECT_TRUE(test, pooled(t, 5, 3));
}

/* Who has no hint of an exporter's uses no place, and needs none */
static void test_pool_others(struct kunit *test)
{
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr_tph tph = {};

	for (int full = 0; full < 2; full++) {
		for (u16 i = 0; i < 2 * MLX5_IB_MR_TPH_POOLED; i++) {
			tph.state = i & 1 ? MLX5_IB_MR_TPH_DMAH :
					    MLX5_IB_MR_TPH_NOT_SET;
			tph.st_index = 0x200 + i;
			KUNIT_EXPECT_TRUE(test,
					  mlx5_ib_mr_tph_pooled(&t->dev.tph_pool,
								&tph));
		}
		for (int i = 0; i < MLX5_IB_MR_TPH_POOLED; i++)
			KUNIT_EXPECT_TRUE(test, pooled(t, i, 0));
		KUNIT_EXPECT_FALSE(test, pooled(t, MLX5_IB_MR_TPH_POOLED, 0));
	}
}

static void free_skb(void *skb)
{
	nlmsg_free(skb);
}

static struct sk_buff *new_msg(struct kunit *test)
{
	struct sk_buff *msg = nlmsg_new(1024, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, msg);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_skb, msg));
	return msg;
}

/* The driver's attributes in a message: "name value name value" */
static const char *show(struct kunit *test, struct mlx5_ib_mr *mr)
{
	struct sk_buff *msg = new_msg(test);
	struct nlattr *nest, *attr;
	bool hex = false;
	int rem, len = 0;
	char *text;

	text = kunit_kzalloc(test, 256, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	KUNIT_EXPECT_EQ(test, mlx5_ib_fill_res_mr_tph(msg, mr), 0);
	if (!msg->len)
		return text;

	nest = (struct nlattr *)msg->data;
	KUNIT_EXPECT_EQ(test, nla_type(nest), RDMA_NLDEV_ATTR_DRIVER);
	KUNIT_EXPECT_EQ(test, nla_len(nest) + NLA_HDRLEN, msg->len);
	nla_for_each_nested(attr, nest, rem) {
		switch (nla_type(attr)) {
		case RDMA_NLDEV_ATTR_DRIVER_STRING:
			len += scnprintf(text + len, 256 - len, "%s ",
					 (char *)nla_data(attr));
			break;
		case RDMA_NLDEV_ATTR_DRIVER_PRINT_TYPE:
			hex = nla_get_u8(attr) == RDMA_NLDEV_PRINT_TYPE_HEX;
			break;
		case RDMA_NLDEV_ATTR_DRIVER_U32:
			len += scnprintf(text + len, 256 - len, hex ? "0x%x " : "%u ",
					 nla_get_u32(attr));
			hex = false;
			break;
		}
	}
	return text;
}

static const struct show_param {
	struct mlx5_ib_mr_tph tph;
	enum { NO_DMAH, DMAH_OF_CPU, DMAH_WITHOUT_CPU } dmah;
	const char *text;
} shows[] = {
	{ { MLX5_IB_MR_TPH_EXPORTER, false, 0xf0, 1, 2 }, NO_DMAH,
	  "tph exporter tph_ph 2 tph_st 0xf0 tph_st_bits 8 tph_st_index 1 " },
	{ { MLX5_IB_MR_TPH_EXPORTER, true, 0x1234, 3, 0 }, NO_DMAH,
	  "tph exporter tph_ph 0 tph_st 0x1234 tph_st_bits 16 tph_st_index 3 " },
	{ { MLX5_IB_MR_TPH_NOT_SET }, NO_DMAH,
	  "tph none tph_reason not-set " },
	{ { MLX5_IB_MR_TPH_OTHER_NAMESPACE }, NO_DMAH,
	  "tph none tph_reason other-namespace " },
	{ { MLX5_IB_MR_TPH_NO_FIT }, NO_DMAH,
	  "tph none tph_reason does-not-fit " },
	{ { MLX5_IB_MR_TPH_TABLE_FULL }, NO_DMAH,
	  "tph none tph_reason table-full " },
	{ { MLX5_IB_MR_TPH_REQUESTER_OFF }, NO_DMAH,
	  "tph none tph_reason requester-off " },
	{ { MLX5_IB_MR_TPH_DATA_DIRECT }, NO_DMAH,
	  "tph none tph_reason data-direct " },
	{ { MLX5_IB_MR_TPH_DMAH }, DMAH_OF_CPU,
	  "tph dmah tph_ph 1 tph_st_index 9 " },
	{ { MLX5_IB_MR_TPH_DMAH }, DMAH_WITHOUT_CPU,
	  "tph dmah tph_ph 1 " },
	/* Ordinary memory with a DMA handle, and without */
	{ { MLX5_IB_MR_TPH_NOBODY }, DMAH_OF_CPU,
	  "tph dmah tph_ph 1 tph_st_index 9 " },
	{ { MLX5_IB_MR_TPH_NOBODY }, NO_DMAH, "" },
};

static void show_name(const struct show_param *param, char *name)
{
	strscpy(name, *param->text ? param->text : "nothing",
		KUNIT_PARAM_DESC_SIZE);
	strim(name);
}

KUNIT_ARRAY_PARAM(show, shows, show_name);

static void test_show(struct kunit *test)
{
	const struct show_param *param = test->param_value;
	struct mr_tph_test *t = test->priv;
	struct mlx5_ib_mr *mr;
	struct sk_buff *msg;
	unsigned int len;

	mr = kunit_kzalloc(test, sizeof(*mr), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mr);
	mr->tph = param->tph;
	mr->ibmr.dmah = param->dmah ? &t->dmah.ibdmah : NULL;
	if (param->dmah == DMAH_WITHOUT_CPU)
		t->dmah.ibdmah.valid_fields = 0;
	KUNIT_EXPECT_STREQ(test, show(test, mr), param->text);

	/* A message that is too small for it gets all of it or nothing */
	msg = new_msg(test);
	KUNIT_ASSERT_EQ(test, mlx5_ib_fill_res_mr_tph(msg, mr), 0);
	len = msg->len;
	for (unsigned int room = 0; room < len; room += NLA_ALIGNTO) {
		msg = new_msg(test);
		skb_put(msg, skb_tailroom(msg) - room);
		KUNIT_EXPECT_EQ(test, mlx5_ib_fill_res_mr_tph(msg, mr), -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, skb_tailroom(msg), room);
	}
}

static struct kunit_case mr_tph_cases[] = {
	KUNIT_CASE_PARAM(test_namespace, namespace_gen_params),
	KUNIT_CASE(test_requester_off),
	KUNIT_CASE_PARAM(test_exporter_error, error_gen_params),
	KUNIT_CASE_PARAM(test_st_error, st_error_gen_params),
	KUNIT_CASE_PARAM(test_st_failure, error_gen_params),
	KUNIT_CASE(test_hint_then_dmah),
	KUNIT_CASE(test_dmah_then_hint),
	KUNIT_CASE(test_dmah_without_cpu),
	KUNIT_CASE(test_data_direct),
	KUNIT_CASE(test_pool_bound),
	KUNIT_CASE(test_pool_same),
	KUNIT_CASE(test_pool_others),
	KUNIT_CASE_PARAM(test_show, show_gen_params),
	{}
};

static struct kunit_suite mr_tph_test_suite = {
	.name = "mlx5-mr-tph",
	.init = mr_tph_test_init,
	.test_cases = mr_tph_cases,
};

kunit_test_suite(mr_tph_test_suite);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of the processing hints of mlx5 memory regions");
MODULE_LICENSE("Dual BSD/GPL");
