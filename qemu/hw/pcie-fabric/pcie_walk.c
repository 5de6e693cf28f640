/*
 * PCI Express fabric: the way of a request, port by port
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A request climbs from its function. The port of a switch that it comes in
 * at may send it on to a port beside it (peer to peer) or towards the root
 * complex, as the bridge windows and Access Control Services say; everything
 * else reaches the root complex, which sends it to memory or down again. PCI
 * Express Base Specification 6.x, sections 6.12 (ACS), 7.5.1.3 (bridges),
 * 2.2.10.4 (End-End TLP Prefixes), 6.15 (AtomicOps).
 *
 * QEMU's memory map decides who claims an address: bridges put their windows
 * there, and functions their BARs, as the guest's memory enables and base
 * registers say. There the later of two overlapping ones wins. The walk follows
 * QEMU's tree of buses, in which no loop is possible, whatever a guest writes
 * into bus number registers; those count for Source Validation.
 *
 * Not looked at: VGA and ISA bits of bridges, ACS P2P Egress Control and
 * Enhanced ACS, which our ports do not have.
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "exec/memory.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_tph.h"

#define PAGE_SIZE_MIN       4096
#define LARGE_PAGE          0x200000
/* More of a region is not asked for at once */
#define MAX_REGION          (1ull << 48)

/* Paths */

static PCIePath *path_new(void)
{
    PCIePath *path = g_new0(PCIePath, 1);

    path->refs = 1;
    path->span.last = UINT64_MAX;
    path->keep_hint = true;
    return path;
}

static void ref(PCIDevice *dev)
{
    if (dev) {
        object_ref(OBJECT(dev));
    }
}

static void unref(PCIDevice *dev)
{
    if (dev) {
        object_unref(OBJECT(dev));
    }
}

PCIePath *pcie_path_ref(PCIePath *path)
{
    path->refs++;
    return path;
}

void pcie_path_unref(PCIePath *path)
{
    if (--path->refs) {
        return;
    }
    for (unsigned int i = 0; i < path->nr_hops; i++) {
        unref(path->hop[i].port);
    }
    for (unsigned int i = 0; i < path->nr_cpl_hops; i++) {
        unref(path->cpl_hop[i].port);
    }
    unref(path->function);
    unref(path->detector);
    g_free(path);
}

static bool path_end(PCIePath *path, PCIeRouteEnd end, PCIDevice *detector,
                     uint32_t error, const char *why)
{
    path->end = end;
    path->status = error == PCI_ERR_UNC_ACSV ? PCIE_CPL_CA : PCIE_CPL_UR;
    path->detector = detector;
    path->error = error;
    path->why = why;
    ref(detector);
    return false;
}

/* A non-posted request gets a completion: CA after an ACS violation, else UR */
static bool path_reject(PCIePath *path, PCIDevice *detector, uint32_t error,
                        const char *why)
{
    return path_end(path, PCIE_END_REJECTED, detector, error, why);
}

PCIePath *pcie_path_unsent(PCIDevice *requester)
{
    PCIePath *path = path_new();

    path_end(path, PCIE_END_SILENT, requester, 0, "bus mastering is off");
    return path;
}

static void path_copy_hops(PCIePath *path, const PCIePath *from)
{
    path->nr_hops = from->nr_hops;
    for (unsigned int i = 0; i < from->nr_hops; i++) {
        path->hop[i] = from->hop[i];
        ref(path->hop[i].port);
    }
}

PCIePath *pcie_path_refused(const PCIePath *up, const char *why)
{
    PCIePath *path = path_new();

    path_copy_hops(path, up);
    path->via_rc = true;
    path_reject(path, NULL, 0, why);
    return path;
}

PCIePath *pcie_path_translation(const PCIePath *up)
{
    PCIePath *path = path_new();

    path_copy_hops(path, up);
    path->via_rc = true;
    path->end = PCIE_END_TRANSLATION;
    return path;
}

bool pcie_path_redirects(const PCIePath *path, uint8_t attr)
{
    return path->nr_cpl_hops && !(attr & PCIE_ATTR_RELAXED);
}

bool pcie_path_completion_hop(const PCIePath *path, uint8_t attr,
                              unsigned int n, PCIeHop *hop)
{
    if (pcie_path_redirects(path, attr)) {
        *hop = path->cpl_hop[MIN(n, path->nr_cpl_hops - 1)];
        return n < path->nr_cpl_hops;
    }
    if (n >= path->nr_hops) {
        return false;
    }
    *hop = path->hop[path->nr_hops - 1 - n];
    hop->ingress = !hop->ingress;
    return true;
}

