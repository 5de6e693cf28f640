/*
 * PCI Express fabric: what its parts know of each other
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * pcie_devctl.c       what Device Control says about a function
 * pcie_port.c         what the registers of a port say
 * pcie_walk.c         which ports a request passes, and where it ends
 * pcie_route.c        the same, remembered; and what the vIOMMU has to say
 * pcie_report.c       errors for the guest, trace events for people
 * pcie_wire.c         the TLPs of a request and of its completions, for taps
 * pcie_fabric.c       requests of device models: cut, route, deliver
 * fabric_port.c       what our ports have in common
 * fabric_root_port.c  a port with what QEMU's stock ports lack
 * fabric_switch.c     the same for switches
 * pcie_ats.c          address translation: caches, and what the vIOMMU answers
 * pcie_tph.c          capabilities and control register of TPH
 * pcie_analyzer.c     the tap that writes captures
 */
#ifndef HW_PCIE_FABRIC_INTERNAL_H
#define HW_PCIE_FABRIC_INTERNAL_H

#include "exec/memattrs.h"
#include "hw/pci/pcie_ats.h"
#include "hw/pci/pcie_fabric.h"
#include "hw/pci/pcie_tph.h"

/* Device Control */

/* A payload of this size is refused nowhere */
#define PCIE_MIN_PAYLOAD    128

/** pcie_devctl_payload(): Max_Payload_Size that the guest has set, in bytes */
unsigned int pcie_devctl_payload(PCIDevice *dev);

/** pcie_devctl_read_request(): Max_Read_Request_Size, in bytes */
unsigned int pcie_devctl_read_request(PCIDevice *dev);

/** pcie_devctl_tags(): how many transaction tags @dev may have in use */
unsigned int pcie_devctl_tags(PCIDevice *dev);

/** pcie_devctl_attr(): those of @attr (PCIE_ATTR_*) that @dev may set */
uint8_t pcie_devctl_attr(PCIDevice *dev, uint8_t attr);

/* TPH */

/** pcie_tph_completer(): what @dev takes; a reserved value counts as none */
PCIeTPHCompleter pcie_tph_completer(PCIDevice *dev);

/* Ports */

#define FABRIC_VENDOR_ID    0x1234
#define FABRIC_PORT_AER     0x100       /* extended capabilities */
#define FABRIC_PORT_ACS     (FABRIC_PORT_AER + PCI_ERR_SIZEOF)

typedef struct FabricPort {
    bool prefix;
    uint32_t max_payload;
} FabricPort;

/*
 * @_link: the type that has the link's speed and width, whose default is wide
 * and fast: drivers warn of less
 */
#define FABRIC_PORT_PROPERTIES(_state, _field, _link)                   \
    DEFINE_PROP_BOOL("prefix", _state, _field.prefix, true),            \
    DEFINE_PROP_UINT32("max-payload", _state, _field.max_payload, 512), \
    DEFINE_PROP_PCIE_LINK_SPEED("x-speed", _link, speed,                \
                                PCIE_LINK_SPEED_32),                    \
    DEFINE_PROP_PCIE_LINK_WIDTH("x-width", _link, width,                \
                                PCIE_LINK_WIDTH_16)

/** fabric_port_check(): are the properties possible? Else sets @errp */
bool fabric_port_check(const FabricPort *port, Error **errp);

/** fabric_port_init(): after the PCI Express capability was added to @dev */
void fabric_port_init(PCIDevice *dev, const FabricPort *port);

/** fabric_port_reset(): after QEMU's own resets of bridge and capability */
void fabric_port_reset(PCIDevice *dev);

/**
 * fabric_port_slot_value(): what a write of @val to @addr means for a slot
 *
 * QEMU ejects what is in it if the power is written off, even if the slot has
 * no power controller. Returns the value to write instead.
 */
uint32_t fabric_port_slot_value(PCIDevice *dev, uint32_t addr, uint32_t val);

/**
 * fabric_port_class_init(): ids, description and state to migrate
 *
 * After the class has got its properties.
 */
void fabric_port_class_init(ObjectClass *klass, uint16_t device_id,
                            const char *desc);

/** fabric_port_describe_acs(): say what the property "acs" is */
void fabric_port_describe_acs(ObjectClass *klass);

/** fabric_port_slot_init(): a slot is hot-plugged only if asked for */
void fabric_port_slot_init(Object *obj);

/*
 * What a root complex does with the hint of a peer request; the later, the
 * stricter: between two ports the stricter one's counts.
 */
typedef enum PCIePeerPolicy {
    PCIE_PEER_KEEP,
    PCIE_PEER_DROP,
    PCIE_PEER_REFUSE,
} PCIePeerPolicy;

