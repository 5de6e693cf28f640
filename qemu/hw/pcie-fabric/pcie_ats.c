/*
 * PCI Express fabric: Address Translation Services
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x, sections 10.2 (translation), 10.3
 * (invalidation) and 10.5.1 (ATS Extended Capability, control register).
 *
 * Both ends are here: the function's cache, and the root complex's answer to
 * a Translation Request, which is what the vIOMMU says. What lies in between
 * is a request like any other and travels through pcie_fabric.c.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "internal.h"
#include "hw/i386/intel_iommu.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_ats.h"
#include "trace.h"

#define PAGE_SHIFT_MIN      12

/*
 * Of the vIOMMU's context entry: translation type 01b, or Device-TLB Enable in
 * scalable mode
 */
#define CONTEXT_DEVICE_TLB  (1 << 2)

/* A Translation Completion Data Entry (section 10.2.3) */
#define ENTRY_ADDR          (~0xfffull)
#define ENTRY_LARGE         (1 << 11)
#define ENTRY_WRITE         (1 << 1)
#define ENTRY_READ          (1 << 0)

bool pcie_ats_enabled(PCIDevice *dev)
{
    return pci_is_express(dev) && dev->exp.ats_cap &&
           pci_get_word(dev->config + dev->exp.ats_cap + PCI_ATS_CTRL) &
           PCI_ATS_CTRL_ENABLE;
}

/* The root complex */

/*
 * The vIOMMU that @addr of the function goes through, or NULL. Holds a
 * reference. There is none while the guest has it pass requests untranslated,
 * at the interrupt addresses, and if it is of a kind that does not tell of
 * invalidations, or is not known to: amd-iommu takes the notifier and never
 * calls it.
 */
static IOMMUMemoryRegion *find_iommu(PCIDevice *dev, uint64_t addr,
                                     uint64_t *offset)
{
    AddressSpace *as = pci_device_iommu_address_space(dev);
    MemoryRegionSection section = memory_region_find(as->root, addr, 1);
    IOMMUMemoryRegion *iommu;

    if (!section.mr) {
        return NULL;
    }
    iommu = memory_region_get_iommu(section.mr);
    if (iommu && !object_dynamic_cast(OBJECT(iommu),
                                      TYPE_INTEL_IOMMU_MEMORY_REGION)) {
        iommu = NULL;
    }
    if (!iommu) {
        memory_region_unref(section.mr);
    }
    *offset = section.offset_within_region;
    return iommu;
}

static IOMMUTLBEntry ask_iommu(PCIDevice *dev, IOMMUMemoryRegion *iommu,
                               uint64_t offset, bool is_write)
{
    IOMMUMemoryRegionClass *imrc = memory_region_get_iommu_class_nocheck(iommu);
    MemTxAttrs attrs = pcie_route_memattrs(dev);

    return imrc->translate(iommu, offset, is_write ? IOMMU_WO : IOMMU_RO,
                           memory_region_iommu_attrs_to_index(iommu, attrs));
}

/*
 * Does the guest let the function use ATS? Without, it sends no invalidations.
 * The vIOMMU's translations do not tell, but a translation makes it look for
 * the function's context entry, which it remembers.
 */
static bool iommu_permits_ats(IOMMUMemoryRegion *iommu)
{
    const VTDAddressSpace *as = container_of(iommu, VTDAddressSpace, iommu);

    return as->context_cache_entry.context_entry.lo & CONTEXT_DEVICE_TLB;
}

/* Large pages have ones below the address, as many as their size says */
void pcie_ats_completion(const PCIeATCEntry *entry, uint8_t *data)
{
    uint64_t value = entry->addr & ENTRY_ADDR;

    if (entry->mask >> PAGE_SHIFT_MIN) {
        value |= (entry->mask >> 1 & ENTRY_ADDR) | ENTRY_LARGE;
    }
    if (entry->perm & IOMMU_RO) {
        value |= ENTRY_READ;
    }
    if (entry->perm & IOMMU_WO) {
        value |= ENTRY_WRITE;
    }
    stq_be_p(data, value);
}

/* The cache */

static void atc_clear(PCIeATC *atc)
{
    memset(atc->entries, 0, sizeof(atc->entries));
}

/* The guest takes translations back; @range may be larger than a page */
static void atc_invalidate(IOMMUNotifier *notifier, IOMMUTLBEntry *range)
{
    PCIeATC *atc = container_of(notifier, PCIeATC, notifier);
    uint64_t first = range->iova;
    uint64_t last = first + range->addr_mask;
    unsigned int dropped = 0;

    if (last < first) {
        last = UINT64_MAX;
    }
    for (unsigned int i = 0; i < PCIE_ATC_ENTRIES; i++) {
        PCIeATCEntry *entry = &atc->entries[i];

        if (entry->perm != IOMMU_NONE && entry->iova <= last &&
            entry->iova + entry->mask >= first) {
            entry->perm = IOMMU_NONE;
            dropped++;
        }
    }
    trace_pcie_atc_invalidate(pci_requester_id(atc->dev), first, last, dropped);
}

