/*
 * PCI Express fabric: requests of device models
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A request of any size is cut into runs: what one route covers, what one set
 * of transaction tags covers, and what makes TLPs of equal length. A run is
 * shown to the taps TLP by TLP and handed over at once. PCI Express Base
 * Specification 6.x, section 2.2.7 (memory and AtomicOp requests), 2.3.1 (how
 * requests end).
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "internal.h"
#include "exec/memory.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bus.h"
#include "trace.h"

/*
 * A completer may send requests while it takes one: an interrupt, or the
 * write to its own doorbell that a guest made it do. Whoever needs more than
 * this goes round in circles.
 */
#define MAX_DEPTH       4

static const PCIeRequestAttrs no_attrs;

static unsigned int depth;

/*
 * A request can end in a register that takes a function off its bus, the
 * requester or the completer. Then neither its configuration space nor its
 * place on a bus may be looked at any more.
 */
static bool is_there(PCIDevice *dev)
{
    return dev->qdev.realized;
}

static bool fabric_enter(PCIDevice *requester, uint64_t addr)
{
    assert(bql_locked());
    if (!is_there(requester)) {
        return false;
    }
    if (depth == MAX_DEPTH) {
        trace_pcie_fabric_too_deep(pci_requester_id(requester), addr);
        return false;
    }
    object_ref(OBJECT(requester));
    depth++;
    return true;
}

static void fabric_leave(PCIDevice *requester)
{
    depth--;
    object_unref(OBJECT(requester));
}

static bool wraps(uint64_t addr, size_t len)
{
    return len && addr + (len - 1) < addr;
}

static void run_init(PCIeRun *run, PCIDevice *requester, PCIeTLPType type,
                     const PCIeRequestAttrs *attrs)
{
    *run = (PCIeRun) {
        .first = {
            .type = type,
            .attr = pcie_devctl_attr(requester, attrs->attr),
            .at = attrs->at,
            .requester_id = pci_requester_id(requester),
            .th = attrs->th,
            .ph = attrs->th ? attrs->ph : 0,
            .st = attrs->th ? attrs->st : 0,
            .st_ext = attrs->th && attrs->st_ext,
        },
        .tag_mask = pcie_devctl_tags(requester) - 1,
    };
}

/*
 * Transactions end before the next run begins, so tags only have to differ
 * within a run. They count on all the same: it makes captures readable.
 */
static void run_take_tags(PCIeRun *run, unsigned int count)
{
    static uint16_t next;

    run->first.tag = next & run->tag_mask;
    next += count;
}

/* A run that the requester has tags for, of at most @len bytes at @addr */
static void run_set_reads(PCIeRun *run, uint64_t addr, size_t len)
{
    size_t max = (size_t)run->unit * (run->tag_mask + 1);

    run->addr = addr;
    run->len = MIN(pcie_wire_even(addr, len, run->unit), max);
    run_take_tags(run, DIV_ROUND_UP(run->len, run->unit));
}

/* The first TLP as the requester sends it */
static PCIeTLP run_first(const PCIeRun *run)
{
    PCIeTLP tlp = run->first;

    if (run->unit) {
        pcie_wire_extent(&tlp, run->addr,
                         pcie_wire_cut(run->addr, run->len, run->unit));
    }
    return tlp;
}

/* The same as it reaches the completer */
static PCIeTLP run_delivered(const PCIeRun *run, const PCIeRoute *route)
{
    PCIeTLP tlp = run_first(run);

    if (route->path->via_rc) {
        pcie_wire_beyond_rc(&tlp, route);
    }
    return tlp;
}

/* A completer without TPH ignores TH (section 2.2.7.1.1): it never sees it */
static PCIeTLP run_completed(const PCIeRun *run, const PCIeRoute *route)
{
    PCIeTLP tlp = run_delivered(run, route);

    if (pcie_tph_completer(route->function) == PCIE_TPH_COMPLETER_NONE) {
        pcie_wire_drop_hint(&tlp);
    }
    return tlp;
}

/* Who completes: a function, the port that rejects, or the root complex */
static uint16_t completer_id(const PCIeRoute *route)
{
    PCIDevice *dev = route->end == PCIE_END_REJECTED ? route->rejecter :
                                                       route->function;

    return dev ? pci_requester_id(dev) : 0;
}

/* The root complex sends completions as its port is told to */
static unsigned int completion_payload(PCIDevice *requester,
                                       const PCIeRoute *route)
{
    PCIDevice *port = pcie_root_port(requester);

    if (route->function) {
        return pcie_devctl_payload(route->function);
    }
    return pcie_devctl_payload(port ? port : requester);
}

