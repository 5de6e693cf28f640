/*
 * PCI Express fabric: the way of a request
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A request climbs from its function to the root complex, which translates
 * its address (vIOMMU) and sends it to memory, or down again to the function
 * whose BAR claims the translated address. QEMU's memory map decides who
 * claims: bridges put their windows there, and functions their BARs, as the
 * guest's memory enables and base registers say.
 */
#include "qemu/osdep.h"
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

static void route_reject(PCIeRoute *route, PCIDevice *rejecter)
{
    route->end = PCIE_END_REJECTED;
    route->status = PCIE_CPL_UR;
    route->rejecter = rejecter;
}

static bool bus_master(PCIDevice *dev)
{
    return pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

/* A port's link is above it for an upstream port, below it for all others */
static bool hop_comes_in(PCIDevice *port, bool up)
{
    return (pci_is_express(port) && port->exp.exp_cap &&
            pcie_cap_get_type(port) == PCI_EXP_TYPE_UPSTREAM) != up;
}

static bool has_prefixes(PCIDevice *port)
{
    return pci_is_express(port) && port->exp.exp_cap &&
           pci_get_long(port->config + port->exp.exp_cap + PCI_EXP_DEVCAP2) &
           PCI_EXP_DEVCAP2_EE_PREFIX;
}

static bool blocks_prefixes(PCIDevice *port)
{
    return pci_get_word(port->config + port->exp.exp_cap + PCI_EXP_DEVCTL2) &
           PCI_EXP_DEVCTL2_EETLPPB;
}

/*
 * Section 2.2.10.4: a receiver that does not know End-End TLP Prefixes finds
 * a prefixed TLP malformed and drops it; a port that was told to block them
 * does not send it.
 */
static bool hop_passes_prefix(PCIeRoute *route, const PCIeHop *hop)
{
    if (hop->ingress && !has_prefixes(hop->port)) {
        trace_pcie_fabric_malformed(pci_requester_id(hop->port), route->addr);
        route->end = PCIE_END_SILENT;
        return false;
    }
    if (!hop->ingress && (!has_prefixes(hop->port) ||
                          blocks_prefixes(hop->port))) {
        trace_pcie_fabric_prefix_blocked(pci_requester_id(hop->port),
                                         route->addr);
        route_reject(route, hop->port);
        return false;
    }
    return true;
}

/*
 * Add a port to the route. False: the request ends here. A TLP that comes in
 * from the link was seen there whatever happens next; one that does not get
 * out was not.
 */
static bool route_hop(PCIeRoute *route, PCIDevice *port, bool up, bool prefix)
{
    PCIeHop hop = {
        .port = port,
        .ingress = hop_comes_in(port, up),
        .beyond_rc = !up,
    };

    if (route->nr_hops == PCIE_ROUTE_MAX_HOPS) {
        route_reject(route, port);
        return false;
    }
    if (hop.ingress) {
        object_ref(OBJECT(port));
        route->hop[route->nr_hops++] = hop;
    }
    if (prefix && !hop_passes_prefix(route, &hop)) {
        return false;
    }
    if (up && !bus_master(port)) {
        trace_pcie_fabric_no_bus_master(pci_requester_id(port), route->addr);
        route_reject(route, port);
        return false;
    }
    if (!hop.ingress) {
        object_ref(OBJECT(port));
        route->hop[route->nr_hops++] = hop;
    }
    return true;
}

static PCIDevice *port_above(PCIDevice *dev)
{
    return pci_get_bus(dev)->parent_dev;
}

static bool route_up(PCIeRoute *route, PCIDevice *requester, bool prefix)
{
    PCIDevice *port;

    for (port = port_above(requester); port; port = port_above(port)) {
        if (!route_hop(route, port, true, prefix)) {
            return false;
        }
    }
    return true;
}

/* From the root complex to the port above @dev, outermost first */
static bool route_down(PCIeRoute *route, PCIDevice *dev, bool prefix)
{
    PCIDevice *port = port_above(dev);

    return !port || (route_down(route, port, prefix) &&
                     route_hop(route, port, false, prefix));
}

static PCIDevice *root_port(PCIDevice *dev)
{
    PCIDevice *port = port_above(dev);

    while (port && port_above(port)) {
        port = port_above(port);
    }
    return port;
}

/*
 * Look up one address. Fills in @cache, which keeps the region alive; clips
 * @len to what is alike.
 */
static MemoryRegion *lookup(MemoryRegionCache *cache, AddressSpace *as,
                            uint64_t addr, uint64_t *len, bool is_write)
{
    *len = address_space_cache_init(cache, as, addr, *len, is_write);
    return cache->mrs.mr;
}

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
 * Walk from the requester's view of memory to the region that it reaches.
 * NULL: the vIOMMU did not let it through. @cache is live otherwise.
 */
static MemoryRegion *route_translate(PCIeRoute *route, PCIDevice *requester,
                                     uint8_t at, bool is_write,
                                     MemoryRegionCache *cache)
{
    MemTxAttrs attrs = pcie_route_memattrs(requester);
    unsigned int i;

    route->as = at == PCIE_AT_TRANSLATED ? &address_space_memory :
        pci_device_iommu_address_space(requester);
    for (i = 0; i < MAX_TRANSLATIONS; i++) {
        MemoryRegion *mr = lookup(cache, route->as, route->bus_addr,
                                  &route->len, is_write);
        IOMMUMemoryRegion *iommu = memory_region_get_iommu(mr);
        bool ok;

        if (!iommu) {
            return mr;
        }
        ok = translate(route, iommu, cache->xlat, is_write, attrs);
        address_space_cache_destroy(cache);
        if (!ok) {
            break;
        }
    }
    return NULL;
}

/* The memory BAR of @dev that holds @addr, or -1 */
static int bar_at(PCIDevice *dev, uint64_t addr)
{
    int i;

    for (i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *r = &dev->io_regions[i];

        if (r->size && r->addr != PCI_BAR_UNMAPPED &&
            !(r->type & PCI_BASE_ADDRESS_SPACE_IO) &&
            addr >= r->addr && addr - r->addr < r->size) {
            return i;
        }
    }
    return -1;
}

static PCIDevice *owner_function(MemoryRegion *mr)
{
    Object *obj;

    for (obj = memory_region_owner(mr); obj; obj = obj->parent) {
        if (object_dynamic_cast(obj, TYPE_PCI_DEVICE)) {
            return PCI_DEVICE(obj);
        }
    }
    return NULL;
}

/*
 * Whose BAR was found? A part of a BAR may belong to a helper object without
 * a function of its own, hence the walk through the containers.
 */
static void route_find_function(PCIeRoute *route, MemoryRegion *mr)
{
    for (; mr; mr = mr->container) {
        PCIDevice *dev = owner_function(mr);
        int bar = dev ? bar_at(dev, route->bus_addr) : -1;

        if (bar >= 0) {
            object_ref(OBJECT(dev));
            route->function = dev;
            route->bar = bar;
            route->offset = route->bus_addr - dev->io_regions[bar].addr;
            route->len = MIN(route->len,
                             dev->io_regions[bar].size - route->offset);
            return;
        }
    }
}

static bool is_completer(PCIDevice *dev, int bar)
{
    PCIeCompleter *completer = (PCIeCompleter *)
        object_dynamic_cast(OBJECT(dev), TYPE_PCIE_COMPLETER);
    PCIeCompleterClass *cc;

    if (!completer) {
        return false;
    }
    cc = PCIE_COMPLETER_GET_CLASS(completer);
    return !cc->claims || cc->claims(completer, bar);
}

static PCIePeerPolicy peer_policy(PCIDevice *from, PCIDevice *to)
{
    PCIePeerPolicy policy = PCIE_PEER_KEEP;

    if (from) {
        policy = fabric_root_port_peer_policy(from);
    }
    if (to) {
        policy = MAX(policy, fabric_root_port_peer_policy(to));
    }
    return policy;
}

/* The root complex sends a request from one of its ports to another */
static void route_peer(PCIeRoute *route, PCIDevice *requester,
                       const PCIeRequestAttrs *attrs)
{
    PCIePeerPolicy policy = peer_policy(root_port(requester),
                                        root_port(route->function));

    if (policy == PCIE_PEER_REFUSE) {
        trace_pcie_fabric_peer_refused(pci_requester_id(requester),
                                       pci_requester_id(route->function),
                                       route->addr);
        route_reject(route, NULL);
        return;
    }
    route->keep_hint = policy == PCIE_PEER_KEEP;
    if (attrs->th && !route->keep_hint) {
        trace_pcie_fabric_hint_dropped(pci_requester_id(requester),
                                       pci_requester_id(route->function),
                                       attrs->ph, attrs->st);
    }
    if (!route_down(route, route->function,
                    attrs->st_ext && route->keep_hint)) {
        return;
    }
    route->end = is_completer(route->function, route->bar) ?
        PCIE_END_COMPLETER : PCIE_END_MEMORY;
}

/* Nobody is here; the next page may belong to somebody */
static void route_clip_to_page(PCIeRoute *route)
{
    route->len = MIN(route->len,
                     PAGE_SIZE_MIN - (route->addr & (PAGE_SIZE_MIN - 1)));
}

static void route_beyond_rc(PCIeRoute *route, PCIDevice *requester,
                            const PCIeRequestAttrs *attrs, bool is_write)
{
    MemoryRegionCache cache;
    MemoryRegion *mr;

    if (attrs->at != PCIE_AT_UNTRANSLATED && !pcie_ats_enabled(requester)) {
        /* Section 10.2.3: not from a function that has no ATS enabled */
        trace_pcie_fabric_translated(pci_requester_id(requester), route->addr);
        route_reject(route, NULL);
        return;
    }
    if (attrs->at == PCIE_AT_TRANSLATION_REQUEST) {
        route->end = PCIE_END_TRANSLATION;
        return;
    }
    mr = route_translate(route, requester, attrs->at, is_write, &cache);
    if (!mr) {
        trace_pcie_fabric_iommu_fault(pci_requester_id(requester),
                                      route->addr, is_write);
        route_clip_to_page(route);
        route_reject(route, NULL);
        return;
    }
    if (!mr->container && !memory_region_is_ram(mr)) {
        /* In no map: QEMU's region for what nobody claims */
        route_clip_to_page(route);
    }
    route_find_function(route, mr);
    address_space_cache_destroy(&cache);
    if (route->function) {
        route_peer(route, requester, attrs);
    } else {
        route->end = PCIE_END_MEMORY;
    }
}

void pcie_route(PCIeRoute *route, PCIDevice *requester,
                const PCIeRequestAttrs *attrs, uint64_t addr, uint64_t len,
                bool is_write)
{
    route->nr_hops = 0;
    route->addr = addr;
    route->bus_addr = addr;
    route->len = len;
    route->keep_hint = true;
    route->as = NULL;
    route->function = NULL;
    route->status = PCIE_CPL_SC;
    route->rejecter = NULL;

    if (!bus_master(requester)) {
        trace_pcie_fabric_no_bus_master(pci_requester_id(requester), addr);
        route->end = PCIE_END_SILENT;
        return;
    }
    if (route_up(route, requester, attrs->st_ext)) {
        route_beyond_rc(route, requester, attrs, is_write);
    }
    trace_pcie_fabric_route(pci_requester_id(requester), addr, route->bus_addr,
                            route->len, route->nr_hops, route->end,
                            route->function ?
                            pci_requester_id(route->function) : 0);
}

void pcie_route_release(PCIeRoute *route)
{
    while (route->nr_hops) {
        object_unref(OBJECT(route->hop[--route->nr_hops].port));
    }
    if (route->function) {
        object_unref(OBJECT(route->function));
    }
}
