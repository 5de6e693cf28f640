/*
 * QTest testcase for address translation caches of the PCI Express fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * An accelerator copies through its translation cache, behind the Intel vIOMMU
 * in legacy mode. The test plays the guest's driver: page tables, invalidation
 * queue, and the ATS control register. Two pages of memory differ in content,
 * so what a copy moves tells which translation it used.
 */
#include "qemu/osdep.h"
#include "tph-accel-lab.h"

#define IOMMU           "-device intel-iommu,device-iotlb=on "

#define PORT_CFG(n)     (ECAM + ((2 + (n)) << 15))
#define DEV_CFG(n)      (ECAM + ((1 + (n)) << 20))
#define REGS(n)         (0xc0000000ull + (n) * 0x100000)
#define MEM(n)          (0x800000000ull + (n) * 0x8000000)

#define BUS             1       /* of the requester, its device is 0 */
#define SOURCE_ID       (BUS << 8)

/* The vIOMMU */
#define DMAR            0xfed90000ull
#define DMAR_GCMD       (DMAR + 0x18)
#define DMAR_RTADDR     (DMAR + 0x20)
#define DMAR_IQT        (DMAR + 0x88)
#define DMAR_IQA        (DMAR + 0x90)
#define GCMD_TE         (1u << 31)
#define GCMD_SRTP       (1u << 30)
#define GCMD_QIE        (1u << 26)

#define DOMAIN          5
#define CONTEXT_DEV_TLB (1 << 2)        /* translation type 01b */
#define CONTEXT_39_BIT  1
#define PRESENT         1
#define PTE_R           1
#define PTE_W           2
#define PTE_RW          3
#define PTE_LARGE       (1 << 7)

#define INV_IOTLB       (0x2 | 1 << 4)  /* global */
#define INV_DEV_TLB     (0x3 | (uint64_t)SOURCE_ID << 32)
#define INV_WAIT        (0x5 | 1 << 5 | 1ull << 32)     /* writes a 1 */
#define INV_SIZE        1               /* low address bits tell the size */
#define INV_ALL         0x7ffffffffffff000ull

/* Guest memory */
#define ROOT_TABLE      0x100000
#define CONTEXT_TABLE   0x101000
#define LEVEL3          0x102000
#define LEVEL2          0x103000
#define LEVEL1          0x104000
#define QUEUE           0x105000
#define WAIT_STATUS     0x106000
#define PAGE_A          0x200000
#define PAGE_B          0x400000
#define PAGE_OUT        0x600000

#define PAGE            4096
#define IOVA            0x10000ull      /* what is remapped */
#define IOVA_OUT        0x30000ull      /* PAGE_OUT */

#define RANGE           64      /* pages of a long copy */

#define CONTENT_A       0x5a
#define CONTENT_B       0xa5

typedef struct Lab {
    QTestState *qts;
    unsigned int tail;          /* of the invalidation queue */
    uint64_t ats;               /* the ATS capability */
    uint32_t start;             /* how the engine is told to start */
} Lab;

/* The vIOMMU's driver */

static void map(Lab *lab, uint64_t iova, uint64_t pte)
{
    qtest_writeq(lab->qts, LEVEL1 + (iova >> 12) * 8, pte);
}

static void queue(Lab *lab, uint64_t lo, uint64_t hi)
{
    qtest_writeq(lab->qts, QUEUE + lab->tail * 16, lo);
    qtest_writeq(lab->qts, QUEUE + lab->tail * 16 + 8, hi);
    lab->tail = (lab->tail + 1) % (PAGE / 16);
}

/* All that is queued is done when this returns */
static void sync_queue(Lab *lab)
{
    qtest_writel(lab->qts, WAIT_STATUS, 0);
    queue(lab, INV_WAIT, WAIT_STATUS);
    qtest_writel(lab->qts, DMAR_IQT, lab->tail << 4);
    g_assert_cmpuint(qtest_readl(lab->qts, WAIT_STATUS), ==, 1);
}

/* What the vIOMMU keeps itself is none of the device's business */
static void flush_iotlb(Lab *lab)
{
    queue(lab, INV_IOTLB, 0);
    sync_queue(lab);
}

