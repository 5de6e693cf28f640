/*
 * PCI Express fabric: ways of requests, remembered
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * What pcie_walk.c finds out holds for a range of addresses, and until
 * registers or the memory map change. Two walks make a route that passes the
 * root complex: one to it, and one from it with the address that the vIOMMU
 * made of the request's; translations are not remembered here.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"
#include "internal.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "trace.h"

/* Nested vIOMMUs: none is known, and none may be a loop */
#define MAX_TRANSLATIONS    4
#define PAGE_SIZE_MIN       4096

MemTxAttrs pcie_route_memattrs(PCIDevice *requester)
{
    return (MemTxAttrs) { .requester_id = pci_requester_id(requester) };
}

/* Paths that were walked */

#define CACHE_SETS      64
#define CACHE_WAYS      8

/**
 * struct PCIeCacheEntry: a path, and for what it was walked
 * @path: NULL: free
 * @as: where the path from the root complex goes on; NULL: a path to it
 * @kind: what else decides, see path_kind()
 * @sum: what the registers on the way were
 */
typedef struct PCIeCacheEntry {
    PCIePath *path;
    PCIDevice *requester;
    AddressSpace *as;
    uint32_t kind;
    uint32_t sum;
} PCIeCacheEntry;

static struct {
    PCIeCacheEntry entry[CACHE_SETS][CACHE_WAYS];
    unsigned int victim[CACHE_SETS];
    bool used;
    bool stale;             /* nothing in it may be used any more */
    QEMUBH *purge;
    MemoryListener listener;
} cache;

static void cache_clear(void)
{
    for (unsigned int i = 0; i < CACHE_SETS * CACHE_WAYS; i++) {
        PCIeCacheEntry *entry = &cache.entry[0][0] + i;

        if (entry->path) {
            pcie_path_unref(entry->path);
            entry->path = NULL;
        }
    }
    cache.used = false;
    cache.stale = false;
    pcie_report_forget();
}

/* Paths keep functions alive, and a function that was unplugged shall go */
static void cache_purge(void *opaque)
{
    if (cache.stale) {
        cache_clear();
    }
}

/*
 * Not the place to give references back: this may be in the middle of the end
 * of a function.
 */
void pcie_route_forget(void)
{
    if (cache.used && !cache.stale) {
        cache.stale = true;
        qemu_bh_schedule(cache.purge);
    }
}

/* Windows, memory enables and BARs are in the memory map, and so are vIOMMUs */
static void memory_changed(MemoryListener *listener)
{
    pcie_route_forget();
}

static void cache_start(void)
{
    if (!cache.purge) {
        cache.purge = qemu_bh_new(cache_purge, NULL);
        cache.listener.name = "pcie-fabric";
        cache.listener.commit = memory_changed;
        memory_listener_register(&cache.listener, &address_space_memory);
    }
    if (cache.stale) {
        cache_clear();
    }
    cache.used = true;
}

static uint32_t hops_sum(const PCIeHop *hop, unsigned int n)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < n; i++) {
        sum = sum * 31 + pcie_port_fingerprint(hop[i].port);
    }
    return sum;
}

/* The other registers that decide; the memory map has no part in them */
static uint32_t path_sum(const PCIePath *path)
{
    uint32_t sum = hops_sum(path->hop, path->nr_hops) +
                   hops_sum(path->cpl_hop, path->nr_cpl_hops);

    if (path->detector) {
        sum = sum * 31 + pcie_port_fingerprint(path->detector);
    }
    if (path->function) {
        sum = sum * 31 + pcie_port_fingerprint(path->function);
    }
    return sum;
}

static uint32_t path_kind(const PCIeWalk *walk)
{
    return walk->at | walk->th << 2 | walk->prefix << 3 | walk->atomic << 4 |
           walk->payload << 5;
}

static unsigned int cache_set(const PCIeWalk *walk, uint32_t kind)
{
    uint64_t key = (uintptr_t)walk->requester / sizeof(void *) + kind * 7 +
                   (walk->rc ? 3 : 0);

    return key * 0x9e3779b97f4a7c15ull >> 58;
}

