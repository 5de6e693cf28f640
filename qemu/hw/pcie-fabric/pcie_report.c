/*
 * PCI Express fabric: what became of requests, for the guest and for people
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The guest learns of errors by Advanced Error Reporting (PCI Express Base
 * Specification 6.x, section 6.2); people by trace events that say once for
 * each new route which way it takes and who takes the hint away.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "internal.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_tph.h"
#include "trace.h"

/* More lines than this, and some may be said again */
#define MAX_SAID        256

/*
 * Messages of root ports: each is a write to where the guest wants it, which
 * may be a register that takes a function off its bus. Requests look at the
 * functions on their way after they have reported an error, so a message waits
 * until no request is under way.
 */
typedef struct ErrorMessage {
    PCIDevice *port;
    MSIMessage msg;
    QSIMPLEQ_ENTRY(ErrorMessage) next;
} ErrorMessage;

static QSIMPLEQ_HEAD(, ErrorMessage) messages =
    QSIMPLEQ_HEAD_INITIALIZER(messages);
static QEMUBH *messages_bh;

static void send_messages(void *opaque)
{
    ErrorMessage *m;

    while ((m = QSIMPLEQ_FIRST(&messages))) {
        QSIMPLEQ_REMOVE_HEAD(&messages, next);
        if (m->port->qdev.realized) {
            msi_send_message(m->port, m->msg);
        }
        object_unref(OBJECT(m->port));
        g_free(m);
    }
}

/* Stands in for the message sender that PCI core gives to a port */
static void keep_message(PCIDevice *port, MSIMessage msg)
{
    ErrorMessage *m;

    QSIMPLEQ_FOREACH(m, &messages, next) {
        if (m->port == port && m->msg.address == msg.address &&
            m->msg.data == msg.data) {
            return;
        }
    }
    m = g_new(ErrorMessage, 1);
    *m = (ErrorMessage) { .port = port, .msg = msg };
    object_ref(OBJECT(port));
    QSIMPLEQ_INSERT_TAIL(&messages, m, next);
    if (!messages_bh) {
        messages_bh = qemu_bh_new(send_messages, NULL);
    }
    qemu_bh_schedule(messages_bh);
}

/* Advanced Error Reporting */

static void log_header(PCIEAERErr *err, const PCIeTLP *tlp)
{
    uint8_t buf[PCIE_TLP_MAX_HEADER] = { 0 };
    const uint8_t *header = buf;

    pcie_tlp_encode(tlp, buf);
    err->flags |= PCIE_AER_ERR_HEADER_VALID;
    if (tlp->th && tlp->st_ext) {
        err->flags |= PCIE_AER_ERR_TLP_PREFIX_PRESENT;
        err->prefix[0] = ldl_be_p(header);
        header += 4;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(err->header); i++) {
        err->header[i] = ldl_be_p(header + i * 4);
    }
}

