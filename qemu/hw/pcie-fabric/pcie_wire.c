/*
 * PCI Express fabric: TLPs for the taps
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Requests travel as runs. Only when somebody listens are they taken apart
 * into the TLPs that they stand for. PCI Express Base Specification 6.x,
 * sections 2.2.5 (byte enables), 2.2.9 and 2.3.1.1 (completions).
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "internal.h"

static QTAILQ_HEAD(, PCIeFabricTap) taps = QTAILQ_HEAD_INITIALIZER(taps);

void pcie_fabric_add_tap(PCIeFabricTap *tap)
{
    QTAILQ_INSERT_TAIL(&taps, tap, next);
}

void pcie_fabric_remove_tap(PCIeFabricTap *tap)
{
    QTAILQ_REMOVE(&taps, tap, next);
}

bool pcie_wire_has_taps(void)
{
    return !QTAILQ_EMPTY(&taps);
}

static void show(PCIDevice *port, bool ingress, const PCIeTLP *tlp,
                 const void *payload, size_t payload_len)
{
    PCIeFabricTap *tap;

    QTAILQ_FOREACH(tap, &taps, next) {
        tap->tlp(tap, port, ingress, tlp, payload, payload_len);
    }
}

size_t pcie_wire_cut(uint64_t addr, size_t left, unsigned int unit)
{
    return unit ? MIN(left, unit - (addr & (unit - 1))) : left;
}

size_t pcie_wire_even(uint64_t addr, size_t left, unsigned int unit)
{
    return addr & (unit - 1) ? pcie_wire_cut(addr, left, unit) : left;
}

void pcie_wire_extent(PCIeTLP *tlp, uint64_t addr, size_t len)
{
    unsigned int head = addr & 3;
    unsigned int tail = -(head + len) & 3;

    tlp->addr = addr - head;
    tlp->length_dw = (head + len + tail) / 4;
    tlp->first_be = 0xf << head & 0xf;
    tlp->last_be = 0xf >> tail;
    if (tlp->length_dw == 1) {
        tlp->first_be &= tlp->last_be;
        tlp->last_be = 0;
    }
}

void pcie_wire_drop_hint(PCIeTLP *tlp)
{
    tlp->th = false;
    tlp->ph = 0;
    tlp->st = 0;
    tlp->st_ext = false;
}

/* It translates, so what it sends on is not marked as translated */
void pcie_wire_beyond_rc(PCIeTLP *tlp, const PCIeRoute *route)
{
    tlp->addr += route->bus_addr - route->addr;
    tlp->at = PCIE_AT_UNTRANSLATED;
    if (!route->keep_hint) {
        pcie_wire_drop_hint(tlp);
    }
}

/* Bytes as a payload of whole DWs; @buf is big enough. Returns its length */
static size_t pad_payload(uint8_t *buf, uint64_t addr, const void *data,
                          size_t len)
{
    unsigned int head = addr & 3;
    unsigned int tail = -(head + len) & 3;

    memset(buf, 0, head);
    memcpy(buf + head, data, len);
    memset(buf + head + len, 0, tail);
    return head + len + tail;
}

static void show_request(const PCIeRoute *route, const PCIeTLP *tlp,
                         const void *payload, size_t payload_len)
{
    PCIeTLP beyond = *tlp;
    unsigned int i;

    pcie_wire_beyond_rc(&beyond, route);
    for (i = 0; i < route->path->nr_hops; i++) {
        const PCIeHop *hop = &route->path->hop[i];

        show(hop->port, hop->ingress, hop->beyond_rc ? &beyond : tlp,
             payload, payload_len);
    }
}

/* Posted requests have no tag; the others' count up within the run */
static void next_tag(PCIeTLP *tlp, const PCIeRun *run)
{
    if (tlp->type != PCIE_TLP_MWR) {
        tlp->tag = (tlp->tag + 1) & run->tag_mask;
    }
}

void pcie_wire_show_requests(const PCIeRoute *route, const PCIeRun *run,
                             const void *data)
{
    uint8_t payload[PCIE_TLP_MAX_PAYLOAD];
    PCIeTLP tlp = run->first;
    uint64_t addr = run->addr;
    size_t left = run->len;

    while (left) {
        size_t n = pcie_wire_cut(addr, left, run->unit);
        size_t payload_len = 0;

        if (run->unit) {
            pcie_wire_extent(&tlp, addr, n);
        }
        if (data) {
            payload_len = pad_payload(payload, addr, data, n);
            data += n;
        }
        show_request(route, &tlp, payload, payload_len);
        next_tag(&tlp, run);
        addr += n;
        left -= n;
    }
}

static void show_completion(const PCIeRoute *route, const PCIeRun *run,
                            const PCIeTLP *tlp, const void *payload,
                            size_t payload_len)
{
    PCIeHop hop;

    for (unsigned int i = 0;
         pcie_path_completion_hop(route->path, tlp->attr, i, &hop); i++) {
        show(hop.port, hop.ingress, tlp, payload, payload_len);
        if (hop.ingress && hop.port == run->cpl_end) {
            break;
        }
    }
}

/* The completions of one request */
static void complete_one(const PCIeRoute *route, const PCIeRun *run,
                         PCIeTLP *cpl, uint64_t addr, size_t len,
                         const uint8_t *data)
{
    uint8_t payload[PCIE_TLP_MAX_PAYLOAD];

    cpl->type = PCIE_TLP_CPLD;
    while (len) {
        size_t n = pcie_wire_cut(addr, len, run->cpl_payload);
        size_t payload_len = pad_payload(payload, addr, data, n);

        cpl->length_dw = payload_len / 4;
        cpl->byte_count = len;
        cpl->lower_addr = addr & 0x7f;
        show_completion(route, run, cpl, payload, payload_len);
        addr += n;
        data += n;
        len -= n;
    }
}

static void reject_one(const PCIeRoute *route, const PCIeRun *run,
                       PCIeTLP *cpl, uint64_t addr, size_t len)
{
    cpl->type = PCIE_TLP_CPL;
    cpl->byte_count = len;
    cpl->lower_addr = addr & 0x7f;
    show_completion(route, run, cpl, NULL, 0);
}

void pcie_wire_show_completions(const PCIeRoute *route, const PCIeRun *run,
                                PCIeCplStatus status, const void *data)
{
    bool is_read = run->first.type == PCIE_TLP_MRD;
    PCIeTLP req = run->first;
    uint64_t addr = run->addr;
    size_t left = run->len;

    while (left) {
        size_t n = pcie_wire_cut(addr, left, run->unit);
        /* Section 2.2.9: completions of AtomicOps have no lower address */
        uint64_t where = is_read ? addr : 0;
        PCIeTLP cpl = {
            .tc = req.tc,
            .attr = req.attr,
            .requester_id = req.requester_id,
            .completer_id = run->completer_id,
            .tag = req.tag,
            .status = status,
        };

        if (status == PCIE_CPL_SC) {
            complete_one(route, run, &cpl, where, n, data);
            data += n;
        } else {
            reject_one(route, run, &cpl, where, n);
        }
        next_tag(&req, run);
        addr += n;
        left -= n;
    }
}
