/*
 * QTest testcase for tph-accel: its DMA engine, interrupts and resets
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "tph-accel-pair.h"

#define RAM_MSI         0x800000

static void test_copies(void)
{
    Lab lab = lab_start("", "");
    g_autofree uint8_t *data = g_malloc(TPH_ACCEL_DMA_MAX_LEN);
    g_autofree uint8_t *back = g_malloc(TPH_ACCEL_DMA_MAX_LEN);
    uint32_t len = TPH_ACCEL_DMA_MAX_LEN;
    uint64_t sum = 0x10;

    fill(data, len, 0x31);
    qtest_bufwrite(lab.qts, RAM_SRC, data, len);
    dma(&lab.a, RAM_SRC, RAM_DST, len, 0);
    qtest_bufread(lab.qts, RAM_DST, back, len);
    g_assert_cmpmem(back, len, data, len);

    /* COUNT copies of one number, added */
    set_requester(&lab.a, REQ_TPH);
    set_rule(&lab.b, 0, 1, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 3);
    qtest_writeq(lab.qts, lab.b.mem + 8, sum);
    qtest_writeq(lab.qts, RAM_SRC, 3);
    dma_start(&lab.a, RAM_SRC, lab.b.mem + 8, 8, 1000, hint(1, 0));
    g_assert_cmphex(dma_wait(&lab.a), ==, TPH_ACCEL_DMA_DONE);
    g_assert_cmphex(qtest_readq(lab.qts, lab.b.mem + 8), ==, sum + 3000);
    g_assert_cmpuint(reg64(&lab.a, TPH_ACCEL_REG_DMA_BYTES), ==, 8000);
    g_assert_cmpuint(rule_tlps(&lab.b, 0), ==, 1000);
    lab_end(&lab);
}

static uint64_t fetch(Lab *lab, uint32_t op, uint32_t offset, uint32_t len,
                      uint64_t operand, uint64_t compare)
{
    Accel *a = &lab->a;

    set_reg64(a, TPH_ACCEL_REG_DMA_DST, lab->b.mem + offset);
    set_reg(a, TPH_ACCEL_REG_DMA_LEN, len);
    set_reg64(a, TPH_ACCEL_REG_DMA_OPERAND, operand);
    set_reg64(a, TPH_ACCEL_REG_DMA_COMPARE, compare);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL,
            TPH_ACCEL_DMA_START | op << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_wait(a), ==, TPH_ACCEL_DMA_DONE);
    return reg64(a, TPH_ACCEL_REG_DMA_RESULT);
}

static void test_atomic_ops(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;
    uint64_t mem = lab.b.mem;
    uint64_t devctl2 = a->cfg + find_cap(a, a->cfg, PCI_CAP_ID_EXP) +
                       PCI_EXP_DEVCTL2;

    dma_start(a, 0, mem, 4, 1, 0);
    dma_wait(a);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START |
            TPH_ACCEL_DMA_SWAP << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);

    qtest_writew(lab.qts, devctl2, PCI_EXP_DEVCTL2_ATOMIC_REQ);
    qtest_writeq(lab.qts, mem + 8, 0xffffffff00000007);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_FETCH_ADD, 8, 4, -8, 0), ==, 7);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, UINT64_MAX);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_FETCH_ADD, 8, 8, 3, 0), ==,
                    UINT64_MAX);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_SWAP, 8, 8, 1ull << 40, 0), ==,
                    2);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_CAS, 8, 8, 5, 6), ==,
                    1ull << 40);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, 1ull << 40);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_CAS, 8, 8, 5, 1ull << 40), ==,
                    1ull << 40);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, 5);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_ATOMIC_TLPS), ==, 5);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_ATOMIC_BYTES), ==, 36);

    set_reg64(a, TPH_ACCEL_REG_DMA_DST, mem + 4);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START |
            TPH_ACCEL_DMA_SWAP << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);
    flr(a);
    g_assert_cmphex(qtest_readw(lab.qts, devctl2), ==, 0);
    lab_end(&lab);
}

