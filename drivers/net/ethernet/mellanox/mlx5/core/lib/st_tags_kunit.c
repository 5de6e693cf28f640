// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * KUnit tests of the ST table and of those who share it
 *
 * The device is a mock: a capability bit, and a PCI function that has a TPH
 * Requester capability in its config space and nothing else.
 */

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/driver.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-tph.h>
#include <linux/unaligned.h>

#include "mlx5_core.h"
#include "lib/st_tags.h"

#define FAKE_TPH_CAP	0x100
#define FAKE_TABLE	(FAKE_TPH_CAP + PCI_TPH_BASE_SIZEOF)
#define FAKE_ENTRIES	8

/* What outputs are preset to, to see who writes to them */
#define UNTOUCHED	0xdead

/**
 * struct fake_dev - an mlx5 device
 * @mdev: what the code under test gets
 * @caps: of @mdev
 * @pdev: of @mdev
 * @bus: that @pdev is on
 * @config: of @pdev
 * @entry_writes: how often one of the ST table's entries was written
 * @read_only: the ST table cannot be written
 */
struct fake_dev {
	struct mlx5_core_dev mdev;
	struct mlx5_hca_cap caps;
	struct pci_dev pdev;
	struct pci_bus bus;
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	unsigned int entry_writes;
	bool read_only;
};

static int fake_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val)
{
	struct fake_dev *fake = bus->sysdata;
	__le32 raw = 0;

	memcpy(&raw, &fake->config[where], size);
	*val = le32_to_cpu(raw);
	return PCIBIOS_SUCCESSFUL;
}

static int fake_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 val)
{
	struct fake_dev *fake = bus->sysdata;
	__le32 raw = cpu_to_le32(val);

	if (where >= FAKE_TABLE) {
		if (fake->read_only)
			return PCIBIOS_DEVICE_NOT_FOUND;
		fake->entry_writes++;
	}
	memcpy(&fake->config[where], &raw, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
};

static u16 table(struct fake_dev *fake, u16 st_index)
{
	return get_unaligned_le16(&fake->config[FAKE_TABLE + 2 * st_index]);
}

/* A device that can use TPH, with its ST table at @location */
static struct fake_dev *new_dev(struct kunit *test, u32 location, u16 entries)
{
	struct fake_dev *fake;

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake);

	fake->bus.ops = &fake_ops;
	fake->bus.sysdata = fake;
	fake->pdev.bus = &fake->bus;
	fake->pdev.error_state = pci_channel_io_normal;
	fake->pdev.pcie_cap = 0x40;
	/* So that there need not be a Root Port */
	fake->pdev.pcie_flags_reg =
		FIELD_PREP(PCI_EXP_FLAGS_TYPE, PCI_EXP_TYPE_RC_END) | 2;
	fake->pdev.eetlp_prefix_max = 4;
	fake->pdev.tph_cap = FAKE_TPH_CAP;
	put_unaligned_le32(PCI_TPH_CAP_ST_DS | PCI_TPH_CAP_EXT_TPH | location |
			   (location == PCI_TPH_LOC_CAP ?
			    FIELD_PREP(PCI_TPH_CAP_ST_MASK, entries - 1) : 0),
			   &fake->config[FAKE_TPH_CAP + PCI_TPH_CAP]);

	fake->mdev.pdev = &fake->pdev;
	fake->mdev.coredev_type = MLX5_COREDEV_PF;
	fake->mdev.caps.hca[MLX5_CAP_GENERAL] = &fake->caps;
	MLX5_SET(cmd_hca_cap, fake->caps.cur, mkey_pcie_tph, 1);
	return fake;
}

static void destroy(void *ptr)
{
	struct fake_dev *fake = ptr;

	mlx5_st_destroy(&fake->mdev);
	fake->mdev.st = NULL;
}

/* The same, as it is after mlx5_core has found it */
static struct fake_dev *new_st_dev(struct kunit *test, u32 location, u16 entries)
{
	struct fake_dev *fake = new_dev(test, location, entries);

	fake->mdev.st = mlx5_st_create(&fake->mdev);
	KUNIT_ASSERT_NOT_NULL(test, fake->mdev.st);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy, fake));
	return fake;
}

static struct fake_dev *new_table_dev(struct kunit *test)
{
	return new_st_dev(test, PCI_TPH_LOC_CAP, FAKE_ENTRIES);
}