/* Hops */

/* A port's link is above it for an upstream port, below it for all others */
static bool hop_comes_in(PCIDevice *port, bool up)
{
    return pcie_port_is(port, PCI_EXP_TYPE_UPSTREAM) != up;
}

static bool add_hop(PCIePath *path, PCIDevice *port, bool ingress,
                    bool beyond_rc)
{
    if (path->nr_hops == PCIE_ROUTE_MAX_HOPS) {
        return path_reject(path, port, PCI_ERR_UNC_UNSUP, "too many ports");
    }
    path->hop[path->nr_hops++] = (PCIeHop) { port, ingress, beyond_rc };
    ref(port);
    return true;
}

/* The root complex takes the prefix away together with the hint */
static bool has_prefix(const PCIeWalk *walk, const PCIePath *path)
{
    return walk->prefix && path->keep_hint;
}

/*
 * From the link into a port, or into the function at the end. A TLP was seen
 * there whatever happens next; one that does not get out was not.
 */
static bool takes_prefix(const PCIeWalk *walk, PCIePath *path, PCIDevice *dev)
{
    return !has_prefix(walk, path) || pcie_prefix_supported(dev) ||
           path_end(path, PCIE_END_SILENT, dev, PCI_ERR_UNC_MALF_TLP,
                    "malformed: no End-End TLP Prefix support");
}

/* Section 2.2.2: more than Max_Payload_Size is malformed where it comes in */
static bool takes_payload(const PCIeWalk *walk, PCIePath *path, PCIDevice *dev)
{
    return walk->payload <= pcie_devctl_payload(dev) ||
           path_end(path, PCIE_END_SILENT, dev, PCI_ERR_UNC_MALF_TLP,
                    "malformed: larger than Max_Payload_Size");
}

/*
 * Section 7.5.3.15: a port that does not route AtomicOps has none to pass on.
 * What the root complex does with those that come in at its port is another
 * question.
 */
static bool routes_atomic(const PCIeWalk *walk, PCIePath *path,
                          PCIDevice *port)
{
    return !walk->atomic || pcie_atomics_routed(port) ||
           path_reject(path, port, PCI_ERR_UNC_UNSUP, "no AtomicOp Routing");
}

static bool comes_in(const PCIeWalk *walk, PCIePath *path, PCIDevice *dev)
{
    return takes_prefix(walk, path, dev) && takes_payload(walk, path, dev);
}

static bool hop_in(const PCIeWalk *walk, PCIePath *path, PCIDevice *port,
                   bool beyond_rc)
{
    return add_hop(path, port, true, beyond_rc) &&
           comes_in(walk, path, port) &&
           (pcie_port_is(port, PCI_EXP_TYPE_ROOT_PORT) ||
            routes_atomic(walk, path, port));
}

static bool hop_out(const PCIeWalk *walk, PCIePath *path, PCIDevice *port,
                    bool beyond_rc)
{
    if (has_prefix(walk, path) && !pcie_prefix_supported(port)) {
        return path_reject(path, port, PCI_ERR_UNC_TLP_PRF_BLOCKED,
                           "no End-End TLP Prefix support");
    }
    if (has_prefix(walk, path) && pcie_prefix_blocked(port)) {
        return path_reject(path, port, PCI_ERR_UNC_TLP_PRF_BLOCKED,
                           "End-End TLP Prefix Blocking");
    }
    if (!routes_atomic(walk, path, port)) {
        return false;
    }
    if (walk->atomic && pcie_atomics_blocked(port)) {
        return path_reject(path, port, PCI_ERR_UNC_ATOP_EBLOCKED,
                           "AtomicOp Egress Blocking");
    }
    return add_hop(path, port, false, beyond_rc);
}

/* Down */

static bool pass_down(const PCIeWalk *walk, PCIePath *path, PCIDevice *port)
{
    return hop_comes_in(port, false) ? hop_in(walk, path, port, walk->rc) :
                                       hop_out(walk, path, port, walk->rc);
}

/* From the bus below @top (NULL: from the root complex) to that of @dev */
static bool descend(const PCIeWalk *walk, PCIePath *path, PCIDevice *top,
                    PCIDevice *dev)
{
    PCIDevice *port = pcie_port_above(dev);

    return !port || port == top ||
           (descend(walk, path, top, port) && pass_down(walk, path, port));
}

