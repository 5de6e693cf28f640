/*
 * Root port of the fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * What QEMU's stock root port lacks: Max_Payload_Size and
 * Max_Read_Request_Size, TPH completer bits, a choice of End-End TLP Prefix
 * support, and what the root complex behind it does with peer requests. The
 * slot can be hot-plugged only when asked to: without, guests boot faster.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qapi/util.h"
#include "qemu/module.h"
#include "internal.h"
#include "hw/pci/msi.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_port.h"
#include "hw/pci/pcie_tph.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/resettable.h"
#include "qom/object.h"

OBJECT_DECLARE_SIMPLE_TYPE(FabricRootPort, FABRIC_ROOT_PORT)

#define DEVICE_ID           0x7b00

struct FabricRootPort {
    PCIESlot parent_obj;

    PCIeTPHCompleter tph_completer;
    PCIePeerPolicy peer;
    FabricPort port;
};

static const QEnumLookup tph_completer_lookup = {
    .array = (const char *const[]) {
        [PCIE_TPH_COMPLETER_NONE] = "none",
        [PCIE_TPH_COMPLETER_TPH] = "tph",
        [PCIE_TPH_COMPLETER_RESERVED] = "reserved",
        [PCIE_TPH_COMPLETER_EXT] = "ext",
    },
    .size = 4,
};

static const QEnumLookup peer_lookup = {
    .array = (const char *const[]) {
        [PCIE_PEER_KEEP] = "keep",
        [PCIE_PEER_DROP] = "drop",
        [PCIE_PEER_REFUSE] = "refuse",
    },
    .size = 3,
};

PCIePeerPolicy fabric_root_port_peer_policy(PCIDevice *port)
{
    FabricRootPort *rp = (FabricRootPort *)
        object_dynamic_cast(OBJECT(port), TYPE_FABRIC_ROOT_PORT);

    return rp ? rp->peer : PCIE_PEER_DROP;
}

static uint8_t root_port_aer_vector(const PCIDevice *dev)
{
    return 0;
}

static int root_port_interrupts_init(PCIDevice *dev, Error **errp)
{
    int ret = msi_init(dev, 0, 1, true, true, errp);

    assert(ret >= 0 || ret == -ENOTSUP);
    return ret;
}

static void root_port_interrupts_uninit(PCIDevice *dev)
{
    msi_uninit(dev);
}

/* Section 7.5.3.15: what the root complex can do on behalf of this port */
static void root_port_atomics_init(PCIDevice *dev)
{
    pci_long_test_and_set_mask(dev->config + dev->exp.exp_cap +
                               PCI_EXP_DEVCAP2,
                               PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
                               PCI_EXP_DEVCAP2_ATOMIC_COMP64);
}

static void root_port_realize(DeviceState *dev, Error **errp)
{
    PCIERootPortClass *rpc = PCIE_ROOT_PORT_GET_CLASS(dev);
    FabricRootPort *rp = FABRIC_ROOT_PORT(dev);
    PCIDevice *pci = PCI_DEVICE(dev);
    ERRP_GUARD();

    if (!fabric_port_check(&rp->port, errp)) {
        return;
    }
    rpc->parent_realize(dev, errp);
    if (*errp) {
        return;
    }
    fabric_port_init(pci, &rp->port);
    pcie_tph_completer_init(pci, rp->tph_completer);
    root_port_atomics_init(pci);
}

static void root_port_reset_hold(Object *obj, ResetType type)
{
    PCIERootPortClass *rpc = PCIE_ROOT_PORT_GET_CLASS(obj);

    rpc->parent_phases.hold(obj, type);
    fabric_port_reset(PCI_DEVICE(obj));
}

/* That of TYPE_PCIE_ROOT_PORT */
static PCIConfigWriteFunc *parent_config_write;

static void root_port_write_config(PCIDevice *dev, uint32_t addr,
                                   uint32_t val, int len)
{
    parent_config_write(dev, addr, fabric_port_slot_value(dev, addr, val),
                        len);
}

/* Properties that are more than a field, which "info qtree" shows, too */

