/*
 * Virtual ConnectX: every request that the device sends
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * What goes through a memory key carries the key's processing hint. The
 * steering tag is looked up with each request, since the guest may rewrite
 * the table behind an index that keys hold.
 *
 * A key may ask for ATS (mkc.ma_translation_mode). Its requests are sent with
 * translated addresses while the guest has ATS enabled. While it has not, as
 * with an IOMMU in passthrough, they are sent untranslated: Linux creates such
 * keys whenever the firmware knows ATS, its own keys for all of memory among
 * them, and a driver works either way. An address that has no translation is
 * a failed DMA: local access error at the requester, remote operation error
 * for a peer's request (IBA 11.6.2; the key itself is valid).
 *
 * Memory can be anything: a guest may have the device write to where a write
 * resets or unplugs the device. Callers hold pointers to objects meanwhile, so
 * the device is busy then, and vhca.c puts the end of its objects off.
 */
#include "qemu/osdep.h"
#include "hw/pci/pcie_fabric.h"
#include "hw/pci/pcie_tph.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

static bool send_read(VHCAState *s, const PCIeRequestAttrs *attrs,
                      uint64_t addr, void *data, size_t len)
{
    bool ok;

    s->busy++;
    ok = s->plain_copy ?
         pci_dma_read(PCI_DEVICE(s), addr, data, len) == MEMTX_OK :
         pcie_fabric_read(PCI_DEVICE(s), attrs, addr, data, len) == PCIE_CPL_SC;
    s->busy--;
    return ok;
}

static bool send_write(VHCAState *s, const PCIeRequestAttrs *attrs,
                       uint64_t addr, const void *data, size_t len)
{
    bool sent = true;

    s->busy++;
    if (s->plain_copy) {
        pci_dma_write(PCI_DEVICE(s), addr, data, len);
    } else {
        sent = pcie_fabric_write(PCI_DEVICE(s), attrs, addr, data, len);
    }
    s->busy--;
    return sent;
}

/*
 * A guest that has not enabled AtomicOps gets what its driver promises, and no
 * more: atomic among the operations of this adapter (IBA 9.4.5).
 */
static bool read_modify_write(VHCAState *s, const PCIeRequestAttrs *attrs,
                              PCIeTLPType type, uint64_t addr,
                              uint64_t operand, uint64_t compare,
                              uint64_t *old)
{
    uint64_t value;

    if (!send_read(s, attrs, addr, &value, sizeof(value))) {
        return false;
    }
    *old = le64_to_cpu(value);
    if (type == PCIE_TLP_FETCH_ADD) {
        operand += *old;
    } else if (*old != compare) {
        return true;
    }
    value = cpu_to_le64(operand);
    return send_write(s, attrs, addr, &value, sizeof(value));
}

static bool send_atomic(VHCAState *s, const PCIeRequestAttrs *attrs,
                        PCIeTLPType type, uint64_t addr, uint64_t operand,
                        uint64_t compare, uint64_t *old)
{
    PCIeCplStatus status;

    if (DEVICE(s)->realized && !pcie_atomic_requester_enabled(PCI_DEVICE(s))) {
        return read_modify_write(s, attrs, type, addr, operand, compare, old);
    }
    s->busy++;
    status = pcie_fabric_atomic(PCI_DEVICE(s), attrs, type, addr, 8, operand,
                                compare, old);
    s->busy--;
    return status == PCIE_CPL_SC;
}

bool vhca_dma_read(VHCAState *s, uint64_t addr, void *data, size_t len)
{
    const PCIeRequestAttrs attrs = {};

    return send_read(s, &attrs, addr, data, len);
}

void vhca_dma_write(VHCAState *s, uint64_t addr, const void *data, size_t len)
{
    const PCIeRequestAttrs attrs = {};

    send_write(s, &attrs, addr, data, len);
}

void vhca_interrupt(VHCAState *s, unsigned int vector)
{
    s->busy++;
    pcie_fabric_msix_notify(PCI_DEVICE(s), vector);
    s->busy--;
}

static void fill_attrs(VHCAState *s, const VerbsMR *mr, uint32_t relaxed_field,
                       PCIeRequestAttrs *attrs)
{
    const VHCAMkey *mkey = mr->dma;

    if (mkey->ats) {
        attrs->atc = &s->atc;
    }
    if (ifc_get(mkey->context, relaxed_field)) {
        attrs->attr |= PCIE_ATTR_RELAXED;
    }
    /* One that was unplugged has no configuration space with a table in it */
    if (mkey->tph_en && DEVICE(s)->realized) {
        pcie_tph_hint(PCI_DEVICE(s), attrs, mkey->ph, mkey->st_index);
    }
}

/* There will be an error completion. The key may be gone by now */
static bool data_end(uint32_t key, const char *kind, uint64_t addr, size_t len,
                     bool ok)
{
    if (!ok) {
        trace_vhca_data_failed(key, kind, addr, len);
    }
    return ok;
}

static bool data_read(void *opaque, const VerbsMR *mr, uint64_t addr,
                      void *data, size_t len)
{
    PCIeRequestAttrs attrs = {};
    uint32_t key = mr->key;

    fill_attrs(opaque, mr, MKC_RELAXED_READ, &attrs);
    trace_vhca_data(key, "read", addr, len, attrs.th, attrs.ph, attrs.st);
    return data_end(key, "read", addr, len,
                    send_read(opaque, &attrs, addr, data, len));
}

/* Posted: nobody says whether it arrived, but it may not even leave */
static bool data_write(void *opaque, const VerbsMR *mr, uint64_t addr,
                       const void *data, size_t len)
{
    PCIeRequestAttrs attrs = {};
    uint32_t key = mr->key;

    fill_attrs(opaque, mr, MKC_RELAXED_WRITE, &attrs);
    trace_vhca_data(key, "write", addr, len, attrs.th, attrs.ph, attrs.st);
    return data_end(key, "write", addr, len,
                    send_write(opaque, &attrs, addr, data, len));
}

static bool data_atomic(void *opaque, const VerbsMR *mr, uint64_t addr,
                        VerbsOpcode opcode, uint64_t operand,
                        uint64_t compare, uint64_t *old)
{
    PCIeTLPType type = opcode == VERBS_WR_FETCH_ADD ? PCIE_TLP_FETCH_ADD
                                                    : PCIE_TLP_CAS;
    PCIeRequestAttrs attrs = {};
    uint32_t key = mr->key;

    fill_attrs(opaque, mr, MKC_RELAXED_WRITE, &attrs);
    trace_vhca_data(key, "atomic", addr, 8, attrs.th, attrs.ph, attrs.st);
    return data_end(key, "atomic", addr, 8,
                    send_atomic(opaque, &attrs, type, addr, operand, compare,
                                old));
}

const VerbsOps vhca_verbs_ops = {
    .peek_send = vhca_peek_send,
    .retire_send = vhca_retire_send,
    .peek_recv = vhca_peek_recv,
    .retire_recv = vhca_retire_recv,
    .complete = vhca_complete,
    .invalidate = vhca_mkey_invalidate,
    .run_private = vhca_umr_run,
    .qp_error = vhca_qp_error,
    .dma_read = data_read,
    .dma_write = data_write,
    .dma_atomic = data_atomic,
};