/* Bytes in a TLP of the request, at most */
static unsigned int run_payload(const PCIeRun *run, uint64_t len)
{
    switch (run->first.type) {
    case PCIE_TLP_MRD:
        return 0;
    case PCIE_TLP_MWR:
        return MIN(run->unit, len);
    default:
        return 2 * sizeof(uint64_t);
    }
}

static void show_completions(const PCIeRoute *route, const PCIeRun *run,
                             PCIeCplStatus status, const void *data)
{
    if (pcie_wire_has_taps() && route->end != PCIE_END_SILENT) {
        pcie_wire_show_completions(route, run, status, data);
    }
}

static void show_requests(const PCIeRoute *route, const PCIeRun *run,
                          const void *data)
{
    if (pcie_wire_has_taps()) {
        pcie_wire_show_requests(route, run, data);
    }
}

/* Who is at the end of a route that leads somewhere */
static PCIDevice *completing_function(PCIDevice *requester,
                                      const PCIeRoute *route)
{
    if (route->function) {
        return route->function;
    }
    return is_there(requester) ? pcie_root_port(requester) : NULL;
}

/*
 * A run failed: whoever found out reports it, with the header that it saw. A
 * request that nobody completes is none of the completer's errors.
 */
static void report_failure(PCIDevice *requester, const PCIeRoute *route,
                           const PCIeRun *run, PCIeCplStatus status)
{
    const PCIePath *path = route->path;
    bool lost = route->end == PCIE_END_REJECTED ||
                route->end == PCIE_END_SILENT;
    bool beyond = path->nr_hops && path->hop[path->nr_hops - 1].beyond_rc;
    PCIeTLP tlp = beyond ? run_delivered(run, route) : run_first(run);
    bool completes = run->first.type != PCIE_TLP_MWR &&
                     route->end != PCIE_END_SILENT;
    bool abort = (lost ? path->status : status) == PCIE_CPL_CA;
    PCIDevice *dev = lost ? path->detector :
                            completing_function(requester, route);

    if (abort) {
        pcie_report_abort(dev);
    }
    if (lost) {
        pcie_report_error(dev, path->error, completes, &tlp);
    } else {
        pcie_report_error(dev, abort ? PCI_ERR_UNC_COMP_ABORT :
                                       PCI_ERR_UNC_UNSUP, completes, &tlp);
    }
}

/* The largest completion of a run of reads */
static size_t largest_completion(PCIDevice *requester, const PCIeRoute *route,
                                 const PCIeRun *run)
{
    unsigned int unit = MIN(completion_payload(requester, route), run->unit);
    size_t first = pcie_wire_cut(run->addr, run->len, unit);

    return MAX(first, MIN(run->len - first, unit));
}

/*
 * Section 2.2.2 is for completions, too: who on the way back finds them larger
 * than its Max_Payload_Size?
 */
static PCIDevice *narrow_receiver(PCIDevice *requester, const PCIeRoute *route,
                                  const PCIeRun *run)
{
    size_t largest = largest_completion(requester, route, run);
    PCIeHop hop;

    if (largest <= PCIE_MIN_PAYLOAD) {
        return NULL;
    }
    for (unsigned int i = 0;
         pcie_path_completion_hop(route->path, run->first.attr, i, &hop); i++) {
        if (hop.ingress && largest > pcie_devctl_payload(hop.port)) {
            return hop.port;
        }
    }
    return largest > pcie_devctl_payload(requester) ? requester : NULL;
}

/* Where completions of a request that succeeds end; none, if it may not */
static void run_find_end(PCIDevice *requester, const PCIeRoute *route,
                         PCIeRun *run)
{
    run->cpl_end = NULL;
    run->cpl_error = 0;
    if (route->end != PCIE_END_MEMORY && route->end != PCIE_END_COMPLETER) {
        return;
    }
    if (pcie_path_redirects(route->path, run->first.attr) &&
        route->path->cpl_end) {
        run->cpl_end = route->path->cpl_end;
        run->cpl_error = PCI_ERR_UNC_UNX_COMP;
    } else if (run->first.type == PCIE_TLP_MRD) {
        run->cpl_end = narrow_receiver(requester, route, run);
        run->cpl_error = PCI_ERR_UNC_MALF_TLP;
    }
}

/*
 * A non-posted request has been delivered: completions travel, and those that
 * it concerns report how it ended. Returns the status that the requester sees.
 */
