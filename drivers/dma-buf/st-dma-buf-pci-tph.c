// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the PCIe processing hints of DMA-bufs
 *
 * The exporter is a mock that answers what a test tells it to, and always
 * writes to its outputs; the importers are attachments of a device that does
 * nothing.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/debug_locks.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/errno.h>
#include <linux/module.h>

/* What the outputs are preset to, to see who writes to them */
#define UNTOUCHED_ST	0xabcd
#define UNTOUCHED_PH	0xef

struct answer {
	int ret;
	u16 st;
	u8 ph;
};

struct exporter {
	struct kunit *test;
	struct dma_buf *dmabuf;
	struct answer answer[2];		/* 8-bit tag, 16-bit tag */
	unsigned int asked[2];
	struct dma_buf_attachment *asked_by;
};

static int exporter_get_pci_tph(struct dma_buf_attachment *attach,
				bool extended, u16 *steering_tag, u8 *ph)
{
	struct exporter *exp = attach->dmabuf->priv;

	KUNIT_EXPECT_TRUE(exp->test, dma_resv_is_locked(attach->dmabuf->resv));
	exp->asked[extended]++;
	exp->asked_by = attach;

	*steering_tag = exp->answer[extended].st;
	*ph = exp->answer[extended].ph;
	return exp->answer[extended].ret;
}

static struct sg_table *exporter_map(struct dma_buf_attachment *attach,
				     enum dma_data_direction dir)
{
	return ERR_PTR(-ENXIO);
}

static void exporter_unmap(struct dma_buf_attachment *attach,
			   struct sg_table *sgt, enum dma_data_direction dir)
{
}

/* Comes late, when the test and its memory are gone */
static void exporter_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops exporter_ops = {
	.map_dma_buf = exporter_map,
	.unmap_dma_buf = exporter_unmap,
	.release = exporter_release,
	.get_pci_tph = exporter_get_pci_tph,
};

static const struct dma_buf_ops exporter_without_op = {
	.map_dma_buf = exporter_map,
	.unmap_dma_buf = exporter_unmap,
	.release = exporter_release,
};

KUNIT_DEFINE_ACTION_WRAPPER(put_dmabuf, dma_buf_put, struct dma_buf *);

static void detach(void *ptr)
{
	struct dma_buf_attachment *attach = ptr;

	dma_buf_detach(attach->dmabuf, attach);
}

static int dma_buf_pci_tph_test_init(struct kunit *test)
{
	test->priv = kunit_device_register(test, "importer");
	return PTR_ERR_OR_ZERO(test->priv);
}

static struct exporter *new_exporter(struct kunit *test,
				     const struct dma_buf_ops *ops)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct exporter *exp;

	exp = kunit_kzalloc(test, sizeof(*exp), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, exp);
	exp->test = test;
	exp->answer[false].ret = -EOPNOTSUPP;
	exp->answer[true].ret = -EOPNOTSUPP;

	info.ops = ops;
	info.size = PAGE_SIZE;
	info.priv = exp;
	exp->dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, exp->dmabuf);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, put_dmabuf, exp->dmabuf));
	return exp;
}

static struct dma_buf_attachment *new_importer(struct exporter *exp)
{
	struct dma_buf_attachment *attach;
	struct kunit *test = exp->test;

	attach = dma_buf_attach(exp->dmabuf, test->priv);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, detach, attach));
	return attach;
}

static int get(struct dma_buf_attachment *attach, bool extended, u16 *st, u8 *ph)
{
	int ret;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	ret = dma_buf_get_pci_tph(attach, extended, st, ph);
	dma_resv_unlock(attach->dmabuf->resv);
	return ret;
}

static int claim_no(struct dma_buf_attachment *attach)
{
	int ret;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	ret = dma_buf_claim_no_pci_tph(attach);
	dma_resv_unlock(attach->dmabuf->resv);
	return ret;
}