/* A subfunction of @parent's, which it has no PCI function without */
static struct mlx5_core_dev *new_sf(struct kunit *test, struct fake_dev *parent)
{
#ifdef CONFIG_MLX5_SF
	struct mlx5_core_dev *sf;

	sf = kunit_kzalloc(test, sizeof(*sf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sf);
	sf->pdev = &parent->pdev;
	sf->coredev_type = MLX5_COREDEV_SF;
	sf->caps.hca[MLX5_CAP_GENERAL] = &parent->caps;
	sf->priv.parent_mdev = &parent->mdev;
	sf->st = mlx5_st_create(sf);
	KUNIT_ASSERT_PTR_EQ(test, sf->st, parent->mdev.st);
	return sf;
#else
	kunit_skip(test, "needs CONFIG_MLX5_SF");
	return NULL;
#endif
}

static u16 get(struct kunit *test, struct mlx5_core_dev *mdev, u16 tag)
{
	u16 st_index = UNTOUCHED;

	KUNIT_EXPECT_EQ_MSG(test, 0,
			    mlx5_st_alloc_index_by_tag(mdev, tag, &st_index),
			    "tag %#x", tag);
	return st_index;
}

static void get_fails(struct kunit *test, struct mlx5_core_dev *mdev, u16 tag,
		      int err)
{
	u16 st_index = UNTOUCHED;

	KUNIT_EXPECT_EQ_MSG(test, err,
			    mlx5_st_alloc_index_by_tag(mdev, tag, &st_index),
			    "tag %#x", tag);
	KUNIT_EXPECT_EQ(test, st_index, UNTOUCHED);
}

static void put(struct kunit *test, struct mlx5_core_dev *mdev, u16 st_index)
{
	KUNIT_EXPECT_EQ(test, mlx5_st_dealloc_index(mdev, st_index), 0);
}

/* Tags that no other test uses take all entries but the reserved one */
static void fill(struct kunit *test, struct mlx5_core_dev *mdev, unsigned int left)
{
	for (u16 i = 0; i < left; i++)
		get(test, mdev, 0x7000 + i);
	get_fails(test, mdev, 0x6fff, -ENOSPC);
}

static void empty(struct kunit *test, struct mlx5_core_dev *mdev, unsigned int left)
{
	for (u16 i = 0; i < left; i++) {
		u16 st_index = get(test, mdev, 0x7000 + i);

		put(test, mdev, st_index);
		put(test, mdev, st_index);
	}
}

static void test_create(struct kunit *test)
{
	struct fake_dev *fake;

	/* Firmware that has no hints in mkeys */
	fake = new_dev(test, PCI_TPH_LOC_CAP, FAKE_ENTRIES);
	MLX5_SET(cmd_hca_cap, fake->caps.cur, mkey_pcie_tph, 0);
	KUNIT_EXPECT_NULL(test, mlx5_st_create(&fake->mdev));

	/* A function that has no TPH */
	fake = new_dev(test, PCI_TPH_LOC_CAP, FAKE_ENTRIES);
	fake->pdev.tph_cap = 0;
	KUNIT_EXPECT_NULL(test, mlx5_st_create(&fake->mdev));

	/* Tables that are of no use */
	fake = new_dev(test, PCI_TPH_LOC_CAP, 1);
	KUNIT_EXPECT_NULL(test, mlx5_st_create(&fake->mdev));
	fake = new_dev(test, PCI_TPH_LOC_MSIX, 0);
	KUNIT_EXPECT_NULL(test, mlx5_st_create(&fake->mdev));
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev),
			PCI_TPH_REQ_DISABLE);

	/* And one that has a single tag */
	fake = new_st_dev(test, PCI_TPH_LOC_CAP, 2);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev),
			PCI_TPH_REQ_EXT_TPH);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x12), 1);
	get_fails(test, &fake->mdev, 0x13, -ENOSPC);
	put(test, &fake->mdev, 1);
	kunit_release_action(test, destroy, fake);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev),
			PCI_TPH_REQ_DISABLE);
}

/* The platform: the tag of a CPU is its number, and there is no CPU 0 */
static int fake_cpu_st(struct pci_dev *pdev, enum tph_mem_type mem_type,
		       unsigned int cpu, u16 *tag)
{
	if (!cpu)
		return -EINVAL;
	*tag = cpu;
	return 0;
}

