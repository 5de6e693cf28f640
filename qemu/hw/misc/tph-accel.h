/*
 * tph-accel: what its parts know of each other
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Three parts: tph-accel.c is the PCI function, tph-accel-ingress.c acts on
 * the TLPs that come in, tph-accel-dma.c sends TLPs out. Ingress block and DMA
 * engine each have a window of BAR 0 and know nothing of one another.
 */
#ifndef HW_MISC_TPH_ACCEL_H
#define HW_MISC_TPH_ACCEL_H

#include "exec/memory.h"
#include "hw/misc/tph_accel_regs.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie_ats.h"
#include "hw/pci/pcie_tlp.h"
#include "hw/pci/pcie_tph.h"

typedef struct TPHAccelTraffic {
    uint64_t tlps;
    uint64_t bytes;
} TPHAccelTraffic;

typedef struct TPHAccelRule {
    uint32_t ctrl;
    uint16_t tag;
    TPHAccelTraffic hits;
    uint64_t unaligned;
} TPHAccelRule;

/**
 * struct TPHAccelIngress: the block between the link and the memory
 * @mem: the memory alone, at address 0
 * @completer: which hints the function understands
 */
typedef struct TPHAccelIngress {
    AddressSpace *mem;
    PCIeTPHCompleter completer;
    TPHAccelTraffic plain;
    TPHAccelTraffic other;
    TPHAccelTraffic read;
    TPHAccelTraffic atomic;
    uint32_t last_write;
    uint32_t last_read;
    TPHAccelRule rules[TPH_ACCEL_NR_RULES];
} TPHAccelIngress;

/** tph_accel_ingress_init(): for @mem, with hints as @completer says */
void tph_accel_ingress_init(TPHAccelIngress *in, AddressSpace *mem,
                            PCIeTPHCompleter completer);
/** tph_accel_ingress_reset(): rules and counters; the memory stays */
void tph_accel_ingress_reset(TPHAccelIngress *in);

/** tph_accel_ingress_reg_read(): the 8 bytes at @addr, 8-byte aligned */
uint64_t tph_accel_ingress_reg_read(const TPHAccelIngress *in, hwaddr addr);
/** tph_accel_ingress_reg_write(): 4 bytes at @addr, 4-byte aligned */
void tph_accel_ingress_reg_write(TPHAccelIngress *in, hwaddr addr,
                                 uint32_t val);

/**
 * tph_accel_ingress_write(), _read(), _atomic(): the completer's operations on
 * the memory, as in struct PCIeCompleterClass
 */
PCIeCplStatus tph_accel_ingress_write(TPHAccelIngress *in, const PCIeTLP *tlp,
                                      uint64_t offset, const void *data,
                                      size_t len);
PCIeCplStatus tph_accel_ingress_read(TPHAccelIngress *in, const PCIeTLP *tlp,
                                     uint64_t offset, void *data, size_t len);
PCIeCplStatus tph_accel_ingress_atomic(TPHAccelIngress *in, const PCIeTLP *tlp,
                                       uint64_t offset, size_t size,
                                       uint64_t operand, uint64_t compare,
                                       uint64_t *old);

/**
 * struct TPHAccelDMA: the engine that copies, and sends interrupts
 * @pdev: the requester
 * @bh: where all TLPs are sent from; a register write never sends one
 * @claims_translated: writes are sent with AT=10b, whatever their address is
 * @atc: translations, without content unless the function has ATS
 * @op: TPH_ACCEL_DMA_COPY, ...; of what was started last
 * @translate: through @atc
 * @msi: vectors whose message is to be sent, a bit each
 */
typedef struct TPHAccelDMA {
    PCIDevice *pdev;
    QEMUBH *bh;
    bool claims_translated;
    PCIeATC atc;
    uint64_t src;
    uint64_t dst;
    uint32_t len;
    uint32_t count;
    uint32_t hint;
    uint32_t vector;
    uint64_t operand;
    uint64_t compare;
    uint64_t result;
    unsigned int op;
    bool translate;
    uint32_t status;
    uint32_t msi;
    uint64_t bytes;
} TPHAccelDMA;

/** tph_accel_dma_init(), tph_accel_dma_exit(): with @pdev, the requester */
void tph_accel_dma_init(TPHAccelDMA *dma, PCIDevice *pdev);
void tph_accel_dma_exit(TPHAccelDMA *dma);
/** tph_accel_dma_reset(): stops the engine, without an interrupt */
void tph_accel_dma_reset(TPHAccelDMA *dma);

/** tph_accel_dma_reg_read(), _write(): same as for the ingress block */
uint64_t tph_accel_dma_reg_read(const TPHAccelDMA *dma, hwaddr addr);
void tph_accel_dma_reg_write(TPHAccelDMA *dma, hwaddr addr, uint32_t val);

#endif
