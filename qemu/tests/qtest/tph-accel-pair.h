/*
 * Two tph-accels, each below a root port of its own: the first one's DMA engine
 * is the requester, the second one's memory the target.
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_TPH_ACCEL_PAIR_H
#define TESTS_TPH_ACCEL_PAIR_H

#include "tph-accel-lab.h"

#define KEEP_PORT       "fabric-root-port,peer=keep"

#define WINDOW          0x08000000ull
#define REGS            0xc0000000ull
#define MEM             0x800000000ull

typedef struct Lab {
    QTestState *qts;
    Accel a;
    Accel b;
} Lab;

static inline void set_port(Accel *d, int bus)
{
    QTestState *qts = d->qts;
    uint64_t limit = d->mem + WINDOW - 1;

    qtest_writel(qts, d->port + PCI_PRIMARY_BUS, bus << 16 | bus << 8);
    qtest_writew(qts, d->port + PCI_MEMORY_BASE, d->regs >> 16);
    qtest_writew(qts, d->port + PCI_MEMORY_LIMIT, d->msix >> 16);
    qtest_writew(qts, d->port + PCI_PREF_MEMORY_BASE, (uint32_t)d->mem >> 16);
    qtest_writew(qts, d->port + PCI_PREF_MEMORY_LIMIT, (uint32_t)limit >> 16);
    qtest_writel(qts, d->port + PCI_PREF_BASE_UPPER32, d->mem >> 32);
    qtest_writel(qts, d->port + PCI_PREF_LIMIT_UPPER32, limit >> 32);
    qtest_writew(qts, d->port + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static inline void accel_init(Accel *d, QTestState *qts, int n)
{
    d->qts = qts;
    d->port = ECAM + ((2 + n) << 15);
    d->cfg = ECAM + ((1 + n) << 20);
    d->regs = REGS + n * WINDOW;
    d->msix = d->regs + 0x10000;
    d->mem = MEM + n * WINDOW;
    set_port(d, 1 + n);
    set_bars(d);
}

/* @a, @b: properties of the accelerators */
static inline Lab lab_start_machine(const char *machine, const char *port,
                                    const char *a, const char *b)
{
    Lab lab;

    lab.qts = qtest_initf(
        "-machine q35 -m 16M -nodefaults %s "
        "-device %s,id=p0,chassis=1,addr=2 -device tph-accel,bus=p0%s "
        "-device %s,id=p1,chassis=2,addr=3 -device tph-accel,bus=p1%s",
        machine, port, a, port, b);
    cfg_enable_ecam(lab.qts);
    accel_init(&lab.a, lab.qts, 0);
    accel_init(&lab.b, lab.qts, 1);
    return lab;
}

static inline Lab lab_start_ports(const char *port, const char *a,
                                  const char *b)
{
    return lab_start_machine("", port, a, b);
}

static inline Lab lab_start(const char *a, const char *b)
{
    return lab_start_ports(KEEP_PORT, a, b);
}

static inline void lab_end(Lab *lab)
{
    qtest_quit(lab->qts);
}

#endif