static void expect_cpu(struct kunit *test, struct fake_dev *fake,
		       unsigned int cpu, int err, u16 st_index)
{
	u16 found = UNTOUCHED;

	KUNIT_EXPECT_EQ_MSG(test, err,
			    mlx5_st_alloc_index(&fake->mdev, TPH_MEM_TYPE_VM,
						cpu, &found), "CPU %#x", cpu);
	KUNIT_EXPECT_EQ_MSG(test, found, st_index, "CPU %#x", cpu);
}

/* A DMA handle's tag is one of the table like any other */
static void test_cpu(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index;

	kunit_activate_static_stub(test, pcie_tph_get_cpu_st, fake_cpu_st);
	expect_cpu(test, fake, 0, -EINVAL, UNTOUCHED);

	st_index = get(test, &fake->mdev, 0x12);
	expect_cpu(test, fake, 0x12, 0, st_index);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);

	/* Whoever stays keeps it, and then there is no room for others */
	put(test, &fake->mdev, st_index);
	fill(test, &fake->mdev, FAKE_ENTRIES - 2);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x12);
	expect_cpu(test, fake, 0x12, 0, st_index);
	expect_cpu(test, fake, 0x13, -EBUSY, UNTOUCHED);
	put(test, &fake->mdev, st_index);
	expect_cpu(test, fake, 0x13, -EBUSY, UNTOUCHED);

	/* until the last user of an entry leaves, and not a moment longer */
	put(test, &fake->mdev, st_index);
	expect_cpu(test, fake, 0x13, 0, st_index);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x13);
	put(test, &fake->mdev, st_index);
	empty(test, &fake->mdev, FAKE_ENTRIES - 2);
}

static void test_cpu_direct(struct kunit *test)
{
	struct fake_dev *fake = new_st_dev(test, PCI_TPH_LOC_NONE, 0);

	kunit_activate_static_stub(test, pcie_tph_get_cpu_st, fake_cpu_st);
	expect_cpu(test, fake, 0, -EINVAL, UNTOUCHED);
	expect_cpu(test, fake, 1, 0, 1);
	expect_cpu(test, fake, 0xff, 0, 0xff);
	expect_cpu(test, fake, 0x100, -ERANGE, UNTOUCHED);
	expect_cpu(test, fake, 0x1234, -ERANGE, UNTOUCHED);
}

static void test_no_st(struct kunit *test)
{
	struct fake_dev *fake = new_dev(test, PCI_TPH_LOC_CAP, FAKE_ENTRIES);

	get_fails(test, &fake->mdev, 0x12, -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, mlx5_st_dealloc_index(&fake->mdev, 1), -EOPNOTSUPP);
}

/* The mkey takes the tag itself, and has 8 bits for it */
static void test_direct(struct kunit *test)
{
	static const u16 too_wide[] = { 0x100, 0x1234, 0x8000, 0xffff };
	struct fake_dev *fake = new_st_dev(test, PCI_TPH_LOC_NONE, 0);

	for (u16 tag = 0; tag <= 0xff; tag++) {
		KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, tag), tag);
		put(test, &fake->mdev, tag);
	}
	for (int i = 0; i < ARRAY_SIZE(too_wide); i++)
		get_fails(test, &fake->mdev, too_wide[i], -ERANGE);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 0);
}

static void test_table(struct kunit *test)
{
	static const u16 tags[] = { 1, 0xff, 0x100, 0x1234, 0x3412, 0x34, 0xffff };
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index[ARRAY_SIZE(tags)];
	unsigned long seen = BIT(MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);

	static_assert(ARRAY_SIZE(tags) == FAKE_ENTRIES - 1);
	for (int i = 0; i < ARRAY_SIZE(tags); i++) {
		st_index[i] = get(test, &fake->mdev, tags[i]);
		KUNIT_ASSERT_LT(test, st_index[i], FAKE_ENTRIES);
		KUNIT_EXPECT_FALSE(test, test_and_set_bit(st_index[i], &seen));
	}
	for (int i = 0; i < ARRAY_SIZE(tags); i++)
		KUNIT_EXPECT_EQ(test, table(fake, st_index[i]), tags[i]);
	KUNIT_EXPECT_EQ(test, table(fake, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, ARRAY_SIZE(tags));
	for (int i = 0; i < ARRAY_SIZE(tags); i++)
		put(test, &fake->mdev, st_index[i]);
}

static void test_share(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index = get(test, &fake->mdev, 0x12);

	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);

	/* It is in use until the last one has left */
	put(test, &fake->mdev, st_index);
	put(test, &fake->mdev, st_index);
	fill(test, &fake->mdev, FAKE_ENTRIES - 2);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x12);

	/* And then it is free at once */
	put(test, &fake->mdev, st_index);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x13), st_index);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x13);

	put(test, &fake->mdev, st_index);
	empty(test, &fake->mdev, FAKE_ENTRIES - 2);
}

