/*
 * What tests with tph-accel have in common: its registers and its DMA engine
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_TPH_ACCEL_LAB_H
#define TESTS_TPH_ACCEL_LAB_H

#include "fabric-cfg.h"
#include "hw/misc/tph_accel_regs.h"

#define RAM_SRC         0x100000
#define RAM_DST         0x400000        /* 3 MiB behind: the longest copies */

#define REQ_OFF         0
#define REQ_TPH         (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_TPH_ONLY << 8)
#define REQ_EXT         (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_EXT_TPH << 8)

typedef struct Accel {
    QTestState *qts;
    uint64_t port;      /* configuration space of the port above */
    uint64_t cfg;
    uint64_t regs;
    uint64_t msix;
    uint64_t mem;
} Accel;

/* Registers */

static inline uint32_t reg(Accel *d, unsigned int offset)
{
    return qtest_readl(d->qts, d->regs + offset);
}

static inline uint64_t reg64(Accel *d, unsigned int offset)
{
    return qtest_readq(d->qts, d->regs + offset);
}

static inline void set_reg(Accel *d, unsigned int offset, uint32_t val)
{
    qtest_writel(d->qts, d->regs + offset, val);
}

static inline void set_reg64(Accel *d, unsigned int offset, uint64_t val)
{
    qtest_writeq(d->qts, d->regs + offset, val);
}

static inline void set_rule(Accel *d, int n, uint32_t tag, uint32_t flags,
                            uint32_t op, uint32_t lane)
{
    set_reg(d, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_TAG, tag);
    set_reg(d, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_CTRL,
            flags | op << TPH_ACCEL_RULE_OP_SHIFT |
            lane << TPH_ACCEL_RULE_LANE_SHIFT);
}

static inline uint64_t rule_tlps(Accel *d, int n)
{
    return reg64(d, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_TLPS);
}

static inline uint64_t rule_bytes(Accel *d, int n)
{
    return reg64(d, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_BYTES);
}

static inline uint64_t rule_unaligned(Accel *d, int n)
{
    return reg64(d, TPH_ACCEL_RULE(n) + TPH_ACCEL_RULE_UNALIGNED);
}

/* Configuration space */

static inline unsigned int find_cap(Accel *d, uint64_t cfg, uint8_t id)
{
    return cfg_find_cap(d->qts, cfg, id);
}

static inline unsigned int find_ext_cap(Accel *d, uint16_t id)
{
    return cfg_find_ext_cap(d->qts, d->cfg, id);
}

static inline uint32_t exp_reg(Accel *d, unsigned int offset)
{
    return qtest_readl(d->qts, d->cfg + find_cap(d, d->cfg, PCI_CAP_ID_EXP) +
                               offset);
}

static inline void set_requester(Accel *d, uint32_t ctrl)
{
    qtest_writel(d->qts, d->cfg + find_ext_cap(d, PCI_EXT_CAP_ID_TPH) +
                         PCI_TPH_CTRL, ctrl);
}

static inline void enable(Accel *d, uint16_t command)
{
    qtest_writew(d->qts, d->cfg + PCI_COMMAND, command);
}

static inline void set_bar(Accel *d, int n, uint64_t addr)
{
    qtest_writel(d->qts, d->cfg + PCI_BASE_ADDRESS_0 + n * 4, addr);
}

static inline void set_bars(Accel *d)
{
    set_bar(d, TPH_ACCEL_REGS_BAR, d->regs);
    set_bar(d, TPH_ACCEL_MSIX_BAR, d->msix);
    set_bar(d, TPH_ACCEL_MEM_BAR, d->mem);
    set_bar(d, TPH_ACCEL_MEM_BAR + 1, d->mem >> 32);
    enable(d, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static inline void set_devctl(Accel *d, uint16_t val)
{
    cfg_set_devctl(d->qts, d->cfg, val);
}

static inline void flr(Accel *d)
{
    set_devctl(d, PCI_EXP_DEVCTL_BCR_FLR);
}

/* The DMA engine */

static inline void dma_start(Accel *d, uint64_t src, uint64_t dst, uint32_t len,
                             uint32_t count, uint32_t hint)
{
    set_reg64(d, TPH_ACCEL_REG_DMA_SRC, src);
    set_reg64(d, TPH_ACCEL_REG_DMA_DST, dst);
    set_reg(d, TPH_ACCEL_REG_DMA_LEN, len);
    set_reg(d, TPH_ACCEL_REG_DMA_COUNT, count);
    set_reg(d, TPH_ACCEL_REG_DMA_HINT, hint);
    set_reg(d, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START);
}

/* The engine works between two accesses of the test, and in its own time. */
static inline uint32_t dma_wait(Accel *d)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    uint32_t status;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        status = reg(d, TPH_ACCEL_REG_DMA_STATUS);
    } while (status & TPH_ACCEL_DMA_BUSY);
    return status;
}

static inline void wait_nonzero(Accel *d, unsigned int offset)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (!reg(d, offset)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static inline void dma(Accel *d, uint64_t src, uint64_t dst, uint32_t len,
                       uint32_t hint)
{
    dma_start(d, src, dst, len, 1, hint);
    g_assert_cmphex(dma_wait(d), ==, TPH_ACCEL_DMA_DONE);
    g_assert_cmpuint(reg64(d, TPH_ACCEL_REG_DMA_BYTES), ==, len);
}

static inline uint32_t dma_error(Accel *d)
{
    uint32_t status = dma_wait(d);

    g_assert_cmphex(status & ~TPH_ACCEL_DMA_CODE_MASK, ==,
                    TPH_ACCEL_DMA_ERROR);
    return status >> TPH_ACCEL_DMA_CODE_SHIFT;
}

/* Let the function send AtomicOps */
static inline void enable_atomics(Accel *d)
{
    qtest_writew(d->qts, d->cfg + find_cap(d, d->cfg, PCI_CAP_ID_EXP) +
                         PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ATOMIC_REQ);
}

/* FetchAdd of @len bytes; returns what the engine says then */
static inline uint32_t dma_fetch_add(Accel *d, uint64_t addr, uint32_t len)
{
    set_reg64(d, TPH_ACCEL_REG_DMA_DST, addr);
    set_reg(d, TPH_ACCEL_REG_DMA_LEN, len);
    set_reg(d, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START |
            TPH_ACCEL_DMA_FETCH_ADD << TPH_ACCEL_DMA_OP_SHIFT);
    return dma_wait(d);
}

static inline uint32_t hint(uint16_t st, uint8_t ph)
{
    return TPH_ACCEL_HINT_WRITES | ph << TPH_ACCEL_HINT_PH_SHIFT | st;
}

static inline void expect_mem(Accel *d, uint32_t offset, const void *data,
                              size_t len)
{
    g_autofree uint8_t *found = g_malloc(len);

    qtest_memread(d->qts, d->mem + offset, found, len);
    g_assert_cmpmem(found, len, data, len);
}

static inline void fill(uint8_t *data, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = seed + i * 37 + (i >> 3) * 11;
    }
}

#endif
