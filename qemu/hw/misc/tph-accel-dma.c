/*
 * tph-accel: the DMA engine, the accelerator as a requester
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * TLPs leave from a bottom half only, a limited number at a time. What they
 * set off may come back: a guest can aim a copy at any function's registers
 * and configuration space, the engine's own among them. The guard of the
 * bottom half keeps this function's registers out of reach; a reset through
 * configuration space is seen by @status, which is looked at after each TLP.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "tph-accel.h"
#include "trace.h"

#define CHUNK   (4 * KiB)       /* at most, one read and one write */
#define BUDGET  (64 * KiB)      /* in one run of the bottom half */
#define COST    256             /* of a chunk, beside its bytes */

static bool busy(const TPHAccelDMA *dma)
{
    return dma->status & TPH_ACCEL_DMA_BUSY;
}

static bool wraps(uint64_t addr, uint32_t len)
{
    return len - 1 > UINT64_MAX - addr;
}

static bool copy_ok(const TPHAccelDMA *dma)
{
    return dma->len && dma->len <= TPH_ACCEL_DMA_MAX_LEN &&
           dma->count && dma->count <= TPH_ACCEL_DMA_MAX_COUNT &&
           !wraps(dma->src, dma->len) && !wraps(dma->dst, dma->len);
}

static bool atomic_ok(const TPHAccelDMA *dma)
{
    return (dma->len == 4 || dma->len == 8) && !(dma->dst & (dma->len - 1)) &&
           pcie_atomic_requester_enabled(dma->pdev);
}

static bool descriptor_ok(const TPHAccelDMA *dma)
{
    return (dma->vector & TPH_ACCEL_VECTOR_MASK) < TPH_ACCEL_NR_VECTORS &&
           (dma->op == TPH_ACCEL_DMA_COPY ? copy_ok(dma) : atomic_ok(dma));
}

static void request_msi(TPHAccelDMA *dma, uint32_t vector)
{
    if (vector < TPH_ACCEL_NR_VECTORS) {
        dma->msi |= 1u << vector;
        qemu_bh_schedule(dma->bh);
    }
}

/* @code: 0, or why the copy ended early */
static void finish(TPHAccelDMA *dma, uint32_t code)
{
    uint32_t vector = dma->vector & TPH_ACCEL_VECTOR_MASK;

    dma->status = code ? TPH_ACCEL_DMA_ERROR | code << TPH_ACCEL_DMA_CODE_SHIFT
                       : TPH_ACCEL_DMA_DONE;
    trace_tph_accel_dma_end(dma->bytes, dma->status);
    if (dma->vector & TPH_ACCEL_VECTOR_ENABLE) {
        request_msi(dma, vector);
    }
}

/* The guest may change its TPH settings at any time: ask for each request. */
static PCIeRequestAttrs request_attrs(TPHAccelDMA *dma, uint32_t enable)
{
    bool is_write = enable == TPH_ACCEL_HINT_WRITES;
    PCIeRequestAttrs attrs = {
        .at = is_write && dma->claims_translated ? PCIE_AT_TRANSLATED :
                                            PCIE_AT_UNTRANSLATED,
    };

    if (dma->translate && dma->atc.dev) {
        attrs.atc = &dma->atc;
    }
    if (dma->hint & enable) {
        pcie_tph_hint(dma->pdev, &attrs,
                      (dma->hint & TPH_ACCEL_HINT_PH_MASK) >>
                      TPH_ACCEL_HINT_PH_SHIFT,
                      dma->hint & TPH_ACCEL_HINT_ST_MASK);
    }
    return attrs;
}

/* Up to the end of the copy, and of the 4 KiB that writes may not cross. */
static size_t chunk_size(const TPHAccelDMA *dma, uint32_t pos)
{
    return MIN(dma->len - pos, CHUNK - ((dma->dst + pos) & (CHUNK - 1)));
}