static void test_full(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	unsigned int writes;
	u16 st_index;

	st_index = get(test, &fake->mdev, 0x12);
	fill(test, &fake->mdev, FAKE_ENTRIES - 2);

	/* There is still room for what needs none, and this costs nothing */
	writes = fake->entry_writes;
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0),
			MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);
	get_fails(test, &fake->mdev, 0x13, -ENOSPC);
	get_fails(test, &fake->mdev, 0x13, -ENOSPC);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, writes);

	put(test, &fake->mdev, st_index);
	put(test, &fake->mdev, st_index);
	empty(test, &fake->mdev, FAKE_ENTRIES - 2);
}

/* An mkey names an entry with 8 bits, however many the table has */
static void test_large_table(struct kunit *test)
{
	struct fake_dev *fake = new_st_dev(test, PCI_TPH_LOC_CAP, 300);

	fill(test, &fake->mdev, 255);
	empty(test, &fake->mdev, 255);
}

/* Tag 0 is what the reserved entry says already */
static void test_tag_zero(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);

	for (int i = 0; i < 2 * FAKE_ENTRIES; i++)
		KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0),
				MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 0);

	fill(test, &fake->mdev, FAKE_ENTRIES - 1);
	for (int i = 0; i < 2 * FAKE_ENTRIES; i++)
		put(test, &fake->mdev, MLX5_MKC_PCIE_TPH_NO_STEERING_TAG_INDEX);
	empty(test, &fake->mdev, FAKE_ENTRIES - 1);
}

/* What comes and goes is written once, and finds its place again */
static void test_come_and_go(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 first = get(test, &fake->mdev, 0x12);

	put(test, &fake->mdev, first);
	for (int i = 0; i < 10; i++) {
		u16 st_index = get(test, &fake->mdev, 0x12);

		KUNIT_EXPECT_EQ(test, st_index, first);
		put(test, &fake->mdev, st_index);
	}
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);
}

/* The place that is given to another tag is that of the tag longest unused */
static void test_reuse(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index[FAKE_ENTRIES];
	unsigned int writes;

	for (u16 i = 1; i < FAKE_ENTRIES; i++)
		st_index[i] = get(test, &fake->mdev, 0x10 + i);
	put(test, &fake->mdev, st_index[5]);
	put(test, &fake->mdev, st_index[2]);
	put(test, &fake->mdev, st_index[7]);

	/* Tag 0x15 is used again, which makes 0x12 the oldest */
	put(test, &fake->mdev, get(test, &fake->mdev, 0x15));

	writes = fake->entry_writes;
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x20), st_index[2]);
	KUNIT_EXPECT_EQ(test, table(fake, st_index[2]), 0x20);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, writes + 1);

	/* The others are still there, 0x12 is not */
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x17), st_index[7]);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, writes + 1);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x12), st_index[5]);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, writes + 2);
	get_fails(test, &fake->mdev, 0x15, -ENOSPC);

	for (u16 i = 1; i < FAKE_ENTRIES; i++)
		put(test, &fake->mdev, i);
}

static void test_write_failure(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u8 type = pcie_tph_enabled_req_type(&fake->pdev);
	u16 old = get(test, &fake->mdev, 0x12);

	put(test, &fake->mdev, old);
	fill(test, &fake->mdev, FAKE_ENTRIES - 1);
	empty(test, &fake->mdev, FAKE_ENTRIES - 1);

	/* The others go on using TPH, see pcie_tph_set_st_entry() */
	fake->read_only = true;
	get_fails(test, &fake->mdev, 0x13, -ENODEV);
	KUNIT_EXPECT_NE(test, type, PCI_TPH_REQ_DISABLE);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev), type);
	get_fails(test, &fake->mdev, 0x13, -ENODEV);

	/* The table says neither 0x13 nor what it said before, but has room */
	fake->read_only = false;
	fake->entry_writes = 0;
	old = get(test, &fake->mdev, 0x13);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);
	KUNIT_EXPECT_EQ(test, table(fake, old), 0x13);
	fill(test, &fake->mdev, FAKE_ENTRIES - 2);
	put(test, &fake->mdev, old);
	empty(test, &fake->mdev, FAKE_ENTRIES - 2);
}

