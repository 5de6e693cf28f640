/*
 * PCI Express fabric: what the registers of a port say
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Of any port, ours or QEMU's stock ones. PCI Express Base Specification 6.x,
 * section 7.5.1.3 (bridges), 7.7.11 (ACS), 7.5.3.15 and 7.5.3.16 (End-End TLP
 * Prefixes, AtomicOps).
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"

static bool has_exp_cap(PCIDevice *dev)
{
    return pci_is_express(dev) && dev->exp.exp_cap;
}

bool pcie_port_is(PCIDevice *port, uint8_t type)
{
    return has_exp_cap(port) && pcie_cap_get_type(port) == type;
}

bool pcie_port_faces_down(PCIDevice *port)
{
    return pcie_port_is(port, PCI_EXP_TYPE_ROOT_PORT) ||
           pcie_port_is(port, PCI_EXP_TYPE_DOWNSTREAM);
}

/* The parent of a root bus is none: an expander (pxb-pcie) is no port */
PCIDevice *pcie_port_above(PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);

    return pci_bus_is_root(bus) ? NULL : bus->parent_dev;
}

PCIDevice *pcie_root_port(PCIDevice *dev)
{
    PCIDevice *port = pcie_port_above(dev);

    while (port && pcie_port_above(port)) {
        port = pcie_port_above(port);
    }
    return port;
}

bool pcie_bus_master(PCIDevice *dev)
{
    return pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

/* Device Capabilities 2, 0 without */
static uint32_t devcap2(PCIDevice *dev)
{
    return has_exp_cap(dev) ?
           pci_get_long(dev->config + dev->exp.exp_cap + PCI_EXP_DEVCAP2) : 0;
}

static uint16_t devctl2(PCIDevice *dev)
{
    return has_exp_cap(dev) ?
           pci_get_word(dev->config + dev->exp.exp_cap + PCI_EXP_DEVCTL2) : 0;
}

bool pcie_prefix_supported(PCIDevice *dev)
{
    return devcap2(dev) & PCI_EXP_DEVCAP2_EE_PREFIX;
}

bool pcie_prefix_blocked(PCIDevice *port)
{
    return devctl2(port) & PCI_EXP_DEVCTL2_EETLPPB;
}

bool pcie_atomics_routed(PCIDevice *port)
{
    return devcap2(port) & PCI_EXP_DEVCAP2_ATOMIC_ROUTE;
}

bool pcie_atomics_blocked(PCIDevice *port)
{
    return devctl2(port) & PCI_EXP_DEVCTL2_ATOMIC_EGRESS_BLOCK;
}

bool pcie_atomics_completed(PCIDevice *port)
{
    const uint32_t both = PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
                          PCI_EXP_DEVCAP2_ATOMIC_COMP64;

    return (devcap2(port) & both) == both;
}

bool pcie_port_has_acs(PCIDevice *port)
{
    return has_exp_cap(port) && port->exp.acs_cap;
}

bool pcie_port_acs(PCIDevice *port, uint16_t bit)
{
    return pcie_port_has_acs(port) &&
           pci_get_word(port->config + port->exp.acs_cap + PCI_ACS_CTRL) & bit;
}

bool pcie_port_has_bus(PCIDevice *port, uint8_t bus)
{
    return bus >= port->config[PCI_SECONDARY_BUS] &&
           bus <= port->config[PCI_SUBORDINATE_BUS];
}

/*
 * Is @addr in the range? Then, and else as well, @span shrinks to addresses
 * that get the same answer.
 */
static bool range_has(uint64_t base, uint64_t limit, uint64_t addr,
                      PCIeSpan *span)
{
    if (base > limit) {
        return false;
    }
    if (addr < base) {
        span->last = MIN(span->last, base - 1);
        return false;
    }
    if (addr > limit) {
        span->first = MAX(span->first, limit + 1);
        return false;
    }
    span->first = MAX(span->first, base);
    span->last = MIN(span->last, limit);
    return true;
}

static bool window_has(PCIDevice *bridge, uint8_t type, uint64_t addr,
                       PCIeSpan *span)
{
    uint64_t base = pci_bridge_get_base(bridge, type);
    uint64_t limit = pci_bridge_get_limit(bridge, type);

    /* QEMU's memory map has no region of 2^64 bytes: such a window is shut */
    if (!base && limit == UINT64_MAX) {
        return false;
    }
    return range_has(base, limit, addr, span);
}

bool pcie_port_window_has(PCIDevice *bridge, uint64_t addr, PCIeSpan *span)
{
    if (!(pci_get_word(bridge->config + PCI_COMMAND) & PCI_COMMAND_MEMORY)) {
        return false;
    }
    return window_has(bridge, PCI_BASE_ADDRESS_SPACE_MEMORY, addr, span) ||
           window_has(bridge, PCI_BASE_ADDRESS_MEM_PREFETCH, addr, span);
}

static uint32_t mix(uint32_t sum, uint32_t val)
{
    return (sum ^ val) * 0x9e3779b1u;
}

uint32_t pcie_port_fingerprint(PCIDevice *port)
{
    const uint8_t *config = port->config;
    uint32_t sum = mix(0, pci_get_word(config + PCI_COMMAND));

    sum = mix(sum, pci_get_long(config + PCI_PRIMARY_BUS));
    if (has_exp_cap(port)) {
        const uint8_t *cap = config + port->exp.exp_cap;

        sum = mix(sum, pci_get_word(cap + PCI_EXP_DEVCTL));
        sum = mix(sum, pci_get_word(cap + PCI_EXP_DEVCTL2));
    }
    if (pcie_port_has_acs(port)) {
        sum = mix(sum, pci_get_word(config + port->exp.acs_cap +
                                    PCI_ACS_CTRL));
    }
    return sum;
}