static void flush_device(Lab *lab, uint64_t range)
{
    queue(lab, INV_DEV_TLB, range);
    sync_queue(lab);
}

static void iommu_start(Lab *lab)
{
    QTestState *qts = lab->qts;

    qtest_memset(qts, ROOT_TABLE, 0, WAIT_STATUS - ROOT_TABLE);
    qtest_writeq(qts, ROOT_TABLE + BUS * 16, CONTEXT_TABLE | PRESENT);
    qtest_writeq(qts, CONTEXT_TABLE, LEVEL3 | CONTEXT_DEV_TLB | PRESENT);
    qtest_writeq(qts, CONTEXT_TABLE + 8, DOMAIN << 8 | CONTEXT_39_BIT);
    qtest_writeq(qts, LEVEL3, LEVEL2 | PTE_RW);
    qtest_writeq(qts, LEVEL2, LEVEL1 | PTE_RW);
    map(lab, IOVA, PAGE_A | PTE_RW);
    map(lab, IOVA + PAGE, PAGE_A | PTE_RW);
    map(lab, IOVA_OUT, PAGE_OUT | PTE_RW);

    qtest_writeq(qts, DMAR_RTADDR, ROOT_TABLE);
    qtest_writel(qts, DMAR_GCMD, GCMD_SRTP);
    qtest_writeq(qts, DMAR_IQA, QUEUE);
    qtest_writel(qts, DMAR_GCMD, GCMD_QIE);
    qtest_writel(qts, DMAR_GCMD, GCMD_QIE | GCMD_TE);
}

/* The function's driver */

static void set_ats(Lab *lab, bool on)
{
    qtest_writew(lab->qts, lab->ats + PCI_ATS_CTRL,
                 on ? PCI_ATS_CTRL_ENABLE : 0);
}

static void function_start(Lab *lab, int n)
{
    QTestState *qts = lab->qts;
    uint64_t port = PORT_CFG(n);
    uint64_t dev = DEV_CFG(n);
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

    qtest_writel(qts, port + PCI_PRIMARY_BUS, (1 + n) << 16 | (1 + n) << 8);
    qtest_writew(qts, port + PCI_MEMORY_BASE, REGS(n) >> 16);
    qtest_writew(qts, port + PCI_MEMORY_LIMIT, REGS(n) >> 16);
    qtest_writew(qts, port + PCI_PREF_MEMORY_BASE, (uint32_t)MEM(n) >> 16);
    qtest_writew(qts, port + PCI_PREF_MEMORY_LIMIT,
                 (uint32_t)(MEM(n) + 0x7ffffff) >> 16);
    qtest_writel(qts, port + PCI_PREF_BASE_UPPER32, MEM(n) >> 32);
    qtest_writel(qts, port + PCI_PREF_LIMIT_UPPER32, MEM(n) >> 32);
    qtest_writew(qts, port + PCI_COMMAND, command);
    qtest_writel(qts, dev + PCI_BASE_ADDRESS_0, REGS(n));
    qtest_writel(qts, dev + PCI_BASE_ADDRESS_2, MEM(n));
    qtest_writel(qts, dev + PCI_BASE_ADDRESS_3, MEM(n) >> 32);
    qtest_writew(qts, dev + PCI_COMMAND, command);
}

static Lab lab_start(const char *iommu)
{
    Lab lab = { .start = TPH_ACCEL_DMA_START | TPH_ACCEL_DMA_TRANSLATE };

    lab.qts = qtest_initf(
        "-machine q35 -m 16M -nodefaults %s"
        "-device fabric-root-port,id=p0,chassis=1,addr=2 "
        "-device tph-accel,bus=p0,ats=on "
        "-device fabric-root-port,id=p1,chassis=2,addr=3 "
        "-device tph-accel,bus=p1", iommu);
    cfg_enable_ecam(lab.qts);
    function_start(&lab, 0);
    function_start(&lab, 1);
    lab.ats = cfg_find_ext_cap(lab.qts, DEV_CFG(0), PCI_EXT_CAP_ID_ATS);
    g_assert_cmphex(lab.ats, !=, 0);
    lab.ats += DEV_CFG(0);
    qtest_memset(lab.qts, PAGE_A, CONTENT_A, PAGE);
    qtest_memset(lab.qts, PAGE_B, CONTENT_B, PAGE);
    return lab;
}

