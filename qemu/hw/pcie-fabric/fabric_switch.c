/*
 * Switch of the fabric: an upstream port and its downstream ports
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Unlike QEMU's stock switch, the downstream ports have Access Control
 * Services (PCI Express Base Specification 6.x, sections 6.12 and 7.7.11),
 * and all ports have Max_Payload_Size and a choice of End-End TLP Prefix
 * support. Switch ports have no TPH Completer bits: they only pass hints on
 * (section 7.5.3.15). Slots can be hot-plugged only when asked to: without,
 * guests boot faster.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "internal.h"
#include "hw/pci/msi.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_port.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/resettable.h"
#include "qom/object.h"

#define TYPE_FABRIC_UPSTREAM_PORT   "fabric-upstream-port"
#define TYPE_FABRIC_DOWNSTREAM_PORT "fabric-downstream-port"

OBJECT_DECLARE_SIMPLE_TYPE(FabricUpstreamPort, FABRIC_UPSTREAM_PORT)
OBJECT_DECLARE_SIMPLE_TYPE(FabricDownstreamPort, FABRIC_DOWNSTREAM_PORT)

#define UPSTREAM_ID         0x7b02
#define DOWNSTREAM_ID       0x7b03

struct FabricUpstreamPort {
    PCIEPort parent_obj;

    FabricPort port;
    PCIExpLinkSpeed speed;
    PCIExpLinkWidth width;
};

struct FabricDownstreamPort {
    PCIESlot parent_obj;

    FabricPort port;
    bool acs;
};

/* Both kinds of ports */

static bool switch_port_add_caps(PCIDevice *dev, const FabricPort *port,
                                 uint8_t type, Error **errp)
{
    /* Without interrupt controller for messages: a port without messages */
    int ret = msi_init(dev, 0, 1, true, true, NULL);

    assert(ret >= 0 || ret == -ENOTSUP);
    if (pcie_cap_init(dev, 0, type, PCIE_PORT(dev)->port, errp) < 0) {
        goto no_cap;
    }
    pcie_cap_deverr_init(dev);
    if (pcie_aer_init(dev, PCI_ERR_VER, FABRIC_PORT_AER, PCI_ERR_SIZEOF,
                      errp) < 0) {
        goto no_aer;
    }
    fabric_port_init(dev, port);
    return true;

no_aer:
    pcie_cap_exit(dev);
no_cap:
    msi_uninit(dev);
    return false;
}

static bool switch_port_realize(PCIDevice *dev, const FabricPort *port,
                                uint8_t type, Error **errp)
{
    if (!fabric_port_check(port, errp)) {
        return false;
    }
    pci_bridge_initfn(dev, TYPE_PCIE_BUS);
    pcie_port_init_reg(dev);
    if (!switch_port_add_caps(dev, port, type, errp)) {
        pci_bridge_exitfn(dev);
        return false;
    }
    return true;
}

static void switch_port_exit(PCIDevice *dev)
{
    pcie_aer_exit(dev);
    pcie_cap_exit(dev);
    msi_uninit(dev);
    pci_bridge_exitfn(dev);
}

static void switch_port_reset(PCIDevice *dev)
{
    pcie_cap_deverr_reset(dev);
    pci_bridge_reset(DEVICE(dev));
    pci_bridge_disable_base_limit(dev);
    fabric_port_reset(dev);
}

/* Upstream port */

static void upstream_realize(PCIDevice *dev, Error **errp)
{
    FabricUpstreamPort *up = FABRIC_UPSTREAM_PORT(dev);

    if (switch_port_realize(dev, &up->port, PCI_EXP_TYPE_UPSTREAM, errp)) {
        pcie_cap_fill_link_ep_usp(dev, up->width, up->speed);
    }
}

static void upstream_write_config(PCIDevice *dev, uint32_t addr, uint32_t val,
                                  int len)
{
    pci_bridge_write_config(dev, addr, val, len);
    pcie_aer_write_config(dev, addr, val, len);
}

static void upstream_reset_hold(Object *obj, ResetType type)
{
    switch_port_reset(PCI_DEVICE(obj));
}

