/*
 * PCI Express analyzer
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * -object pcie-analyzer,id=a0,file=capture.pcapng,ports=rp0:rp1 writes each
 * TLP that passes the named ports to a capture, ingress and egress.
 *
 * A capture is evidence, so it is whole or it is not: when it cannot be
 * written, QEMU says so and ends with a failure status. Asking for an orderly
 * shutdown would not do, since a guest that powers off a moment later sets
 * the status anew.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/notify.h"
#include "qemu/timer.h"
#include "internal.h"
#include "hw/pci/pcapng.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-core.h"
#include "hw/sysbus.h"
#include "qom/object.h"
#include "qom/object_interfaces.h"
#include "system/system.h"

#define TYPE_PCIE_ANALYZER "pcie-analyzer"
OBJECT_DECLARE_SIMPLE_TYPE(PCIeAnalyzer, PCIE_ANALYZER)

/* What a QEMU that gets killed loses at most */
#define FLUSH_MS        200

typedef struct AnalyzerPort {
    PCIDevice *dev;
    int interface;
} AnalyzerPort;

struct PCIeAnalyzer {
    Object parent_obj;

    char *file;
    char *ports;
    bool headers_only;

    PcapngWriter *writer;
    AnalyzerPort *port;
    unsigned int nr_ports;
    PCIeFabricTap tap;
    uint64_t tlps;              /* that passed the ports */
    bool dirty;
    QEMUTimer *flush_timer;
    Notifier machine_done;
    Notifier exit;
};

/* @in_exit: exit() is running already and must not be called again */
static void analyzer_check(PCIeAnalyzer *a, int ret, bool in_exit)
{
    if (ret >= 0) {
        return;
    }
    error_report("pcie-analyzer: cannot write '%s': %s; ending, because the "
                 "capture would have holes", a->file, strerror(-ret));
    if (in_exit) {
        _exit(EXIT_FAILURE);
    }
    if (a->tap.tlp) {
        /* It would say the same once more */
        qemu_remove_exit_notifier(&a->exit);
        a->tap.tlp = NULL;
    }
    exit(EXIT_FAILURE);
}

static void analyzer_flush(void *opaque)
{
    PCIeAnalyzer *a = opaque;

    a->dirty = false;
    analyzer_check(a, pcapng_flush(a->writer), false);
}

static void analyzer_exit(Notifier *n, void *data)
{
    PCIeAnalyzer *a = container_of(n, PCIeAnalyzer, exit);

    analyzer_check(a, pcapng_flush(a->writer), true);
}

static const AnalyzerPort *analyzer_find(PCIeAnalyzer *a, PCIDevice *dev)
{
    unsigned int i;

    for (i = 0; i < a->nr_ports; i++) {
        if (a->port[i].dev == dev) {
            return &a->port[i];
        }
    }
    return NULL;
}

static void analyzer_flush_later(PCIeAnalyzer *a)
{
    if (!a->dirty) {
        a->dirty = true;
        timer_mod(a->flush_timer,
                  qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + FLUSH_MS);
    }
}

static void analyzer_tlp(PCIeFabricTap *tap, PCIDevice *dev, bool ingress,
                         const PCIeTLP *tlp, const void *payload,
                         size_t payload_len)
{
    PCIeAnalyzer *a = container_of(tap, PCIeAnalyzer, tap);
    const AnalyzerPort *port = analyzer_find(a, dev);
    uint8_t header[PCIE_TLP_MAX_HEADER];
    int ret;

    if (!port) {
        return;
    }
    a->tlps++;
    ret = pcapng_write_tlp(a->writer, port->interface, ingress,
                           qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL),
                           header, pcie_tlp_encode(tlp, header),
                           payload, payload_len);
    analyzer_check(a, ret, false);
    analyzer_flush_later(a);
}