/* ATS is on, and nothing is cached yet */
static Lab lab_start_ats(void)
{
    Lab lab = lab_start(IOMMU);

    iommu_start(&lab);
    set_ats(&lab, true);
    return lab;
}

static void lab_end(Lab *lab)
{
    qtest_quit(lab->qts);
}

/* The DMA engine */

static void copy_start(Lab *lab, uint64_t src, uint64_t dst, uint32_t len,
                       uint32_t count)
{
    QTestState *qts = lab->qts;

    qtest_writeq(qts, REGS(0) + TPH_ACCEL_REG_DMA_SRC, src);
    qtest_writeq(qts, REGS(0) + TPH_ACCEL_REG_DMA_DST, dst);
    qtest_writel(qts, REGS(0) + TPH_ACCEL_REG_DMA_LEN, len);
    qtest_writel(qts, REGS(0) + TPH_ACCEL_REG_DMA_COUNT, count);
    qtest_writel(qts, REGS(0) + TPH_ACCEL_REG_DMA_CTRL, lab->start);
}

static uint32_t copy_status(Lab *lab)
{
    return qtest_readl(lab->qts, REGS(0) + TPH_ACCEL_REG_DMA_STATUS);
}

static uint32_t copy_wait(Lab *lab)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    uint32_t status;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        status = copy_status(lab);
    } while (status & TPH_ACCEL_DMA_BUSY);
    return status;
}

static uint32_t copy(Lab *lab, uint64_t src, uint64_t dst, uint32_t len)
{
    copy_start(lab, src, dst, len, 1);
    return copy_wait(lab);
}

static void expect_copy(Lab *lab, uint64_t src, uint64_t dst, uint32_t len)
{
    g_assert_cmphex(copy(lab, src, dst, len), ==, TPH_ACCEL_DMA_DONE);
}

static void expect_error(Lab *lab, uint64_t src, uint64_t dst, uint32_t code)
{
    g_assert_cmphex(copy(lab, src, dst, PAGE), ==,
                    TPH_ACCEL_DMA_ERROR | code << TPH_ACCEL_DMA_CODE_SHIFT);
}

static void expect_content(Lab *lab, uint64_t addr, uint8_t content)
{
    uint8_t page[PAGE];

    qtest_memread(lab->qts, addr, page, PAGE);
    for (unsigned int i = 0; i < PAGE; i++) {
        g_assert_cmphex(page[i], ==, content);
    }
}

/* What a read of @iova finds */
static void expect_read(Lab *lab, uint64_t iova, uint8_t content)
{
    qtest_memset(lab->qts, PAGE_OUT, 0, PAGE);
    expect_copy(lab, iova, IOVA_OUT, PAGE);
    expect_content(lab, PAGE_OUT, content);
}

/* From now on IOVA is PAGE_B; the function was not told */
static void remap(Lab *lab)
{
    expect_read(lab, IOVA, CONTENT_A);
    map(lab, IOVA, PAGE_B | PTE_RW);
    flush_iotlb(lab);
}

/* Tests */

static void test_capability(void)
{
    Lab lab = lab_start(IOMMU);

    g_assert_cmphex(qtest_readw(lab.qts, lab.ats + PCI_ATS_CTRL), ==, 0);
    qtest_writew(lab.qts, lab.ats + PCI_ATS_CTRL, 0xffff);
    g_assert_cmphex(qtest_readw(lab.qts, lab.ats + PCI_ATS_CTRL), ==,
                    PCI_ATS_CTRL_ENABLE | 0xf);
    lab_end(&lab);
}

