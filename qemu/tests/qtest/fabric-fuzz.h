/*
 * Fuzzer of the PCI Express fabric: what its parts know of each other
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * fabric-fuzz.c       seeds, topologies, and what to do next
 * fabric-fuzz-pci.c   configuration space, resets, memory, IOMMU, tph-accel
 * fabric-fuzz-vhca.c  the virtual ConnectX
 */
#ifndef TESTS_QTEST_FABRIC_FUZZ_H
#define TESTS_QTEST_FABRIC_FUZZ_H

#include "fabric-lab.h"
#include "fabric-vhca.h"

#define FUZZ_RAM        (64 * MiB)
#define FUZZ_DATA       0x1000000ull    /* above it the IOMMU's tables */

#define FUZZ_IDS        8
#define FUZZ_QUEUES     16

enum { FUZZ_PD, FUZZ_UAR, FUZZ_EQ, FUZZ_CQ, FUZZ_QP, FUZZ_SRQ, FUZZ_MKEY,
       FUZZ_XRCD, FUZZ_KINDS };

/* The queue pair whose queues are at vhca_queue() of its index */
typedef struct FuzzQueue {
    uint32_t qpn;
    uint8_t type;
    uint16_t sq_tail;
    uint16_t rq_tail;
} FuzzQueue;

/* A memory key, its lowest byte included; without length it has every address */
typedef struct FuzzKey {
    uint32_t key;
    uint64_t start;
    uint64_t length;
} FuzzKey;

/**
 * struct Fuzz: one run, from one seed
 * @state: of the random numbers
 * @input: number of the input that is being made
 * @id: numbers of the last objects of each kind; they may be gone
 * @key: the last memory keys
 */
typedef struct Fuzz {
    QTestState *qts;
    uint64_t seed;
    uint64_t state;
    unsigned int input;
    bool has_iommu;
    LabPCI pci;
    bool has_vhca;
    VhcaDriver vhca;
    uint32_t id[FUZZ_KINDS][FUZZ_IDS];
    unsigned int nr_ids[FUZZ_KINDS];
    FuzzKey key[FUZZ_IDS];
    FuzzQueue queue[FUZZ_QUEUES];
    uint32_t iommu_tail;
} Fuzz;

/* Random numbers: the same on all hosts */
uint64_t fuzz_next(Fuzz *f);
/* 0 to @n - 1 */
unsigned int fuzz_pick(Fuzz *f, unsigned int n);
/* True once in @n times */
bool fuzz_rarely(Fuzz *f, unsigned int n);
/* Of few or all bits, and of the borders */
uint64_t fuzz_value(Fuzz *f);
/* One bit of @mask more or less, or any of its bits */
uint32_t fuzz_bits(Fuzz *f, uint32_t old, uint32_t mask);
uint32_t fuzz_length(Fuzz *f);

/* Where a device could be told to read or write */
uint64_t fuzz_address(Fuzz *f);
LabFunction *fuzz_function(Fuzz *f);

/* Say what the input is; shown when something goes wrong */
void fuzz_note(Fuzz *f, const char *format, ...) G_GNUC_PRINTF(2, 3);

typedef void FuzzAction(Fuzz *f);

/* Everything in order, as a guest would have it */
FuzzAction fuzz_repair;

/* fabric-fuzz-pci.c */
FuzzAction fuzz_config, fuzz_same_place, fuzz_reset, fuzz_replug, fuzz_msix;
FuzzAction fuzz_error_message, fuzz_memory, fuzz_mmio, fuzz_iommu, fuzz_accel_rule;
FuzzAction fuzz_accel_dma, fuzz_accel_control;
void fuzz_iommu_start(Fuzz *f);

/* fabric-fuzz-vhca.c */
FuzzAction fuzz_vhca_command, fuzz_vhca_create_qp, fuzz_vhca_connect;
FuzzAction fuzz_vhca_mkey, fuzz_vhca_send, fuzz_vhca_recv, fuzz_vhca_doorbell;
void fuzz_vhca_start(Fuzz *f);

#endif