/* The device's id, or where it is; to be freed */
static char *name_of(PCIDevice *dev)
{
    if (!dev) {
        return g_strdup("rc");
    }
    return dev->qdev.id ? g_strdup(dev->qdev.id) :
        g_strdup_printf("%02x:%02x.%x", pci_dev_bus_num(dev),
                        PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
}

/* The registers say it at once, the interrupt comes later */
static void inject(PCIDevice *dev, const PCIEAERErr *err)
{
    PCIDevice *root = pcie_port_is(dev, PCI_EXP_TYPE_ROOT_PORT) ?
                      dev : pcie_root_port(dev);
    MSITriggerFunc *trigger = root ? root->msi_trigger : NULL;

    if (root) {
        root->msi_trigger = keep_message;
    }
    pcie_aer_inject_error(dev, err);
    if (root) {
        root->msi_trigger = trigger;
    }
}

void pcie_report_error(PCIDevice *dev, uint32_t error, bool completes,
                       const PCIeTLP *tlp)
{
    PCIEAERErr err = { .status = error };

    if (!error || !dev || !DEVICE(dev)->realized || !pci_is_express(dev) ||
        !dev->exp.exp_cap || !dev->exp.aer_cap) {
        return;
    }
    err.source_id = pci_requester_id(dev);
    /* Section 6.2.3.2.4.1: the completion tells the requester already */
    if (completes) {
        err.flags |= PCIE_AER_ERR_MAYBE_ADVISORY;
    }
    if (tlp) {
        log_header(&err, tlp);
    }
    if (trace_event_get_state_backends(TRACE_PCIE_ERROR)) {
        g_autofree char *name = name_of(dev);

        trace_pcie_error(name, error, completes);
    }
    inject(dev, &err);
}

/* Status registers: PCI Express Base Specification, section 7.5.1.1.4 */

void pcie_report_completion(PCIDevice *requester, PCIeCplStatus status)
{
    if (requester->qdev.realized) {
        pci_word_test_and_set_mask(requester->config + PCI_STATUS,
                                   status == PCIE_CPL_CA ?
                                   PCI_STATUS_REC_TARGET_ABORT :
                                   PCI_STATUS_REC_MASTER_ABORT);
    }
}

void pcie_report_abort(PCIDevice *completer)
{
    if (completer && completer->qdev.realized) {
        /* Requests come to a port that faces down on its secondary side */
        unsigned int reg = pcie_port_faces_down(completer) ? PCI_SEC_STATUS :
                                                             PCI_STATUS;

        /* A stock port has no such bit on its secondary side */
        pci_word_test_and_set_mask(completer->config + reg,
                                   pci_get_word(completer->w1cmask + reg) &
                                   PCI_STATUS_SIG_TARGET_ABORT);
    }
}

/* Trace events */

static GHashTable *said;

/* Takes the line over. False: it was said before */
static bool is_new(char *line)
{
    if (!said) {
        said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    if (g_hash_table_size(said) >= MAX_SAID) {
        g_hash_table_remove_all(said);
    }
    return g_hash_table_add(said, line);
}

void pcie_report_forget(void)
{
    if (said) {
        g_hash_table_remove_all(said);
    }
}

static char *completer_name(const PCIePath *path)
{
    if (path->function) {
        return name_of(path->function);
    }
    return g_strdup(path->end == PCIE_END_MEMORY ? "memory" : "none");
}

static void add_step(GString *text, const char *step)
{
    if (text->len) {
        g_string_append_c(text, '>');
    }
    g_string_append(text, step);
}

static char *path_text(const PCIePath *path)
{
    GString *text = g_string_new(NULL);
    bool rc_said = !path->via_rc;

    for (unsigned int i = 0; i < path->nr_hops; i++) {
        g_autofree char *name = name_of(path->hop[i].port);

        if (path->hop[i].beyond_rc && !rc_said) {
            add_step(text, "rc");
            rc_said = true;
        }
        add_step(text, name);
    }
    if (!rc_said) {
        add_step(text, "rc");
    }
    return g_string_free(text, false);
}

static void say_route(PCIDevice *requester, uint8_t at, const PCIePath *path)
{
    g_autofree char *from = name_of(requester);
    g_autofree char *to = completer_name(path);
    g_autofree char *ports = path_text(path);

    if (is_new(g_strdup_printf("route %s %s %u %s", from, to, at, ports))) {
        trace_pcie_route(from, to, at, ports);
    }
}

static void say_hint_lost(PCIDevice *where, const char *why)
{
    g_autofree char *name = name_of(where);

    if (is_new(g_strdup_printf("hint %s %s", name, why))) {
        trace_pcie_hint_lost(name, why);
    }
}

static void say_request_lost(PCIDevice *where, const char *why)
{
    g_autofree char *name = name_of(where);

    if (is_new(g_strdup_printf("request %s %s", name, why))) {
        trace_pcie_request_lost(name, why);
    }
}

/* The first port that does what the root complex does with the hint */
static PCIDevice *dropping_port(PCIDevice *from, PCIDevice *to)
{
    return from && fabric_root_port_peer_policy(from) == PCIE_PEER_DROP ? from :
                                                                          to;
}

/* @dev: a function, or the root port of memory */
static void say_completer(PCIDevice *dev, bool ext, const char *none,
                          const char *tph_only)
{
    PCIeTPHCompleter type = pcie_tph_completer(dev);

    if (type == PCIE_TPH_COMPLETER_NONE) {
        say_hint_lost(dev, none);
    } else if (type == PCIE_TPH_COMPLETER_TPH && ext) {
        say_hint_lost(dev, tph_only);
    }
}

static void say_hint(PCIDevice *requester, bool ext, const PCIePath *path)
{
    PCIDevice *from = pcie_root_port(requester);

    if (!path->keep_hint) {
        say_hint_lost(dropping_port(from, pcie_root_port(path->function)),
                      "the root complex drops hints of peer requests");
    } else if (path->function) {
        say_completer(path->function, ext, "the completer takes no hints",
                      "the completer takes 8-bit tags only");
    } else if (from) {
        say_completer(from, ext, "the root port takes no hints",
                      "the root port takes 8-bit tags only");
    }
}

static bool somebody_listens(void)
{
    return trace_event_get_state_backends(TRACE_PCIE_ROUTE) ||
           trace_event_get_state_backends(TRACE_PCIE_HINT_LOST) ||
           trace_event_get_state_backends(TRACE_PCIE_REQUEST_LOST);
}

void pcie_report_path(PCIDevice *requester, const PCIeRequestAttrs *attrs,
                      const PCIePath *path)
{
    if (!somebody_listens()) {
        return;
    }
    say_route(requester, attrs->at, path);
    if (path->why) {
        say_request_lost(path->detector, path->why);
    } else if (attrs->th) {
        say_hint(requester, attrs->st_ext, path);
    }
}
