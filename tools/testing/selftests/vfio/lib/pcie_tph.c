// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/bitfield.h>
#include <linux/limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include <libvfio.h>
#include <libvfio/pcie_tph.h>

struct config_space {
	u8 data[4096];
	int size;
};

/* @dir: of the PCI device, in sysfs. Returns false if it is not one. */
static bool config_space_read(struct config_space *config, const char *dir)
{
	char path[PATH_MAX];
	int fd;

	snprintf_assert(path, sizeof(path), "%s/config", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;

	memset(config, 0xff, sizeof(*config));
	config->size = read(fd, config->data, sizeof(config->data));
	VFIO_ASSERT_GE(config->size, PCI_STD_HEADER_SIZEOF);
	VFIO_ASSERT_EQ(close(fd), 0);
	return true;
}

static u32 config_space_readl(const struct config_space *config, int pos)
{
	u32 value;

	VFIO_ASSERT_LE(pos + sizeof(value), sizeof(config->data));
	memcpy(&value, config->data + pos, sizeof(value));
	return le32toh(value);
}

static int find_capability(const struct config_space *config, u8 id)
{
	int pos = config->data[PCI_CAPABILITY_LIST] & ~3;
	int left;

	for (left = 48; pos >= PCI_STD_HEADER_SIZEOF && left; left--) {
		if (config->data[pos + PCI_CAP_LIST_ID] == id)
			return pos;
		pos = config->data[pos + PCI_CAP_LIST_NEXT] & ~3;
	}
	return 0;
}

static int find_ext_capability(const struct config_space *config, u16 id)
{
	int pos = PCI_CFG_SPACE_SIZE;
	u32 header;
	int left;

	for (left = 480; pos >= PCI_CFG_SPACE_SIZE && left; left--) {
		header = config_space_readl(config, pos);
		if (!header || header == ~0U)
			break;
		if (PCI_EXT_CAP_ID(header) == id)
			return pos;
		pos = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

static u32 devcap2(const struct config_space *config)
{
	int pos = find_capability(config, PCI_CAP_ID_EXP);

	return pos ? config_space_readl(config, pos + PCI_EXP_DEVCAP2) : 0;
}

/* Do all functions from this one up to the Root Port have End-End prefixes? */
static bool prefixes_reach(char *dir)
{
	struct config_space config;

	while (config_space_read(&config, dir)) {
		if (!(devcap2(&config) & PCI_EXP_DEVCAP2_EE_PREFIX))
			return false;
		dir = dirname(dir);
	}
	return true;
}

static void sysfs_dir(const char *bdf, char *dir)
{
	char path[PATH_MAX];

	snprintf_assert(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	VFIO_ASSERT_NOT_NULL(realpath(path, dir));
}

u32 pcie_tph_completer(const char *bdf)
{
	struct config_space config;
	char dir[PATH_MAX];

	sysfs_dir(bdf, dir);
	VFIO_ASSERT_TRUE(config_space_read(&config, dir));

	switch (FIELD_GET(PCI_EXP_DEVCAP2_TPH_COMP_MASK, devcap2(&config))) {
	case PCI_EXP_DEVCAP2_TPH_COMP_TPH_ONLY:
		return VFIO_DMA_BUF_TPH_ST;
	case PCI_EXP_DEVCAP2_TPH_COMP_EXT_TPH:
		return prefixes_reach(dir) ?
			VFIO_DMA_BUF_TPH_ST | VFIO_DMA_BUF_TPH_ST_EXT :
			VFIO_DMA_BUF_TPH_ST;
	default:
		return 0;
	}
}

u32 pcie_tph_requester(const char *bdf)
{
	struct config_space config;
	char dir[PATH_MAX];
	u32 ctrl;
	int pos;

	sysfs_dir(bdf, dir);
	VFIO_ASSERT_TRUE(config_space_read(&config, dir));

	pos = find_ext_capability(&config, PCI_EXT_CAP_ID_TPH);
	if (!pos)
		return 0;

	ctrl = config_space_readl(&config, pos + PCI_TPH_CTRL);
	switch (FIELD_GET(PCI_TPH_CTRL_REQ_EN_MASK, ctrl)) {
	case PCI_TPH_REQ_TPH_ONLY:
		return VFIO_DMA_BUF_TPH_ST;
	case PCI_TPH_REQ_EXT_TPH:
		return VFIO_DMA_BUF_TPH_ST_EXT;
	default:
		return 0;
	}
}