static PCIeCplStatus run_complete(PCIDevice *requester, const PCIeRoute *route,
                                  PCIeRun *run, PCIeCplStatus status,
                                  const void *data)
{
    bool silent = route->end == PCIE_END_SILENT && route->path->error;

    if (status != PCIE_CPL_SC) {
        report_failure(requester, route, run, status);
        /* Without data it is not too large */
        if (run->cpl_error == PCI_ERR_UNC_MALF_TLP) {
            run->cpl_end = NULL;
        }
    }
    show_completions(route, run, status, data);
    if (run->cpl_end) {
        pcie_report_error(run->cpl_end, run->cpl_error, false, NULL);
        silent = true;
    }
    if (silent) {
        pcie_report_error(requester, PCI_ERR_UNC_COMP_TIME, false, NULL);
        return PCIE_CPL_UR;
    }
    if (status != PCIE_CPL_SC && route->end != PCIE_END_SILENT) {
        pcie_report_completion(requester, status);
    }
    return status;
}

/* Find the way; all that has to be known of the functions on it is asked now */
static void route_run(PCIeRoute *route, PCIDevice *requester,
                      const PCIeRequestAttrs *attrs, PCIeRun *run,
                      uint64_t addr, uint64_t len)
{
    pcie_route(route, requester, attrs, run->first.type, addr, len,
               run_payload(run, len));
    /* Which costs more than the way itself, and only analyzers want to know */
    if (pcie_wire_has_taps() ||
        trace_event_get_state_backends(TRACE_PCIE_FABRIC_COMPLETER_FAILED)) {
        run->completer_id = completer_id(route);
        run->cpl_payload = completion_payload(requester, route);
    }
}

static PCIeCplStatus memory_status(MemTxResult result, const PCIeRun *run,
                                   const PCIeRoute *route, bool is_write)
{
    if (result == MEMTX_OK) {
        return PCIE_CPL_SC;
    }
    trace_pcie_fabric_unclaimed(run->first.requester_id, route->addr,
                                route->bus_addr, run->len, is_write);
    return result & MEMTX_DECODE_ERROR ? PCIE_CPL_UR : PCIE_CPL_CA;
}

static PCIeCplStatus completer_status(PCIeCplStatus status,
                                      const PCIeRun *run,
                                      const PCIeRoute *route)
{
    if (status != PCIE_CPL_SC) {
        trace_pcie_fabric_completer_failed(run->completer_id, route->bar,
                                           route->offset, status);
    }
    return status;
}

static MemTxAttrs run_memattrs(const PCIeRun *run)
{
    return (MemTxAttrs) { .requester_id = run->first.requester_id };
}

static PCIeCplStatus deliver_write(const PCIeRoute *route, const PCIeRun *run,
                                   const void *data)
{
    PCIeTLP tlp;

    switch (route->end) {
    case PCIE_END_MEMORY:
        return memory_status(address_space_write(route->as, route->bus_addr,
                                                 run_memattrs(run),
                                                 data, run->len),
                             run, route, true);
    case PCIE_END_COMPLETER:
        tlp = run_completed(run, route);
        return completer_status(
            PCIE_COMPLETER_GET_CLASS(route->function)->write(
                PCIE_COMPLETER(route->function), &tlp, route->bar,
                route->offset, data, run->len), run, route);
    default:
        return PCIE_CPL_UR;
    }
}

static PCIeCplStatus deliver_read(const PCIeRoute *route, const PCIeRun *run,
                                  void *data)
{
    PCIeTLP tlp;

    switch (route->end) {
    case PCIE_END_MEMORY:
        return memory_status(address_space_read(route->as, route->bus_addr,
                                                run_memattrs(run),
                                                data, run->len),
                             run, route, false);
    case PCIE_END_COMPLETER:
        tlp = run_completed(run, route);
        return completer_status(
            PCIE_COMPLETER_GET_CLASS(route->function)->read(
                PCIE_COMPLETER(route->function), &tlp, route->bar,
                route->offset, data, run->len), run, route);
    case PCIE_END_REJECTED:
        return route->status;
    default:
        return PCIE_CPL_UR;
    }
}

/*
 * The way out of the function: what of @len bytes at @addr is sent at once,
 * under which address, and in @sent as what. 0: it has no translation.
 */
