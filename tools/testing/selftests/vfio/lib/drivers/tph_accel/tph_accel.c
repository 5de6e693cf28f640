// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include <linux/errno.h>
#include <linux/io.h>
#include <linux/pci_regs.h>
#include <linux/sizes.h>

#include <libvfio.h>

#include "registers.h"

/*
 * The device takes TPH_ACCEL_DMA_MAX_COUNT. It is emulated, though, and nobody
 * wants to wait for 64 GiB.
 */
#define TPH_ACCEL_MEMCPY_COUNT	(SZ_1G / TPH_ACCEL_DMA_MAX_LEN)

static inline void *tph_accel_registers(struct vfio_pci_device *device)
{
	return device->bars[TPH_ACCEL_REGS_BAR].vaddr;
}

static int tph_accel_probe(struct vfio_pci_device *device)
{
	void *registers = tph_accel_registers(device);
	u32 id, version;

	if (!vfio_pci_device_match(device, TPH_ACCEL_VENDOR_ID,
				   TPH_ACCEL_DEVICE_ID))
		return -EINVAL;

	VFIO_ASSERT_NOT_NULL(registers);

	id = readl(registers + TPH_ACCEL_REG_ID);
	version = readl(registers + TPH_ACCEL_REG_VERSION);
	if (id != TPH_ACCEL_ID || version != TPH_ACCEL_VERSION) {
		dev_err(device, "tph_accel: Unsupported ID 0x%x, version %u\n",
			id, version);
		return -EINVAL;
	}
	return 0;
}

static u32 tph_accel_wait(struct vfio_pci_device *device)
{
	void *registers = tph_accel_registers(device);
	u32 status;

	/* Not a busy loop: whoever runs the engine may be waiting for this CPU. */
	for (;;) {
		status = readl(registers + TPH_ACCEL_REG_DMA_STATUS);
		if (!(status & TPH_ACCEL_DMA_BUSY))
			return status;
		usleep(100);
	}
}

static void tph_accel_stop(struct vfio_pci_device *device)
{
	writel(TPH_ACCEL_DMA_ABORT,
	       tph_accel_registers(device) + TPH_ACCEL_REG_DMA_CTRL);
	tph_accel_wait(device);
}

static void tph_accel_init(struct vfio_pci_device *device)
{
	vfio_pci_config_writew(device, PCI_COMMAND,
			       PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER |
			       PCI_COMMAND_INTX_DISABLE);

	tph_accel_stop(device);
	vfio_pci_msix_enable(device, 0, device->msix_info.count);

	device->driver.msi = 0;
	device->driver.max_memcpy_size = TPH_ACCEL_DMA_MAX_LEN;
	device->driver.max_memcpy_count = TPH_ACCEL_MEMCPY_COUNT;
}

static void tph_accel_remove(struct vfio_pci_device *device)
{
	tph_accel_stop(device);
	vfio_pci_msix_disable(device);
}

/* Without a hint, and without an interrupt at the end */
static void tph_accel_memcpy_start(struct vfio_pci_device *device,
				   iova_t src, iova_t dst, u64 size, u64 count)
{
	void *registers = tph_accel_registers(device);

	writeq(src, registers + TPH_ACCEL_REG_DMA_SRC);
	writeq(dst, registers + TPH_ACCEL_REG_DMA_DST);
	writel(size, registers + TPH_ACCEL_REG_DMA_LEN);
	writel(count, registers + TPH_ACCEL_REG_DMA_COUNT);
	writel(0, registers + TPH_ACCEL_REG_DMA_HINT);
	writel(0, registers + TPH_ACCEL_REG_DMA_VECTOR);
	writel(TPH_ACCEL_DMA_START | TPH_ACCEL_DMA_COPY << TPH_ACCEL_DMA_OP_SHIFT,
	       registers + TPH_ACCEL_REG_DMA_CTRL);
}

static int tph_accel_memcpy_wait(struct vfio_pci_device *device)
{
	u32 status = tph_accel_wait(device);

	if (status == TPH_ACCEL_DMA_DONE)
		return 0;

	dev_err(device, "tph_accel: Error during memcpy, status 0x%x\n", status);
	return -1;
}

static void tph_accel_send_msi(struct vfio_pci_device *device)
{
	writel(device->driver.msi,
	       tph_accel_registers(device) + TPH_ACCEL_REG_MSI_SEND);
}

const struct vfio_pci_driver_ops tph_accel_ops = {
	.name = "tph_accel",
	.probe = tph_accel_probe,
	.init = tph_accel_init,
	.remove = tph_accel_remove,
	.memcpy_start = tph_accel_memcpy_start,
	.memcpy_wait = tph_accel_memcpy_wait,
	.send_msi = tph_accel_send_msi,
};