/* Not enabled: requests are untranslated, so no invalidation is needed */
static void test_off(void)
{
    Lab lab = lab_start(IOMMU);

    iommu_start(&lab);
    remap(&lab);
    expect_read(&lab, IOVA, CONTENT_B);
    map(&lab, IOVA, 0);
    flush_iotlb(&lab);
    /* A read ends as UR, a posted write is lost */
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    expect_copy(&lab, IOVA_OUT, IOVA, PAGE);
    expect_content(&lab, PAGE_B, CONTENT_B);
    lab_end(&lab);
}

/* A translation stays until the guest takes it back, and no longer */
static void test_invalidate(void)
{
    Lab lab = lab_start_ats();

    remap(&lab);
    expect_read(&lab, IOVA, CONTENT_A);
    flush_device(&lab, IOVA + PAGE);
    expect_read(&lab, IOVA, CONTENT_A);
    flush_device(&lab, IOVA);
    expect_read(&lab, IOVA, CONTENT_B);
    lab_end(&lab);
}

static void test_invalidate_range(void)
{
    Lab lab = lab_start_ats();

    remap(&lab);
    /* 64 KiB: bits 14:12 are ones, bit 15 is 0 */
    flush_device(&lab, (IOVA & ~0xffffull) | 0x7000 | INV_SIZE);
    expect_read(&lab, IOVA, CONTENT_B);

    map(&lab, IOVA, PAGE_A | PTE_RW);
    flush_iotlb(&lab);
    expect_read(&lab, IOVA, CONTENT_B);
    flush_device(&lab, INV_ALL | INV_SIZE);
    expect_read(&lab, IOVA, CONTENT_A);
    lab_end(&lab);
}

/* No translation: a read ends as UR, and a write does not leave */
static void test_unmapped(void)
{
    Lab lab = lab_start_ats();

    expect_read(&lab, IOVA, CONTENT_A);
    expect_copy(&lab, IOVA_OUT, IOVA, PAGE);
    map(&lab, IOVA, 0);
    flush_iotlb(&lab);
    flush_device(&lab, IOVA);
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    qtest_memset(lab.qts, PAGE_OUT, CONTENT_B, PAGE);
    expect_error(&lab, IOVA_OUT, IOVA, TPH_ACCEL_DMA_CODE_TRANSLATION);
    expect_content(&lab, PAGE_A, CONTENT_A);

    /* A hole in the middle: what comes before it is sent */
    map(&lab, IOVA, PAGE_B | PTE_RW);
    map(&lab, IOVA + PAGE, 0);
    flush_iotlb(&lab);
    flush_device(&lab, INV_ALL | INV_SIZE);
    g_assert_cmphex(copy(&lab, IOVA_OUT, IOVA + PAGE - 256, 512), ==,
                    TPH_ACCEL_DMA_ERROR | TPH_ACCEL_DMA_CODE_TRANSLATION <<
                    TPH_ACCEL_DMA_CODE_SHIFT);
    g_assert_cmpuint(qtest_readq(lab.qts,
                                 REGS(0) + TPH_ACCEL_REG_DMA_BYTES), ==, 256);
    lab_end(&lab);
}

/* Read permission is no write permission, and neither is cached as it */
static void test_read_only(void)
{
    Lab lab = lab_start_ats();

    map(&lab, IOVA, PAGE_A | PTE_R);
    expect_read(&lab, IOVA, CONTENT_A);
    qtest_memset(lab.qts, PAGE_OUT, CONTENT_B, PAGE);
    expect_error(&lab, IOVA_OUT, IOVA, TPH_ACCEL_DMA_CODE_TRANSLATION);
    expect_content(&lab, PAGE_A, CONTENT_A);

    map(&lab, IOVA, PAGE_A | PTE_W);
    flush_iotlb(&lab);
    flush_device(&lab, IOVA);
    expect_copy(&lab, IOVA_OUT, IOVA, PAGE);
    expect_content(&lab, PAGE_A, CONTENT_B);
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    lab_end(&lab);
}

