/*
 * A guest's PCI for the fuzzer and the benchmark of the fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "fabric-lab.h"

#define VENDOR_QEMU         0x1234
#define VENDOR_MELLANOX     0x15b3
#define MULTI_FUNCTION      0x80    /* of the header type */
#define WINDOW_ALIGN        (1 * MiB)

static uint64_t cfg_address(unsigned int bus, unsigned int devfn)
{
    return ECAM + (bus << 20 | devfn << 12);
}

static void find_caps(QTestState *qts, LabFunction *f)
{
    f->exp = cfg_find_cap(qts, f->cfg, PCI_CAP_ID_EXP);
    f->msi = cfg_find_cap(qts, f->cfg, PCI_CAP_ID_MSI);
    f->msix = cfg_find_cap(qts, f->cfg, PCI_CAP_ID_MSIX);
    f->aer = cfg_find_ext_cap(qts, f->cfg, PCI_EXT_CAP_ID_ERR);
    f->acs = cfg_find_ext_cap(qts, f->cfg, PCI_EXT_CAP_ID_ACS);
    f->ats = cfg_find_ext_cap(qts, f->cfg, PCI_EXT_CAP_ID_ATS);
    f->tph = cfg_find_ext_cap(qts, f->cfg, PCI_EXT_CAP_ID_TPH);
}

static uint64_t allocate(uint64_t *next, uint64_t size)
{
    uint64_t addr = ROUND_UP(*next, size);

    *next = addr + size;
    return addr;
}

/* Returns how many registers the BAR takes */
static int place_bar(LabPCI *pci, LabFunction *f, int n)
{
    uint64_t reg = f->cfg + PCI_BASE_ADDRESS_0 + n * 4;
    uint32_t low;
    uint64_t size;
    bool is_64;

    qtest_writel(pci->qts, reg, UINT32_MAX);
    low = qtest_readl(pci->qts, reg);
    if (!low || low == UINT32_MAX || low & PCI_BASE_ADDRESS_SPACE_IO) {
        return 1;
    }
    is_64 = low & PCI_BASE_ADDRESS_MEM_TYPE_64;
    size = low & PCI_BASE_ADDRESS_MEM_MASK;
    size = is_64 ? -(size | UINT64_C(0xffffffff) << 32) : -(uint32_t)size;
    f->bar_size[n] = size;
    f->bar[n] = allocate(is_64 ? &pci->next64 : &pci->next32,
                         MAX(size, 4 * KiB));
    qtest_writel(pci->qts, reg, f->bar[n]);
    if (is_64) {
        qtest_writel(pci->qts, reg + 4, f->bar[n] >> 32);
    }
    return 1 + is_64;
}

static void scan_bus(LabPCI *pci, unsigned int bus);

/* An unused window has its base above its limit */
static void set_windows(LabPCI *pci, LabFunction *f, uint64_t base32,
                        uint64_t base64)
{
    QTestState *qts = pci->qts;
    uint64_t limit32, limit64;

    pci->next32 = ROUND_UP(pci->next32, WINDOW_ALIGN);
    pci->next64 = ROUND_UP(pci->next64, WINDOW_ALIGN);
    limit32 = pci->next32 - 1;
    limit64 = pci->next64 - 1;
    qtest_writew(qts, f->cfg + PCI_MEMORY_BASE, base32 >> 16);
    qtest_writew(qts, f->cfg + PCI_MEMORY_LIMIT, limit32 >> 16);
    qtest_writew(qts, f->cfg + PCI_PREF_MEMORY_BASE, (uint32_t)base64 >> 16);
    qtest_writew(qts, f->cfg + PCI_PREF_MEMORY_LIMIT, (uint32_t)limit64 >> 16);
    qtest_writel(qts, f->cfg + PCI_PREF_BASE_UPPER32, base64 >> 32);
    qtest_writel(qts, f->cfg + PCI_PREF_LIMIT_UPPER32, limit64 >> 32);
}

