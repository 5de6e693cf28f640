/*
 * Virtual ConnectX: PCI function, BAR0, reset and properties
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * An InfiniBand HCA with one port, driven by Linux' unmodified mlx5_core and
 * mlx5_ib and by libmlx5. BAR0 holds the initialization segment (struct
 * mlx5_init_seg in the driver's device.h) and behind it the UAR pages, which
 * are doorbells only: no BlueFlame.
 */
#include "qemu/osdep.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_fabric.h"
#include "hw/pci/pcie_tph.h"
#include "hw/qdev-properties.h"
#include "hw/rdma/vhca/vhca.h"
#include "migration/blocker.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "trace.h"

#define VHCA_VENDOR_ID      0x15b3
#define VHCA_CLASS          0x0207      /* InfiniBand controller */
#define VHCA_MAX_PAYLOAD    512
#define VHCA_EXP_CAP        0x60
#define VHCA_AER_CAP        0x100
#define VHCA_TPH_CAP        0x150
#define VHCA_ATS_CAP        0x1e0

#define ISEG_END            (VHCA_FIRST_UAR * 4 * KiB)
#define FW_MAJOR            28
#define FW_MINOR            99
#define CMDIF_REV           5           /* the only one the driver accepts */
#define CMDQ_LOG_SIZE       5
#define CMDQ_LOG_STRIDE     6
#define CMDQ_ADDR_MASK      0xfffff000u

static uint64_t vhca_internal_timer(void)
{
    return qemu_clock_get_us(QEMU_CLOCK_VIRTUAL);
}

static uint32_t vhca_iseg_read(VHCAState *s, hwaddr addr)
{
    switch (addr) {
    case VHCA_ISEG_FW_REV:
    case VHCA_ISEG_HEALTH_FW_VER:
        return FW_MINOR << 16 | FW_MAJOR;
    case VHCA_ISEG_CMDIF_REV:
        return CMDIF_REV << 16;
    case VHCA_ISEG_CMDQ_HIGH:
        return s->cmdq_high;
    case VHCA_ISEG_CMDQ_LOW:
        return s->cmdq_low | s->nic_interface << 8 |
               CMDQ_LOG_SIZE << 4 | CMDQ_LOG_STRIDE;
    case VHCA_ISEG_TIMER_HIGH:
        return vhca_internal_timer() >> 32;
    case VHCA_ISEG_TIMER_LOW:
        return vhca_internal_timer();
    case VHCA_ISEG_HEALTH_COUNTER:
        /* The driver calls a device sick whose counter stands still */
        return qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) & 0xffffff;
    default:
        /* "initializing" (0x1fc bit 31) clear: ready; health syndrome: none */
        return 0;
    }
}

/* The guest has reset the device, by itself or through the bus */
static void vhca_soft_reset(void *opaque)
{
    VHCAState *s = opaque;

    if (s->busy) {
        qemu_bh_schedule(s->reset_bh);
        return;
    }
    vhca_cmd_reset(s);
    vhca_objects_clear(s);
    vhca_caps_reset(s);
    s->cmdq_high = 0;
    s->cmdq_low = 0;
    s->nic_interface = VHCA_NIC_FULL_DRIVER;
}

static void vhca_iseg_write(VHCAState *s, hwaddr addr, uint32_t value)
{
    switch (addr) {
    case VHCA_ISEG_CMDQ_HIGH:
        s->cmdq_high = value;
        break;
    case VHCA_ISEG_CMDQ_LOW:
        if (extract32(value, 8, 3) == VHCA_NIC_SW_RESET) {
            vhca_soft_reset(s);
            break;
        }
        s->cmdq_low = value & CMDQ_ADDR_MASK;
        s->nic_interface = extract32(value, 8, 3);
        break;
    case VHCA_ISEG_CMD_DOORBELL:
        vhca_cmd_doorbell(s, value);
        break;
    }
}

/* A doorbell of 64 bits, complete */
static void vhca_uar_write64(VHCAState *s, uint32_t uar, hwaddr offset,
                             uint64_t value)
{
    if (offset == VHCA_UAR_CQ_ARM) {
        vhca_cq_doorbell(s, uar, value);
    } else if (offset >= VHCA_UAR_SEND) {
        vhca_qp_doorbell(s, uar, value);
    }
}

static void vhca_uar_write(VHCAState *s, hwaddr addr, uint64_t value,
                           unsigned size)
{
    uint32_t uar = addr >> s->uar_shift;
    hwaddr offset = addr & (VHCA_UAR_SIZE - 1);
    VHCAUar *page = vhca_table_get(&s->uars, uar);

    if (!page) {
        trace_vhca_bad_doorbell(uar, offset, value);
        return;
    }
    if (offset == VHCA_UAR_EQ_ARM || offset == VHCA_UAR_EQ_CONSUME) {
        vhca_eq_doorbell(s, uar, value, offset == VHCA_UAR_EQ_ARM);
    } else if (size == 8) {
        vhca_uar_write64(s, uar, offset, value);
    } else if (offset % 8 == 0) {
        page->half_offset = offset;
        page->half_value = value;
    } else if (page->half_offset == offset - 4) {
        /* 32-bit programs ring with two stores, one at a time in a page */
        page->half_offset = 0;
        vhca_uar_write64(s, uar, offset - 4,
                         (uint64_t)page->half_value << 32 | value);
    }
}

