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

static PCIePath *find(const PCIeWalk *walk, const PCIePath *up)
{
    return pcie_walk(walk, up);
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
        MemoryRegionCache cache;
        IOMMUMemoryRegion *iommu;
        bool ok;

        if (route->as == &address_space_memory) {
            return true;
        }
        route->len = address_space_cache_init(&cache, route->as,
                                              route->bus_addr, route->len,
                                              is_write);
        iommu = memory_region_get_iommu(cache.mrs.mr);
        ok = !iommu || translate(route, iommu, cache.xlat, is_write, attrs);
        address_space_cache_destroy(&cache);
        if (!iommu || !ok) {
            return ok;
        }
    }
    return false;
}

/* There is nobody who could have made the translation without a vIOMMU */
static bool may_be_translated(PCIDevice *requester)
{
    return pcie_ats_enabled(requester) &&
           pci_device_iommu_address_space(requester) != &address_space_memory;
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

/* @up: the way to the root complex. Returns the whole one */
static PCIePath *route_beyond_rc(PCIeRoute *route, PCIeWalk *walk,
                                 PCIePath *up, bool is_write)
{
    if (walk->at == PCIE_AT_UNTRANSLATED) {
        if (!route_translate(route, walk->requester, is_write)) {
            trace_pcie_fabric_iommu_fault(pci_requester_id(walk->requester),
                                          route->addr, is_write);
            return refuse(route, up, "the IOMMU does not permit it");
        }
    } else if (!may_be_translated(walk->requester)) {
        trace_pcie_fabric_translated(pci_requester_id(walk->requester),
                                     route->addr);
        return refuse(route, up, "translated without ATS");
    } else if (walk->at == PCIE_AT_TRANSLATED) {
        route->as = &address_space_memory;
    } else {
        return pcie_path_translation(up);
    }
    walk->rc = true;
    walk->as = route->as;
    walk->addr = route->bus_addr;
    return find(walk, up);
}

/* Take over what the path says, and the reference to it */
static void route_take(PCIeRoute *route, PCIePath *path, uint64_t addr)
{
    route->path = path;
    route->end = path->end;
    route->len = MIN(route->len - 1, path->span.last - addr) + 1;
    route->keep_hint = path->keep_hint;
    route->as = path->as;
    route->function = path->function;
    route->bar = path->bar;
    route->offset = addr - path->bar_addr;
    route->status = path->status;
    route->rejecter = path->detector;
}

void pcie_route(PCIeRoute *route, PCIDevice *requester,
                const PCIeRequestAttrs *attrs, uint64_t addr, uint64_t len,
                bool is_write)
{
    PCIeWalk walk = {
        .requester = requester,
        .at = attrs->at,
        .th = attrs->th,
        .prefix = attrs->th && attrs->st_ext,
        .addr = addr,
    };
    PCIePath *path;

    route->addr = addr;
    route->bus_addr = addr;
    route->len = len;
    if (pcie_bus_master(requester)) {
        path = find(&walk, NULL);
    } else {
        trace_pcie_fabric_no_bus_master(pci_requester_id(requester), addr);
        path = pcie_path_silent();
    }
    if (path->end == PCIE_END_RC) {
        PCIePath *up = path;

        path = route_beyond_rc(route, &walk, up, is_write);
        pcie_path_unref(up);
    }
    route_take(route, path, walk.addr);
    trace_pcie_fabric_route(pci_requester_id(requester), addr, route->bus_addr,
                            route->len, path->nr_hops, route->end,
                            route->function ?
                            pci_requester_id(route->function) : 0);
}

void pcie_route_release(PCIeRoute *route)
{
    pcie_path_unref(route->path);
}
