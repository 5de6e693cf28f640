/*
 * PCI Express fabric: requests of device models as real TLPs
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * QEMU's DMA is a memory access and has no TLPs. A device model that wants
 * them sends its requests with the functions below instead of
 * pci_dma_read()/pci_dma_write(). The fabric cuts them into TLPs, takes them
 * along the ports between requester and completer, shows them to the taps,
 * and hands them to the completer: a device model that implements
 * TYPE_PCIE_COMPLETER gets whole TLPs, everything else is plain memory.
 *
 * Everything here runs under the big lock.
 */
#ifndef HW_PCI_PCIE_FABRIC_H
#define HW_PCI_PCIE_FABRIC_H

#include "exec/memory.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie_tlp.h"
#include "qom/object.h"

typedef struct PCIeATC PCIeATC;

/**
 * struct PCIeRequestAttrs: what a requester asks for beside address and data
 * @attr: PCIE_ATTR_*
 * @at: PCIE_AT_UNTRANSLATED. PCIE_AT_TRANSLATED is a claim of the device that
 *      ports may believe but the root complex does not: only @atc's word counts
 * @atc: NULL: @addr is sent as it is. Else the requester's translation cache
 *      (pcie_ats.h): @at is untranslated, and while the guest has ATS enabled,
 *      the cache translates @addr and the request is sent with AT=10b; while
 *      it has not, @addr is sent untranslated. Each run of TLPs looks anew
 * @th, @ph, @st, @st_ext: the hint, as in struct PCIeTLP. Fill it in with
 *      pcie_tph_hint(), which honours the function's TPH control register
 */
typedef struct PCIeRequestAttrs {
    uint8_t attr;
    uint8_t at;
    PCIeATC *atc;
    bool th;
    uint8_t ph;
    uint16_t st;
    bool st_ext;
} PCIeRequestAttrs;

/**
 * pcie_fabric_write(): posted memory write of @len bytes to @addr
 *
 * Cut at Max_Payload_Size and 4 KiB boundaries. What nobody claims is lost,
 * as on hardware: the detecting port reports it (AER), the requester learns
 * nothing. Without bus mastering nothing is sent.
 *
 * False: the translation cache got no translation for a part of the range,
 * and nothing was sent from there on. Only a request with @attrs->atc fails.
 */
bool pcie_fabric_write(PCIDevice *requester, const PCIeRequestAttrs *attrs,
                       uint64_t addr, const void *data, size_t len);

/**
 * pcie_fabric_read(): memory read, cut at Max_Read_Request_Size and 4 KiB
 *
 * Returns PCIE_CPL_SC, or the status of the first completion that failed;
 * @data is undefined then. A request that gets no completion at all, because
 * it was never sent, a port dropped it or its completion as malformed, or its
 * address has no translation (@attrs->atc), ends as PCIE_CPL_UR. The function's
 * Status register and AER have what a requester records of all that.
 *
 * A read with a hint has no byte enables: what it reads is rounded outwards
 * to DWs (section 2.2.5.1).
 */
PCIeCplStatus pcie_fabric_read(PCIDevice *requester,
                               const PCIeRequestAttrs *attrs,
                               uint64_t addr, void *data, size_t len);

/**
 * pcie_fabric_atomic(): AtomicOp on a naturally aligned 4- or 8-byte operand
 * @type: PCIE_TLP_FETCH_ADD, PCIE_TLP_SWAP or PCIE_TLP_CAS
 * @operand: value to add, to store, or to store if *@addr equals @compare
 * @old: the value found, host byte order; untouched on failure
 */
PCIeCplStatus pcie_fabric_atomic(PCIDevice *requester,
                                 const PCIeRequestAttrs *attrs,
                                 PCIeTLPType type, uint64_t addr, size_t size,
                                 uint64_t operand, uint64_t compare,
                                 uint64_t *old);

/**
 * pcie_fabric_msix_notify(): send the vector's message as a memory write TLP
 *
 * Same rules as msix_notify(): masked vectors become pending; their message
 * is a TLP as well when the guest unmasks them. A requester that one of its
 * own requests has unplugged sends none.
 */
void pcie_fabric_msix_notify(PCIDevice *requester, unsigned int vector);

