/*
 * TLP Processing Hints
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x: section 6.17 (TPH), 7.9.13 (TPH
 * Requester Extended Capability), 7.5.3.15 (Device Capabilities 2).
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_tph.h"
#include "standard-headers/linux/pci_regs.h"

#define TPH_ENTRY_SIZE      2
#define TPH_MAX_ENTRIES     64

/* Fields of the TPH Requester Control Register */
#define TPH_CTRL_MODE_DS    2
#define TPH_CTRL_REQ_TPH    1
#define TPH_CTRL_REQ_EXT    3

static uint8_t *tph_cap(PCIDevice *dev)
{
    uint16_t offset = pcie_find_capability(dev, PCI_EXT_CAP_ID_TPH);

    return offset ? dev->config + offset : NULL;
}

static unsigned int tph_entries(const uint8_t *cap)
{
    uint32_t reg = pci_get_long(cap + PCI_TPH_CAP);

    if ((reg & PCI_TPH_CAP_LOC_MASK) != PCI_TPH_LOC_CAP) {
        return 0;
    }
    return extract32(reg, 16, 11) + 1;
}

void pcie_tph_completer_init(PCIDevice *dev, PCIeTPHCompleter type)
{
    uint8_t *devcap2 = dev->config + dev->exp.exp_cap + PCI_EXP_DEVCAP2;

    assert(dev->exp.exp_cap);
    pci_set_long(devcap2, deposit32(pci_get_long(devcap2), 12, 2, type));
}

PCIeTPHCompleter pcie_tph_completer(PCIDevice *dev)
{
    PCIeTPHCompleter type;

    if (!pci_is_express(dev) || !dev->exp.exp_cap) {
        return PCIE_TPH_COMPLETER_NONE;
    }
    type = extract32(pci_get_long(dev->config + dev->exp.exp_cap +
                                  PCI_EXP_DEVCAP2), 12, 2);
    return type == PCIE_TPH_COMPLETER_RESERVED ? PCIE_TPH_COMPLETER_NONE : type;
}

void pcie_prefix_init(PCIDevice *dev, unsigned int max_prefixes)
{
    uint8_t *devcap2 = dev->config + dev->exp.exp_cap + PCI_EXP_DEVCAP2;
    uint32_t reg = pci_get_long(devcap2);

    assert(dev->exp.exp_cap && max_prefixes <= 4);
    reg = deposit32(reg, 21, 1, max_prefixes != 0);
    /* Four is written as 00b */
    reg = deposit32(reg, 22, 2, max_prefixes & 3);
    pci_set_long(devcap2, reg);
}

void pcie_tph_init(PCIDevice *dev, uint16_t offset, unsigned int entries,
                   bool ext)
{
    uint16_t table = offset + PCI_TPH_BASE_SIZEOF;
    uint32_t reg = PCI_TPH_CAP_ST_NS | PCI_TPH_CAP_ST_DS;

    assert(entries <= TPH_MAX_ENTRIES && entries != 1);
    pcie_add_capability(dev, PCI_EXT_CAP_ID_TPH, 1, offset,
                        QEMU_ALIGN_UP(PCI_TPH_BASE_SIZEOF +
                                      entries * TPH_ENTRY_SIZE, 4));
    if (ext) {
        reg |= PCI_TPH_CAP_EXT_TPH;
    }
    if (entries) {
        reg |= PCI_TPH_LOC_CAP | (entries - 1) << 16;
        for (unsigned int i = 0; i < entries; i++) {
            pci_set_word(dev->wmask + table + i * TPH_ENTRY_SIZE,
                         ext ? UINT16_MAX : UINT8_MAX);
        }
    }
    pci_set_long(dev->config + offset + PCI_TPH_CAP, reg);
    /*
     * Without Extended TPH the upper bit of Requester Enable and the upper
     * bytes of the table stay 0
     */
    pci_set_long(dev->wmask + offset + PCI_TPH_CTRL,
                 PCI_TPH_CTRL_MODE_SEL_MASK | (ext ? 0x300 : 0x100));
}

void pcie_tph_reset(PCIDevice *dev)
{
    uint8_t *cap = tph_cap(dev);

    if (cap) {
        pci_set_long(cap + PCI_TPH_CTRL, 0);
        memset(cap + PCI_TPH_BASE_SIZEOF, 0,
               tph_entries(cap) * TPH_ENTRY_SIZE);
    }
}

/* 0: off, or a reserved encoding, which a guest may well write */
static uint32_t tph_requester_type(const uint8_t *cap)
{
    uint32_t ctrl = pci_get_long(cap + PCI_TPH_CTRL);
    uint32_t type = extract32(ctrl, 8, 2);

    if ((ctrl & PCI_TPH_CTRL_MODE_SEL_MASK) != TPH_CTRL_MODE_DS) {
        return 0;
    }
    return type == TPH_CTRL_REQ_TPH || type == TPH_CTRL_REQ_EXT ? type : 0;
}

/* Section 7.9.13.4: an entry's upper byte counts for Extended TPH only */
static uint16_t tph_table_tag(const uint8_t *cap, uint16_t index, bool ext)
{
    const uint8_t *entry = cap + PCI_TPH_BASE_SIZEOF + index * TPH_ENTRY_SIZE;

    if (!index || index >= tph_entries(cap)) {
        return 0;
    }
    return ext ? pci_get_word(entry) : *entry;
}

static uint16_t tph_tag(const uint8_t *cap, uint16_t st, bool ext)
{
    if (tph_entries(cap)) {
        return tph_table_tag(cap, st, ext);
    }
    return ext || st <= UINT8_MAX ? st : 0;
}

void pcie_tph_hint(PCIDevice *dev, PCIeRequestAttrs *attrs, uint8_t ph,
                   uint16_t st)
{
    const uint8_t *cap = tph_cap(dev);
    uint32_t type = cap ? tph_requester_type(cap) : 0;
    bool ext = type == TPH_CTRL_REQ_EXT;

    attrs->th = type != 0;
    attrs->ph = attrs->th ? ph & 3 : 0;
    attrs->st = attrs->th ? tph_tag(cap, st, ext) : 0;
    attrs->st_ext = ext;
}