/* Ports that do not say that they route or complete them */
static void test_atomic_stock(void)
{
    Lab lab = lab_start_ports("pcie-root-port", "", "");
    Accel *a = &lab.a;
    const uint64_t to[] = { lab.b.mem, RAM_DST };

    enable_atomics(a);
    set_reg64(a, TPH_ACCEL_REG_DMA_OPERAND, 1);
    for (int i = 0; i < ARRAY_SIZE(to); i++) {
        qtest_writel(lab.qts, to[i], 7);
        dma_fetch_add(a, to[i], 4);
        g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
        g_assert_cmphex(qtest_readl(lab.qts, to[i]), ==, 7);
    }
    lab_end(&lab);
}

static void expect_bad_descriptor(Accel *d, uint64_t src, uint64_t dst,
                                  uint32_t len, uint32_t count)
{
    dma_start(d, src, dst, len, count, 0);
    g_assert_cmphex(dma_error(d), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);
}

static void test_errors(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 0, 1);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 1, 0);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, TPH_ACCEL_DMA_MAX_LEN + 1, 1);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, UINT32_MAX, UINT32_MAX);
    expect_bad_descriptor(a, UINT64_MAX, RAM_DST, 2, 1);
    expect_bad_descriptor(a, RAM_SRC, UINT64_MAX - 2, 4, 1);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, TPH_ACCEL_NR_VECTORS);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 4, 1);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, 0);

    /* Nobody there to read from; nobody to write to is no error */
    dma_start(a, MEM + 16 * WINDOW, RAM_DST, 4, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    dma(a, RAM_SRC, MEM + 16 * WINDOW, 4, 0);

    qtest_writel(lab.qts, RAM_SRC, 0x600df00d);
    enable(a, PCI_COMMAND_MEMORY);
    dma_start(a, RAM_SRC, RAM_DST, 4, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_DST), ==, 0);
    enable(a, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_DST), ==, 0x600df00d);
    lab_end(&lab);
}

/* 64 GiB: returns when it is on its way. */
static void start_endless(Lab *lab)
{
    dma_start(&lab->a, RAM_SRC, lab->b.mem, TPH_ACCEL_DMA_MAX_LEN,
              TPH_ACCEL_DMA_MAX_COUNT, 0);
    wait_nonzero(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS);
    g_assert_cmphex(reg(&lab->a, TPH_ACCEL_REG_DMA_STATUS), ==,
                    TPH_ACCEL_DMA_BUSY);
}

static void expect_stopped(Lab *lab)
{
    uint64_t tlps = reg64(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS);

    g_usleep(20000);
    g_assert_cmpuint(reg64(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS), ==, tlps);
}

/*
 * Single bytes take long, too, and others must have their turn meanwhile. The
 * test may lose the CPU for as long as all of them take, but not every time.
 */
static void test_turns(void)
{
    const uint32_t count = 65535;
    Lab lab = lab_start("", "");
    bool seen = false;

    for (int i = 0; i < 200 && !seen; i++) {
        dma_start(&lab.a, RAM_SRC, RAM_DST, 1, count, 0);
        while (reg(&lab.a, TPH_ACCEL_REG_DMA_STATUS) == TPH_ACCEL_DMA_BUSY) {
            uint64_t bytes = reg64(&lab.a, TPH_ACCEL_REG_DMA_BYTES);

            seen |= bytes && bytes < count;
        }
    }
    g_assert_true(seen);
    lab_end(&lab);
}

static void test_abort(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    start_endless(&lab);
    set_reg(a, TPH_ACCEL_REG_DMA_LEN, 5);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_LEN), ==, TPH_ACCEL_DMA_MAX_LEN);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_ABORT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_ABORTED);
    expect_stopped(&lab);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    lab_end(&lab);
}

static void test_flr(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    set_requester(a, REQ_EXT);
    set_rule(a, 2, 0x77, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 0);
    qtest_writeq(lab.qts, a->mem + 0x100, 0x1122334455667788);
    start_endless(&lab);
    flr(a);
    expect_stopped(&lab);

    set_bars(a);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_STATUS), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_DMA_SRC), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_RULE(2)), ==, 0);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg + PCI_TPH_CTRL +
                                find_ext_cap(a, PCI_EXT_CAP_ID_TPH)), ==, 0);
    g_assert_cmphex(qtest_readq(lab.qts, a->mem + 0x100), ==,
                    0x1122334455667788);
    dma(a, RAM_SRC, RAM_DST, 4, 0);

    /* The target's counters */
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), !=, 0);
    flr(&lab.b);
    set_bars(&lab.b);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    lab_end(&lab);
}

