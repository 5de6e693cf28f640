// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what PCI/TPH tells about requesters and completers
 *
 * An endpoint below a Root Port, made of config space and of nothing else.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-tph.h>
#include <linux/unaligned.h>

#define FAKE_PCIE_CAP	0x40
#define FAKE_TPH_CAP	0x100
#define FAKE_ENTRIES	4

/**
 * struct fake_function - a device that has config space only
 * @pdev: what the code under test gets
 * @bus: that @pdev is on, nothing else is
 * @config: what is read and written
 * @gone: reads return all ones
 * @read_only: writes at this offset and above fail, 0: they do not
 * @written_while: type of requests enabled when an ST entry was written last
 */
struct fake_function {
	struct pci_dev pdev;
	struct pci_bus bus;
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	bool gone;
	int read_only;
	u8 written_while;
};

struct fake_link {
	struct fake_function root_port;
	struct fake_function endpoint;
};

static int fake_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val)
{
	struct fake_function *fake = bus->sysdata;
	__le32 raw = 0;

	if (fake->gone) {
		PCI_SET_ERROR_RESPONSE(val);
		return PCIBIOS_SUCCESSFUL;
	}
	memcpy(&raw, &fake->config[where], size);
	*val = le32_to_cpu(raw);
	return PCIBIOS_SUCCESSFUL;
}

static u32 get_config(struct fake_function *fake, int where)
{
	return get_unaligned_le32(&fake->config[where]);
}

static u8 enabled_in_hw(struct fake_function *fake)
{
	return FIELD_GET(PCI_TPH_CTRL_REQ_EN_MASK,
			 get_config(fake, FAKE_TPH_CAP + PCI_TPH_CTRL));
}

static int fake_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 val)
{
	struct fake_function *fake = bus->sysdata;
	__le32 raw = cpu_to_le32(val);

	if (fake->read_only && where >= fake->read_only)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where >= FAKE_TPH_CAP + PCI_TPH_BASE_SIZEOF)
		fake->written_while = enabled_in_hw(fake);
	memcpy(&fake->config[where], &raw, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
};

static void set_config(struct fake_function *fake, int where, u32 val)
{
	put_unaligned_le32(val, &fake->config[where]);
}

static void fake_init(struct fake_function *fake, int type, int pcie_version)
{
	struct pci_dev *pdev = &fake->pdev;

	fake->bus.ops = &fake_ops;
	fake->bus.sysdata = fake;
	pdev->bus = &fake->bus;
	pdev->error_state = pci_channel_io_normal;
	pdev->cfg_size = PCI_CFG_SPACE_EXP_SIZE;
	pdev->pcie_cap = FAKE_PCIE_CAP;
	pdev->pcie_flags_reg = FIELD_PREP(PCI_EXP_FLAGS_TYPE, type) | pcie_version;
}

static void set_completer(struct fake_function *fake, u8 type)
{
	/* Its neighbours are ones, but not all: that would be no answer */
	set_config(fake, FAKE_PCIE_CAP + PCI_EXP_DEVCAP2,
		   (~PCI_EXP_DEVCAP2_TPH_COMP_MASK & ~BIT(0)) |
		   FIELD_PREP(PCI_EXP_DEVCAP2_TPH_COMP_MASK, type));
}

static void set_requester(struct fake_function *fake, bool extended)
{
	fake->pdev.tph_cap = FAKE_TPH_CAP;
	set_config(fake, FAKE_TPH_CAP + PCI_TPH_CAP,
		   PCI_TPH_CAP_ST_DS | PCI_TPH_LOC_CAP |
		   FIELD_PREP(PCI_TPH_CAP_EXT_TPH, extended) |
		   FIELD_PREP(PCI_TPH_CAP_ST_MASK, FAKE_ENTRIES - 1));
}

static int pcie_tph_test_init(struct kunit *test)
{
	struct fake_link *link;

	link = kunit_kzalloc(test, sizeof(*link), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, link);
	test->priv = link;

	fake_init(&link->root_port, PCI_EXP_TYPE_ROOT_PORT, 2);
	fake_init(&link->endpoint, PCI_EXP_TYPE_ENDPOINT, 2);
	link->root_port.pdev.subordinate = &link->endpoint.bus;
	link->endpoint.bus.parent = &link->root_port.bus;
	link->endpoint.bus.self = &link->root_port.pdev;
	return 0;
}

