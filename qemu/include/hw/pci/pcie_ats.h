/*
 * PCI Express Address Translation Services: a function's translation cache
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * PCI Express Base Specification 6.x, chapter 10 and section 7.8.8 (ATS
 * Extended Capability).
 *
 * A function with ATS asks the vIOMMU for the translation of an address, keeps
 * the answer, and sends requests with the translated address and AT=10b. The
 * vIOMMU tells it when the guest takes a translation back. The answer to an
 * invalidation is immediate here: what a guest's driver waits for is done
 * before the register write that asked for it returns, and a translation is
 * looked up anew for each run of TLPs.
 *
 * Needs intel-iommu,device-iotlb=on, and a guest that permits the function ATS
 * in its context entry: everything else answers Unsupported Request. QEMU's
 * amd-iommu says that it has a device IOTLB but never sends invalidations.
 *
 * Not modelled: PASIDs, page requests, and Invalidate Requests and Completions
 * as TLPs. The Smallest Translation Unit is not looked at: a translation is as
 * large as the vIOMMU's page. QEMU's vIOMMU takes a Translation Request for a
 * page that is not mapped for a DMA fault, which the guest sees; hardware gives
 * an answer without permissions and logs nothing.
 */
#ifndef HW_PCI_PCIE_ATS_H
#define HW_PCI_PCIE_ATS_H

#include "exec/memory.h"
#include "hw/pci/pci_device.h"

/* A guest that maps more than this makes the function ask again */
#define PCIE_ATC_ENTRIES    256

typedef struct PCIeATCEntry {
    uint64_t iova;
    uint64_t mask;              /* of the offset in the page */
    uint64_t addr;
    IOMMUAccessFlags perm;      /* IOMMU_NONE: free */
} PCIeATCEntry;

/**
 * struct PCIeATC: a function's address translation cache; embed it
 * @iommu: where @notifier is registered; NULL: nowhere
 */
typedef struct PCIeATC {
    PCIDevice *dev;
    IOMMUMemoryRegion *iommu;
    IOMMUNotifier notifier;
    PCIeATCEntry entries[PCIE_ATC_ENTRIES];
} PCIeATC;

/**
 * pcie_atc_init(): give @dev the ATS Extended Capability and a cache
 * @offset: where in extended configuration space
 */
void pcie_atc_init(PCIeATC *atc, PCIDevice *dev, uint16_t offset);

/** pcie_atc_exit(): when @dev goes; also if pcie_atc_init() was never called */
void pcie_atc_exit(PCIeATC *atc);

/**
 * pcie_atc_reset(): ATS is off and nothing is cached
 *
 * For every kind of reset, function level reset included. Nothing happens
 * without the capability.
 */
void pcie_atc_reset(PCIeATC *atc);

/**
 * pcie_atc_config_write(): call it after each pci_default_write_config()
 *
 * When the guest turns ATS off, the cache is empty (section 10.5.1).
 */
void pcie_atc_config_write(PCIeATC *atc);

#endif