#define TYPE_FABRIC_ROOT_PORT "fabric-root-port"

/**
 * fabric_root_port_peer_policy(): the property "peer" of the root port @port
 *
 * PCIE_PEER_DROP, as CPUs do, for a port that is not ours.
 */
PCIePeerPolicy fabric_root_port_peer_policy(PCIDevice *port);

/* What the registers of any port say, ours or a stock one */

/* Addresses from @first to @last */
typedef struct PCIeSpan {
    uint64_t first;
    uint64_t last;
} PCIeSpan;

/** pcie_port_is(): is it a port of this kind (PCI_EXP_TYPE_*)? */
bool pcie_port_is(PCIDevice *port, uint8_t type);

/** pcie_port_faces_down(): a root port, or the downstream port of a switch? */
bool pcie_port_faces_down(PCIDevice *port);

/** pcie_port_above(): the port that the bus of @dev belongs to; NULL: none */
PCIDevice *pcie_port_above(PCIDevice *dev);

/** pcie_root_port(): above @dev; NULL for a function of the root complex */
PCIDevice *pcie_root_port(PCIDevice *dev);

/** pcie_bus_master(): may @dev send requests, or pass them on upwards? */
bool pcie_bus_master(PCIDevice *dev);

/** pcie_prefix_supported(): does @dev know End-End TLP Prefixes? */
bool pcie_prefix_supported(PCIDevice *dev);

/** pcie_prefix_blocked(): may none leave through @port? */
bool pcie_prefix_blocked(PCIDevice *port);

/** pcie_atomics_routed(): does @port pass AtomicOps on? */
bool pcie_atomics_routed(PCIDevice *port);

/** pcie_atomics_blocked(): may none leave through @port? */
bool pcie_atomics_blocked(PCIDevice *port);

/** pcie_atomics_completed(): does the root complex, behind this root port? */
bool pcie_atomics_completed(PCIDevice *port);

/** pcie_port_has_acs(): is there an ACS capability? */
bool pcie_port_has_acs(PCIDevice *port);

/** pcie_port_acs(): is the bit of ACS Control set? */
bool pcie_port_acs(PCIDevice *port, uint16_t bit);

/** pcie_port_has_bus(): is the bus number one of those behind @port? */
bool pcie_port_has_bus(PCIDevice *port, uint8_t bus);

/**
 * pcie_port_window_has(): is @addr in an enabled window of the bridge?
 * @span: shrinks to addresses around @addr that get the same answer, yes or no
 */
bool pcie_port_window_has(PCIDevice *bridge, uint64_t addr, PCIeSpan *span);

/**
 * pcie_port_fingerprint(): a sum of the registers that decide about routes
 *
 * But for the windows, which are in the memory map.
 */
uint32_t pcie_port_fingerprint(PCIDevice *port);

/* Routes */

#define PCIE_ROUTE_MAX_HOPS 32

/**
 * struct PCIeHop: a request passes a port
 * @ingress: comes in from the port's link, else goes out to it
 * @beyond_rc: after the root complex: translated, and perhaps without hint
 */
typedef struct PCIeHop {
    PCIDevice *port;
    bool ingress;
    bool beyond_rc;
} PCIeHop;

typedef enum PCIeRouteEnd {
    PCIE_END_MEMORY,        /* plain memory dispatch */
    PCIE_END_TRANSLATION,   /* a Translation Request at the root complex */
    PCIE_END_COMPLETER,     /* a function that takes whole TLPs */
    PCIE_END_REJECTED,      /* completion with @status if non-posted */
    PCIE_END_SILENT,        /* never sent, or dropped without a completion */
    PCIE_END_RC,            /* at the root complex, not yet translated */
} PCIeRouteEnd;

/**
 * struct PCIePath: the way of requests of one kind to the addresses of @span
 * @hop, @nr_hops: ports passed, in the order in which a request passes them
 * @cpl_hop, @nr_cpl_hops: the same for completions if they go another way (ACS
 *                         P2P Completion Redirect); none: back the same way.
 *                         Completions with relaxed ordering always do
 * @cpl_end: the port on that way that does not send them on; NULL: none
 * @via_rc: it comes to the root complex
 * @keep_hint: false: the root complex took the hint away
 * @as: address space for the plain memory dispatch
 * @function, @bar, @bar_addr: whose BAR it is, and where it begins; NULL: none
 * @status: PCIE_END_REJECTED's
 * @detector: who completes then, or drops the request, and reports it; NULL:
 *            the root complex
 * @error: what @detector reports, PCI_ERR_UNC_*, or 0
 * @why: the same for people
 *
 * Made once, never changed; shared by whoever holds a reference.
 */
