/*
 * Ports of the fabric: what root ports and switch ports have in common
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x, sections 7.5.3.15 (Device Capabilities
 * 2), 7.5.3.16 (Device Control 2) and 7.5.1.3.7 (Secondary Status).
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_port.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_tph.h"
#include "migration/vmstate.h"

#define MAX_PREFIXES        4

bool fabric_port_check(const FabricPort *port, Error **errp)
{
    if (!is_power_of_2(port->max_payload) || port->max_payload < 128 ||
        port->max_payload > PCIE_TLP_MAX_PAYLOAD) {
        error_setg(errp, "max-payload must be 128, 256, 512, 1024, 2048 or "
                   "4096, not %u", port->max_payload);
        return false;
    }
    return true;
}

void fabric_port_init(PCIDevice *dev, const FabricPort *port)
{
    pcie_devctl_init(dev, port->max_payload);
    pcie_prefix_init(dev, port->prefix ? MAX_PREFIXES : 0);
    pci_long_test_and_set_mask(dev->config + dev->exp.exp_cap +
                               PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_ATOMIC_ROUTE);
    pci_word_test_and_set_mask(dev->wmask + dev->exp.exp_cap + PCI_EXP_DEVCTL2,
                               PCI_EXP_DEVCTL2_ATOMIC_EGRESS_BLOCK);
    pci_word_test_and_set_mask(dev->w1cmask + PCI_SEC_STATUS,
                               PCI_STATUS_SIG_TARGET_ABORT);
}

/* QEMU sets these for slots only that can be hot-plugged */
static void link_reset(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->exp.exp_cap;
    PCIBus *bus = pci_bridge_get_sec_bus(PCI_BRIDGE(dev));

    if (!pcie_port_faces_down(dev) || PCIE_SLOT(dev)->hotplug) {
        return;
    }
    pci_word_test_and_clear_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
    pci_word_test_and_clear_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    if (bus->devices[0]) {
        pci_word_test_and_set_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
        pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    }
}

/*
 * What QEMU's reset of bridges and of the PCI Express capability leaves alone;
 * the memory map has the old windows until somebody asks for new ones.
 */
void fabric_port_reset(PCIDevice *dev)
{
    pcie_devctl_reset(dev);
    pci_word_test_and_clear_mask(dev->config + dev->exp.exp_cap +
                                 PCI_EXP_DEVCTL2,
                                 PCI_EXP_DEVCTL2_EETLPPB |
                                 PCI_EXP_DEVCTL2_ATOMIC_EGRESS_BLOCK);
    pci_word_test_and_clear_mask(dev->config + PCI_SEC_STATUS,
                                 PCI_STATUS_SIG_TARGET_ABORT);
    link_reset(dev);
    pci_bridge_update_mappings(PCI_BRIDGE(dev));
}

uint32_t fabric_port_slot_value(PCIDevice *dev, uint32_t addr, uint32_t val)
{
    if (addr == dev->exp.exp_cap + PCI_EXP_SLTCTL &&
        !(dev->cap_present & QEMU_PCIE_SLTCAP_PCP)) {
        val &= ~PCI_EXP_SLTCTL_PCC;
    }
    return val;
}

/* PCIESlot's defaults are those of a slot that can be hot-plugged */
void fabric_port_slot_init(Object *obj)
{
    PCIE_SLOT(obj)->hotplug = false;
    PCI_DEVICE(obj)->cap_present &= ~QEMU_PCIE_SLTCAP_PCP;
}

static int port_post_load(void *opaque, int version_id)
{
    return pcie_port_faces_down(opaque) ?
           pcie_cap_slot_post_load(opaque, version_id) : 0;
}

static const VMStateDescription vmstate_port = {
    .name = "fabric-port",
    .priority = MIG_PRI_PCI_BUS,
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = port_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj.parent_obj, PCIEPort),
        VMSTATE_STRUCT(parent_obj.parent_obj.exp.aer_log, PCIEPort, 0,
                       vmstate_pcie_aer_log, PCIEAERLog),
        VMSTATE_END_OF_LIST()
    }
};

static void describe(ObjectClass *klass)
{
    object_class_property_set_description(klass, "prefix",
        "End-End TLP Prefix support; 16-bit tags need it");
    object_class_property_set_description(klass, "max-payload",
        "Max_Payload_Size Supported in bytes: 128..4096");
    object_class_property_set_description(klass, "x-speed",
        "link speed in GT/s");
    object_class_property_set_description(klass, "x-width",
        "link width in lanes");
}

void fabric_port_class_init(ObjectClass *klass, uint16_t device_id,
                            const char *desc)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->vendor_id = FABRIC_VENDOR_ID;
    k->device_id = device_id;
    dc->desc = desc;
    dc->vmsd = &vmstate_port;
    set_bit(DEVICE_CATEGORY_BRIDGE, dc->categories);
    describe(klass);
}

void fabric_port_describe_acs(ObjectClass *klass)
{
    object_class_property_set_description(klass, "acs",
        "Access Control Services: the capability, and what its control bits "
        "ask for");
}