static const struct completer_param {
	const char *name;
	u8 devcap2;
	u8 prefixes;
	u8 type;
} completers[] = {
	{ "00b", 0, 0, PCI_EXP_DEVCAP2_TPH_COMP_NONE },
	{ "00b with prefixes", 0, 4, PCI_EXP_DEVCAP2_TPH_COMP_NONE },
	{ "01b", 1, 0, PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY },
	{ "01b with prefixes", 1, 4, PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY },
	{ "10b", 2, 0, PCI_EXP_DEVCAP2_TPH_COMP_NONE },
	{ "10b with prefixes", 2, 4, PCI_EXP_DEVCAP2_TPH_COMP_NONE },
	{ "11b", 3, 0, PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY },
	{ "11b with prefixes", 3, 4, PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH },
	{ "11b with one prefix", 3, 1, PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH },
};

KUNIT_ARRAY_PARAM_DESC(completer, completers, name);

static void test_completer_type(struct kunit *test)
{
	const struct completer_param *param = test->param_value;
	struct fake_link *link = test->priv;

	set_completer(&link->endpoint, param->devcap2);
	link->endpoint.pdev.eetlp_prefix_max = param->prefixes;
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(&link->endpoint.pdev),
			param->type);

	/* A Root Port is asked in the same way, and answers for itself */
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(&link->root_port.pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_NONE);
}

/* What is not there completes nothing, though all ones would say that it does */
static void test_completer_gone(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;

	set_completer(&link->endpoint, PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH);
	pdev->eetlp_prefix_max = 4;
	KUNIT_ASSERT_EQ(test, pcie_tph_completer_type(pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH);

	link->endpoint.gone = true;
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_NONE);

	link->endpoint.gone = false;
	pdev->error_state = pci_channel_io_perm_failure;
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_NONE);
}

/* Without the register, what is in its place says nothing */
static void test_completer_no_devcap2(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;

	pdev->eetlp_prefix_max = 4;

	fake_init(&link->endpoint, PCI_EXP_TYPE_ENDPOINT, 1);
	set_completer(&link->endpoint, PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH);
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_NONE);

	/* Conventional PCI */
	pdev->pcie_cap = 0;
	pdev->pcie_flags_reg = 0;
	KUNIT_EXPECT_EQ(test, pcie_tph_completer_type(pdev),
			PCI_EXP_DEVCAP2_TPH_COMP_NONE);
}

static void test_enabled_req_type(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;

	/* The type alone is nothing, it may be left over */
	for (u8 type = 0; type <= PCI_TPH_REQ_EXT_TPH; type++) {
		pdev->tph_req_type = type;
		pdev->tph_enabled = 0;
		KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev),
				PCI_TPH_REQ_DISABLE);
		pdev->tph_enabled = 1;
		KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev), type);
	}
}

static const struct enable_param {
	const char *name;
	bool extended;		/* what the endpoint may send */
	u8 prefixes;		/* between it and the Root Port, both included */
	u8 rp_prefixes;		/* that the Root Port takes */
	u8 rp_devcap2;
	u8 type;		/* that all of them allow */
} enables[] = {
	{ "8-bit, port 00b", false, 4, 4, 0, PCI_TPH_REQ_DISABLE },
	{ "8-bit, port 01b", false, 4, 4, 1, PCI_TPH_REQ_TPH_ONLY },
	{ "8-bit, port 10b", false, 4, 4, 2, PCI_TPH_REQ_DISABLE },
	{ "8-bit, port 11b", false, 4, 4, 3, PCI_TPH_REQ_TPH_ONLY },
	{ "16-bit, port 00b", true, 4, 4, 0, PCI_TPH_REQ_DISABLE },
	{ "16-bit, port 01b", true, 4, 4, 1, PCI_TPH_REQ_TPH_ONLY },
	{ "16-bit, port 10b", true, 4, 4, 2, PCI_TPH_REQ_DISABLE },
	{ "16-bit, port 11b", true, 4, 4, 3, PCI_TPH_REQ_EXT_TPH },
	{ "16-bit, port 11b, no prefixes", true, 0, 4, 3, PCI_TPH_REQ_TPH_ONLY },
	{ "16-bit, port 11b without prefixes", true, 0, 0, 3, PCI_TPH_REQ_TPH_ONLY },
	{ "16-bit, port 10b, no prefixes", true, 0, 0, 2, PCI_TPH_REQ_DISABLE },
};

