// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "hw/misc/tph_accel_regs.h"
#include "rig.h"

#define MAX_ENTRIES 2048

static void __attribute__((noreturn)) give_up(const char *what)
{
	printf("not ok torture: %s\n", what);
	exit(1);
}

static __u32 config32(int fd, unsigned int at)
{
	__u32 value;

	if (pread(fd, &value, sizeof(value), at) != sizeof(value))
		give_up("cannot read the NIC's config space");
	return value;
}

/* What kind of tags the NIC sends, and where it has them */
static void learn_requester(struct rig *rig)
{
	unsigned int at = PCI_CFG_SPACE_SIZE;
	char path[256];
	__u32 head, cap, ctrl;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/device/config",
		 ibv_get_device_name(rig->context->device));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		give_up(path);
	do {
		head = config32(fd, at);
		if (PCI_EXT_CAP_ID(head) == PCI_EXT_CAP_ID_TPH)
			break;
		at = PCI_EXT_CAP_NEXT(head);
	} while (at);
	if (!at)
		give_up("the NIC is no TPH requester");

	cap = config32(fd, at + PCI_TPH_CAP);
	ctrl = config32(fd, at + PCI_TPH_CTRL);
	close(fd);
	switch ((ctrl & PCI_TPH_CTRL_REQ_EN_MASK) >> 8) {
	case PCI_TPH_REQ_TPH_ONLY:
		rig->ns = 8;
		break;
	case PCI_TPH_REQ_EXT_TPH:
		rig->ns = 16;
		break;
	default:
		give_up("TPH is not enabled on the NIC");
	}
	/* The field is the size minus one; entry 0 is not for tags */
	if ((cap & PCI_TPH_CAP_LOC_MASK) == PCI_TPH_LOC_CAP)
		rig->st_entries = (cap & PCI_TPH_CAP_ST_MASK) >> 16;
}

void rig_open(struct rig *rig)
{
	struct ibv_device **list;
	glob_t found;

	*rig = (struct rig) { .failed = 0 };
	setlinebuf(stdout);
	if (glob("/sys/bus/pci/drivers/vfio-pci/0000:*", 0, NULL, &found))
		give_up("no device is bound to vfio-pci");
	snprintf(rig->accel, sizeof(rig->accel), "%s",
		 strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	if (vfio_open(&rig->vfio, rig->accel))
		give_up("cannot open the accelerator");

	list = ibv_get_device_list(NULL);
	if (!list || !*list)
		give_up("no RDMA device");
	rig->context = ibv_open_device(*list);
	ibv_free_device_list(list);
	rig->pd = rig->context ? ibv_alloc_pd(rig->context) : NULL;
	if (!rig->pd)
		give_up("cannot open the RDMA device");
	learn_requester(rig);
	printf("# %s, %u-bit tags, %u ST entries\n", rig->accel, rig->ns,
	       rig->st_entries);
}

void rig_close(struct rig *rig)
{
	ibv_dealloc_pd(rig->pd);
	ibv_close_device(rig->context);
	vfio_close(&rig->vfio);
}

int rig_export(struct rig *rig, unsigned int slot)
{
	return dmabuf_export(&rig->vfio, TPH_ACCEL_MEM_BAR,
			     (__u64)slot * SLOT_SIZE, SLOT_SIZE);
}

int rig_set(struct rig *rig, int fd, __u16 tag, __u8 ph)
{
	struct vfio_device_feature_dma_buf_tph tph =
		dmabuf_tph(fd, rig->ns, tag, ph);

	return dmabuf_set_tph(&rig->vfio, &tph);
}

int rig_clear(struct rig *rig, int fd)
{
	struct vfio_device_feature_dma_buf_tph tph = { .dmabuf_fd = fd };

	return dmabuf_set_tph(&rig->vfio, &tph);
}

/* -ENODATA: there is none, in the NIC's namespace */
int rig_get(struct rig *rig, int fd, __u16 *tag, __u8 *ph)
{
	struct vfio_device_feature_dma_buf_tph tph;
	int ret = dmabuf_get_tph(&rig->vfio, fd, &tph);

	if (ret)
		return ret;
	if (!(tph.flags & (rig->ns == 16 ? VFIO_DMA_BUF_TPH_ST_EXT :
					   VFIO_DMA_BUF_TPH_ST)))
		return -ENODATA;
	*tag = rig->ns == 16 ? tph.steering_tag_ext : tph.steering_tag;
	*ph = tph.ph;
	return 0;
}

struct ibv_mr *rig_register(struct ibv_pd *pd, int fd, int access)
{
	return ibv_reg_dmabuf_mr(pd, 0, SLOT_SIZE, 0, fd,
				 IBV_ACCESS_LOCAL_WRITE |
				 IBV_ACCESS_REMOTE_READ |
				 IBV_ACCESS_REMOTE_WRITE | access);
}

struct ibv_mr *rig_register_dmah(struct ibv_pd *pd, int fd,
				 struct ibv_dmah *dmah)
{
	struct ibv_mr_init_attr attr = {
		.comp_mask = IBV_REG_MR_MASK_IOVA | IBV_REG_MR_MASK_FD |
			     IBV_REG_MR_MASK_FD_OFFSET | IBV_REG_MR_MASK_DMAH,
		.length = SLOT_SIZE,
		.access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
		.fd = fd,
		.dmah = dmah,
	};

	return ibv_reg_mr_ex(pd, &attr);
}

int rig_held(struct rig *rig, int fd, __u16 tag, __u8 ph)
{
	int ret = rig_set(rig, fd, tag, ph ^ 1);

	if (ret == -EBUSY)
		return 1;
	return ret ?: rig_set(rig, fd, tag, ph);
}

/* The number of entries that are free: of tags that fit in at the same time */
static unsigned int count_free(struct rig *rig, int *fds, struct ibv_mr **mrs)
{
	unsigned int used = 0, i, n = rig->st_entries + 1;

	for (i = 0; i < n; i++) {
		__u16 tag = 0x80 + i;

		fds[i] = rig_export(rig, 0);
		if (fds[i] < 0 || rig_set(rig, fds[i], tag, 1))
			break;
		mrs[i] = rig_register(rig->pd, fds[i], 0);
		if (!mrs[i]) {
			close(fds[i]);
			break;
		}
		if (rig_held(rig, fds[i], tag, 1) == 1)
			used++;
	}
	while (i--) {
		ibv_dereg_mr(mrs[i]);
		close(fds[i]);
	}
	return used;
}

void rig_check_table(struct rig *rig)
{
	struct ibv_mr *mrs[MAX_ENTRIES + 1];
	int fds[MAX_ENTRIES + 1];
	unsigned int found;

	if (!rig->st_entries) {
		printf("ok ST table: all entries are free # SKIP direct mode\n");
		return;
	}
	found = count_free(rig, fds, mrs);
	rig_result(rig, found == rig->st_entries,
		   "ST table: %u of %u entries are free", found,
		   rig->st_entries);
}

bool rig_result(struct rig *rig, bool ok, const char *format, ...)
{
	va_list args;

	rig->failed += !ok;
	fputs(ok ? "ok " : "not ok ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return ok;
}