static uint64_t leave_function(const PCIeRequestAttrs *attrs, PCIeRun *run,
                               uint64_t *addr, uint64_t len,
                               PCIeRequestAttrs *sent)
{
    *sent = *attrs;
    if (attrs->atc) {
        switch (pcie_atc_translate(attrs->atc, addr, &len,
                                   run->first.type != PCIE_TLP_MRD)) {
        case PCIE_ATS_OFF:
            break;
        case PCIE_ATS_TRANSLATED:
            sent->at = PCIE_AT_TRANSLATED;
            break;
        case PCIE_ATS_REFUSED:
            return 0;
        }
    }
    run->first.at = sent->at;
    return len;
}

/* One run; returns its length, 0 if it has no translation and was not sent */
static size_t write_run(PCIDevice *requester, const PCIeRequestAttrs *attrs,
                        PCIeRun *run, uint64_t addr, const void *data,
                        uint64_t len)
{
    PCIeRequestAttrs sent;
    PCIeCplStatus status;
    PCIeRoute route;

    len = leave_function(attrs, run, &addr, len, &sent);
    if (!len) {
        return 0;
    }
    route_run(&route, requester, &sent, run, addr, len);
    run->addr = addr;
    run->len = pcie_wire_even(addr, route.len, run->unit);
    show_requests(&route, run, data);
    status = deliver_write(&route, run, data);
    if (status != PCIE_CPL_SC) {
        trace_pcie_fabric_write_lost(run->first.requester_id, addr, run->len);
        report_failure(requester, &route, run, status);
    }
    pcie_route_release(&route);
    return run->len;
}

bool pcie_fabric_write(PCIDevice *requester, const PCIeRequestAttrs *attrs,
                       uint64_t addr, const void *data, size_t len)
{
    bool sent = true;
    PCIeRun run;

    if (wraps(addr, len) || !fabric_enter(requester, addr)) {
        return true;
    }
    run_init(&run, requester, PCIE_TLP_MWR, attrs);
    run.unit = pcie_devctl_payload(requester);
    while (len && is_there(requester)) {
        size_t n = write_run(requester, attrs, &run, addr, data, len);

        if (!n) {
            sent = false;
            break;
        }
        addr += n;
        data += n;
        len -= n;
    }
    fabric_leave(requester);
    return sent;
}

/* One run; its length is in @run */
static PCIeCplStatus read_run(PCIDevice *requester,
                              const PCIeRequestAttrs *attrs, PCIeRun *run,
                              uint64_t addr, void *data, uint64_t len)
{
    PCIeRequestAttrs sent;
    PCIeCplStatus status;
    PCIeRoute route;

    len = leave_function(attrs, run, &addr, len, &sent);
    if (!len) {
        return PCIE_CPL_UR;
    }
    route_run(&route, requester, &sent, run, addr, len);
    run_set_reads(run, addr, route.len);
    show_requests(&route, run, NULL);
    run_find_end(requester, &route, run);
    status = deliver_read(&route, run, data);
    status = run_complete(requester, &route, run, status, data);
    if (status != PCIE_CPL_SC) {
        trace_pcie_fabric_read_failed(run->first.requester_id, addr, run->len,
                                      status);
    }
    pcie_route_release(&route);
    return status;
}

static PCIeCplStatus read_bytes(PCIDevice *requester,
                                const PCIeRequestAttrs *attrs,
                                uint64_t addr, void *data, size_t len)
{
    PCIeCplStatus status = PCIE_CPL_SC;
    PCIeRun run;

    if (!fabric_enter(requester, addr)) {
        return PCIE_CPL_UR;
    }
    run_init(&run, requester, PCIE_TLP_MRD, attrs);
    run.unit = pcie_devctl_read_request(requester);
    while (len && status == PCIE_CPL_SC) {
        if (!is_there(requester)) {
            status = PCIE_CPL_UR;
            break;
        }
        status = read_run(requester, attrs, &run, addr, data, len);
        addr += run.len;
        data += run.len;
        len -= run.len;
    }
    fabric_leave(requester);
    return status;
}

/* A hint takes the place of the byte enables: whole DWs are read */
static PCIeCplStatus read_dws(PCIDevice *requester,
                              const PCIeRequestAttrs *attrs,
                              uint64_t addr, void *data, size_t len)
{
    unsigned int head = addr & 3;
    size_t whole = QEMU_ALIGN_UP(head + len, 4);
    g_autofree uint8_t *buf = g_malloc(whole);
    PCIeCplStatus status = read_bytes(requester, attrs, addr - head, buf,
                                      whole);

    if (status == PCIE_CPL_SC) {
        memcpy(data, buf + head, len);
    }
    return status;
}