/* Of Device Control, a function level reset keeps the payload size alone. */
static void test_flr_devctl(void)
{
    const uint16_t ctl = PCI_EXP_DEVCTL_PAYLOAD_256B | PCI_EXP_DEVCTL_EXT_TAG |
                         PCI_EXP_DEVCTL_READRQ_1024B | PCI_EXP_DEVCTL_CERE;
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    set_devctl(a, ctl);
    g_assert_cmphex(extract32(exp_reg(a, PCI_EXP_DEVCTL), 0, 16), ==, ctl);
    set_devctl(a, ctl | PCI_EXP_DEVCTL_BCR_FLR);
    g_assert_cmphex(extract32(exp_reg(a, PCI_EXP_DEVCTL), 0, 16), ==,
                    PCI_EXP_DEVCTL_PAYLOAD_256B | PCI_EXP_DEVCTL_READRQ_512B |
                    PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN);
    lab_end(&lab);
}

/* Messages go to RAM here, where the test can see them. */
static void set_vector(Accel *d, int n, uint32_t data, bool masked)
{
    uint64_t entry = d->msix + n * PCI_MSIX_ENTRY_SIZE;

    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_LOWER_ADDR, RAM_MSI + n * 4);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_DATA, data);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

static void enable_msix(Accel *d)
{
    qtest_writew(d->qts, d->cfg + find_cap(d, d->cfg, PCI_CAP_ID_MSIX) +
                         PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

static uint32_t pending(Accel *d)
{
    unsigned int pos = find_cap(d, d->cfg, PCI_CAP_ID_MSIX);
    uint32_t pba = qtest_readl(d->qts, d->cfg + pos + PCI_MSIX_PBA);

    g_assert_cmpuint(pba & PCI_MSIX_PBA_BIR, ==, TPH_ACCEL_MSIX_BAR);
    return qtest_readl(d->qts, d->msix + (pba & PCI_MSIX_PBA_OFFSET));
}

static void wait_ram(Lab *lab, uint64_t addr, uint32_t want)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (qtest_readl(lab->qts, addr) != want) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void test_msix(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    enable_msix(a);
    set_vector(a, 0, 0xaaaa0000, false);
    set_vector(a, 3, 0xaaaa0003, true);
    set_vector(a, 7, 0xaaaa0007, false);

    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 7);
    wait_ram(&lab, RAM_MSI + 7 * 4, 0xaaaa0007);
    g_assert_cmphex(pending(a), ==, 0);
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, TPH_ACCEL_NR_VECTORS);
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, UINT32_MAX);

    /* Masked: pending, until it is not masked any more */
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 3);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(pending(a), ==, 1 << 3);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_MSI + 3 * 4), ==, 0);
    set_vector(a, 3, 0xaaaa0003, false);
    wait_ram(&lab, RAM_MSI + 3 * 4, 0xaaaa0003);
    g_assert_cmphex(pending(a), ==, 0);

    /* At the end of a copy, and after an error; only if asked for */
    g_assert_cmphex(qtest_readl(lab.qts, RAM_MSI), ==, 0);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, TPH_ACCEL_VECTOR_ENABLE);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    wait_ram(&lab, RAM_MSI, 0xaaaa0000);
    qtest_writel(lab.qts, RAM_MSI, 0);
    dma_start(a, RAM_SRC, RAM_DST, 0, 1, 0);
    wait_ram(&lab, RAM_MSI, 0xaaaa0000);
    lab_end(&lab);
}