static uint64_t vhca_bar0_read(void *opaque, hwaddr addr, unsigned size)
{
    VHCAState *s = opaque;

    if (addr >= ISEG_END) {
        return 0;
    }
    if (size == 8) {
        return (uint64_t)vhca_iseg_read(s, addr) << 32 |
               vhca_iseg_read(s, addr + 4);
    }
    return vhca_iseg_read(s, addr);
}

static void vhca_bar0_write(void *opaque, hwaddr addr, uint64_t value,
                            unsigned size)
{
    VHCAState *s = opaque;

    if (addr >= ISEG_END) {
        vhca_uar_write(s, addr, value, size);
    } else if (size == 4) {
        vhca_iseg_write(s, addr, value);
    }
}

static const MemoryRegionOps vhca_bar0_ops = {
    .read = vhca_bar0_read,
    .write = vhca_bar0_write,
    .endianness = DEVICE_BIG_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

uint64_t vhca_port_guid(VHCAState *s)
{
    /* EUI-64 in the range that QEMU uses for its own addresses */
    return 0x525400fffe000000ull | s->lid;
}

static bool vhca_check_properties(VHCAState *s, Error **errp)
{
    if (s->st_entries == 1 || s->st_entries > 64) {
        error_setg(errp, "vhca: st-entries must be 0 or 2 to 64");
        return false;
    }
    /* 0xc000 and above are multicast, 0xffff permissive */
    if (s->lid == 0 || s->lid >= 0xc000) {
        error_setg(errp, "vhca: lid must be a unicast LID, 1 to 0xbfff");
        return false;
    }
    return true;
}

static bool vhca_init_msix(PCIDevice *pdev, Error **errp)
{
    if (msix_init_exclusive_bar(pdev, VHCA_VECTORS, VHCA_MSIX_BAR, errp)) {
        return false;
    }
    for (unsigned int i = 0; i < VHCA_VECTORS; i++) {
        msix_vector_use(pdev, i);
    }
    return true;
}

static bool vhca_init_capabilities(VHCAState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (pcie_endpoint_cap_init(pdev, VHCA_EXP_CAP) < 0) {
        error_setg(errp, "vhca: no PCI Express capability on this bus");
        return false;
    }
    pcie_cap_fill_link_ep_usp(pdev, QEMU_PCI_EXP_LNK_X16,
                              QEMU_PCI_EXP_LNK_32GT);
    if (pcie_aer_init(pdev, PCI_ERR_VER, VHCA_AER_CAP, PCI_ERR_SIZEOF,
                      errp) < 0) {
        return false;
    }
    if (!vhca_init_msix(pdev, errp)) {
        pcie_aer_exit(pdev);
        return false;
    }
    pcie_cap_deverr_init(pdev);
    pcie_devctl_init(pdev, VHCA_MAX_PAYLOAD);
    pcie_atomic_requester_init(pdev);
    pcie_tph_init(pdev, VHCA_TPH_CAP, s->st_entries, s->tph_ext);
    /* A 16-bit tag's upper half travels in an End-End TLP prefix */
    pcie_prefix_init(pdev, s->tph_ext ? 1 : 0);
    if (s->ats) {
        pcie_atc_init(&s->atc, pdev, VHCA_ATS_CAP);
    }
    return true;
}

static bool vhca_block_migration(VHCAState *s, Error **errp)
{
    error_setg(&s->migration_blocker,
               "vhca: the objects of the virtual ConnectX cannot be migrated");
    return migrate_add_blocker(&s->migration_blocker, errp) == 0;
}

static void vhca_realize(PCIDevice *pdev, Error **errp)
{
    VHCAState *s = VHCA(pdev);

    if (!vhca_check_properties(s, errp) || !vhca_block_migration(s, errp)) {
        return;
    }
    if (!vhca_init_capabilities(s, errp)) {
        migrate_del_blocker(&s->migration_blocker);
        return;
    }
    memory_region_init_io(&s->bar0, OBJECT(s), &vhca_bar0_ops, s, "vhca-bar0",
                          VHCA_BAR_SIZE);
    pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &s->bar0);
    s->reset_bh = qemu_bh_new_guarded(vhca_soft_reset, s,
                                      &DEVICE(s)->mem_reentrancy_guard);
    vhca_cmd_init(s);
    s->verbs = verbs_device_new(&vhca_verbs_ops, s, s->lid,
                                &DEVICE(s)->mem_reentrancy_guard);
    vhca_objects_init(s);
    vhca_caps_reset(s);
}

