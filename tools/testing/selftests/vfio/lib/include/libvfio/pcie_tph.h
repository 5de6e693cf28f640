/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_PCIE_TPH_H
#define SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_PCIE_TPH_H

#include <linux/types.h>

/*
 * What config space says about TPH, read without VFIO. The answers are in
 * VFIO_DMA_BUF_TPH_*: the namespaces of Steering Tags that the device can take,
 * and the one that it is enabled to send.
 */
u32 pcie_tph_completer(const char *bdf);
u32 pcie_tph_requester(const char *bdf);

#endif /* SELFTESTS_VFIO_LIB_INCLUDE_LIBVFIO_PCIE_TPH_H */
