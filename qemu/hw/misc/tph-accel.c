/*
 * tph-accel: an accelerator that acts on steering tags
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A PCI Express endpoint whose memory (BAR 2) is behind an ingress block: a
 * write with a known steering tag is not stored but added, compared, ... on
 * its way in. It stands for hardware that does more with TLP Processing Hints
 * than choose a cache. <hw/misc/tph_accel_regs.h> describes the registers.
 *
 * Properties:
 * mem-size    bytes of BAR 2, a power of two
 * completer   which tags it takes: "none", "tph" (8 bits), "ext" (16 bits too)
 * tph-ext     as a requester it can send 16-bit tags; needs completer=ext,
 *             which is what makes the function take and send TLP prefixes
 * st-entries  size of the ST table in the TPH Requester capability, 0: none
 * x-translated-writes
 *             a device that lies: what its DMA engine writes is sent as if
 *             the vIOMMU had translated the address (AT=10b). For tests of
 *             what ports do against it
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "tph-accel.h"
#include "trace.h"

#define TYPE_TPH_ACCEL "tph-accel"
OBJECT_DECLARE_SIMPLE_TYPE(TPHAccelState, TPH_ACCEL)

#define AER_OFFSET  0x100
#define TPH_OFFSET  0x150
#define ATS_OFFSET  0x1e0
#define MAX_ST_ENTRIES 64
#define MAX_PAYLOAD 512

#define CLASS_PROCESSING_ACCELERATOR 0x1200

/**
 * struct TPHAccelState
 * @mem: the memory; in no container, so that in @mem_as it is at 0
 * @mem_bar: BAR 2, an alias of @mem
 */
struct TPHAccelState {
    PCIDevice parent_obj;

    MemoryRegion regs;
    MemoryRegion mem;
    MemoryRegion mem_bar;
    AddressSpace mem_as;
    TPHAccelIngress ingress;
    TPHAccelDMA dma;

    uint64_t mem_size;
    char *completer_name;
    uint16_t st_entries;
    bool tph_ext;
    bool ats;
};

static bool is_dma_reg(hwaddr addr)
{
    return addr >= TPH_ACCEL_REG_DMA_SRC && addr < TPH_ACCEL_RULE(0);
}

/* The 8 bytes at @addr */
static uint64_t reg_read(TPHAccelState *s, hwaddr addr)
{
    switch (addr) {
    case TPH_ACCEL_REG_ID:
        return TPH_ACCEL_ID | (uint64_t)TPH_ACCEL_VERSION << 32;
    case TPH_ACCEL_REG_MEM_SIZE:
        return s->mem_size;
    default:
        return is_dma_reg(addr) ? tph_accel_dma_reg_read(&s->dma, addr) :
                                  tph_accel_ingress_reg_read(&s->ingress, addr);
    }
}

static uint64_t tph_accel_regs_read(void *opaque, hwaddr addr, unsigned size)
{
    return extract64(reg_read(opaque, addr & ~7ull), (addr & 4) * 8, 32);
}

static void tph_accel_regs_write(void *opaque, hwaddr addr, uint64_t val,
                                 unsigned size)
{
    TPHAccelState *s = opaque;

    if (is_dma_reg(addr)) {
        tph_accel_dma_reg_write(&s->dma, addr, val);
    } else {
        tph_accel_ingress_reg_write(&s->ingress, addr, val);
    }
}