static bool entry_fits(const PCIeCacheEntry *entry, const PCIeWalk *walk,
                       uint32_t kind)
{
    return entry->path && entry->requester == walk->requester &&
           entry->kind == kind && entry->as == walk->as &&
           walk->addr >= entry->path->span.first &&
           walk->addr <= entry->path->span.last;
}

static PCIeCacheEntry *cache_find(const PCIeWalk *walk, uint32_t kind)
{
    PCIeCacheEntry *set = cache.entry[cache_set(walk, kind)];

    for (unsigned int i = 0; i < CACHE_WAYS; i++) {
        if (entry_fits(&set[i], walk, kind)) {
            return &set[i];
        }
    }
    return NULL;
}

static PCIeCacheEntry *cache_evict(const PCIeWalk *walk, uint32_t kind)
{
    unsigned int set = cache_set(walk, kind);
    unsigned int way = cache.victim[set]++ % CACHE_WAYS;
    PCIeCacheEntry *entry = &cache.entry[set][way];

    if (entry->path) {
        pcie_path_unref(entry->path);
        entry->path = NULL;
    }
    return entry;
}

/*
 * The path of a request, with a reference for the caller. @up: the path to the
 * root complex, for a path from there. @is_new: it was not known yet.
 */
static PCIePath *find(const PCIeWalk *walk, const PCIePath *up, bool *is_new)
{
    uint32_t kind = path_kind(walk);
    PCIeCacheEntry *entry;

    cache_start();
    entry = cache_find(walk, kind);
    *is_new = !entry || entry->sum != path_sum(entry->path);
    if (*is_new) {
        PCIePath *path = pcie_walk(walk, up);

        if (entry) {
            pcie_path_unref(entry->path);
        } else {
            entry = cache_evict(walk, kind);
        }
        *entry = (PCIeCacheEntry) {
            path, walk->requester, walk->as, kind, path_sum(path),
        };
    }
    return pcie_path_ref(entry->path);
}

/* Translations */

/* One pass through a vIOMMU; false if it permits no such access */
static bool translate(PCIeRoute *route, IOMMUMemoryRegion *iommu,
                      uint64_t offset, bool is_write, MemTxAttrs attrs)
{
    IOMMUMemoryRegionClass *imrc = memory_region_get_iommu_class_nocheck(iommu);
    IOMMUAccessFlags access = is_write ? IOMMU_WO : IOMMU_RO;
    IOMMUTLBEntry entry =
        imrc->translate(iommu, offset, access,
                        memory_region_iommu_attrs_to_index(iommu, attrs));
    uint64_t in_page = offset & entry.addr_mask;

    if (!(entry.perm & access)) {
        return false;
    }
    route->as = entry.target_as;
    route->bus_addr = (entry.translated_addr & ~entry.addr_mask) | in_page;
    route->len = MIN(route->len - 1, entry.addr_mask - in_page) + 1;
    return true;
}

/*
 * From the requester's view of memory to one without a vIOMMU in between.
 * False: the vIOMMU did not let it through.
 */
static bool route_translate(PCIeRoute *route, PCIDevice *requester,
                            bool is_write)
{
    MemTxAttrs attrs = pcie_route_memattrs(requester);
    unsigned int i;

    route->as = pci_device_iommu_address_space(requester);
    for (i = 0; i < MAX_TRANSLATIONS; i++) {
        MemoryRegionCache found;
        IOMMUMemoryRegion *iommu;
        bool ok;

        if (route->as == &address_space_memory) {
            return true;
        }
        route->len = address_space_cache_init(&found, route->as,
                                              route->bus_addr, route->len,
                                              is_write);
        iommu = memory_region_get_iommu(found.mrs.mr);
        ok = !iommu || translate(route, iommu, found.xlat, is_write, attrs);
        address_space_cache_destroy(&found);
        if (!iommu || !ok) {
            return ok;
        }
    }
    return false;
}

/*
 * Does the root complex take the address for one that it has translated? Only
 * out of the requester's cache, which pcie_atc_translate() asks for each run:
 * what is in there was handed out and not taken back, for these very bytes.
 * That a function has ATS enabled and says so itself is not enough.
 */