/* A guest may aim the engine, and its interrupt, at the engine itself. */
static void test_own_registers(void)
{
    /* With ACS, such requests end at the port unless it forwards them */
    Lab lab = lab_start_ports(KEEP_PORT ",acs=off", "", "");
    Accel *a = &lab.a;
    uint64_t entry = a->msix;

    qtest_writel(lab.qts, RAM_SRC, TPH_ACCEL_DMA_START);
    dma_start(a, RAM_SRC, a->regs + TPH_ACCEL_REG_DMA_CTRL, 4, 1000, 0);
    dma_wait(a);
    dma_start(a, a->regs, a->regs, TPH_ACCEL_REGS_SIZE, 10, 0);
    dma_wait(a);
    dma_start(a, RAM_SRC, a->msix, 4096, 10, 0);
    dma_wait(a);
    dma_start(a, a->mem, a->mem + 64, 8192, 10, 0);
    dma_wait(a);

    enable_msix(a);
    for (int n = 0; n < TPH_ACCEL_NR_VECTORS; n++, entry += 16) {
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_LOWER_ADDR,
                     a->regs + TPH_ACCEL_REG_MSI_SEND);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_DATA, n ^ 1);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
    }
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 0);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_ID), ==, TPH_ACCEL_ID);
    lab_end(&lab);
}

/* Two engines that ring each other's doorbell, for ever */
static void test_peer_doorbell(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a, *b = &lab.b;

    qtest_writel(lab.qts, RAM_SRC, TPH_ACCEL_DMA_START);
    set_reg64(b, TPH_ACCEL_REG_DMA_SRC, RAM_SRC);
    set_reg64(b, TPH_ACCEL_REG_DMA_DST, a->regs + TPH_ACCEL_REG_DMA_CTRL);
    set_reg(b, TPH_ACCEL_REG_DMA_LEN, 4);
    dma_start(a, RAM_SRC, b->regs + TPH_ACCEL_REG_DMA_CTRL, 4, 1, 0);
    wait_nonzero(b, TPH_ACCEL_REG_DMA_STATUS);

    /* Break the ring: whoever reads this rings no more */
    qtest_writel(lab.qts, RAM_SRC, 0);
    g_assert_cmphex(dma_wait(b), ==, TPH_ACCEL_DMA_DONE);
    g_assert_cmphex(dma_wait(a), ==, TPH_ACCEL_DMA_DONE);
    lab_end(&lab);
}

/* A resets itself through its own configuration space, then loses power. */
static void test_suicide(void)
{
    /* A slot that software can switch off */
    Lab lab = lab_start_machine(
        "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
        "pcie-root-port", "", "");
    Accel *a = &lab.a;
    unsigned int pos = find_cap(a, a->cfg, PCI_CAP_ID_EXP);

    qtest_writew(lab.qts, RAM_SRC, PCI_EXP_DEVCTL_BCR_FLR);
    dma_start(a, RAM_SRC, a->cfg + pos + PCI_EXP_DEVCTL, 2, 1000, 0);
    set_bars(a);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_STATUS), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_DMA_BYTES), ==, 0);

    pos = find_cap(a, a->port, PCI_CAP_ID_EXP);
    qtest_writew(lab.qts, RAM_SRC,
                 PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
    dma_start(a, RAM_SRC, a->port + pos + PCI_EXP_SLTCTL, 2, 1000, 0);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg), ==, UINT32_MAX);
    g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_ID), ==, TPH_ACCEL_ID);
    lab_end(&lab);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/tph-accel/copies", test_copies);
    qtest_add_func("/tph-accel/atomic-ops", test_atomic_ops);
    qtest_add_func("/tph-accel/atomic-stock", test_atomic_stock);
    qtest_add_func("/tph-accel/errors", test_errors);
    qtest_add_func("/tph-accel/turns", test_turns);
    qtest_add_func("/tph-accel/abort", test_abort);
    qtest_add_func("/tph-accel/flr", test_flr);
    qtest_add_func("/tph-accel/flr-devctl", test_flr_devctl);
    qtest_add_func("/tph-accel/msix", test_msix);
    qtest_add_func("/tph-accel/own-registers", test_own_registers);
    qtest_add_func("/tph-accel/peer-doorbell", test_peer_doorbell);
    qtest_add_func("/tph-accel/suicide", test_suicide);
    return g_test_run();
}