/* 2 MiB: each part of it is found, and one invalidation takes it all back */
static void test_large_page(void)
{
    Lab lab = lab_start_ats();
    uint64_t iova = 0x200000;

    qtest_writeq(lab.qts, LEVEL2 + 8, PAGE_A | PTE_LARGE | PTE_RW);
    expect_read(&lab, iova, CONTENT_A);
    qtest_memset(lab.qts, PAGE_A + 3 * PAGE, CONTENT_A, PAGE);
    expect_read(&lab, iova + 3 * PAGE, CONTENT_A);

    qtest_writeq(lab.qts, LEVEL2 + 8, PAGE_B | PTE_LARGE | PTE_RW);
    qtest_memset(lab.qts, PAGE_B + 3 * PAGE, CONTENT_B, PAGE);
    flush_iotlb(&lab);
    expect_read(&lab, iova + 3 * PAGE, CONTENT_A);
    flush_device(&lab, iova + 5 * PAGE);
    expect_read(&lab, iova, CONTENT_B);
    expect_read(&lab, iova + 3 * PAGE, CONTENT_B);
    lab_end(&lab);
}

/* Off and on again: the cache is empty */
static void test_disable(void)
{
    Lab lab = lab_start_ats();

    remap(&lab);
    set_ats(&lab, false);
    expect_read(&lab, IOVA, CONTENT_B);
    map(&lab, IOVA, PAGE_A | PTE_RW);
    flush_iotlb(&lab);
    set_ats(&lab, true);
    expect_read(&lab, IOVA, CONTENT_A);
    lab_end(&lab);
}

static void test_reset(void)
{
    Lab lab = lab_start_ats();

    remap(&lab);
    cfg_set_devctl(lab.qts, DEV_CFG(0), PCI_EXP_DEVCTL_BCR_FLR);
    g_assert_cmphex(qtest_readw(lab.qts, lab.ats + PCI_ATS_CTRL), ==, 0);
    function_start(&lab, 0);
    set_ats(&lab, true);
    expect_read(&lab, IOVA, CONTENT_B);
    lab_end(&lab);
}

static void map_range(Lab *lab, unsigned int first, uint64_t pte)
{
    for (unsigned int i = first; i < first + RANGE; i++) {
        map(lab, i * PAGE, pte);
    }
}