static void atc_unlisten(PCIeATC *atc)
{
    atc_clear(atc);
    if (atc->iommu) {
        MemoryRegion *mr = MEMORY_REGION(atc->iommu);

        memory_region_unregister_iommu_notifier(mr, &atc->notifier);
        memory_region_unref(mr);
        atc->iommu = NULL;
    }
}

/* Nothing may be kept that nobody would take back */
static bool atc_listen(PCIeATC *atc, IOMMUMemoryRegion *iommu)
{
    int index;

    if (atc->iommu == iommu) {
        return true;
    }
    atc_unlisten(atc);
    index = memory_region_iommu_attrs_to_index(iommu,
                                               pcie_route_memattrs(atc->dev));
    iommu_notifier_init(&atc->notifier, atc_invalidate,
                        IOMMU_NOTIFIER_DEVIOTLB_UNMAP, 0, HWADDR_MAX, index);
    if (memory_region_register_iommu_notifier(MEMORY_REGION(iommu),
                                              &atc->notifier, NULL)) {
        return false;
    }
    memory_region_ref(MEMORY_REGION(iommu));
    atc->iommu = iommu;
    return true;
}

PCIeCplStatus pcie_ats_answer(PCIeATC *atc, uint64_t addr, bool is_write,
                              PCIeATCEntry *entry)
{
    PCIeCplStatus status = PCIE_CPL_UR;
    IOMMUMemoryRegion *iommu;
    IOMMUTLBEntry answer;
    uint64_t offset;

    iommu = find_iommu(atc->dev, addr, &offset);
    if (!iommu) {
        return PCIE_CPL_UR;
    }
    if (!atc_listen(atc, iommu)) {
        goto out;
    }
    answer = ask_iommu(atc->dev, iommu, offset, is_write);
    if (iommu_permits_ats(iommu)) {
        *entry = (PCIeATCEntry) { .perm = answer.perm };
        if (answer.perm != IOMMU_NONE) {
            entry->iova = addr & ~answer.addr_mask;
            entry->mask = answer.addr_mask;
            entry->addr = answer.translated_addr & ~answer.addr_mask;
        }
        status = PCIE_CPL_SC;
    }
out:
    memory_region_unref(MEMORY_REGION(iommu));
    return status;
}

static bool entry_serves(const PCIeATCEntry *entry, uint64_t addr,
                         bool is_write)
{
    return entry->perm & (is_write ? IOMMU_WO : IOMMU_RO) &&
           (addr & ~entry->mask) == entry->iova;
}

PCIeATSResult pcie_atc_translate(PCIeATC *atc, uint64_t *addr, uint64_t *len,
                                 bool is_write)
{
    PCIeATCEntry *slot =
        &atc->entries[(*addr >> PAGE_SHIFT_MIN) % PCIE_ATC_ENTRIES];
    PCIeATCEntry entry = *slot;
    uint64_t in_page;

    if (!pcie_ats_enabled(atc->dev)) {
        return PCIE_ATS_OFF;
    }
    if (!entry_serves(&entry, *addr, is_write)) {
        if (pcie_fabric_ask(atc, *addr, is_write, &entry) != PCIE_CPL_SC ||
            !entry_serves(&entry, *addr, is_write)) {
            trace_pcie_atc_refused(pci_requester_id(atc->dev), *addr, is_write);
            return PCIE_ATS_REFUSED;
        }
        *slot = entry;
        trace_pcie_atc_fill(pci_requester_id(atc->dev), entry.iova, entry.addr,
                            entry.mask, entry.perm);
    }
    in_page = *addr & entry.mask;
    *len = MIN(*len - 1, entry.mask - in_page) + 1;
    *addr = entry.addr | in_page;
    return PCIE_ATS_TRANSLATED;
}

/* The function */

void pcie_atc_init(PCIeATC *atc, PCIDevice *dev, uint16_t offset)
{
    atc->dev = dev;
    atc->iommu = NULL;
    atc_clear(atc);
    pcie_ats_init(dev, offset, true);
}

void pcie_atc_exit(PCIeATC *atc)
{
    if (atc->dev) {
        atc_unlisten(atc);
        atc->dev = NULL;
    }
}

void pcie_atc_reset(PCIeATC *atc)
{
    if (atc->dev) {
        pci_set_word(atc->dev->config + atc->dev->exp.ats_cap + PCI_ATS_CTRL,
                     0);
        atc_unlisten(atc);
    }
}

void pcie_atc_config_write(PCIeATC *atc)
{
    if (atc->dev && !pcie_ats_enabled(atc->dev)) {
        atc_unlisten(atc);
    }
}