static void put(struct dma_buf_attachment *attach)
{
	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_put_pci_tph(attach);
	dma_resv_unlock(attach->dmabuf->resv);
}

static bool taken(struct exporter *exp)
{
	bool ret;

	dma_resv_lock(exp->dmabuf->resv, NULL);
	ret = dma_buf_pci_tph_taken(exp->dmabuf);
	dma_resv_unlock(exp->dmabuf->resv);
	return ret;
}

static void expect_success(struct exporter *exp,
			   struct dma_buf_attachment *attach, bool extended)
{
	struct kunit *test = exp->test;
	u16 st = UNTOUCHED_ST;
	u8 ph = UNTOUCHED_PH;

	KUNIT_EXPECT_EQ(test, get(attach, extended, &st, &ph), 0);
	KUNIT_EXPECT_EQ(test, st, exp->answer[extended].st);
	KUNIT_EXPECT_EQ(test, ph, exp->answer[extended].ph);
}

static void expect_failure(struct kunit *test, struct dma_buf_attachment *attach,
			   bool extended, int err)
{
	u16 st = UNTOUCHED_ST;
	u8 ph = UNTOUCHED_PH;

	KUNIT_EXPECT_EQ(test, get(attach, extended, &st, &ph), err);
	KUNIT_EXPECT_EQ(test, st, UNTOUCHED_ST);
	KUNIT_EXPECT_EQ(test, ph, UNTOUCHED_PH);
}

static void test_no_op(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_without_op);
	struct dma_buf_attachment *attach = new_importer(exp);

	expect_failure(test, attach, false, -EOPNOTSUPP);
	expect_failure(test, attach, true, -EOPNOTSUPP);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	/* Who cannot have hints has none, and says so for good */
	KUNIT_EXPECT_EQ(test, claim_no(attach), 0);
	KUNIT_EXPECT_TRUE(test, taken(exp));
}

static void test_values(struct kunit *test)
{
	static const u16 tags[2][4] = {
		{ 0, 1, 0x80, 0xff },
		{ 0, 0xff, 0x100, 0xffff },
	};
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	for (int extended = 0; extended < 2; extended++) {
		for (int i = 0; i < ARRAY_SIZE(tags[0]); i++) {
			for (u8 ph = 0; ph <= 3; ph++) {
				exp->answer[extended].ret = 0;
				exp->answer[extended].st = tags[extended][i];
				exp->answer[extended].ph = ph;
				expect_success(exp, attach, extended);
			}
		}
	}
}

/* The exporter learns which kind of tag is meant, and who wants it */
static void test_question(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *one = new_importer(exp);
	struct dma_buf_attachment *two = new_importer(exp);

	exp->answer[false] = (struct answer){ 0, 0x12, 1 };
	exp->answer[true] = (struct answer){ 0, 0x3456, 2 };

	expect_success(exp, one, false);
	KUNIT_EXPECT_PTR_EQ(test, exp->asked_by, one);
	KUNIT_EXPECT_EQ(test, exp->asked[false], 1);
	KUNIT_EXPECT_EQ(test, exp->asked[true], 0);

	expect_success(exp, two, true);
	KUNIT_EXPECT_PTR_EQ(test, exp->asked_by, two);
	KUNIT_EXPECT_EQ(test, exp->asked[false], 1);
	KUNIT_EXPECT_EQ(test, exp->asked[true], 1);
}

/* A hint in one namespace is none in the other */
static void test_namespaces(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	exp->answer[false] = (struct answer){ 0, 0x12, 1 };
	expect_failure(test, attach, true, -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, exp->asked[false], 0);

	exp->answer[false].ret = -EOPNOTSUPP;
	exp->answer[true] = (struct answer){ 0, 0x34, 1 };
	expect_failure(test, attach, false, -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, exp->asked[true], 1);
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

static const int errors[] = {
	-EOPNOTSUPP, -ENODEV, -EINVAL, -EBUSY, -EINTR, -ENOMEM, -EIO,
};

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%pe", ERR_PTR(*err));
}

