/*
 * A guest's PCI for the fuzzer and the benchmark of the fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_QTEST_FABRIC_LAB_H
#define TESTS_QTEST_FABRIC_LAB_H

#include "fabric-cfg.h"

#define LAB_MMIO32          0xc0000000ull
#define LAB_MMIO64          0x800000000ull      /* 32 GiB */
#define LAB_IOMMU           0xfed90000ull
#define LAB_MAX_FUNCTIONS   768
#define LAB_MAX_BARS        6

/* Where in guest memory the tables of the IOMMU are */
#define LAB_IOMMU_TABLES    0x2000000ull

/**
 * struct LabFunction: a PCI function of ours, or a bridge
 * @cfg: its configuration space, as long as bus numbers stay
 * @exp, @msi, @msix, @aer, @acs, @ats, @tph: capabilities; 0: none
 * @bar: where the BAR was put; 0: there is none
 */
typedef struct LabFunction {
    uint16_t bdf;
    uint16_t device;
    bool is_bridge;
    uint64_t cfg;
    unsigned int exp, msi, msix, aer, acs, ats, tph;
    uint64_t bar[LAB_MAX_BARS];
    uint64_t bar_size[LAB_MAX_BARS];
} LabFunction;

typedef struct LabPCI {
    QTestState *qts;
    unsigned int nr;
    LabFunction function[LAB_MAX_FUNCTIONS];
    unsigned int last_bus;
    uint64_t next32;
    uint64_t next64;
} LabPCI;

/* Give numbers, windows and addresses to all that is there, and enable it */
void lab_enumerate(LabPCI *pci, QTestState *qts);

/* The @n-th function with this device id, or NULL */
LabFunction *lab_find(LabPCI *pci, uint16_t device, unsigned int n);

/*
 * Turn on the IOMMU: each function sees memory below 32 MiB page by page, and
 * the BARs in 2 MiB pages, all where they are. @ats: it may use ATS.
 */
void lab_iommu_enable(LabPCI *pci, bool ats);

#endif