/* Returns the bytes moved; the engine is not busy any more at the end. */
static size_t copy_chunk(TPHAccelDMA *dma)
{
    uint8_t buf[CHUNK];
    uint32_t pos = dma->bytes % dma->len;
    size_t len = chunk_size(dma, pos);
    PCIeRequestAttrs attrs = request_attrs(dma, TPH_ACCEL_HINT_READS);
    PCIeCplStatus status;
    bool sent;

    status = pcie_fabric_read(dma->pdev, &attrs, dma->src + pos, buf, len);
    if (!busy(dma)) {
        return 0;
    }
    if (status != PCIE_CPL_SC) {
        finish(dma, status);
        return 0;
    }
    attrs = request_attrs(dma, TPH_ACCEL_HINT_WRITES);
    sent = pcie_fabric_write(dma->pdev, &attrs, dma->dst + pos, buf, len);
    if (!busy(dma)) {
        return 0;
    }
    if (!sent) {
        finish(dma, TPH_ACCEL_DMA_CODE_TRANSLATION);
        return 0;
    }
    dma->bytes += len;
    if (dma->bytes == (uint64_t)dma->len * dma->count) {
        finish(dma, 0);
    }
    return len;
}

static void copy(TPHAccelDMA *dma)
{
    size_t cost = 0;

    while (busy(dma) && cost < BUDGET) {
        cost += copy_chunk(dma) + COST;
    }
}

static void atomic_op(TPHAccelDMA *dma)
{
    static const PCIeTLPType type[] = {
        [TPH_ACCEL_DMA_FETCH_ADD] = PCIE_TLP_FETCH_ADD,
        [TPH_ACCEL_DMA_SWAP] = PCIE_TLP_SWAP,
        [TPH_ACCEL_DMA_CAS] = PCIE_TLP_CAS,
    };
    PCIeRequestAttrs attrs = request_attrs(dma, TPH_ACCEL_HINT_WRITES);
    uint64_t found = 0;
    PCIeCplStatus status;

    status = pcie_fabric_atomic(dma->pdev, &attrs, type[dma->op], dma->dst,
                                dma->len, dma->operand, dma->compare, &found);
    if (busy(dma)) {
        dma->result = found;
        finish(dma, status);
    }
}

/* Each vector once: a message may be aimed at what requests messages. */
static void send_msis(TPHAccelDMA *dma)
{
    for (unsigned int vector = 0; vector < TPH_ACCEL_NR_VECTORS; vector++) {
        if (dma->msi & 1u << vector) {
            dma->msi &= ~(1u << vector);
            pcie_fabric_msix_notify(dma->pdev, vector);
        }
    }
}

static void run(void *opaque)
{
    TPHAccelDMA *dma = opaque;
    PCIDevice *pdev = dma->pdev;

    /* A write may eject this very function from its slot. */
    object_ref(OBJECT(pdev));
    if (busy(dma) && dma->op != TPH_ACCEL_DMA_COPY) {
        atomic_op(dma);
    } else {
        copy(dma);
    }
    send_msis(dma);
    if (busy(dma) || dma->msi) {
        qemu_bh_schedule(dma->bh);
    }
    object_unref(OBJECT(pdev));
}

static void start(TPHAccelDMA *dma, unsigned int op)
{
    dma->op = op;
    dma->bytes = 0;
    trace_tph_accel_dma_start(op, dma->src, dma->dst, dma->len, dma->count);
    if (!descriptor_ok(dma)) {
        finish(dma, TPH_ACCEL_DMA_CODE_DESCRIPTOR);
        return;
    }
    dma->status = TPH_ACCEL_DMA_BUSY;
    qemu_bh_schedule(dma->bh);
}

static void control(TPHAccelDMA *dma, uint32_t val)
{
    if (busy(dma)) {
        if (val & TPH_ACCEL_DMA_ABORT) {
            dma->status = TPH_ACCEL_DMA_ERROR |
                TPH_ACCEL_DMA_CODE_ABORTED << TPH_ACCEL_DMA_CODE_SHIFT;
        }
    } else if (val & TPH_ACCEL_DMA_START) {
        dma->translate = val & TPH_ACCEL_DMA_TRANSLATE;
        start(dma, (val & TPH_ACCEL_DMA_OP_MASK) >> TPH_ACCEL_DMA_OP_SHIFT);
    }
}