PCIeCplStatus pcie_fabric_read(PCIDevice *requester,
                               const PCIeRequestAttrs *attrs,
                               uint64_t addr, void *data, size_t len)
{
    if (wraps(addr, len)) {
        return PCIE_CPL_UR;
    }
    if (attrs->th && ((addr | len) & 3)) {
        return read_dws(requester, attrs, addr, data, len);
    }
    return read_bytes(requester, attrs, addr, data, len);
}

static uint32_t atomic_ram4(uint32_t *p, PCIeTLPType type, uint32_t operand,
                            uint32_t compare)
{
    uint32_t old, seen;

    switch (type) {
    case PCIE_TLP_SWAP:
        return le32_to_cpu(qatomic_xchg(p, cpu_to_le32(operand)));
    case PCIE_TLP_CAS:
        return le32_to_cpu(qatomic_cmpxchg(p, cpu_to_le32(compare),
                                           cpu_to_le32(operand)));
    default:
        old = qatomic_read(p);
        /* A host fetch-and-add would only do on little endian */
        while (true) {
            uint32_t sum = cpu_to_le32(le32_to_cpu(old) + operand);

            seen = qatomic_cmpxchg(p, old, sum);
            if (seen == old) {
                return le32_to_cpu(old);
            }
            old = seen;
        }
    }
}

static uint64_t atomic_ram8(uint64_t *p, PCIeTLPType type, uint64_t operand,
                            uint64_t compare)
{
    uint64_t old, seen;

    switch (type) {
    case PCIE_TLP_SWAP:
        return le64_to_cpu(qatomic_xchg(p, cpu_to_le64(operand)));
    case PCIE_TLP_CAS:
        return le64_to_cpu(qatomic_cmpxchg(p, cpu_to_le64(compare),
                                           cpu_to_le64(operand)));
    default:
        old = qatomic_read(p);
        while (true) {
            uint64_t sum = cpu_to_le64(le64_to_cpu(old) + operand);

            seen = qatomic_cmpxchg(p, old, sum);
            if (seen == old) {
                return le64_to_cpu(old);
            }
            old = seen;
        }
    }
}

/* Vcpus may use the same memory: only host atomics are atomic against them */
static PCIeCplStatus atomic_memory(const PCIeRoute *route, PCIeTLPType type,
                                   size_t size, uint64_t operand,
                                   uint64_t compare, uint64_t *old)
{
    PCIeCplStatus status = PCIE_CPL_UR;
    MemoryRegionCache cache;

    address_space_cache_init(&cache, route->as, route->bus_addr, size, true);
    if (cache.ptr && cache.len == size) {
        *old = size == 4 ?
            atomic_ram4((uint32_t *)cache.ptr, type, operand, compare) :
            atomic_ram8((uint64_t *)cache.ptr, type, operand, compare);
        address_space_cache_invalidate(&cache, 0, size);
        status = PCIE_CPL_SC;
    }
    address_space_cache_destroy(&cache);
    return status;
}

static PCIeCplStatus deliver_atomic(const PCIeRoute *route, const PCIeRun *run,
                                    size_t size, uint64_t operand,
                                    uint64_t compare, uint64_t *old)
{
    PCIeCompleterClass *cc;
    PCIeTLP tlp;

    switch (route->end) {
    case PCIE_END_MEMORY:
        /* A BAR of a function that is no completer takes no AtomicOps */
        return route->function ? PCIE_CPL_UR :
               atomic_memory(route, run->first.type, size, operand, compare,
                             old);
    case PCIE_END_COMPLETER:
        cc = PCIE_COMPLETER_GET_CLASS(route->function);
        if (!cc->atomic) {
            return PCIE_CPL_UR;
        }
        tlp = run_completed(run, route);
        return completer_status(cc->atomic(PCIE_COMPLETER(route->function),
                                           &tlp, route->bar, route->offset,
                                           size, operand, compare, old),
                                run, route);
    default:
        return PCIE_CPL_UR;
    }
}

/* Section 2.2.7.2: operands in the payload, for CAS the compare value first */
static size_t atomic_payload(uint8_t *payload, PCIeTLPType type, size_t size,
                             uint64_t operand, uint64_t compare)
{
    size_t len = 0;

    if (type == PCIE_TLP_CAS) {
        stn_le_p(payload, size, compare);
        len = size;
    }
    stn_le_p(payload + len, size, operand);
    return len + size;
}