KUNIT_ARRAY_PARAM_DESC(enable, enables, name);

/* What is told about a requester is what its TPH Control register says */
static void test_enable(struct kunit *test)
{
	const struct enable_param *param = test->param_value;
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;
	int err = param->type == PCI_TPH_REQ_DISABLE ? -EINVAL : 0;

	set_requester(&link->endpoint, param->extended);
	pdev->eetlp_prefix_max = param->prefixes;
	set_completer(&link->root_port, param->rp_devcap2);
	link->root_port.pdev.eetlp_prefix_max = param->rp_prefixes;

	KUNIT_EXPECT_EQ(test, pcie_enable_tph(pdev, PCI_TPH_ST_DS_MODE), err);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev), param->type);
	KUNIT_EXPECT_EQ(test, enabled_in_hw(&link->endpoint), param->type);

	pcie_disable_tph(pdev);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev), PCI_TPH_REQ_DISABLE);
	KUNIT_EXPECT_EQ(test, enabled_in_hw(&link->endpoint), PCI_TPH_REQ_DISABLE);
}

/* An endpoint in the root complex has no port to ask */
static void test_enable_rc_end(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;

	fake_init(&link->endpoint, PCI_EXP_TYPE_RC_END, 2);
	set_requester(&link->endpoint, true);
	pdev->eetlp_prefix_max = 4;
	set_completer(&link->root_port, PCI_EXP_DEVCAP2_TPH_COMP_NONE);

	KUNIT_EXPECT_EQ(test, pcie_enable_tph(pdev, PCI_TPH_ST_DS_MODE), 0);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev), PCI_TPH_REQ_EXT_TPH);
}

/* One who is without a Root Port, as in some virtual machines, has no completer */
static void test_enable_no_root_port(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct pci_dev *pdev = &link->endpoint.pdev;

	set_requester(&link->endpoint, true);
	pdev->eetlp_prefix_max = 4;
	link->endpoint.bus.parent = NULL;
	link->endpoint.bus.self = NULL;

	KUNIT_EXPECT_EQ(test, pcie_enable_tph(pdev, PCI_TPH_ST_DS_MODE), -EINVAL);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(pdev), PCI_TPH_REQ_DISABLE);
}

/* Drivers compare with PCI_TPH_LOC_*, which are values in their place */
static void test_st_table_loc(struct kunit *test)
{
	static const u32 locations[] = {
		PCI_TPH_LOC_NONE, PCI_TPH_LOC_CAP, PCI_TPH_LOC_MSIX,
	};
	struct fake_link *link = test->priv;
	struct fake_function *fake = &link->endpoint;

	fake->pdev.tph_cap = FAKE_TPH_CAP;
	for (int i = 0; i < ARRAY_SIZE(locations); i++) {
		set_config(fake, FAKE_TPH_CAP + PCI_TPH_CAP,
			   (~(PCI_TPH_CAP_LOC_MASK | PCI_TPH_CAP_ST_MASK)) |
			   locations[i] |
			   FIELD_PREP(PCI_TPH_CAP_ST_MASK, FAKE_ENTRIES - 1));
		KUNIT_EXPECT_EQ(test, pcie_tph_get_st_table_loc(&fake->pdev),
				locations[i]);
		KUNIT_EXPECT_EQ(test, pcie_tph_get_st_table_size(&fake->pdev),
				locations[i] == PCI_TPH_LOC_CAP ? FAKE_ENTRIES : 0);
	}
}

static u16 st_entry(struct fake_function *fake, int index)
{
	int where = FAKE_TPH_CAP + PCI_TPH_BASE_SIZEOF + index * sizeof(u16);

	return get_unaligned_le16(&fake->config[where]);
}