static bool is_port(PCIDevice *dev)
{
    if (!pci_is_express(dev) || !dev->exp.exp_cap) {
        return false;
    }
    switch (pcie_cap_get_type(dev)) {
    case PCI_EXP_TYPE_ROOT_PORT:
    case PCI_EXP_TYPE_UPSTREAM:
    case PCI_EXP_TYPE_DOWNSTREAM:
        return true;
    default:
        return false;
    }
}

static PCIDevice *find_port(const char *id, Error **errp)
{
    DeviceState *dev = qdev_find_recursive(sysbus_get_default(), id);
    PCIDevice *pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                      TYPE_PCI_DEVICE);

    if (!dev) {
        error_setg(errp, "pcie-analyzer: no device has the id '%s'", id);
        return NULL;
    }
    if (!pci || !is_port(pci)) {
        error_setg(errp, "pcie-analyzer: '%s' (%s) is no PCI Express port",
                   id, object_get_typename(OBJECT(dev)));
        return NULL;
    }
    return pci;
}

static bool analyzer_add_port(PCIeAnalyzer *a, const char *id, Error **errp)
{
    PCIDevice *dev = find_port(id, errp);
    AnalyzerPort *port = &a->port[a->nr_ports];

    if (!dev) {
        return false;
    }
    if (analyzer_find(a, dev)) {
        error_setg(errp, "pcie-analyzer: port '%s' is named twice", id);
        return false;
    }
    port->interface = pcapng_add_port(a->writer, id, a->headers_only ?
                                      PCAPNG_SNAPLEN_HEADERS :
                                      PCAPNG_SNAPLEN_ALL);
    if (port->interface < 0) {
        error_setg_errno(errp, -port->interface,
                         "pcie-analyzer: port '%s' in '%s'", id, a->file);
        return false;
    }
    object_ref(OBJECT(dev));
    port->dev = dev;
    a->nr_ports++;
    return true;
}

static bool analyzer_start(PCIeAnalyzer *a, Error **errp)
{
    g_auto(GStrv) ids = g_strsplit(a->ports, ":", -1);
    unsigned int i;
    int ret;

    a->port = g_new0(AnalyzerPort, g_strv_length(ids));
    for (i = 0; ids[i]; i++) {
        if (!analyzer_add_port(a, ids[i], errp)) {
            return false;
        }
    }
    ret = pcapng_flush(a->writer);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "pcie-analyzer: cannot write '%s'",
                         a->file);
        return false;
    }
    a->exit.notify = analyzer_exit;
    qemu_add_exit_notifier(&a->exit);
    a->tap.tlp = analyzer_tlp;
    pcie_fabric_add_tap(&a->tap);
    return true;
}

static void analyzer_machine_done(Notifier *n, void *data)
{
    analyzer_start(container_of(n, PCIeAnalyzer, machine_done), &error_fatal);
}

static bool analyzer_open(PCIeAnalyzer *a, Error **errp)
{
    int ret;

    if (!a->file || !a->ports || !*a->ports) {
        error_setg(errp, "pcie-analyzer: file= and ports= are needed");
        return false;
    }
    a->writer = pcapng_open(a->file, "QEMU pcie-analyzer", &ret);
    if (!a->writer) {
        error_setg_errno(errp, -ret, "pcie-analyzer: cannot create '%s'",
                         a->file);
        return false;
    }
    return true;
}

static void analyzer_complete(UserCreatable *uc, Error **errp)
{
    PCIeAnalyzer *a = PCIE_ANALYZER(uc);

    if (!analyzer_open(a, errp)) {
        return;
    }
    a->flush_timer = timer_new_ms(QEMU_CLOCK_REALTIME, analyzer_flush, a);
    if (phase_check(PHASE_MACHINE_READY)) {
        analyzer_start(a, errp);
    } else {
        /* -object comes before the devices */
        a->machine_done.notify = analyzer_machine_done;
        qemu_add_machine_init_done_notifier(&a->machine_done);
    }
}

