/*
 * Virtual ConnectX: the data path's DMA
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * What goes through a memory key carries the key's processing hint. The
 * steering tag is looked up with each request, since the guest may rewrite
 * the table behind an index that keys hold.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie_fabric.h"
#include "hw/pci/pcie_tph.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

static void fill_attrs(VHCAState *s, const VerbsMR *mr, uint32_t relaxed_field,
                       PCIeRequestAttrs *attrs)
{
    const VHCAMkey *mkey = mr->dma;

    if (ifc_get(mkey->context, relaxed_field)) {
        attrs->attr |= PCIE_ATTR_RELAXED;
    }
    if (mkey->tph_en) {
        pcie_tph_hint(PCI_DEVICE(s), attrs, mkey->ph, mkey->st_index);
    }
}

static bool data_read(void *opaque, const VerbsMR *mr, uint64_t addr,
                      void *data, size_t len)
{
    PCIeRequestAttrs attrs = {};

    fill_attrs(opaque, mr, MKC_RELAXED_READ, &attrs);
    trace_vhca_data(mr->key, "read", addr, len, attrs.th, attrs.ph, attrs.st);
    return pcie_fabric_read(PCI_DEVICE(opaque), &attrs, addr, data, len) ==
           PCIE_CPL_SC;
}

/* Posted: nobody says whether it arrived */
static bool data_write(void *opaque, const VerbsMR *mr, uint64_t addr,
                       const void *data, size_t len)
{
    PCIeRequestAttrs attrs = {};

    fill_attrs(opaque, mr, MKC_RELAXED_WRITE, &attrs);
    trace_vhca_data(mr->key, "write", addr, len, attrs.th, attrs.ph, attrs.st);
    pcie_fabric_write(PCI_DEVICE(opaque), &attrs, addr, data, len);
    return true;
}

static bool data_atomic(void *opaque, const VerbsMR *mr, uint64_t addr,
                        VerbsOpcode opcode, uint64_t operand,
                        uint64_t compare, uint64_t *old)
{
    PCIeTLPType type = opcode == VERBS_WR_FETCH_ADD ? PCIE_TLP_FETCH_ADD
                                                    : PCIE_TLP_CAS;
    PCIeRequestAttrs attrs = {};

    fill_attrs(opaque, mr, MKC_RELAXED_WRITE, &attrs);
    trace_vhca_data(mr->key, "atomic", addr, 8, attrs.th, attrs.ph, attrs.st);
    return pcie_fabric_atomic(PCI_DEVICE(opaque), &attrs, type, addr, 8,
                              operand, compare, old) == PCIE_CPL_SC;
}

const VerbsOps vhca_verbs_ops = {
    .peek_send = vhca_peek_send,
    .retire_send = vhca_retire_send,
    .peek_recv = vhca_peek_recv,
    .retire_recv = vhca_retire_recv,
    .complete = vhca_complete,
    .run_private = vhca_umr_run,
    .qp_error = vhca_qp_error,
    .dma_read = data_read,
    .dma_write = data_write,
    .dma_atomic = data_atomic,
};