static void test_st_entry(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct fake_function *fake = &link->endpoint;

	fake_init(fake, PCI_EXP_TYPE_RC_END, 2);
	set_requester(fake, true);
	fake->pdev.eetlp_prefix_max = 4;
	KUNIT_ASSERT_EQ(test, pcie_enable_tph(&fake->pdev, PCI_TPH_ST_DS_MODE), 0);

	fake->written_while = PCI_TPH_REQ_EXT_TPH;
	KUNIT_EXPECT_EQ(test, pcie_tph_set_st_entry(&fake->pdev, 0, 0x1234), 0);
	KUNIT_EXPECT_EQ(test, fake->written_while, PCI_TPH_REQ_DISABLE);
	KUNIT_EXPECT_EQ(test, pcie_tph_set_st_entry(&fake->pdev, FAKE_ENTRIES - 1,
						    0x5678), 0);
	KUNIT_EXPECT_EQ(test, st_entry(fake, 0), 0x1234);
	KUNIT_EXPECT_EQ(test, st_entry(fake, 1), 0);
	KUNIT_EXPECT_EQ(test, st_entry(fake, FAKE_ENTRIES - 1), 0x5678);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev),
			PCI_TPH_REQ_EXT_TPH);
	KUNIT_EXPECT_EQ(test, enabled_in_hw(fake), PCI_TPH_REQ_EXT_TPH);
}

/* The other entries are what they were, so the requester goes on with them */
static void expect_st_entry_error(struct kunit *test, int index, int err)
{
	struct fake_link *link = test->priv;
	struct fake_function *fake = &link->endpoint;
	u8 type = pcie_tph_enabled_req_type(&fake->pdev);

	KUNIT_ASSERT_NE(test, type, PCI_TPH_REQ_DISABLE);
	KUNIT_EXPECT_EQ(test, pcie_tph_set_st_entry(&fake->pdev, index, 0x1234), err);
	KUNIT_EXPECT_EQ(test, pcie_tph_enabled_req_type(&fake->pdev), type);
	KUNIT_EXPECT_EQ(test, enabled_in_hw(fake), type);
}

static void test_st_entry_error(struct kunit *test)
{
	struct fake_link *link = test->priv;
	struct fake_function *fake = &link->endpoint;

	fake_init(fake, PCI_EXP_TYPE_RC_END, 2);
	set_requester(fake, true);
	KUNIT_ASSERT_EQ(test, pcie_enable_tph(&fake->pdev, PCI_TPH_ST_DS_MODE), 0);

	expect_st_entry_error(test, FAKE_ENTRIES, -ENXIO);

	/* Not a PCIBIOS_* code, which is no error to those who ask */
	fake->read_only = FAKE_TPH_CAP + PCI_TPH_BASE_SIZEOF;
	expect_st_entry_error(test, 1, -ENODEV);

	/* As of an interrupt vector that is not in use */
	set_config(fake, FAKE_TPH_CAP + PCI_TPH_CAP,
		   PCI_TPH_CAP_ST_DS | PCI_TPH_LOC_MSIX);
	expect_st_entry_error(test, 1, -ENXIO);
}

static struct kunit_case pcie_tph_cases[] = {
	KUNIT_CASE_PARAM(test_completer_type, completer_gen_params),
	KUNIT_CASE(test_completer_gone),
	KUNIT_CASE(test_completer_no_devcap2),
	KUNIT_CASE(test_enabled_req_type),
	KUNIT_CASE_PARAM(test_enable, enable_gen_params),
	KUNIT_CASE(test_enable_rc_end),
	KUNIT_CASE(test_enable_no_root_port),
	KUNIT_CASE(test_st_table_loc),
	KUNIT_CASE(test_st_entry),
	KUNIT_CASE(test_st_entry_error),
	{}
};

static struct kunit_suite pcie_tph_test_suite = {
	.name = "pcie-tph",
	.init = pcie_tph_test_init,
	.test_cases = pcie_tph_cases,
};

kunit_test_suite(pcie_tph_test_suite);

MODULE_DESCRIPTION("KUnit tests of PCIe TLP Processing Hints");
MODULE_LICENSE("GPL");