static const MemoryRegionOps tph_accel_regs_ops = {
    .read = tph_accel_regs_read,
    .write = tph_accel_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static bool tph_accel_claims(PCIeCompleter *completer, int bar)
{
    return bar == TPH_ACCEL_MEM_BAR;
}

static PCIeCplStatus tph_accel_write(PCIeCompleter *completer,
                                     const PCIeTLP *tlp, int bar,
                                     uint64_t offset, const void *data,
                                     size_t len)
{
    return tph_accel_ingress_write(&TPH_ACCEL(completer)->ingress, tlp,
                                   offset, data, len);
}

static PCIeCplStatus tph_accel_read(PCIeCompleter *completer,
                                    const PCIeTLP *tlp, int bar,
                                    uint64_t offset, void *data, size_t len)
{
    return tph_accel_ingress_read(&TPH_ACCEL(completer)->ingress, tlp,
                                  offset, data, len);
}

static PCIeCplStatus tph_accel_atomic(PCIeCompleter *completer,
                                      const PCIeTLP *tlp, int bar,
                                      uint64_t offset, size_t size,
                                      uint64_t operand, uint64_t compare,
                                      uint64_t *old)
{
    return tph_accel_ingress_atomic(&TPH_ACCEL(completer)->ingress, tlp,
                                    offset, size, operand, compare, old);
}

static bool parse_completer(const char *name, PCIeTPHCompleter *type,
                            Error **errp)
{
    if (!strcmp(name, "none")) {
        *type = PCIE_TPH_COMPLETER_NONE;
    } else if (!strcmp(name, "tph")) {
        *type = PCIE_TPH_COMPLETER_TPH;
    } else if (!strcmp(name, "ext")) {
        *type = PCIE_TPH_COMPLETER_EXT;
    } else {
        error_setg(errp, "completer must be none, tph or ext, not '%s'", name);
        return false;
    }
    return true;
}

static bool check_properties(TPHAccelState *s, Error **errp)
{
    if (!is_power_of_2(s->mem_size) || s->mem_size < 4 * KiB) {
        error_setg(errp, "mem-size must be a power of two, 4 KiB at least");
        return false;
    }
    if (s->st_entries == 1 || s->st_entries > MAX_ST_ENTRIES) {
        error_setg(errp, "st-entries must be 0, or 2 to %d", MAX_ST_ENTRIES);
        return false;
    }
    return true;
}

static bool init_memory(TPHAccelState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (!memory_region_init_ram(&s->mem, OBJECT(s), "tph-accel-mem",
                                s->mem_size, errp)) {
        return false;
    }
    memory_region_init_alias(&s->mem_bar, OBJECT(s), "tph-accel-bar", &s->mem,
                             0, s->mem_size);
    memory_region_init_io(&s->regs, OBJECT(s), &tph_accel_regs_ops, s,
                          "tph-accel-regs", TPH_ACCEL_REGS_SIZE);
    pci_register_bar(pdev, TPH_ACCEL_REGS_BAR, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->regs);
    pci_register_bar(pdev, TPH_ACCEL_MEM_BAR,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &s->mem_bar);
    return true;
}

/* Device Capabilities 2 and Device Control 2 */
static void init_device2(PCIDevice *pdev, PCIeTPHCompleter type)
{
    uint8_t *devcap2 = pdev->config + pdev->exp.exp_cap + PCI_EXP_DEVCAP2;

    pci_long_test_and_set_mask(devcap2, PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
                                        PCI_EXP_DEVCAP2_ATOMIC_COMP64);
    pcie_atomic_requester_init(pdev);
    pcie_tph_completer_init(pdev, type);
    pcie_prefix_init(pdev, type == PCIE_TPH_COMPLETER_EXT ? 1 : 0);
}

static bool init_capabilities(TPHAccelState *s, PCIeTPHCompleter type,
                              Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (pcie_endpoint_cap_init(pdev, 0) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return false;
    }
    pcie_cap_deverr_init(pdev);
    pcie_cap_flr_init(pdev);
    pcie_devctl_init(pdev, MAX_PAYLOAD);
    init_device2(pdev, type);
    if (pcie_aer_init(pdev, PCI_ERR_VER, AER_OFFSET, PCI_ERR_SIZEOF,
                      errp) < 0) {
        return false;
    }
    pcie_tph_init(pdev, TPH_OFFSET, s->st_entries,
                  s->tph_ext && type == PCIE_TPH_COMPLETER_EXT);
    if (s->ats) {
        pcie_atc_init(&s->dma.atc, pdev, ATS_OFFSET);
    }
    return true;
}

static bool init_msix(PCIDevice *pdev, Error **errp)
{
    if (msix_init_exclusive_bar(pdev, TPH_ACCEL_NR_VECTORS,
                                TPH_ACCEL_MSIX_BAR, errp) < 0) {
        return false;
    }
    for (int i = 0; i < TPH_ACCEL_NR_VECTORS; i++) {
        msix_vector_use(pdev, i);
    }
    return true;
}

static void tph_accel_realize(PCIDevice *pdev, Error **errp)
{
    TPHAccelState *s = TPH_ACCEL(pdev);
    PCIeTPHCompleter type;

    if (!parse_completer(s->completer_name, &type, errp) ||
        !check_properties(s, errp) || !init_memory(s, errp) ||
        !init_capabilities(s, type, errp)) {
        return;
    }
    if (!init_msix(pdev, errp)) {
        pcie_aer_exit(pdev);
        return;
    }
    address_space_init(&s->mem_as, &s->mem, "tph-accel-mem");
    tph_accel_ingress_init(&s->ingress, &s->mem_as, type);
    tph_accel_dma_init(&s->dma, pdev);
}

static void tph_accel_exit(PCIDevice *pdev)
{
    TPHAccelState *s = TPH_ACCEL(pdev);

    tph_accel_dma_exit(&s->dma);
    pcie_atc_exit(&s->dma.atc);
    address_space_destroy(&s->mem_as);
    msix_uninit_exclusive_bar(pdev);
    pcie_aer_exit(pdev);
}

static bool is_flr(PCIDevice *pdev)
{
    return pci_get_word(pdev->config + pdev->exp.exp_cap + PCI_EXP_DEVCTL) &
           PCI_EXP_DEVCTL_BCR_FLR;
}

static void tph_accel_reset(DeviceState *dev)
{
    TPHAccelState *s = TPH_ACCEL(dev);
    PCIDevice *pdev = PCI_DEVICE(dev);

    trace_tph_accel_reset(dev->id ? dev->id : "", is_flr(pdev));
    tph_accel_dma_reset(&s->dma);
    tph_accel_ingress_reset(&s->ingress);
    pcie_cap_deverr_reset(pdev);
    pcie_devctl_reset(pdev);
    pcie_tph_reset(pdev);
    pcie_atc_reset(&s->dma.atc);
}

static void tph_accel_config_write(PCIDevice *pdev, uint32_t addr,
                                   uint32_t val, int len)
{
    pci_default_write_config(pdev, addr, val, len);
    pcie_aer_write_config(pdev, addr, val, len);
    pcie_cap_flr_write_config(pdev, addr, val, len);
    pcie_atc_config_write(&TPH_ACCEL(pdev)->dma.atc);
}

static const Property tph_accel_properties[] = {
    DEFINE_PROP_SIZE("mem-size", TPHAccelState, mem_size, 64 * MiB),
    DEFINE_PROP_STRING("completer", TPHAccelState, completer_name),
    DEFINE_PROP_BOOL("tph-ext", TPHAccelState, tph_ext, true),
    DEFINE_PROP_UINT16("st-entries", TPHAccelState, st_entries, 0),
    DEFINE_PROP_BOOL("x-translated-writes", TPHAccelState, dma.claims_translated,
                     false),
    DEFINE_PROP_BOOL("ats", TPHAccelState, ats, false),
};

/* A string property has no default: this is the one of "completer". */
static void tph_accel_instance_init(Object *obj)
{
    TPH_ACCEL(obj)->completer_name = g_strdup("ext");
}

/* No migration: what a hint has done is in no stream that others know. */
static const VMStateDescription tph_accel_vmstate = {
    .name = TYPE_TPH_ACCEL,
    .unmigratable = 1,
};

static void tph_accel_describe(ObjectClass *klass)
{
    object_class_property_set_description(klass, "mem-size",
        "bytes of the memory behind BAR 2, a power of two");
    object_class_property_set_description(klass, "completer",
        "TPH completer support: none, tph (8-bit tags), ext (8- and 16-bit "
        "tags; default)");
    object_class_property_set_description(klass, "tph-ext",
        "Extended TPH requester: can send 16-bit tags; needs completer=ext");
    object_class_property_set_description(klass, "st-entries",
        "entries of the steering tag table, 2 to 64; 0: no table");
    object_class_property_set_description(klass, "ats",
        "Address Translation Services");
    object_class_property_set_description(klass, "x-translated-writes",
        "for tests: a device that claims that its writes are translated");
}

static void tph_accel_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    PCIeCompleterClass *cc = PCIE_COMPLETER_CLASS(klass);

    k->realize = tph_accel_realize;
    k->exit = tph_accel_exit;
    k->config_write = tph_accel_config_write;
    k->vendor_id = TPH_ACCEL_VENDOR_ID;
    k->device_id = TPH_ACCEL_DEVICE_ID;
    k->class_id = CLASS_PROCESSING_ACCELERATOR;
    cc->claims = tph_accel_claims;
    cc->write = tph_accel_write;
    cc->read = tph_accel_read;
    cc->atomic = tph_accel_atomic;
    dc->desc = "Accelerator that acts on PCI Express steering tags";
    dc->vmsd = &tph_accel_vmstate;
    device_class_set_legacy_reset(dc, tph_accel_reset);
    device_class_set_props(dc, tph_accel_properties);
    tph_accel_describe(klass);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo tph_accel_info = {
    .name = TYPE_TPH_ACCEL,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(TPHAccelState),
    .instance_init = tph_accel_instance_init,
    .class_init = tph_accel_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { TYPE_PCIE_COMPLETER },
        { }
    },
};

static void tph_accel_register(void)
{
    type_register_static(&tph_accel_info);
}
type_init(tph_accel_register);