static const Property upstream_properties[] = {
    FABRIC_PORT_PROPERTIES(FabricUpstreamPort, port, FabricUpstreamPort),
};

static void upstream_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = upstream_realize;
    k->exit = switch_port_exit;
    k->config_write = upstream_write_config;
    RESETTABLE_CLASS(klass)->phases.hold = upstream_reset_hold;
    device_class_set_props(dc, upstream_properties);
    fabric_port_class_init(klass, UPSTREAM_ID,
                           "PCI Express switch: upstream port that carries "
                           "TLPs with hints");
}

/* Downstream port */

static bool downstream_add_slot(PCIDevice *dev, Error **errp)
{
    PCIESlot *slot = PCIE_SLOT(dev);

    pcie_cap_slot_init(dev, slot);
    pcie_cap_arifwd_init(dev);
    pcie_chassis_create(slot->chassis);
    if (pcie_chassis_add_slot(slot) < 0) {
        error_setg(errp, "chassis %u has a slot %u already", slot->chassis,
                   slot->slot);
        return false;
    }
    return true;
}

static void downstream_realize(PCIDevice *dev, Error **errp)
{
    FabricDownstreamPort *down = FABRIC_DOWNSTREAM_PORT(dev);

    if (!switch_port_realize(dev, &down->port, PCI_EXP_TYPE_DOWNSTREAM,
                             errp)) {
        return;
    }
    if (!downstream_add_slot(dev, errp)) {
        switch_port_exit(dev);
        return;
    }
    if (down->acs) {
        pcie_acs_init(dev, FABRIC_PORT_ACS);
    }
}

static void downstream_exit(PCIDevice *dev)
{
    pcie_chassis_del_slot(PCIE_SLOT(dev));
    switch_port_exit(dev);
}

static void downstream_write_config(PCIDevice *dev, uint32_t addr,
                                    uint32_t val, int len)
{
    uint16_t slt_ctl, slt_sta;

    val = fabric_port_slot_value(dev, addr, val);
    pcie_cap_slot_get(dev, &slt_ctl, &slt_sta);
    pci_bridge_write_config(dev, addr, val, len);
    pcie_cap_slot_write_config(dev, slt_ctl, slt_sta, addr, val, len);
    pcie_aer_write_config(dev, addr, val, len);
}

static void downstream_reset_hold(Object *obj, ResetType type)
{
    PCIDevice *dev = PCI_DEVICE(obj);

    pcie_cap_slot_reset(dev);
    pcie_cap_arifwd_reset(dev);
    pcie_acs_reset(dev);
    switch_port_reset(dev);
}

static const Property downstream_properties[] = {
    FABRIC_PORT_PROPERTIES(FabricDownstreamPort, port, PCIESlot),
    DEFINE_PROP_BOOL("acs", FabricDownstreamPort, acs, true),
    DEFINE_PROP_BIT(COMPAT_PROP_PCP, PCIDevice, cap_present,
                    QEMU_PCIE_SLTCAP_PCP_BITNR, false),
};

static void downstream_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = downstream_realize;
    k->exit = downstream_exit;
    k->config_write = downstream_write_config;
    RESETTABLE_CLASS(klass)->phases.hold = downstream_reset_hold;
    device_class_set_props(dc, downstream_properties);
    fabric_port_class_init(klass, DOWNSTREAM_ID,
                           "PCI Express switch: downstream port with ACS; "
                           "no hot-plug unless hotplug=on");
    fabric_port_describe_acs(klass);
}

static const TypeInfo switch_port_info[] = {
    {
        .name = TYPE_FABRIC_UPSTREAM_PORT,
        .parent = TYPE_PCIE_PORT,
        .instance_size = sizeof(FabricUpstreamPort),
        .class_init = upstream_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    }, {
        .name = TYPE_FABRIC_DOWNSTREAM_PORT,
        .parent = TYPE_PCIE_SLOT,
        .instance_size = sizeof(FabricDownstreamPort),
        .instance_init = fabric_port_slot_init,
        .class_init = downstream_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(switch_port_info)