static void get_enum(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    const Property *prop = opaque;

    visit_type_enum(v, name, object_field_prop_ptr(obj, prop),
                    prop->info->enum_table, errp);
}

static void set_enum(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    get_enum(obj, v, name, opaque, errp);
    pcie_route_forget();
}

static void set_default_enum(ObjectProperty *op, const Property *prop)
{
    object_property_set_default_str(op, qapi_enum_lookup(prop->info->enum_table,
                                                         prop->defval.i));
}

static const PropertyInfo prop_tph_completer = {
    .type = "PCIeTPHCompleter",
    .description = "TPH completer support in Device Capabilities 2: none, tph "
                   "(8-bit tags), ext (8- and 16-bit tags), reserved (10b; "
                   "counts as none)",
    .enum_table = &tph_completer_lookup,
    .get = get_enum,
    .set = set_enum,
    .set_default_value = set_default_enum,
};

/* Nothing that a guest can see, so it may change at any time */
static const PropertyInfo prop_peer = {
    .type = "PCIePeerPolicy",
    .description = "what the root complex does with peer requests that enter "
                   "or leave through this port: drop their hint (as CPUs do), "
                   "keep it, refuse the request; the stricter of two ports "
                   "counts",
    .enum_table = &peer_lookup,
    .realized_set_allowed = true,
    .get = get_enum,
    .set = set_enum,
    .set_default_value = set_default_enum,
};

/* PCIERootPort knows it by its opposite */
static void get_acs(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    bool value = !PCIE_SLOT(obj)->disable_acs;

    visit_type_bool(v, name, &value, errp);
}

static void set_acs(Object *obj, Visitor *v, const char *name, void *opaque,
                    Error **errp)
{
    bool value;

    if (visit_type_bool(v, name, &value, errp)) {
        PCIE_SLOT(obj)->disable_acs = !value;
    }
}

static void set_default_bool(ObjectProperty *op, const Property *prop)
{
    object_property_set_default_bool(op, prop->defval.u);
}

static const PropertyInfo prop_acs = {
    .type = "bool",
    .get = get_acs,
    .set = set_acs,
    .set_default_value = set_default_bool,
};

static const Property root_port_properties[] = {
    DEFINE_PROP_SIGNED("tph-completer", FabricRootPort, tph_completer,
                       PCIE_TPH_COMPLETER_EXT, prop_tph_completer,
                       PCIeTPHCompleter),
    DEFINE_PROP_SIGNED("peer", FabricRootPort, peer, PCIE_PEER_DROP, prop_peer,
                       PCIePeerPolicy),
    { .name = "acs", .info = &prop_acs, .set_default = true, .defval.u = true },
    FABRIC_PORT_PROPERTIES(FabricRootPort, port, PCIESlot),
};

static void root_port_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);
    PCIERootPortClass *rpc = PCIE_ROOT_PORT_CLASS(klass);

    parent_config_write = k->config_write;
    k->config_write = root_port_write_config;
    device_class_set_props(dc, root_port_properties);
    fabric_port_class_init(klass, DEVICE_ID,
                           "PCI Express root port that carries TLPs with "
                           "hints; no hot-plug unless hotplug=on");
    fabric_port_describe_acs(klass);
    device_class_set_parent_realize(dc, root_port_realize,
                                    &rpc->parent_realize);
    resettable_class_set_parent_phases(rc, NULL, root_port_reset_hold, NULL,
                                       &rpc->parent_phases);

    rpc->aer_vector = root_port_aer_vector;
    rpc->interrupts_init = root_port_interrupts_init;
    rpc->interrupts_uninit = root_port_interrupts_uninit;
    rpc->aer_offset = FABRIC_PORT_AER;
    rpc->acs_offset = FABRIC_PORT_ACS;
}

static const TypeInfo root_port_info = {
    .name = TYPE_FABRIC_ROOT_PORT,
    .parent = TYPE_PCIE_ROOT_PORT,
    .instance_size = sizeof(FabricRootPort),
    .instance_init = fabric_port_slot_init,
    .class_init = root_port_class_init,
};

static void root_port_register_types(void)
{
    type_register_static(&root_port_info);
}

type_init(root_port_register_types)