/* A reset takes what the table held, and comes when nobody is left to use it */
static void test_forget(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index = get(test, &fake->mdev, 0x13);

	kunit_warning_suppress(test) {
		mlx5_st_load(&fake->mdev);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	put(test, &fake->mdev, st_index);
	fake->entry_writes = 0;

	mlx5_st_load(&fake->mdev);
	st_index = get(test, &fake->mdev, 0x13);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x13);
	put(test, &fake->mdev, st_index);
}

/* That a subfunction is loaded is no reason to forget */
static void test_sf_load(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	struct mlx5_core_dev *sf = new_sf(test, fake);
	u16 unused = get(test, &fake->mdev, 0x13);

	put(test, &fake->mdev, unused);
	mlx5_st_load(sf);
	KUNIT_EXPECT_EQ(test, get(test, &fake->mdev, 0x13), unused);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);
	put(test, &fake->mdev, unused);
}

static void test_put_too_often(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	u16 st_index = get(test, &fake->mdev, 0x12);

	put(test, &fake->mdev, st_index);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, -EINVAL,
				mlx5_st_dealloc_index(&fake->mdev, st_index));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		KUNIT_EXPECT_EQ(test, -EINVAL,
				mlx5_st_dealloc_index(&fake->mdev, FAKE_ENTRIES));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
		KUNIT_EXPECT_EQ(test, -EINVAL,
				mlx5_st_dealloc_index(&fake->mdev, 0xffff));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 3);
	}

	/* No harm was done */
	fill(test, &fake->mdev, FAKE_ENTRIES - 1);
	empty(test, &fake->mdev, FAKE_ENTRIES - 1);
}

static void test_sf(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);
	struct mlx5_core_dev *one = new_sf(test, fake);
	struct mlx5_core_dev *two = new_sf(test, fake);
	u16 st_index = get(test, &fake->mdev, 0x12);

	/* One table, for whoever it is that sends the tag */
	KUNIT_EXPECT_EQ(test, get(test, one, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, get(test, two, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, fake->entry_writes, 1);
	put(test, &fake->mdev, st_index);
	put(test, one, st_index);

	fill(test, one, FAKE_ENTRIES - 2);
	get_fails(test, &fake->mdev, 0x13, -ENOSPC);
	get_fails(test, two, 0x13, -ENOSPC);

	/* A subfunction that goes leaves the table to the others */
	mlx5_st_destroy(one);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev),
			PCI_TPH_REQ_EXT_TPH);
	KUNIT_EXPECT_EQ(test, get(test, two, 0x12), st_index);
	KUNIT_EXPECT_EQ(test, table(fake, st_index), 0x12);

	put(test, two, st_index);
	put(test, two, st_index);
	empty(test, &fake->mdev, FAKE_ENTRIES - 2);
}

/* Somebody has forgotten to give an index back */
static void test_leak(struct kunit *test)
{
	struct fake_dev *fake = new_table_dev(test);

	get(test, &fake->mdev, 0x12);
	kunit_warning_suppress(test) {
		kunit_release_action(test, destroy, fake);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
}

static struct kunit_case mlx5_st_cases[] = {
	KUNIT_CASE(test_create),
	KUNIT_CASE(test_cpu),
	KUNIT_CASE(test_cpu_direct),
	KUNIT_CASE(test_no_st),
	KUNIT_CASE(test_direct),
	KUNIT_CASE(test_table),
	KUNIT_CASE(test_share),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_large_table),
	KUNIT_CASE(test_tag_zero),
	KUNIT_CASE(test_come_and_go),
	KUNIT_CASE(test_reuse),
	KUNIT_CASE(test_write_failure),
	KUNIT_CASE(test_forget),
	KUNIT_CASE(test_put_too_often),
	KUNIT_CASE(test_sf),
	KUNIT_CASE(test_sf_load),
	KUNIT_CASE(test_leak),
	{}
};

static struct kunit_suite mlx5_st_test_suite = {
	.name = "mlx5-st",
	.test_cases = mlx5_st_cases,
};

kunit_test_suite(mlx5_st_test_suite);

MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_DESCRIPTION("KUnit tests of mlx5 steering tags");
MODULE_LICENSE("Dual BSD/GPL");