typedef struct PCIePath {
    unsigned int refs;
    PCIeSpan span;
    PCIeHop hop[PCIE_ROUTE_MAX_HOPS];
    unsigned int nr_hops;
    PCIeHop cpl_hop[PCIE_ROUTE_MAX_HOPS];
    unsigned int nr_cpl_hops;
    PCIDevice *cpl_end;
    PCIeRouteEnd end;
    bool via_rc;
    bool keep_hint;
    AddressSpace *as;
    PCIDevice *function;
    int bar;
    uint64_t bar_addr;
    PCIeCplStatus status;
    PCIDevice *detector;
    uint32_t error;
    const char *why;
} PCIePath;

/**
 * struct PCIeRoute: where the first @len bytes of a request go
 * @path: the ports on the way; the fields below that it has are copies
 * @addr: address as the requester sent it
 * @bus_addr: address beyond the root complex
 * @offset: where in @bar of @function
 * @rejecter: PCIePath's detector
 */
typedef struct PCIeRoute {
    PCIePath *path;
    PCIeRouteEnd end;
    uint64_t addr;
    uint64_t bus_addr;
    uint64_t len;
    bool keep_hint;
    AddressSpace *as;
    PCIDevice *function;
    int bar;
    uint64_t offset;
    PCIeCplStatus status;
    PCIDevice *rejecter;
} PCIeRoute;

/**
 * pcie_route(): find the way of a request
 * @len: at least 1; @addr + @len does not wrap
 * @type: of the request
 * @payload: bytes in a TLP, at most; 0 for a read
 *
 * Holds references that pcie_route_release() gives back.
 */
void pcie_route(PCIeRoute *route, PCIDevice *requester,
                const PCIeRequestAttrs *attrs, PCIeTLPType type,
                uint64_t addr, uint64_t len, unsigned int payload);

/** pcie_route_release(): the route is not needed any more */
void pcie_route_release(PCIeRoute *route);

/** pcie_route_forget(): no path that was found so far may be used again */
void pcie_route_forget(void);

/** pcie_route_memattrs(): what QEMU's memory core has to know of a requester */
MemTxAttrs pcie_route_memattrs(PCIDevice *requester);

/* Walks: how paths are found */

/**
 * struct PCIeWalk: a request on its way
 * @prefix: has an End-End TLP Prefix
 * @atomic: an AtomicOp
 * @payload: bytes in a TLP, at most
 * @rc: starts at the root complex, with a translated address in @as
 */
typedef struct PCIeWalk {
    PCIDevice *requester;
    uint8_t at;
    bool th;
    bool prefix;
    bool atomic;
    bool rc;
    unsigned int payload;
    AddressSpace *as;
    uint64_t addr;
} PCIeWalk;

/**
 * pcie_walk(): find the path of a request
 * @up: with @walk->rc: the path to the root complex; else NULL
 *
 * Returns a path of its own, to be given back with pcie_path_unref().
 */
PCIePath *pcie_walk(const PCIeWalk *walk, const PCIePath *up);

/** pcie_path_unsent(): ends where it begins: the requester may not send */
PCIePath *pcie_path_unsent(PCIDevice *requester);

/** pcie_path_refused(): like @up, but refused by the root complex */
PCIePath *pcie_path_refused(const PCIePath *up, const char *why);

/** pcie_path_translation(): like @up, for a Translation Request */
PCIePath *pcie_path_translation(const PCIePath *up);

/** pcie_path_redirects(): do completions with @attr go the way of cpl_hop? */
bool pcie_path_redirects(const PCIePath *path, uint8_t attr);

/**
 * pcie_path_completion_hop(): the @n-th hop of completions with @attr
 *
 * False: there are not so many.
 */
bool pcie_path_completion_hop(const PCIePath *path, uint8_t attr,
                              unsigned int n, PCIeHop *hop);

/** pcie_path_ref(): another holder. Returns @path */
PCIePath *pcie_path_ref(PCIePath *path);

/** pcie_path_unref(): the last one frees it */
void pcie_path_unref(PCIePath *path);

/* Reports */

/**
 * pcie_report_error(): Advanced Error Reporting at @dev
 * @dev, @error: NULL and 0 for errors that nobody reports
 * @completes: the requester learns of it by a completion
 * @tlp: for the Header Log; NULL for an error that has no TLP
 *
 * Nothing that a request in flight looks at changes: the interrupt, if the
 * guest wants one, is sent when no request is under way.
 */
void pcie_report_error(PCIDevice *dev, uint32_t error, bool completes,
                       const PCIeTLP *tlp);