/* Whose window on the bus has the address? The first one in devfn order */
static PCIDevice *claiming_bridge(PCIBus *bus, uint64_t addr, PCIeSpan *span)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(bus->devices); i++) {
        PCIDevice *dev = bus->devices[i];

        if (dev && object_dynamic_cast(OBJECT(dev), TYPE_PCI_BRIDGE) &&
            pcie_port_window_has(dev, addr, span)) {
            return dev;
        }
    }
    return NULL;
}

/*
 * In windows but in no BAR: it goes as deep as windows reach. The function at
 * the end of the last link finds that it supports no such request, or the port
 * if there is none.
 */
static void descend_unclaimed(const PCIeWalk *walk, PCIePath *path,
                              PCIDevice *bridge)
{
    PCIDevice *last;
    PCIBus *bus;

    do {
        if (!pass_down(walk, path, bridge)) {
            return;
        }
        last = bridge;
        bus = pci_bridge_get_sec_bus(PCI_BRIDGE(last));
        bridge = claiming_bridge(bus, walk->addr, &path->span);
    } while (bridge);
    path_reject(path, bus->devices[0] ?: last, PCI_ERR_UNC_UNSUP, "in no BAR");
}

/* Who claims an address */

/* The memory BAR of @dev that holds @addr, or -1 */
static int bar_at(PCIDevice *dev, uint64_t addr)
{
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
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
static PCIDevice *find_function(MemoryRegion *mr, uint64_t addr, int *bar)
{
    for (; mr; mr = mr->container) {
        PCIDevice *dev = owner_function(mr);

        *bar = dev ? bar_at(dev, addr) : -1;
        if (*bar >= 0) {
            return dev;
        }
    }
    return NULL;
}

static void clip(PCIeSpan *span, uint64_t first, uint64_t last)
{
    span->first = MAX(span->first, first);
    span->last = MIN(span->last, last);
}

static void clip_to_page(PCIeSpan *span, uint64_t addr)
{
    uint64_t first = QEMU_ALIGN_DOWN(addr, PAGE_SIZE_MIN);

    clip(span, first, first + (PAGE_SIZE_MIN - 1));
}

/* How many of @len bytes from @first the memory map has in a piece with @mr */
static uint64_t in_one_piece(AddressSpace *as, MemoryRegion *mr, uint64_t first,
                             uint64_t len)
{
    MemoryRegionSection section = memory_region_find(as->root, first, len);
    uint64_t size = 0;

    if (section.mr == mr && section.offset_within_address_space == first) {
        size = int128_get64(section.size);
    }
    if (section.mr) {
        memory_region_unref(section.mr);
    }
    return size;
}

/* The addresses of @span around @addr that the same region is known to have */
static void clip_to_region(PCIeSpan *span, AddressSpace *as, MemoryRegion *mr,
                           uint64_t addr)
{
    const uint64_t tries[] = {
        span->first, QEMU_ALIGN_DOWN(addr, LARGE_PAGE),
        QEMU_ALIGN_DOWN(addr, PAGE_SIZE_MIN),
    };
    uint64_t len = MIN(span->last - addr, MAX_REGION) + 1;
    uint64_t first = addr;

    for (unsigned int i = 0; i < ARRAY_SIZE(tries); i++) {
        uint64_t below = addr - tries[i];

        if (below < MAX_REGION &&
            in_one_piece(as, mr, tries[i], below + 1) == below + 1) {
            first = tries[i];
            break;
        }
    }
    clip(span, first, addr + in_one_piece(as, mr, addr, len) - 1);
}

/* The path ends in a BAR, perhaps */
static void set_function(PCIePath *path, MemoryRegion *mr, uint64_t addr)
{
    PCIDevice *dev = find_function(mr, addr, &path->bar);
    PCIIORegion *r;

    if (dev) {
        r = &dev->io_regions[path->bar];
        clip(&path->span, r->addr, r->addr + (r->size - 1));
        ref(dev);
        path->function = dev;
        path->bar_addr = r->addr;
    }
}

/*
 * Find out what is at the address. Sets the path's function, if it is one, and
 * its span. False: nothing is there; the next page may belong to somebody.
 */
static bool look_up(const PCIeWalk *walk, PCIePath *path, AddressSpace *as)
{
    MemoryRegion *mr = memory_region_find(as->root, walk->addr, 1).mr;

    if (!mr) {
        clip_to_page(&path->span, walk->addr);
        return false;
    }
    set_function(path, mr, walk->addr);
    clip_to_region(&path->span, as, mr, walk->addr);
    memory_region_unref(mr);
    path->as = as;
    return true;
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

/* To the path's function */
static bool reach_function(const PCIeWalk *walk, PCIePath *path, PCIDevice *top)
{
    if (!descend(walk, path, top, path->function) ||
        !comes_in(walk, path, path->function)) {
        return false;
    }
    path->end = is_completer(path->function, path->bar) ? PCIE_END_COMPLETER :
                                                          PCIE_END_MEMORY;
    return true;
}

/* Peer to peer in a switch */

/*
 * A request for what is behind the very port that it came in at: redirected
 * below, or an IOVA that looks like it. What a root port without ACS does with
 * it is its own business (section 6.12.1.1): ours sends it on, since what root
 * complexes that isolate without ACS do is just that.
 */
static bool forwards_own(PCIDevice *port)
{
    return pcie_port_acs(port, PCI_ACS_UF) ||
           (pcie_port_is(port, PCI_EXP_TYPE_ROOT_PORT) &&
            !pcie_port_has_acs(port));
}

/* The port of the bus below @up that leads to @dev, or @dev itself */
static PCIDevice *child_towards(PCIDevice *up, PCIDevice *dev)
{
    while (dev && pcie_port_above(dev) != up) {
        dev = pcie_port_above(dev);
    }
    return dev;
}

/*
 * Section 6.12.1.1: with P2P Completion Redirect at the port where they come
 * in, completions go up to the root complex and down again. Above @up they are
 * for what is behind the very port that they come in at, and need what requests
 * need there.
 */
static void redirect_completions(const PCIeWalk *walk, PCIePath *path,
                                 PCIDevice *up)
{
    PCIDevice *port;
    unsigned int n = 0, down;

    for (port = pcie_port_above(path->function);
         port && n < PCIE_ROUTE_MAX_HOPS; port = pcie_port_above(port)) {
        path->cpl_hop[n++] = (PCIeHop) { port, hop_comes_in(port, true),
                                         false };
    }
    down = n;
    for (port = pcie_port_above(walk->requester);
         port && n < PCIE_ROUTE_MAX_HOPS; port = pcie_port_above(port)) {
        memmove(&path->cpl_hop[down + 1], &path->cpl_hop[down],
                (n++ - down) * sizeof(path->cpl_hop[0]));
        path->cpl_hop[down] = (PCIeHop) { port, hop_comes_in(port, false),
                                          false };
    }
    path->nr_cpl_hops = n;
    for (unsigned int i = 0; i < n; i++) {
        ref(path->cpl_hop[i].port);
    }
    for (port = pcie_port_above(up); port && !path->cpl_end;
         port = pcie_port_above(port)) {
        if (pcie_port_faces_down(port) && !forwards_own(port)) {
            path->cpl_end = port;
        }
    }
}

/* On the bus below @up, to whom the memory map says */
static void turn(const PCIeWalk *walk, PCIePath *path, PCIDevice *up,
                 PCIDevice *bridge)
{
    AddressSpace *as = &PCI_BRIDGE(up)->as_mem;
    PCIDevice *peer;

    if (!look_up(walk, path, as)) {
        descend_unclaimed(walk, path, bridge);
        return;
    }
    peer = child_towards(up, path->function);
    if (!peer) {
        path->end = PCIE_END_MEMORY;
        return;
    }
    if (reach_function(walk, path, up) && pcie_port_acs(peer, PCI_ACS_CR)) {
        redirect_completions(walk, path, up);
    }
}

/* Section 6.12.1.1: Direct Translated P2P exempts from Request Redirect */
static bool is_redirected(const PCIeWalk *walk, PCIDevice *port)
{
    return pcie_port_acs(port, PCI_ACS_RR) &&
           !(walk->at == PCIE_AT_TRANSLATED && pcie_port_acs(port, PCI_ACS_DT));
}

/*
 * At the downstream port of a switch. True: on it goes, upwards. The bridge of
 * the upstream port takes only what is in none of its windows.
 */
static bool pass_switch(const PCIeWalk *walk, PCIePath *path, PCIDevice *port)
{
    PCIDevice *up = pcie_port_above(port);
    PCIDevice *bridge;

    if (!up || !pcie_port_window_has(up, walk->addr, &path->span)) {
        return true;
    }
    bridge = claiming_bridge(pci_get_bus(port), walk->addr, &path->span);
    if (!bridge) {
        return path_reject(path, port, PCI_ERR_UNC_UNSUP,
                           "in no window of the switch");
    }
    if (is_redirected(walk, port)) {
        return true;
    }
    turn(walk, path, up, bridge);
    return false;
}

/* Up */

/* Section 6.12.1.1, what a port does to requests before it routes them */
static bool acs_lets_in(const PCIeWalk *walk, PCIePath *path, PCIDevice *port)
{
    if (pcie_port_acs(port, PCI_ACS_SV) &&
        !pcie_port_has_bus(port, pci_dev_bus_num(walk->requester))) {
        return path_reject(path, port, PCI_ERR_UNC_ACSV,
                           "ACS Source Validation");
    }
    if (pcie_port_acs(port, PCI_ACS_TB) && walk->at != PCIE_AT_UNTRANSLATED) {
        return path_reject(path, port, PCI_ERR_UNC_ACSV,
                           "ACS Translation Blocking");
    }
    return true;
}

static bool climb_facing_down(const PCIeWalk *walk, PCIePath *path,
                              PCIDevice *port)
{
    if (!hop_in(walk, path, port, false)) {
        return false;
    }
    if (!pcie_bus_master(port)) {
        return path_reject(path, port, PCI_ERR_UNC_UNSUP,
                           "bus mastering is off");
    }
    if (!acs_lets_in(walk, path, port)) {
        return false;
    }
    /* Section 10.2.2: these are for the root complex whatever the address */
    if (walk->at == PCIE_AT_TRANSLATION_REQUEST) {
        return true;
    }
    if (pcie_port_window_has(port, walk->addr, &path->span)) {
        return forwards_own(port) ||
               path_reject(path, port, PCI_ERR_UNC_UNSUP,
                           "back to where it comes from, without ACS Upstream "
                           "Forwarding");
    }
    return !pcie_port_is(port, PCI_EXP_TYPE_DOWNSTREAM) ||
           pass_switch(walk, path, port);
}

static bool climb_facing_up(const PCIeWalk *walk, PCIePath *path,
                            PCIDevice *port)
{
    if (!pcie_bus_master(port)) {
        return path_reject(path, port, PCI_ERR_UNC_UNSUP,
                           "bus mastering is off");
    }
    return hop_out(walk, path, port, false);
}

static void climb(const PCIeWalk *walk, PCIePath *path)
{
    PCIDevice *port;

    for (port = pcie_port_above(walk->requester); port;
         port = pcie_port_above(port)) {
        if (!(pcie_port_faces_down(port) ?
              climb_facing_down(walk, path, port) :
              climb_facing_up(walk, path, port))) {
            return;
        }
    }
    path->end = PCIE_END_RC;
}

/* The root complex */

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
static void cross_rc(const PCIeWalk *walk, PCIePath *path)
{
    PCIDevice *from = pcie_root_port(walk->requester);
    PCIePeerPolicy policy = peer_policy(from, pcie_root_port(path->function));

    if (policy == PCIE_PEER_REFUSE) {
        path_reject(path, from, PCI_ERR_UNC_UNSUP,
                    "root complex refuses peer requests");
        return;
    }
    path->keep_hint = policy == PCIE_PEER_KEEP;
    if (!from || routes_atomic(walk, path, from)) {
        reach_function(walk, path, NULL);
    }
}

/* To what is no BAR */
static void reach_memory(const PCIeWalk *walk, PCIePath *path)
{
    PCIDevice *from = pcie_root_port(walk->requester);

    if (walk->atomic && from && !pcie_atomics_completed(from)) {
        path_reject(path, from, PCI_ERR_UNC_UNSUP,
                    "the root complex completes no AtomicOps");
        return;
    }
    path->end = PCIE_END_MEMORY;
}

static void walk_from_rc(const PCIeWalk *walk, PCIePath *path)
{
    PCIDevice *bridge;

    if (look_up(walk, path, walk->as)) {
        if (path->function) {
            cross_rc(walk, path);
        } else {
            reach_memory(walk, path);
        }
        return;
    }
    bridge = claiming_bridge(pci_device_root_bus(walk->requester), walk->addr,
                             &path->span);
    if (bridge) {
        descend_unclaimed(walk, path, bridge);
    } else {
        path_reject(path, pcie_root_port(walk->requester), PCI_ERR_UNC_UNSUP,
                    "nobody claims the address");
    }
}

PCIePath *pcie_walk(const PCIeWalk *walk, const PCIePath *up)
{
    PCIePath *path = path_new();

    if (up) {
        path_copy_hops(path, up);
        path->via_rc = true;
        walk_from_rc(walk, path);
    } else {
        climb(walk, path);
    }
    return path;
}
