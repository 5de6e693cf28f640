/*
 * Fuzzer of the PCI Express fabric: PCI, memory, IOMMU and tph-accel
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "hw/misc/tph_accel_regs.h"
#include "hw/pci/pci_regs.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "fabric-fuzz.h"

/* Configuration space */

static void write_config(Fuzz *f, LabFunction *fn, unsigned int reg,
                         uint32_t value, unsigned int size)
{
    fuzz_note(f, "config %04x reg 0x%x/%u = 0x%x", fn->bdf, reg, size, value);
    if (size == 1) {
        qtest_writeb(f->qts, fn->cfg + reg, value);
    } else if (size == 2) {
        qtest_writew(f->qts, fn->cfg + reg, value);
    } else {
        qtest_writel(f->qts, fn->cfg + reg, value);
    }
}

/* Another value for some bits of a 16-bit register */
static void flip_config(Fuzz *f, LabFunction *fn, unsigned int reg,
                        uint16_t mask)
{
    uint16_t old = qtest_readw(f->qts, fn->cfg + reg);

    write_config(f, fn, reg, fuzz_bits(f, old, mask), 2);
}

static void fuzz_bridge(Fuzz *f, LabFunction *fn)
{
    static const uint8_t windows[] = {
        PCI_MEMORY_BASE, PCI_MEMORY_LIMIT, PCI_PREF_MEMORY_BASE,
        PCI_PREF_MEMORY_LIMIT,
    };
    LabFunction *other = fuzz_function(f);
    unsigned int reg;

    switch (fuzz_pick(f, 4)) {
    case 0:     /* a bus number that something else has, or that is a loop */
        reg = PCI_PRIMARY_BUS + fuzz_pick(f, 3);
        write_config(f, fn, reg, fuzz_rarely(f, 3) ? fuzz_value(f) :
                                 other->bdf >> 8, 1);
        break;
    case 1:
        reg = windows[fuzz_pick(f, ARRAY_SIZE(windows))];
        write_config(f, fn, reg, fuzz_address(f) >> 16, 2);
        break;
    case 2:
        reg = fuzz_rarely(f, 2) ? PCI_PREF_BASE_UPPER32 :
                                  PCI_PREF_LIMIT_UPPER32;
        write_config(f, fn, reg, fuzz_address(f) >> 32, 4);
        break;
    default:
        flip_config(f, fn, PCI_BRIDGE_CONTROL, UINT16_MAX);
    }
}

static void fuzz_bar(Fuzz *f, LabFunction *fn)
{
    uint64_t addr = fuzz_address(f) & ~0xfffull;
    unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * fuzz_pick(f, LAB_MAX_BARS);

    write_config(f, fn, reg, fuzz_rarely(f, 4) ? addr >> 32 : addr, 4);
}

static void fuzz_capability(Fuzz *f, LabFunction *fn)
{
    switch (fuzz_pick(f, 8)) {
    case 0:
        flip_config(f, fn, fn->exp + PCI_EXP_DEVCTL, 0x7fff);
        break;
    case 1:
        flip_config(f, fn, fn->exp + PCI_EXP_DEVCTL2, UINT16_MAX);
        break;
    case 2:
        write_config(f, fn, fn->acs + PCI_ACS_CTRL, fuzz_next(f) & 0x7f, 2);
        break;
    case 3:
        write_config(f, fn, fn->ats + PCI_ATS_CTRL,
                     fuzz_bits(f, PCI_ATS_CTRL_ENABLE, 0x801f), 2);
        break;
    case 4:
        write_config(f, fn, fn->tph + PCI_TPH_CTRL,
                     fuzz_pick(f, 4) | fuzz_pick(f, 4) << 8, 4);
        break;
    case 5:
        write_config(f, fn, fn->tph + PCI_TPH_BASE_SIZEOF +
                     2 * fuzz_pick(f, 64), fuzz_next(f), 2);
        break;
    case 6:
        write_config(f, fn, fn->aer + 4 * fuzz_pick(f, 14), fuzz_value(f), 4);
        break;
    default:
        flip_config(f, fn, fn->msix + PCI_MSIX_FLAGS, 0xc000);
    }
}