/** pcie_report_completion(): Status of who got a completion with an error */
void pcie_report_completion(PCIDevice *requester, PCIeCplStatus status);

/** pcie_report_abort(): Status of who aborts; NULL for nobody */
void pcie_report_abort(PCIDevice *completer);

/** pcie_report_path(): trace @path if it does not look like one that was */
void pcie_report_path(PCIDevice *requester, const PCIeRequestAttrs *attrs,
                      const PCIePath *path);

/** pcie_report_forget(): every path is new again */
void pcie_report_forget(void);

/* Address translation */

/**
 * pcie_ats_enabled(): has the guest turned ATS on?
 *
 * Section 10.5.1.3: a function may use no translations before.
 */
bool pcie_ats_enabled(PCIDevice *dev);

typedef enum PCIeATSResult {
    PCIE_ATS_OFF,           /* not enabled: the request goes untranslated */
    PCIE_ATS_TRANSLATED,
    PCIE_ATS_REFUSED,       /* there is no translation for this access */
} PCIeATSResult;

/**
 * pcie_atc_translate(): look up, and ask the root complex if need be
 * @addr: replaced by its translation
 * @len: at least 1; clipped to what the translation covers
 */
PCIeATSResult pcie_atc_translate(PCIeATC *atc, uint64_t *addr, uint64_t *len,
                                 bool is_write);

/**
 * pcie_fabric_ask(): send a Translation Request
 * @entry: the answer, which may have no permission in it
 */
PCIeCplStatus pcie_fabric_ask(PCIeATC *atc, uint64_t addr, bool is_write,
                              PCIeATCEntry *entry);

/**
 * pcie_ats_answer(): what the root complex answers
 *
 * The cache is told of invalidations from now on.
 */
PCIeCplStatus pcie_ats_answer(PCIeATC *atc, uint64_t addr, bool is_write,
                              PCIeATCEntry *entry);

#define PCIE_ATS_COMPLETION_SIZE    8

/** pcie_ats_completion(): the answer as the payload of a completion */
void pcie_ats_completion(const PCIeATCEntry *entry, uint8_t *data);

/* TLPs */

/**
 * struct PCIeRun: contiguous requests with equal headers
 * @first: header of the first one, as the requester sends it, but for
 *         address, length and byte enables unless @unit is 0
 * @tag_mask: the tags of non-posted requests count up within this
 * @addr, @len: bytes; for a run of AtomicOps @len is that of the operands in
 *              the request, and of the result in the completion
 * @unit: requests end at multiples of this; a power of two, or 0 if the run
 *        is one request whose header is complete
 * @completer_id, @cpl_payload: who completes, and how much at a time
 * @cpl_end: where completions with data end, if not at the requester
 * @cpl_error: what that port or the requester reports then, PCI_ERR_UNC_*
 */
typedef struct PCIeRun {
    PCIeTLP first;
    uint16_t tag_mask;
    uint64_t addr;
    size_t len;
    unsigned int unit;
    uint16_t completer_id;
    unsigned int cpl_payload;
    PCIDevice *cpl_end;
    uint32_t cpl_error;
} PCIeRun;

/** pcie_wire_extent(): address, length and byte enables for bytes at @addr */
void pcie_wire_extent(PCIeTLP *tlp, uint64_t addr, size_t len);

/** pcie_wire_drop_hint(): as if there had never been one */
void pcie_wire_drop_hint(PCIeTLP *tlp);

/** pcie_wire_beyond_rc(): what the root complex has left of a header */
void pcie_wire_beyond_rc(PCIeTLP *tlp, const PCIeRoute *route);

/** pcie_wire_cut(): size of the next request of a run, or completion */
size_t pcie_wire_cut(uint64_t addr, size_t left, unsigned int unit);

/**
 * pcie_wire_even(): how much of @left makes a run, of requests of equal length
 *
 * But for the last one.
 */
size_t pcie_wire_even(uint64_t addr, size_t left, unsigned int unit);

/** pcie_wire_has_taps(): does anybody want to see TLPs? */
bool pcie_wire_has_taps(void);

/**
 * pcie_wire_show_requests(): show a run to the taps along the route
 * @data: its bytes, or NULL
 */
void pcie_wire_show_requests(const PCIeRoute *route, const PCIeRun *run,
                             const void *data);

/**
 * pcie_wire_show_completions(): show its completions on their way
 * @data: bytes for PCIE_CPL_SC
 */
void pcie_wire_show_completions(const PCIeRoute *route, const PCIeRun *run,
                                PCIeCplStatus status, const void *data);

#endif
