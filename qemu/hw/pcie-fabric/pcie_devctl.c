/*
 * PCI Express fabric: Device Control
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x, sections 7.5.3.3 (Device Capabilities),
 * 7.5.3.4 (Device Control) and 7.5.3.16 (Device Control 2).
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "internal.h"
#include "hw/pci/pcie.h"

#define PAYLOAD_SHIFT       5
#define READRQ_SHIFT        12
#define SIZE_BITS           3
#define SIZE_128            7       /* log2(128): code 000b */
#define READRQ_512          2

static uint16_t devctl(PCIDevice *dev)
{
    if (!pci_is_express(dev) || !dev->exp.exp_cap) {
        return 0;
    }
    return pci_get_word(dev->config + dev->exp.exp_cap + PCI_EXP_DEVCTL);
}

/* Reserved codes mean the largest size: a guest can write them */
static unsigned int decode_size(unsigned int code)
{
    return MIN(128u << code, PCIE_TLP_MAX_PAYLOAD);
}

unsigned int pcie_devctl_payload(PCIDevice *dev)
{
    return decode_size(extract32(devctl(dev), PAYLOAD_SHIFT, SIZE_BITS));
}

unsigned int pcie_devctl_read_request(PCIDevice *dev)
{
    return decode_size(extract32(devctl(dev), READRQ_SHIFT, SIZE_BITS));
}

unsigned int pcie_devctl_tags(PCIDevice *dev)
{
    return devctl(dev) & PCI_EXP_DEVCTL_EXT_TAG ? 256 : 32;
}

uint8_t pcie_devctl_attr(PCIDevice *dev, uint8_t attr)
{
    uint16_t ctl = devctl(dev);
    uint8_t allowed = 0;

    if (ctl & PCI_EXP_DEVCTL_RELAX_EN) {
        allowed |= PCIE_ATTR_RELAXED;
    }
    if (ctl & PCI_EXP_DEVCTL_NOSNOOP_EN) {
        allowed |= PCIE_ATTR_NO_SNOOP;
    }
    return attr & allowed;
}

void pcie_devctl_init(PCIDevice *dev, unsigned int max_payload)
{
    uint8_t *cap = dev->config + dev->exp.exp_cap;
    uint8_t *wmask = dev->wmask + dev->exp.exp_cap;
    uint32_t devcap = pci_get_long(cap + PCI_EXP_DEVCAP);

    assert(dev->exp.exp_cap && is_power_of_2(max_payload) &&
           max_payload >= 128 && max_payload <= PCIE_TLP_MAX_PAYLOAD);
    devcap = deposit32(devcap, 0, SIZE_BITS, ctz32(max_payload) - SIZE_128);
    pci_set_long(cap + PCI_EXP_DEVCAP, devcap | PCI_EXP_DEVCAP_EXT_TAG);
    pci_word_test_and_set_mask(wmask + PCI_EXP_DEVCTL,
                               PCI_EXP_DEVCTL_RELAX_EN |
                               PCI_EXP_DEVCTL_PAYLOAD |
                               PCI_EXP_DEVCTL_EXT_TAG |
                               PCI_EXP_DEVCTL_NOSNOOP_EN |
                               PCI_EXP_DEVCTL_READRQ);
    pcie_devctl_reset(dev);
}

void pcie_devctl_reset(PCIDevice *dev)
{
    uint8_t *reg = dev->config + dev->exp.exp_cap + PCI_EXP_DEVCTL;
    uint16_t ctl = pci_get_word(reg);

    /* Set while a function level reset goes on, see pcie_cap_flr_init() */
    if (!(ctl & PCI_EXP_DEVCTL_BCR_FLR)) {
        ctl &= ~PCI_EXP_DEVCTL_PAYLOAD;
    }
    ctl &= ~(PCI_EXP_DEVCTL_READRQ | PCI_EXP_DEVCTL_EXT_TAG);
    ctl |= PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN;
    ctl |= READRQ_512 << READRQ_SHIFT;
    pci_set_word(reg, ctl);
    pci_word_test_and_clear_mask(dev->config + dev->exp.exp_cap +
                                 PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ATOMIC_REQ);
}

void pcie_atomic_requester_init(PCIDevice *dev)
{
    pci_word_test_and_set_mask(dev->wmask + dev->exp.exp_cap + PCI_EXP_DEVCTL2,
                               PCI_EXP_DEVCTL2_ATOMIC_REQ);
}

bool pcie_atomic_requester_enabled(PCIDevice *dev)
{
    return pci_get_word(dev->config + dev->exp.exp_cap + PCI_EXP_DEVCTL2) &
           PCI_EXP_DEVCTL2_ATOMIC_REQ;
}