static void analyzer_close(PCIeAnalyzer *a)
{
    PcapngWriter *writer = a->writer;

    timer_free(a->flush_timer);
    a->writer = NULL;
    analyzer_check(a, pcapng_close(writer), false);
}

static void analyzer_finalize(Object *obj)
{
    PCIeAnalyzer *a = PCIE_ANALYZER(obj);
    unsigned int i;

    if (a->tap.tlp) {
        pcie_fabric_remove_tap(&a->tap);
        qemu_remove_exit_notifier(&a->exit);
        a->tap.tlp = NULL;
    }
    if (a->machine_done.notify) {
        qemu_remove_machine_init_done_notifier(&a->machine_done);
    }
    if (a->writer) {
        analyzer_close(a);
    }
    for (i = 0; i < a->nr_ports; i++) {
        object_unref(OBJECT(a->port[i].dev));
    }
    g_free(a->port);
    g_free(a->ports);
    g_free(a->file);
}

static char *analyzer_get_file(Object *obj, Error **errp)
{
    return g_strdup(PCIE_ANALYZER(obj)->file);
}

static bool analyzer_set_string(PCIeAnalyzer *a, char **field,
                                const char *value, Error **errp)
{
    if (a->writer) {
        error_setg(errp, "pcie-analyzer: a running capture cannot change");
        return false;
    }
    g_free(*field);
    *field = g_strdup(value);
    return true;
}

static void analyzer_set_file(Object *obj, const char *value, Error **errp)
{
    PCIeAnalyzer *a = PCIE_ANALYZER(obj);

    analyzer_set_string(a, &a->file, value, errp);
}

static char *analyzer_get_ports(Object *obj, Error **errp)
{
    return g_strdup(PCIE_ANALYZER(obj)->ports);
}

static void analyzer_set_ports(Object *obj, const char *value, Error **errp)
{
    PCIeAnalyzer *a = PCIE_ANALYZER(obj);

    analyzer_set_string(a, &a->ports, value, errp);
}

static bool analyzer_get_headers_only(Object *obj, Error **errp)
{
    return PCIE_ANALYZER(obj)->headers_only;
}

static void analyzer_set_headers_only(Object *obj, bool value, Error **errp)
{
    PCIeAnalyzer *a = PCIE_ANALYZER(obj);

    if (a->writer) {
        error_setg(errp, "pcie-analyzer: a running capture cannot change");
        return;
    }
    a->headers_only = value;
}

static void analyzer_init(Object *obj)
{
    object_property_add_uint64_ptr(obj, "tlps", &PCIE_ANALYZER(obj)->tlps,
                                   OBJ_PROP_FLAG_READ);
    object_property_set_description(obj, "tlps",
        "how many TLPs passed the ports; the capture has as many records");
}

static void analyzer_class_init(ObjectClass *klass, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(klass);

    ucc->complete = analyzer_complete;
    object_class_property_add_str(klass, "file", analyzer_get_file,
                                  analyzer_set_file);
    object_class_property_set_description(klass, "file",
        "where the capture (pcapng) goes; an existing file is overwritten");
    object_class_property_add_str(klass, "ports", analyzer_get_ports,
                                  analyzer_set_ports);
    object_class_property_set_description(klass, "ports",
        "device ids of the PCI Express ports to listen at, separated by "
        "colons");
    object_class_property_add_bool(klass, "headers-only",
                                   analyzer_get_headers_only,
                                   analyzer_set_headers_only);
    object_class_property_set_description(klass, "headers-only",
        "record no payload; the capture's snap length tells");
}

static const TypeInfo analyzer_info = {
    .name = TYPE_PCIE_ANALYZER,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(PCIeAnalyzer),
    .instance_init = analyzer_init,
    .instance_finalize = analyzer_finalize,
    .class_init = analyzer_class_init,
    .interfaces = (InterfaceInfo[]) {
        { TYPE_USER_CREATABLE },
        { }
    },
};

static void analyzer_register_types(void)
{
    type_register_static(&analyzer_info);
}

type_init(analyzer_register_types)