/**
 * pcie_devctl_init(): Max_Payload_Size, Max_Read_Request_Size and the other
 * fields of Device Control that the fabric obeys (sections 7.5.3.3, 7.5.3.4)
 * @max_payload: bytes, a power of two from 128 to 4096
 *
 * For endpoints and ports alike, after the PCI Express capability was added.
 * Without it a function sends with what its Device Control register reads:
 * in QEMU that is 128 bytes for both sizes, and no relaxed ordering.
 */
void pcie_devctl_init(PCIDevice *dev, unsigned int max_payload);

/**
 * pcie_devctl_reset(): these, and AtomicOp Requester Enable, back to the
 * defaults; a function level reset keeps Max_Payload_Size (section 6.6.2)
 */
void pcie_devctl_reset(PCIDevice *dev);

/**
 * pcie_atomic_requester_init(): let the guest write AtomicOp Requester Enable
 * (section 7.5.3.16), without which the function may not send AtomicOps
 *
 * Whoever calls pcie_fabric_atomic() asks first.
 */
void pcie_atomic_requester_init(PCIDevice *dev);
bool pcie_atomic_requester_enabled(PCIDevice *dev);

#define TYPE_PCIE_COMPLETER "pcie-completer"
typedef struct PCIeCompleterClass PCIeCompleterClass;
typedef struct PCIeCompleter PCIeCompleter;
DECLARE_CLASS_CHECKERS(PCIeCompleterClass, PCIE_COMPLETER, TYPE_PCIE_COMPLETER)
#define PCIE_COMPLETER(obj) \
    INTERFACE_CHECK(PCIeCompleter, (obj), TYPE_PCIE_COMPLETER)

/**
 * struct PCIeCompleterClass: a function that takes whole TLPs
 *
 * A run is one TLP or several contiguous ones with equal headers (type,
 * attributes, hint, length; the last one may be shorter); @tlp is the first
 * one's header, @len the run's bytes.
 * @offset is within BAR @bar, and @offset + @len is inside the BAR.
 *
 * The fabric has applied the byte enables of the wire: @data are the bytes
 * at @offset, and none beside them may be touched.
 *
 * @claims: optional; false leaves the BAR's accesses to plain memory dispatch
 * @write: consume a run of posted writes
 * @read: produce the bytes of a run of reads
 * @atomic: optional; UR without it. Operand and result as in
 *          pcie_fabric_atomic(). Must be atomic against vCPUs
 */
struct PCIeCompleterClass {
    InterfaceClass parent_class;

    bool (*claims)(PCIeCompleter *completer, int bar);
    PCIeCplStatus (*write)(PCIeCompleter *completer, const PCIeTLP *tlp,
                           int bar, uint64_t offset,
                           const void *data, size_t len);
    PCIeCplStatus (*read)(PCIeCompleter *completer, const PCIeTLP *tlp,
                          int bar, uint64_t offset, void *data, size_t len);
    PCIeCplStatus (*atomic)(PCIeCompleter *completer, const PCIeTLP *tlp,
                            int bar, uint64_t offset, size_t size,
                            uint64_t operand, uint64_t compare, uint64_t *old);
};

/**
 * A tap sees each TLP that passes a port. @port is the port's PCIDevice,
 * @ingress true when the TLP comes into the port from its link. Taps run in
 * the order in which TLPs pass; they must not send requests themselves.
 * @payload are whole DWs, bytes outside the byte enables are 0.
 */
typedef struct PCIeFabricTap PCIeFabricTap;
struct PCIeFabricTap {
    void (*tlp)(PCIeFabricTap *tap, PCIDevice *port, bool ingress,
                const PCIeTLP *tlp, const void *payload, size_t payload_len);
    QTAILQ_ENTRY(PCIeFabricTap) next;
};

/**
 * pcie_fabric_add_tap(): from now on @tap sees all TLPs
 *
 * It is the caller's, and must stay until it is removed. Not from within a tap.
 */
void pcie_fabric_add_tap(PCIeFabricTap *tap);

/** pcie_fabric_remove_tap(): no more calls to @tap. Not from within a tap */
void pcie_fabric_remove_tap(PCIeFabricTap *tap);

#endif