static void wait_bytes(Lab *lab, uint64_t more)
{
    uint64_t reg = REGS(0) + TPH_ACCEL_REG_DMA_BYTES;
    uint64_t until = qtest_readq(lab->qts, reg) + more;
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (qtest_readq(lab->qts, reg) < until) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/*
 * A copy is running, and for longer than any test: from the invalidation on it
 * uses the new translations.
 */
static void test_in_flight(void)
{
    Lab lab = lab_start_ats();

    qtest_memset(lab.qts, PAGE_OUT, 1, PAGE);
    map_range(&lab, 0, PAGE_A | PTE_RW);
    map_range(&lab, RANGE, PAGE_OUT | PTE_R);
    copy_start(&lab, RANGE * PAGE, 0, RANGE * PAGE, TPH_ACCEL_DMA_MAX_COUNT);
    wait_bytes(&lab, RANGE * PAGE);
    expect_content(&lab, PAGE_A, 1);

    map_range(&lab, 0, PAGE_B | PTE_RW);
    queue(&lab, INV_IOTLB, 0);
    flush_device(&lab, INV_ALL | INV_SIZE);
    qtest_memset(lab.qts, PAGE_A, CONTENT_A, PAGE);
    wait_bytes(&lab, 2 * RANGE * PAGE);
    expect_content(&lab, PAGE_A, CONTENT_A);
    expect_content(&lab, PAGE_B, 1);
    g_assert_cmphex(copy_status(&lab), ==, TPH_ACCEL_DMA_BUSY);
    lab_end(&lab);
}

/* More pages than the cache has entries: some take the place of others */
static void test_many(void)
{
    Lab lab = lab_start_ats();

    for (unsigned int i = 0x40; i < 512; i++) {
        map(&lab, i * PAGE, (i % 3 ? PAGE_B : PAGE_A) | PTE_RW);
    }
    for (unsigned int round = 0; round < 2; round++) {
        for (unsigned int i = 0x40; i < 512; i += 16) {
            expect_read(&lab, i * PAGE, i % 3 ? CONTENT_B : CONTENT_A);
        }
    }
    lab_end(&lab);
}

/* A translated address may be another function's */
static void test_peer(void)
{
    Lab lab = lab_start_ats();
    uint64_t tlps = REGS(1) + TPH_ACCEL_REG_PLAIN_TLPS;

    map(&lab, IOVA + PAGE, MEM(1) | PTE_RW);
    expect_copy(&lab, IOVA, IOVA + PAGE, PAGE);
    g_assert_cmpuint(qtest_readq(lab.qts, tlps), ==, PAGE / 128);
    expect_content(&lab, MEM(1), CONTENT_A);
    lab_end(&lab);
}

/* ATS is on, and the device says of addresses that they are translated */
static void test_claim(void)
{
    Lab lab = lab_start(IOMMU "-global tph-accel.x-translated-writes=on ");

    iommu_start(&lab);
    set_ats(&lab, true);
    lab.start = TPH_ACCEL_DMA_START;
    expect_copy(&lab, IOVA, PAGE_B, PAGE);
    expect_content(&lab, PAGE_B, CONTENT_B);
    /* Not even if it has got a translation, for something else */
    lab.start |= TPH_ACCEL_DMA_TRANSLATE;
    expect_read(&lab, IOVA, CONTENT_A);
    lab.start = TPH_ACCEL_DMA_START;
    expect_copy(&lab, IOVA, PAGE_B, PAGE);
    expect_content(&lab, PAGE_B, CONTENT_B);
    lab_end(&lab);
}

/* The guest has set ATS in the function, but not in the vIOMMU */
static void test_not_permitted(void)
{
    Lab lab = lab_start(IOMMU);

    iommu_start(&lab);
    qtest_writeq(lab.qts, CONTEXT_TABLE, LEVEL3 | PRESENT);
    set_ats(&lab, true);
    /* The second time the vIOMMU knows the page */
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    set_ats(&lab, false);
    expect_read(&lab, IOVA, CONTENT_A);
    lab_end(&lab);
}

/*
 * No vIOMMU, one that is off, one that has no device IOTLB or does not tell of
 * invalidations: no answer
 */
static void expect_no_answer(const char *iommu)
{
    Lab lab = lab_start(iommu);

    set_ats(&lab, true);
    expect_error(&lab, PAGE_A, PAGE_OUT, TPH_ACCEL_DMA_CODE_UR);
    set_ats(&lab, false);
    expect_copy(&lab, PAGE_A, PAGE_OUT, PAGE);
    expect_content(&lab, PAGE_OUT, CONTENT_A);
    lab_end(&lab);
}

static void test_no_iommu(void)
{
    expect_no_answer("");
    expect_no_answer(IOMMU);
    expect_no_answer("-device intel-iommu ");
    expect_no_answer("-device amd-iommu,device-iotlb=on ");
}

/* Without bus mastering nothing is asked */
static void test_no_bus_master(void)
{
    Lab lab = lab_start_ats();

    qtest_writew(lab.qts, DEV_CFG(0) + PCI_COMMAND, PCI_COMMAND_MEMORY);
    expect_error(&lab, IOVA, IOVA_OUT, TPH_ACCEL_DMA_CODE_UR);
    lab_end(&lab);
}

/* A root port that reports each correctable error with a message to @addr */
static void report_to(Lab *lab, uint64_t addr, uint16_t data)
{
    QTestState *qts = lab->qts;
    uint64_t port = PORT_CFG(0);
    uint64_t aer = port + cfg_find_ext_cap(qts, port, PCI_EXT_CAP_ID_ERR);
    uint64_t msi = port + cfg_find_cap(qts, port, PCI_CAP_ID_MSI);

    qtest_writel(qts, aer + PCI_ERR_COR_MASK, 0);
    qtest_writel(qts, aer + PCI_ERR_ROOT_COMMAND, PCI_ERR_ROOT_CMD_COR_EN);
    qtest_writew(qts, port + PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR);
    qtest_writew(qts, port + PCI_COMMAND, PCI_COMMAND_MEMORY |
                 PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
    cfg_set_devctl(qts, port, PCI_EXP_DEVCTL_CERE);
    qtest_writel(qts, msi + PCI_MSI_ADDRESS_LO, addr);
    qtest_writew(qts, msi + PCI_MSI_DATA_64, data);
    qtest_writew(qts, msi + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
}

/* A root port that lets no Translation Request pass */
static void block_translation(Lab *lab)
{
    uint64_t port = PORT_CFG(0);

    qtest_writew(lab->qts, port + cfg_find_ext_cap(lab->qts, port,
                                                   PCI_EXT_CAP_ID_ACS) +
                           PCI_ACS_CTRL, PCI_ACS_TB);
    set_ats(lab, true);
}

/* The guest learns that a Translation Request was refused */
static void test_message(void)
{
    Lab lab = lab_start("");
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    report_to(&lab, PAGE_OUT, CONTENT_B);
    block_translation(&lab);
    expect_error(&lab, PAGE_A, PAGE_OUT, TPH_ACCEL_DMA_CODE_UR);
    while (qtest_readl(lab.qts, PAGE_OUT) != CONTENT_B) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    lab_end(&lab);
}

/* The message takes the function off its bus that asks for the translation */
static void test_message_ejects(void)
{
    Lab lab = lab_start(
        "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
        "-global fabric-root-port.hotplug=on "
        "-global fabric-root-port.power_controller_present=on ");
    uint64_t slot = PORT_CFG(0) + PCI_EXP_SLTCTL +
                    cfg_find_cap(lab.qts, PORT_CFG(0), PCI_CAP_ID_EXP);
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    report_to(&lab, slot, PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
    block_translation(&lab);
    copy_start(&lab, PAGE_A, PAGE_OUT, PAGE, 1);
    while (qtest_readl(lab.qts, DEV_CFG(0)) != UINT32_MAX) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    lab_end(&lab);
}

/* Devices reach its registers, too, with accesses of any size */
static void test_iommu_registers(void)
{
    Lab lab = lab_start(IOMMU);

    for (uint64_t reg = DMAR; reg < DMAR + 0x100; reg += 8) {
        qtest_memset(lab.qts, PAGE_A, 0, 8);
        lab.start = TPH_ACCEL_DMA_START;
        expect_copy(&lab, PAGE_A, reg, 8);
        qtest_writeq(lab.qts, reg, 0);
    }
    /* The first half is kept until the second one comes */
    qtest_writeq(lab.qts, DMAR_RTADDR, ROOT_TABLE | 1ull << 32);
    g_assert_cmphex(qtest_readq(lab.qts, DMAR_RTADDR), ==,
                    ROOT_TABLE | 1ull << 32);
    lab_end(&lab);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/pcie-ats/capability", test_capability);
    qtest_add_func("/pcie-ats/off", test_off);
    qtest_add_func("/pcie-ats/invalidate", test_invalidate);
    qtest_add_func("/pcie-ats/invalidate-range", test_invalidate_range);
    qtest_add_func("/pcie-ats/unmapped", test_unmapped);
    qtest_add_func("/pcie-ats/read-only", test_read_only);
    qtest_add_func("/pcie-ats/large-page", test_large_page);
    qtest_add_func("/pcie-ats/disable", test_disable);
    qtest_add_func("/pcie-ats/reset", test_reset);
    qtest_add_func("/pcie-ats/in-flight", test_in_flight);
    qtest_add_func("/pcie-ats/many", test_many);
    qtest_add_func("/pcie-ats/peer", test_peer);
    qtest_add_func("/pcie-ats/claim", test_claim);
    qtest_add_func("/pcie-ats/not-permitted", test_not_permitted);
    qtest_add_func("/pcie-ats/no-iommu", test_no_iommu);
    qtest_add_func("/pcie-ats/no-bus-master", test_no_bus_master);
    qtest_add_func("/pcie-ats/message", test_message);
    qtest_add_func("/pcie-ats/message-ejects", test_message_ejects);
    qtest_add_func("/pcie-ats/iommu-registers", test_iommu_registers);
    return g_test_run();
}