/* Not below a request of ours, as when the request's end runs the main loop */
static void vhca_free(void *opaque)
{
    VHCAState *s = opaque;

    if (s->busy) {
        aio_bh_schedule_oneshot(qemu_get_aio_context(), vhca_free, s);
        return;
    }
    qemu_bh_delete(s->reset_bh);
    vhca_cmd_exit(s);
    vhca_objects_free(s);
    verbs_device_free(s->verbs);
    object_unref(OBJECT(s));
}

static void vhca_exit(PCIDevice *pdev)
{
    VHCAState *s = VHCA(pdev);

    /* Which would look at a bus that we are not on any more */
    s->plain_copy = false;
    object_ref(OBJECT(s));
    vhca_free(s);
    migrate_del_blocker(&s->migration_blocker);
    pcie_atc_exit(&s->atc);
    msix_uninit_exclusive_bar(pdev);
    pcie_aer_exit(pdev);
    pcie_cap_exit(pdev);
}

static void vhca_reset_hold(Object *obj, ResetType type)
{
    vhca_soft_reset(VHCA(obj));
    pcie_cap_deverr_reset(PCI_DEVICE(obj));
    pcie_devctl_reset(PCI_DEVICE(obj));
    pcie_tph_reset(PCI_DEVICE(obj));
    pcie_atc_reset(&VHCA(obj)->atc);
}

static void vhca_config_write(PCIDevice *pdev, uint32_t addr, uint32_t value,
                              int len)
{
    pci_default_write_config(pdev, addr, value, len);
    pcie_aer_write_config(pdev, addr, value, len);
    pcie_atc_config_write(&VHCA(pdev)->atc);
}

static const Property vhca_properties[] = {
    DEFINE_PROP_UINT32("st-entries", VHCAState, st_entries, 64),
    DEFINE_PROP_BOOL("tph-ext", VHCAState, tph_ext, true),
    DEFINE_PROP_BOOL("ats", VHCAState, ats, true),
    DEFINE_PROP_UINT16("lid", VHCAState, lid, 1),
};

static bool vhca_get_plain_copy(Object *obj, Error **errp)
{
    return VHCA(obj)->plain_copy;
}

/* At any time, so that both ways can be compared in one run */
static void vhca_set_plain_copy(Object *obj, bool value, Error **errp)
{
    VHCA(obj)->plain_copy = value;
}

static void vhca_describe(ObjectClass *klass)
{
    object_class_property_set_description(klass, "x-plain-copy",
        "Benchmarks only: copy memory as other device models do, without TLPs, "
        "hints and routes");
    object_class_property_set_description(klass, "st-entries",
        "Entries of the steering tag table, 2 to 64; 0: no table, the mkey "
        "holds an 8-bit tag itself (direct mode)");
    object_class_property_set_description(klass, "tph-ext",
        "Extended TPH requester: can send 16-bit steering tags");
    object_class_property_set_description(klass, "ats",
        "Address Translation Services: requests through keys that ask for it "
        "are translated by the device (needs a vIOMMU with device-iotlb=on)");
    object_class_property_set_description(klass, "lid",
        "Local identifier of the port, unique among the virtual HCAs");
}

static void vhca_instance_init(Object *obj)
{
    VHCAState *s = VHCA(obj);

    object_property_add_uint64_ptr(obj, "commands", &s->commands,
                                   OBJ_PROP_FLAG_READ);
    object_property_set_description(obj, "commands",
        "Commands of the driver that were run, failed ones included");
    object_property_add_uint64_ptr(obj, "commands-failed",
                                   &s->commands_failed, OBJ_PROP_FLAG_READ);
    object_property_set_description(obj, "commands-failed",
        "Commands that were answered with an error");
}

static void vhca_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    pc->realize = vhca_realize;
    pc->exit = vhca_exit;
    pc->config_write = vhca_config_write;
    pc->vendor_id = VHCA_VENDOR_ID;
    pc->device_id = VHCA_DEVICE_ID;
    pc->class_id = VHCA_CLASS;
    rc->phases.hold = vhca_reset_hold;
    dc->desc = "Virtual ConnectX InfiniBand HCA";
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
    device_class_set_props(dc, vhca_properties);
    object_class_property_add_bool(klass, "x-plain-copy", vhca_get_plain_copy,
                                   vhca_set_plain_copy);
    vhca_describe(klass);
}

static const TypeInfo vhca_info = {
    .name = TYPE_VHCA,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(VHCAState),
    .instance_init = vhca_instance_init,
    .class_init = vhca_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void vhca_register_types(void)
{
    type_register_static(&vhca_info);
}
type_init(vhca_register_types)
