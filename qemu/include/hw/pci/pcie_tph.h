/*
 * PCI Express TLP Processing Hints: capabilities and the requester's hint
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x, sections 6.17 and 7.9.13.
 */
#ifndef HW_PCI_PCIE_TPH_H
#define HW_PCI_PCIE_TPH_H

#include "hw/pci/pcie_fabric.h"

typedef enum PCIeTPHCompleter {     /* DEVCAP2[13:12] */
    PCIE_TPH_COMPLETER_NONE = 0,
    PCIE_TPH_COMPLETER_TPH = 1,
    PCIE_TPH_COMPLETER_RESERVED = 2,
    PCIE_TPH_COMPLETER_EXT = 3,
} PCIeTPHCompleter;

/**
 * pcie_tph_completer_init(): advertise what kind of tags the function takes
 *
 * The function must have its PCI Express capability already.
 */
void pcie_tph_completer_init(PCIDevice *dev, PCIeTPHCompleter type);

/**
 * pcie_prefix_init(): advertise End-End TLP Prefix support (DEVCAP2)
 *
 * @max_prefixes: 1 to 4, or 0 for no support
 *
 * Needed on a function and on each port above it for 16-bit tags. QEMU's own
 * pcie_cap_init() says that every function takes four, so a function that
 * should not has to call this with 0.
 */
void pcie_prefix_init(PCIDevice *dev, unsigned int max_prefixes);

/**
 * pcie_tph_init(): add the TPH Requester Extended Capability
 * @offset: where in extended configuration space
 * @entries: ST table entries in the capability (2..64), or 0 for no table
 *           (ST location "none": the device keeps its tags by itself)
 * @ext: Extended TPH Requester Supported
 *
 * Device Specific Mode only, besides the mandatory No ST Mode.
 */
void pcie_tph_init(PCIDevice *dev, uint16_t offset, unsigned int entries,
                   bool ext);

/**
 * pcie_tph_reset(): the requester is off and its table is empty again
 *
 * For every kind of reset, function level reset included. Nothing happens
 * without the capability.
 */
void pcie_tph_reset(PCIDevice *dev);

/**
 * pcie_tph_hint(): put a hint into a request, as far as the guest allows it
 * @attrs: receives th, ph, st, st_ext
 * @ph: processing hint
 * @st: the entry's index if the function has an ST table, else the tag.
 *      Index 0 or tag 0: no steering tag preference
 *
 * The table is looked up now. Clears the hint when the TPH control register
 * has the requester off or not in Device Specific Mode. An EXT requester's
 * tags are 16-bit ones, 0 too. A requester that is enabled for 8-bit tags
 * only never cuts a tag: one that does not fit is replaced by "no preference",
 * except in the table, whose upper bytes do not count then (section 7.9.13.4).
 */
void pcie_tph_hint(PCIDevice *dev, PCIeRequestAttrs *attrs, uint8_t ph,
                   uint16_t st);

#endif
