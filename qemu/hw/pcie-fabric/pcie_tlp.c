/*
 * TLP codec
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "hw/pci/pcie_tlp.h"