uint64_t tph_accel_dma_reg_read(const TPHAccelDMA *dma, hwaddr addr)
{
    switch (addr) {
    case TPH_ACCEL_REG_DMA_SRC:
        return dma->src;
    case TPH_ACCEL_REG_DMA_DST:
        return dma->dst;
    case TPH_ACCEL_REG_DMA_LEN:
        return dma->len | (uint64_t)dma->count << 32;
    case TPH_ACCEL_REG_DMA_HINT:
        return dma->hint | (uint64_t)dma->vector << 32;
    case TPH_ACCEL_REG_DMA_CTRL:
        return (uint64_t)dma->status << 32;
    case TPH_ACCEL_REG_DMA_BYTES:
        return dma->bytes;
    case TPH_ACCEL_REG_DMA_OPERAND:
        return dma->operand;
    case TPH_ACCEL_REG_DMA_COMPARE:
        return dma->compare;
    case TPH_ACCEL_REG_DMA_RESULT:
        return dma->result;
    default:
        return 0;
    }
}

/* The lower or the upper half of a 64-bit register */
static void set_half(uint64_t *reg, hwaddr addr, uint32_t val)
{
    *reg = deposit64(*reg, (addr & 4) * 8, 32, val);
}

static void descriptor_write(TPHAccelDMA *dma, hwaddr addr, uint32_t val)
{
    switch (addr) {
    case TPH_ACCEL_REG_DMA_SRC:
    case TPH_ACCEL_REG_DMA_SRC + 4:
        set_half(&dma->src, addr, val);
        break;
    case TPH_ACCEL_REG_DMA_DST:
    case TPH_ACCEL_REG_DMA_DST + 4:
        set_half(&dma->dst, addr, val);
        break;
    case TPH_ACCEL_REG_DMA_OPERAND:
    case TPH_ACCEL_REG_DMA_OPERAND + 4:
        set_half(&dma->operand, addr, val);
        break;
    case TPH_ACCEL_REG_DMA_COMPARE:
    case TPH_ACCEL_REG_DMA_COMPARE + 4:
        set_half(&dma->compare, addr, val);
        break;
    case TPH_ACCEL_REG_DMA_LEN:
        dma->len = val;
        break;
    case TPH_ACCEL_REG_DMA_COUNT:
        dma->count = val;
        break;
    case TPH_ACCEL_REG_DMA_HINT:
        dma->hint = val & (TPH_ACCEL_HINT_ST_MASK | TPH_ACCEL_HINT_PH_MASK |
                           TPH_ACCEL_HINT_WRITES | TPH_ACCEL_HINT_READS);
        break;
    case TPH_ACCEL_REG_DMA_VECTOR:
        dma->vector = val & (TPH_ACCEL_VECTOR_MASK | TPH_ACCEL_VECTOR_ENABLE);
        break;
    }
}

void tph_accel_dma_reg_write(TPHAccelDMA *dma, hwaddr addr, uint32_t val)
{
    switch (addr) {
    case TPH_ACCEL_REG_DMA_CTRL:
        control(dma, val);
        break;
    case TPH_ACCEL_REG_MSI_SEND:
        request_msi(dma, val);
        break;
    default:
        if (!busy(dma)) {
            descriptor_write(dma, addr, val);
        }
    }
}

void tph_accel_dma_reset(TPHAccelDMA *dma)
{
    qemu_bh_cancel(dma->bh);
    dma->src = dma->dst = dma->bytes = 0;
    dma->operand = dma->compare = dma->result = 0;
    dma->op = TPH_ACCEL_DMA_COPY;
    dma->translate = false;
    dma->len = dma->hint = dma->vector = dma->status = dma->msi = 0;
    dma->count = 1;
}

void tph_accel_dma_init(TPHAccelDMA *dma, PCIDevice *pdev)
{
    dma->pdev = pdev;
    dma->bh = qemu_bh_new_guarded(run, dma,
                                  &DEVICE(pdev)->mem_reentrancy_guard);
    tph_accel_dma_reset(dma);
}

void tph_accel_dma_exit(TPHAccelDMA *dma)
{
    /* Not busy: should a write of the engine be what removed the function. */
    tph_accel_dma_reset(dma);
    qemu_bh_delete(dma->bh);
}