static PCIeCplStatus atomic_run(PCIDevice *requester,
                                const PCIeRequestAttrs *attrs, PCIeRun *run,
                                size_t size, uint64_t operand,
                                uint64_t compare, uint64_t *old)
{
    PCIeRequestAttrs sent;
    uint8_t payload[16];
    PCIeCplStatus status;
    PCIeRoute route;
    uint64_t found;

    if (!leave_function(attrs, run, &run->addr, size, &sent)) {
        return PCIE_CPL_UR;
    }
    route_run(&route, requester, &sent, run, run->addr, size);
    run->len = atomic_payload(payload, run->first.type, size, operand, compare);
    run_take_tags(run, 1);
    pcie_wire_extent(&run->first, run->addr, run->len);
    show_requests(&route, run, payload);
    run_find_end(requester, &route, run);
    /* Naturally aligned, so no page and no BAR ends in between */
    status = route.len < size ? PCIE_CPL_UR :
             deliver_atomic(&route, run, size, operand, compare, &found);
    run->len = size;
    if (status == PCIE_CPL_SC) {
        stn_le_p(payload, size, found);
    }
    status = run_complete(requester, &route, run, status, payload);
    if (status == PCIE_CPL_SC) {
        *old = found;
    }
    pcie_route_release(&route);
    return status;
}

PCIeCplStatus pcie_fabric_atomic(PCIDevice *requester,
                                 const PCIeRequestAttrs *attrs,
                                 PCIeTLPType type, uint64_t addr, size_t size,
                                 uint64_t operand, uint64_t compare,
                                 uint64_t *old)
{
    PCIeCplStatus status;
    PCIeRun run;

    assert(type == PCIE_TLP_FETCH_ADD || type == PCIE_TLP_SWAP ||
           type == PCIE_TLP_CAS);
    assert(size == 4 || size == 8);
    if (addr & (size - 1) || !fabric_enter(requester, addr)) {
        return PCIE_CPL_UR;
    }
    run_init(&run, requester, type, attrs);
    run.addr = addr;
    status = atomic_run(requester, attrs, &run, size, operand, compare, old);
    fabric_leave(requester);
    return status;
}

/*
 * Section 10.2.2: a Translation Request looks like a read of the entries that
 * it asks for, at the address that they are for. One entry is asked for at a
 * time, and always with write permission (NW is 0).
 */
PCIeCplStatus pcie_fabric_ask(PCIeATC *atc, uint64_t addr, bool is_write,
                              PCIeATCEntry *entry)
{
    const PCIeRequestAttrs attrs = { .at = PCIE_AT_TRANSLATION_REQUEST };
    uint8_t data[PCIE_ATS_COMPLETION_SIZE];
    PCIeCplStatus status;
    PCIeRoute route;
    PCIeRun run;

    addr &= ~0xfffull;
    run_init(&run, atc->dev, PCIE_TLP_MRD, &attrs);
    route_run(&route, atc->dev, &attrs, &run, addr, sizeof(data));
    run.addr = addr;
    run.len = sizeof(data);
    run_take_tags(&run, 1);
    pcie_wire_extent(&run.first, addr, sizeof(data));
    show_requests(&route, &run, NULL);
    status = route.end == PCIE_END_TRANSLATION ?
             pcie_ats_answer(atc, addr, is_write, entry) :
             deliver_read(&route, &run, data);
    if (status == PCIE_CPL_SC) {
        pcie_ats_completion(entry, data);
    }
    status = run_complete(atc->dev, &route, &run, status, data);
    pcie_route_release(&route);
    return status;
}

/*
 * Stands in for the message sender that PCI core gives to a function: so a
 * message that had to wait for its vector to be unmasked is a TLP as well.
 */
static void send_message(PCIDevice *requester, MSIMessage msg)
{
    uint8_t data[4];

    trace_pcie_fabric_msi(pci_requester_id(requester), msg.address, msg.data);
    stl_le_p(data, msg.data);
    pcie_fabric_write(requester, &no_attrs, msg.address, data, sizeof(data));
}

void pcie_fabric_msix_notify(PCIDevice *requester, unsigned int vector)
{
    /* What is not there has no vectors any more */
    if (is_there(requester)) {
        requester->msi_trigger = send_message;
        msix_notify(requester, vector);
    }
}

static const TypeInfo pcie_completer_info = {
    .name = TYPE_PCIE_COMPLETER,
    .parent = TYPE_INTERFACE,
    .class_size = sizeof(PCIeCompleterClass),
};

static void pcie_fabric_register_types(void)
{
    type_register_static(&pcie_completer_info);
}

type_init(pcie_fabric_register_types)