static void scan_bridge(LabPCI *pci, LabFunction *f)
{
    unsigned int bus = ++pci->last_bus;
    uint64_t base32, base64;

    pci->next32 = base32 = ROUND_UP(pci->next32, WINDOW_ALIGN);
    pci->next64 = base64 = ROUND_UP(pci->next64, WINDOW_ALIGN);
    qtest_writel(pci->qts, f->cfg + PCI_PRIMARY_BUS,
                 0xff << 16 | bus << 8 | f->bdf >> 8);
    scan_bus(pci, bus);
    qtest_writeb(pci->qts, f->cfg + PCI_SUBORDINATE_BUS, pci->last_bus);
    set_windows(pci, f, base32, base64);
}

static bool is_ours(uint32_t id, bool is_bridge)
{
    uint16_t vendor = id;

    return is_bridge || vendor == VENDOR_QEMU || vendor == VENDOR_MELLANOX;
}

static void add_function(LabPCI *pci, unsigned int bus, unsigned int devfn,
                         uint32_t id, bool is_bridge)
{
    LabFunction *f = &pci->function[pci->nr++];

    *f = (LabFunction) {
        .bdf = bus << 8 | devfn,
        .device = id >> 16,
        .is_bridge = is_bridge,
        .cfg = cfg_address(bus, devfn),
    };
    find_caps(pci->qts, f);
    for (int i = 0; i < (is_bridge ? 2 : LAB_MAX_BARS); ) {
        i += place_bar(pci, f, i);
    }
    if (is_bridge) {
        scan_bridge(pci, f);
    }
    qtest_writew(pci->qts, f->cfg + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Returns whether it has more functions */
static bool scan_function(LabPCI *pci, unsigned int bus, unsigned int devfn)
{
    uint64_t cfg = cfg_address(bus, devfn);
    uint32_t id = qtest_readl(pci->qts, cfg);
    uint8_t header;
    bool is_bridge;

    if (id == UINT32_MAX) {
        return false;
    }
    header = qtest_readb(pci->qts, cfg + PCI_HEADER_TYPE);
    is_bridge = (header & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
    if (is_ours(id, is_bridge) && pci->nr < LAB_MAX_FUNCTIONS &&
        (!is_bridge || pci->last_bus < 255)) {
        add_function(pci, bus, devfn, id, is_bridge);
    }
    return header & MULTI_FUNCTION;
}

static void scan_bus(LabPCI *pci, unsigned int bus)
{
    for (unsigned int dev = 0; dev < 32; dev++) {
        if (!scan_function(pci, bus, dev << 3)) {
            continue;
        }
        for (unsigned int fn = 1; fn < 8; fn++) {
            scan_function(pci, bus, dev << 3 | fn);
        }
    }
}

void lab_enumerate(LabPCI *pci, QTestState *qts)
{
    pci->qts = qts;
    pci->nr = 0;
    pci->last_bus = 0;
    pci->next32 = LAB_MMIO32;
    pci->next64 = LAB_MMIO64;
    cfg_enable_ecam(qts);
    scan_bus(pci, 0);
}

LabFunction *lab_find(LabPCI *pci, uint16_t device, unsigned int n)
{
    for (unsigned int i = 0; i < pci->nr; i++) {
        if (pci->function[i].device == device && n-- == 0) {
            return &pci->function[i];
        }
    }
    return NULL;
}

/* VT-d: three levels of second-stage tables, 39 bits */

#define IOMMU_GCMD          0x18
#define IOMMU_RTADDR        0x20
#define IOMMU_CCMD          0x28
#define IOMMU_IOTLB         0xf8
#define GCMD_TE             (1u << 31)
#define GCMD_SRTP           (1u << 30)
#define ENTRY_PRESENT       1
#define CONTEXT_ATS         (1 << 2)    /* translation type 01b */
#define CONTEXT_39_BIT      1
#define CONTEXT_DOMAIN      (1 << 8)
#define PTE_RW              3
#define PTE_LARGE           (1 << 7)
#define PTES                512

#define ROOT_TABLE          LAB_IOMMU_TABLES
#define CONTEXT_TABLE       (ROOT_TABLE + 0x1000)   /* all buses share it */
#define TOP_TABLE           (ROOT_TABLE + 0x2000)
#define NEXT_TABLE          (ROOT_TABLE + 0x3000)
#define RAM_PAGES           (32 * MiB / (4 * KiB))

static void write_entries(QTestState *qts, uint64_t table,
                          const uint64_t *entries, size_t n)
{
    g_autofree uint64_t *le = g_new(uint64_t, n);

    for (size_t i = 0; i < n; i++) {
        le[i] = cpu_to_le64(entries[i]);
    }
    qtest_memwrite(qts, table, le, n * sizeof(*le));
}

/* A table of 2 MiB pages for the GiB at @addr */
static void write_large(QTestState *qts, uint64_t table, uint64_t addr)
{
    uint64_t entries[PTES];

    for (size_t i = 0; i < PTES; i++) {
        entries[i] = (addr + i * 2 * MiB) | PTE_LARGE | PTE_RW;
    }
    write_entries(qts, table, entries, PTES);
}

static uint64_t write_ram(QTestState *qts, uint64_t table)
{
    g_autofree uint64_t *pages = g_new(uint64_t, RAM_PAGES);
    uint64_t entries[PTES] = {};

    for (size_t i = 0; i < RAM_PAGES; i++) {
        pages[i] = i * 4 * KiB | PTE_RW;
    }
    for (size_t i = 0; i < RAM_PAGES / PTES; i++) {
        entries[i] = (table + (1 + i) * 4 * KiB) | PTE_RW;
    }
    write_entries(qts, table, entries, PTES);
    write_entries(qts, table + 4 * KiB, pages, RAM_PAGES);
    return table + 4 * KiB + RAM_PAGES * 8;
}

/* The BARs are in the GiB that begin at LAB_MMIO32 and LAB_MMIO64 */
static void write_pages(QTestState *qts)
{
    uint64_t top[PTES] = {};
    uint64_t table = write_ram(qts, NEXT_TABLE);

    top[0] = NEXT_TABLE | PTE_RW;
    for (int i = 0; i < 4; i++, table += 4 * KiB) {
        write_large(qts, table, LAB_MMIO64 + i * GiB);
        top[LAB_MMIO64 / GiB + i] = table | PTE_RW;
    }
    write_large(qts, table, LAB_MMIO32);
    top[LAB_MMIO32 / GiB] = table | PTE_RW;
    write_entries(qts, TOP_TABLE, top, PTES);
}

void lab_iommu_enable(LabPCI *pci, bool ats)
{
    QTestState *qts = pci->qts;
    uint64_t root[PTES], context[PTES];

    for (size_t i = 0; i < PTES; i += 2) {
        root[i] = CONTEXT_TABLE | ENTRY_PRESENT;
        root[i + 1] = 0;
        context[i] = TOP_TABLE | ENTRY_PRESENT | (ats ? CONTEXT_ATS : 0);
        context[i + 1] = CONTEXT_DOMAIN | CONTEXT_39_BIT;
    }
    write_pages(qts);
    write_entries(qts, ROOT_TABLE, root, PTES);
    write_entries(qts, CONTEXT_TABLE, context, PTES);
    qtest_writeq(qts, LAB_IOMMU + IOMMU_RTADDR, ROOT_TABLE);
    qtest_writel(qts, LAB_IOMMU + IOMMU_GCMD, GCMD_SRTP);
    qtest_writeq(qts, LAB_IOMMU + IOMMU_CCMD, 1ull << 63 | 1ull << 61);
    qtest_writeq(qts, LAB_IOMMU + IOMMU_IOTLB, 1ull << 63 | 1ull << 60);
    qtest_writel(qts, LAB_IOMMU + IOMMU_GCMD, GCMD_TE);
}