void fuzz_config(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);

    switch (fuzz_pick(f, 8)) {
    case 0:
        flip_config(f, fn, PCI_COMMAND, 0x547);
        break;
    case 1:
        fuzz_bar(f, fn);
        break;
    case 2 ... 3:
        fuzz_bridge(f, fn);
        break;
    case 4 ... 6:
        fuzz_capability(f, fn);
        break;
    default:
        write_config(f, fn, fuzz_pick(f, 1024) * 4, fuzz_value(f), 4);
    }
}

/* Two functions at one address, or two bridges with one window */
void fuzz_same_place(Fuzz *f)
{
    LabFunction *a = fuzz_function(f), *b = fuzz_function(f);
    unsigned int reg = PCI_BASE_ADDRESS_0, end = PCI_BASE_ADDRESS_5;

    fuzz_note(f, "%04x to the place of %04x", a->bdf, b->bdf);
    if (a->is_bridge && b->is_bridge) {
        reg = PCI_PRIMARY_BUS;
        end = PCI_PREF_LIMIT_UPPER32;
    }
    for (; reg <= end; reg += 4) {
        qtest_writel(f->qts, a->cfg + reg, qtest_readl(f->qts, b->cfg + reg));
    }
}

/* Resets, in the middle of what goes on */

static void reset_function(Fuzz *f, LabFunction *fn)
{
    write_config(f, fn, fn->exp + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
}

static void reset_bus(Fuzz *f, LabFunction *fn)
{
    write_config(f, fn, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
    write_config(f, fn, PCI_BRIDGE_CONTROL, 0, 2);
}

static void slot_power(Fuzz *f, LabFunction *fn)
{
    bool off = !fuzz_rarely(f, 3);

    write_config(f, fn, fn->exp + PCI_EXP_SLTCTL,
                 off ? PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF :
                       PCI_EXP_SLTCTL_PWR_IND_ON, 2);
}

static void reset_adapter(Fuzz *f)
{
    fuzz_note(f, "vhca: software reset");
    vhca_write32(&f->vhca, 0x14, 7 << 8);
}

static void reset_system(Fuzz *f)
{
    fuzz_note(f, "system_reset");
    qtest_qmp_assert_success(f->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(f->qts, "RESET");
}

void fuzz_reset(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);

    switch (fuzz_pick(f, 8)) {
    case 0 ... 2:
        reset_function(f, fn);
        break;
    case 3 ... 4:
        reset_bus(f, fn);
        break;
    case 5:
        slot_power(f, fn);
        break;
    case 6:
        if (f->has_vhca) {
            reset_adapter(f);
            break;
        }
        /* fall through */
    default:
        if (fuzz_rarely(f, 8)) {
            reset_system(f);
        } else {
            reset_function(f, fn);
        }
    }
}

/* Back into its slot, if it was thrown out; an error otherwise, or no slot */
void fuzz_replug(Fuzz *f)
{
    static const char *const bus[] = { "p0", "p1", "d0", "d1", "c0" };
    const char *driver = fuzz_rarely(f, 2) ? "vhca" : "tph-accel";
    unsigned int n = fuzz_pick(f, ARRAY_SIZE(bus));
    QDict *answer;

    fuzz_note(f, "device_add %s,bus=%s", driver, bus[n]);
    answer = qtest_qmp(f->qts, "{ 'execute': 'device_add', 'arguments': "
                       "{ 'driver': %s, 'bus': %s } }", driver, bus[n]);
    qobject_unref(answer);
}

/* Messages to anywhere, doorbells included */
void fuzz_msix(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);
    uint64_t table = fn->bar[4] ? fn->bar[4] : fn->bar[2];
    uint64_t entry = table + 16 * fuzz_pick(f, 8);
    uint64_t addr = fuzz_address(f) & ~3ull;
    bool masked = fuzz_rarely(f, 4);

    fuzz_note(f, "msix of %04x at 0x%" PRIx64 " to 0x%" PRIx64 " masked %d",
              fn->bdf, entry, addr, masked);
    if (!fn->msix) {
        return;
    }
    qtest_writel(f->qts, entry, addr);
    qtest_writel(f->qts, entry + 4, addr >> 32);
    qtest_writel(f->qts, entry + 8, fuzz_value(f));
    qtest_writel(f->qts, entry + 12, masked);
    qtest_writew(f->qts, fn->cfg + fn->msix + PCI_MSIX_FLAGS,
                 PCI_MSIX_FLAGS_ENABLE);
}

/* Everybody reports every error */
static void report_errors(Fuzz *f)
{
    for (unsigned int i = 0; i < f->pci.nr; i++) {
        LabFunction *fn = &f->pci.function[i];

        qtest_writew(f->qts, fn->cfg + PCI_COMMAND, PCI_COMMAND_MEMORY |
                     PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
        qtest_writew(f->qts, fn->cfg + fn->exp + PCI_EXP_DEVCTL,
                     PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
                     PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE);
        if (fn->aer) {
            qtest_writel(f->qts, fn->cfg + fn->aer + PCI_ERR_UNCOR_MASK, 0);
            qtest_writel(f->qts, fn->cfg + fn->aer + PCI_ERR_COR_MASK, 0);
        }
        if (fn->is_bridge) {
            qtest_writew(f->qts, fn->cfg + PCI_BRIDGE_CONTROL,
                         PCI_BRIDGE_CTL_SERR);
        }
    }
}

/*
 * Where a root port wants the messages of errors, and nothing that it has
 * reported already: it sends the next one then.
 */
void fuzz_error_message(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);
    uint64_t msi = fn->cfg + fn->msi, aer = fn->cfg + fn->aer;
    uint64_t addr = fuzz_address(f) & ~3ull;
    uint16_t data = fuzz_rarely(f, 2) ? PCI_EXP_SLTCTL_PCC |
                                        PCI_EXP_SLTCTL_PWR_IND_OFF :
                                        fuzz_value(f);

    fuzz_note(f, "error message of %04x to 0x%" PRIx64 " 0x%x", fn->bdf, addr,
              data);
    if (!fn->msi || !fn->aer) {
        return;
    }
    report_errors(f);
    qtest_writel(f->qts, msi + PCI_MSI_ADDRESS_LO, addr);
    qtest_writel(f->qts, msi + PCI_MSI_ADDRESS_HI, addr >> 32);
    qtest_writew(f->qts, msi + PCI_MSI_DATA_64, data);
    qtest_writew(f->qts, msi + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
    qtest_writel(f->qts, aer + PCI_ERR_ROOT_COMMAND,
                 PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN |
                 PCI_ERR_ROOT_CMD_FATAL_EN);
    qtest_writel(f->qts, aer + PCI_ERR_ROOT_STATUS, UINT32_MAX);
}

/* Memory that devices use, under their hands */

static uint64_t used_memory(Fuzz *f)
{
    switch (fuzz_pick(f, 6)) {
    case 0:
        return VHCA_CMDQ + fuzz_pick(f, VHCA_SLOTS * 64);
    case 1:
        return VHCA_IN_MAILBOX + fuzz_pick(f, 4 * VHCA_MAILBOX_STRIDE);
    case 2:
        return VHCA_OUT_MAILBOX + fuzz_pick(f, 4 * VHCA_MAILBOX_STRIDE);
    case 3:
        return VHCA_RECORDS + fuzz_pick(f, FUZZ_QUEUES * 8);
    case 4:
        return vhca_queue(fuzz_pick(f, FUZZ_QUEUES)) + fuzz_pick(f, 0x2000);
    default:
        return FUZZ_DATA + fuzz_pick(f, 1 * MiB);
    }
}

void fuzz_memory(Fuzz *f)
{
    uint64_t addr = used_memory(f);
    uint64_t value = fuzz_rarely(f, 3) ? bswap64(fuzz_address(f))
                                       : fuzz_value(f);
    unsigned int size = 1 << fuzz_pick(f, 4);

    fuzz_note(f, "memory 0x%" PRIx64 "/%u = 0x%" PRIx64, addr, size, value);
    qtest_memwrite(f->qts, addr, &value, size);
}

/* Any register, as a CPU reaches it */
void fuzz_mmio(Fuzz *f)
{
    LabFunction *fn = fuzz_function(f);
    int n = fuzz_pick(f, LAB_MAX_BARS);
    uint64_t size = fn->bar_size[n];
    uint64_t addr = fn->bar[n] + (fuzz_pick(f, MAX(size, 8)) & ~7ull);
    uint64_t value = fuzz_value(f);
    unsigned int how = fuzz_pick(f, 4);

    fuzz_note(f, "mmio %04x bar %d 0x%" PRIx64 " how %u value 0x%" PRIx64,
              fn->bdf, n, addr, how, value);
    if (!size) {
        return;
    }
    switch (how) {
    case 0:
        qtest_readq(f->qts, addr);
        break;
    case 1:
        qtest_readl(f->qts, addr + 4);
        break;
    case 2:
        qtest_writel(f->qts, addr + (value & 4), value);
        break;
    default:
        qtest_writeq(f->qts, addr, value);
    }
}

/* IOMMU: VT-d with queued invalidation */

#define IOMMU_GCMD          0x18
#define IOMMU_IQT           0x88
#define IOMMU_IQA           0x90
#define GCMD_TE             (1u << 31)
#define GCMD_QIE            (1u << 26)
#define TOP_TABLE           (LAB_IOMMU_TABLES + 0x2000)
#define CONTEXT_TABLE       (LAB_IOMMU_TABLES + 0x1000)
#define RAM_TABLE           (LAB_IOMMU_TABLES + 0x4000)
#define QUEUE               (LAB_IOMMU_TABLES + 0x100000)
#define QUEUE_ENTRIES       256

void fuzz_iommu_start(Fuzz *f)
{
    lab_iommu_enable(&f->pci, true);
    for (unsigned int i = 0; i < f->pci.nr; i++) {
        LabFunction *fn = &f->pci.function[i];

        if (fn->ats) {
            qtest_writew(f->qts, fn->cfg + fn->ats + PCI_ATS_CTRL,
                         PCI_ATS_CTRL_ENABLE);
        }
    }
    f->iommu_tail = 0;
    qtest_writeq(f->qts, LAB_IOMMU + IOMMU_IQT, 0);
    qtest_writeq(f->qts, LAB_IOMMU + IOMMU_IQA, QUEUE);
    qtest_writel(f->qts, LAB_IOMMU + IOMMU_GCMD, GCMD_TE | GCMD_QIE);
}

/* Types of descriptors: 1 context, 2 IOTLB, 3 device's IOTLB, 5 wait */
static void invalidate(Fuzz *f)
{
    static const uint8_t types[] = { 1, 2, 3, 3, 5 };
    uint8_t type = types[fuzz_pick(f, ARRAY_SIZE(types))];
    LabFunction *fn = fuzz_function(f);
    uint64_t entry[2] = { type | (1 + fuzz_pick(f, 3)) << 4, 0 };

    if (type == 3) {
        entry[0] = 3 | (uint64_t)fn->bdf << 32;
        entry[1] = (fuzz_address(f) & ~0xfffull) | fuzz_rarely(f, 2);
    } else {
        entry[0] |= 1 << 16;
        entry[1] = fuzz_address(f) & ~0xfffull;
    }
    fuzz_note(f, "invalidate type %u %04x 0x%" PRIx64, type, fn->bdf,
              entry[1]);
    entry[0] = cpu_to_le64(entry[0]);
    entry[1] = cpu_to_le64(entry[1]);
    qtest_memwrite(f->qts, QUEUE + f->iommu_tail * 16, entry, sizeof(entry));
    f->iommu_tail = (f->iommu_tail + 1) % QUEUE_ENTRIES;
    qtest_writeq(f->qts, LAB_IOMMU + IOMMU_IQT, f->iommu_tail << 4);
}

/* Another page, other rights, another address width, no page at all */
static void change_table(Fuzz *f)
{
    uint64_t table = fuzz_rarely(f, 8) ? CONTEXT_TABLE :
                     fuzz_rarely(f, 8) ? TOP_TABLE : RAM_TABLE;
    uint64_t at = table + 8 * fuzz_pick(f, table == RAM_TABLE ? 8192 : 512);
    uint64_t value = (fuzz_address(f) & ~0xfffull) | fuzz_pick(f, 4);

    fuzz_note(f, "iommu table 0x%" PRIx64 " = 0x%" PRIx64, at, value);
    qtest_writeq(f->qts, at, value);
}

void fuzz_iommu(Fuzz *f)
{
    if (!f->has_iommu) {
        fuzz_memory(f);
    } else if (fuzz_rarely(f, 2)) {
        invalidate(f);
    } else {
        change_table(f);
    }
}

/* tph-accel */

static uint64_t accel_regs(Fuzz *f)
{
    LabFunction *fn = lab_find(&f->pci, TPH_ACCEL_DEVICE_ID, fuzz_pick(f, 3));

    if (!fn) {
        fn = lab_find(&f->pci, TPH_ACCEL_DEVICE_ID, 0);
    }
    if (!fn && fuzz_rarely(f, 4)) {
        fuzz_replug(f);
        fuzz_repair(f);
    }
    return fn ? fn->bar[TPH_ACCEL_REGS_BAR] : 0;
}

void fuzz_accel_rule(Fuzz *f)
{
    uint64_t regs = accel_regs(f);
    unsigned int n = fuzz_pick(f, TPH_ACCEL_NR_RULES);
    uint32_t ctrl = TPH_ACCEL_RULE_VALID | fuzz_pick(f, 2) << 1 |
                    fuzz_pick(f, 6) << TPH_ACCEL_RULE_OP_SHIFT |
                    fuzz_pick(f, 5) << TPH_ACCEL_RULE_LANE_SHIFT;
    uint32_t tag = fuzz_pick(f, 8);

    fuzz_note(f, "rule %u tag 0x%x ctrl 0x%x", n, tag, ctrl);
    if (regs) {
        qtest_writel(f->qts, regs + TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_TAG,
                     tag);
        qtest_writel(f->qts, regs + TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_CTRL,
                     ctrl);
    }
}

static uint32_t dma_length(Fuzz *f, unsigned int op)
{
    return op && !fuzz_rarely(f, 4) ? 4 << fuzz_pick(f, 2) : fuzz_length(f);
}

void fuzz_accel_dma(Fuzz *f)
{
    uint64_t regs = accel_regs(f);
    unsigned int op = fuzz_rarely(f, 3) ? fuzz_pick(f, 4) : 0;
    uint64_t src = fuzz_address(f), dst = fuzz_address(f);
    uint32_t len = dma_length(f, op);
    uint32_t hint = TPH_ACCEL_HINT_WRITES | TPH_ACCEL_HINT_READS |
                    fuzz_pick(f, 4) << TPH_ACCEL_HINT_PH_SHIFT |
                    fuzz_pick(f, 8);
    uint32_t count = fuzz_rarely(f, 4) ? fuzz_value(f) : 1;
    uint32_t translate = fuzz_rarely(f, 2) ? TPH_ACCEL_DMA_TRANSLATE : 0;

    if (op && !fuzz_rarely(f, 4)) {
        dst &= ~7ull;
    }
    fuzz_note(f, "dma at 0x%" PRIx64 " op %u 0x%" PRIx64 " -> 0x%" PRIx64
              " len 0x%x translate %d", regs, op, src, dst, len, !!translate);
    if (!regs) {
        return;
    }
    qtest_writeq(f->qts, regs + TPH_ACCEL_REG_DMA_SRC, src);
    qtest_writeq(f->qts, regs + TPH_ACCEL_REG_DMA_DST, dst);
    qtest_writeq(f->qts, regs + TPH_ACCEL_REG_DMA_LEN,
                 (uint64_t)count << 32 | len);
    qtest_writeq(f->qts, regs + TPH_ACCEL_REG_DMA_HINT,
                 (uint64_t)(TPH_ACCEL_VECTOR_ENABLE | fuzz_pick(f, 9)) << 32 |
                 hint);
    qtest_writel(f->qts, regs + TPH_ACCEL_REG_DMA_CTRL,
                 TPH_ACCEL_DMA_START | translate |
                 op << TPH_ACCEL_DMA_OP_SHIFT);
}

void fuzz_accel_control(Fuzz *f)
{
    static const uint16_t regs[] = {
        TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_REG_MSI_SEND, TPH_ACCEL_REG_CTRL,
        TPH_ACCEL_REG_DMA_OPERAND, TPH_ACCEL_REG_DMA_COMPARE,
    };
    unsigned int reg = regs[fuzz_pick(f, ARRAY_SIZE(regs))];
    uint64_t base = accel_regs(f);
    uint32_t value = reg == TPH_ACCEL_REG_DMA_CTRL ? TPH_ACCEL_DMA_ABORT :
                                                     fuzz_pick(f, 9);

    fuzz_note(f, "accel 0x%" PRIx64 " reg 0x%x = 0x%x", base, reg, value);
    if (base) {
        qtest_writel(f->qts, base + reg, value);
    }
}