static bool is_translated(PCIDevice *requester, const PCIeRequestAttrs *attrs)
{
    return attrs->atc && pcie_ats_enabled(requester);
}

/* There is nobody who could translate without a vIOMMU */
static bool may_ask(PCIDevice *requester)
{
    return pci_device_iommu_address_space(requester) != &address_space_memory;
}

static void clip_to_path(PCIeRoute *route, const PCIePath *path, uint64_t addr)
{
    route->len = MIN(route->len - 1, path->span.last - addr) + 1;
}

static void clip_to_page(PCIeRoute *route)
{
    route->len = MIN(route->len,
                     PAGE_SIZE_MIN - (route->addr & (PAGE_SIZE_MIN - 1)));
}

static PCIePath *refuse(PCIeRoute *route, const PCIePath *up, const char *why)
{
    clip_to_page(route);
    return pcie_path_refused(up, why);
}

/*
 * @up: the way to the root complex. Returns the whole one
 * @is_write: what the vIOMMU is asked for; also for AtomicOps
 */
static PCIePath *route_beyond_rc(PCIeRoute *route, PCIeWalk *walk,
                                 const PCIeRequestAttrs *attrs, PCIePath *up,
                                 bool is_write, bool *is_new)
{
    *is_new = true;
    switch (walk->at) {
    case PCIE_AT_TRANSLATION_REQUEST:
        return may_ask(walk->requester) ? pcie_path_translation(up) :
               refuse(route, up, "there is no IOMMU to ask");
    case PCIE_AT_TRANSLATED:
        if (!is_translated(walk->requester, attrs)) {
            return refuse(route, up, "not what the IOMMU has translated");
        }
        route->as = &address_space_memory;
        break;
    default:
        if (!route_translate(route, walk->requester, is_write)) {
            return refuse(route, up, "the IOMMU does not permit it");
        }
    }
    walk->rc = true;
    walk->as = route->as;
    walk->addr = route->bus_addr;
    return find(walk, up, is_new);
}

/* Take over what the path says, and the reference to it */
static void route_take(PCIeRoute *route, PCIePath *path, uint64_t addr)
{
    route->path = path;
    route->end = path->end;
    clip_to_path(route, path, addr);
    route->keep_hint = path->keep_hint;
    route->as = path->as;
    route->function = path->function;
    route->bar = path->bar;
    route->offset = addr - path->bar_addr;
    route->status = path->status;
    route->rejecter = path->detector;
}

void pcie_route(PCIeRoute *route, PCIDevice *requester,
                const PCIeRequestAttrs *attrs, PCIeTLPType type,
                uint64_t addr, uint64_t len, unsigned int payload)
{
    PCIeWalk walk = {
        .requester = requester,
        .at = attrs->at,
        .th = attrs->th,
        .prefix = attrs->th && attrs->st_ext,
        .atomic = type != PCIE_TLP_MRD && type != PCIE_TLP_MWR,
        .payload = pow2ceil(MAX(payload, PCIE_MIN_PAYLOAD)),
        .addr = addr,
    };
    bool is_new = true;
    PCIePath *path;

    route->addr = addr;
    route->bus_addr = addr;
    route->len = len;
    if (pcie_bus_master(requester)) {
        path = find(&walk, NULL, &is_new);
    } else {
        path = pcie_path_unsent(requester);
    }
    if (path->end == PCIE_END_RC) {
        PCIePath *up = path;

        clip_to_path(route, up, addr);
        path = route_beyond_rc(route, &walk, attrs, up,
                               type != PCIE_TLP_MRD, &is_new);
        pcie_path_unref(up);
    }
    if (is_new) {
        pcie_report_path(requester, attrs, path);
    }
    route_take(route, path, walk.addr);
    if (trace_event_get_state_backends(TRACE_PCIE_FABRIC_ROUTE)) {
        trace_pcie_fabric_route(pci_requester_id(requester), addr,
                                route->bus_addr, route->len, path->nr_hops,
                                route->end, route->function ?
                                pci_requester_id(route->function) : 0);
    }
}

void pcie_route_release(PCIeRoute *route)
{
    pcie_path_unref(route->path);
}