KUNIT_ARRAY_PARAM(error, errors, error_name);

/* Whatever the exporter returns, and it has written to the outputs */
static void test_error(struct kunit *test)
{
	const int err = *(const int *)test->param_value;
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	exp->answer[false] = (struct answer){ err, 0x12, 1 };
	exp->answer[true] = (struct answer){ err, 0x3456, 2 };
	expect_failure(test, attach, false, err);
	expect_failure(test, attach, true, err);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	/* What was taken before is not lost */
	exp->answer[false].ret = 0;
	expect_success(exp, attach, false);
	expect_failure(test, attach, true, err);
	KUNIT_EXPECT_TRUE(test, taken(exp));
}

static const struct range_param {
	const char *name;
	bool extended;
	struct answer answer;
} ranges[] = {
	{ "8-bit tag 0x100", false, { 0, 0x100, 0 } },
	{ "8-bit tag 0xffff", false, { 0, 0xffff, 0 } },
	{ "8-bit tag, PH 4", false, { 0, 0xff, 4 } },
	{ "16-bit tag, PH 4", true, { 0, 0xffff, 4 } },
	{ "16-bit tag, PH 255", true, { 0, 0, 255 } },
};

KUNIT_ARRAY_PARAM_DESC(range, ranges, name);

/* Nothing that would be cut to fit a request, whatever the exporter says */
static void test_range(struct kunit *test)
{
	const struct range_param *param = test->param_value;
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	exp->answer[param->extended] = param->answer;
	kunit_warning_suppress(test) {
		expect_failure(test, attach, param->extended, -EINVAL);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

static void test_taken(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	exp->answer[false] = (struct answer){ 0, 0x12, 1 };
	exp->answer[true] = (struct answer){ 0, 0x3456, 2 };

	KUNIT_EXPECT_FALSE(test, taken(exp));
	put(attach);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	expect_success(exp, attach, true);
	KUNIT_EXPECT_TRUE(test, taken(exp));
	put(attach);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	/* Asking twice is not taking twice */
	expect_success(exp, attach, false);
	expect_success(exp, attach, true);
	KUNIT_EXPECT_TRUE(test, taken(exp));
	put(attach);
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

static void test_attachments(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct exporter *other = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach[3];
	struct dma_buf_attachment *elsewhere;

	exp->answer[false] = (struct answer){ 0, 0x12, 1 };
	other->answer[false] = (struct answer){ 0, 0x34, 2 };

	/* The list of attachments has the last one first */
	for (int i = 0; i < ARRAY_SIZE(attach); i++)
		attach[i] = new_importer(exp);
	elsewhere = new_importer(other);

	for (int i = 0; i < ARRAY_SIZE(attach); i++) {
		expect_success(exp, attach[i], false);
		KUNIT_EXPECT_TRUE(test, taken(exp));
		put(attach[i]);
		KUNIT_EXPECT_FALSE(test, taken(exp));
	}

	for (int i = 0; i < ARRAY_SIZE(attach); i++)
		expect_success(exp, attach[i], false);
	KUNIT_EXPECT_FALSE(test, taken(other));
	for (int i = 0; i < ARRAY_SIZE(attach); i++) {
		KUNIT_EXPECT_TRUE(test, taken(exp));
		put(attach[i]);
	}
	KUNIT_EXPECT_FALSE(test, taken(exp));

	expect_success(other, elsewhere, false);
	KUNIT_EXPECT_TRUE(test, taken(other));
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

static void test_detach(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *one = new_importer(exp);
	struct dma_buf_attachment *two = new_importer(exp);

	exp->answer[true] = (struct answer){ 0, 0x3456, 1 };
	expect_success(exp, one, true);
	expect_success(exp, two, true);

	kunit_release_action(test, detach, one);
	KUNIT_EXPECT_TRUE(test, taken(exp));
	kunit_release_action(test, detach, two);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	/* A new attachment does not start with what an old one had */
	new_importer(exp);
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

static void test_claim_no(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	KUNIT_EXPECT_EQ(test, claim_no(attach), 0);
	KUNIT_EXPECT_EQ(test, exp->asked[false], 1);
	KUNIT_EXPECT_EQ(test, exp->asked[true], 1);
	KUNIT_EXPECT_TRUE(test, taken(exp));
	put(attach);
	KUNIT_EXPECT_FALSE(test, taken(exp));

	KUNIT_EXPECT_EQ(test, claim_no(attach), 0);
	kunit_release_action(test, detach, attach);
	KUNIT_EXPECT_FALSE(test, taken(exp));
}

/* Either namespace counts, and tag 0 with PH 0 is a hint too */
static void test_claim_no_refused(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	for (int extended = 0; extended < 2; extended++) {
		exp->answer[extended].ret = 0;
		exp->answer[!extended].ret = -EOPNOTSUPP;
		KUNIT_EXPECT_EQ(test, claim_no(attach), -EINVAL);
		KUNIT_EXPECT_FALSE(test, taken(exp));
	}
}

/* Only an exporter that has said no twice has no hint */
static void test_claim_no_error(struct kunit *test)
{
	const int err = *(const int *)test->param_value;
	const int want = err == -EOPNOTSUPP ? 0 : err;
	struct exporter *exp = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);

	for (int extended = 0; extended < 2; extended++) {
		exp->answer[extended].ret = err;
		exp->answer[!extended].ret = -EOPNOTSUPP;
		KUNIT_EXPECT_EQ(test, claim_no(attach), want);
		KUNIT_EXPECT_EQ(test, taken(exp), !want);
		put(attach);
	}
}

/* All of them want the reservation lock, and lockdep says so if they don't get it */
static void test_unlocked(struct kunit *test)
{
	struct exporter *exp = new_exporter(test, &exporter_without_op);
	struct exporter *other = new_exporter(test, &exporter_ops);
	struct dma_buf_attachment *attach = new_importer(exp);
	u16 st;
	u8 ph;

	if (!IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks)
		kunit_skip(test, "needs lockdep");

	kunit_warning_suppress(test) {
		dma_buf_get_pci_tph(attach, false, &st, &ph);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		dma_buf_claim_no_pci_tph(attach);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
		dma_buf_put_pci_tph(attach);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
		dma_buf_pci_tph_taken(exp->dmabuf);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 4);

		/* The lock of another buffer is not the lock */
		dma_resv_lock(other->dmabuf->resv, NULL);
		dma_buf_put_pci_tph(attach);
		dma_resv_unlock(other->dmabuf->resv);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 5);
	}
}

static struct kunit_case dma_buf_pci_tph_cases[] = {
	KUNIT_CASE(test_no_op),
	KUNIT_CASE(test_values),
	KUNIT_CASE(test_question),
	KUNIT_CASE(test_namespaces),
	KUNIT_CASE_PARAM(test_error, error_gen_params),
	KUNIT_CASE_PARAM(test_range, range_gen_params),
	KUNIT_CASE(test_taken),
	KUNIT_CASE(test_attachments),
	KUNIT_CASE(test_detach),
	KUNIT_CASE(test_claim_no),
	KUNIT_CASE(test_claim_no_refused),
	KUNIT_CASE_PARAM(test_claim_no_error, error_gen_params),
	KUNIT_CASE(test_unlocked),
	{}
};

static struct kunit_suite dma_buf_pci_tph_test_suite = {
	.name = "dma-buf-pci-tph",
	.init = dma_buf_pci_tph_test_init,
	.test_cases = dma_buf_pci_tph_cases,
};

kunit_test_suite(dma_buf_pci_tph_test_suite);

MODULE_IMPORT_NS("DMA_BUF");
