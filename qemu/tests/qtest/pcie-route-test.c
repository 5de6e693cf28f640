/*
 * QTest testcase for the ways of requests through the PCI Express fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 *   root complex -- rp0 -- sw0u -+- sw0d0 -- A
 *        |                       +- sw0d1 -- B
 *        |                       +- sw0d2 -- sw1u -+- sw1d0 -- C
 *        |                                         +- sw1d1 -- D
 *        +--------- rp1 -- E
 *
 * Accelerators write to each other's memory. The root complex drops hints, so
 * the hint tells which way a request took: it arrives only through switches.
 */
#include "qemu/osdep.h"
#include "tph-accel-lab.h"
#include "qemu/bitops.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"

#define DEVCTL2_PREFIX_BLOCKING 0x8000
#define DEVCTL2_ATOMIC_BLOCKING PCI_EXP_DEVCTL2_ATOMIC_EGRESS_BLOCK

#define TAG             0x5a
#define LEN             64

#define REGS            0xc0000000ull
#define REGS_WINDOW     0x100000ull
#define MEM             0x800000000ull
#define MEM_WINDOW      0x1000000ull

enum { A, B, C, D, E, NR_ACCELS };
enum { RP0, SW0U, SW0D0, SW0D1, SW0D2, SW1U, SW1D0, SW1D1, RP1, NR_PORTS };

/* Where ports are, and which accelerators are behind them */
static const struct {
    int bus, dev, secondary, subordinate, first, last;
} plan[NR_PORTS] = {
    [RP0]   = { 0, 2, 1, 8, A, D },
    [SW0U]  = { 1, 0, 2, 8, A, D },
    [SW0D0] = { 2, 0, 3, 3, A, A },
    [SW0D1] = { 2, 1, 4, 4, B, B },
    [SW0D2] = { 2, 2, 5, 8, C, D },
    [SW1U]  = { 5, 0, 6, 8, C, D },
    [SW1D0] = { 6, 0, 7, 7, C, C },
    [SW1D1] = { 6, 1, 8, 8, D, D },
    [RP1]   = { 0, 3, 9, 9, E, E },
};

static const int accel_bus[NR_ACCELS] = { 3, 4, 7, 8, 9 };

typedef struct Lab {
    QTestState *qts;
    Accel accel[NR_ACCELS];
    uint64_t port[NR_PORTS];    /* configuration space */
    uint8_t seed;
} Lab;

/* Ports */

static void cfg_set_windows(QTestState *qts, uint64_t cfg, uint64_t regs,
                            uint64_t regs_end, uint64_t mem, uint64_t mem_end)
{
    qtest_writew(qts, cfg + PCI_MEMORY_BASE, regs >> 16);
    qtest_writew(qts, cfg + PCI_MEMORY_LIMIT, regs_end >> 16);
    qtest_writew(qts, cfg + PCI_PREF_MEMORY_BASE, (uint32_t)mem >> 16);
    qtest_writew(qts, cfg + PCI_PREF_MEMORY_LIMIT, (uint32_t)mem_end >> 16);
    qtest_writel(qts, cfg + PCI_PREF_BASE_UPPER32, mem >> 32);
    qtest_writel(qts, cfg + PCI_PREF_LIMIT_UPPER32, mem_end >> 32);
}

static void set_windows(Lab *lab, int port, uint64_t regs, uint64_t regs_end,
                        uint64_t mem, uint64_t mem_end)
{
    cfg_set_windows(lab->qts, lab->port[port], regs, regs_end, mem, mem_end);
}

static void plan_windows(Lab *lab, int port)
{
    set_windows(lab, port, REGS + plan[port].first * REGS_WINDOW,
                REGS + (plan[port].last + 1) * REGS_WINDOW - 1,
                MEM + plan[port].first * MEM_WINDOW,
                MEM + (plan[port].last + 1) * MEM_WINDOW - 1);
}

static void set_buses(Lab *lab, int port, int secondary, int subordinate)
{
    qtest_writel(lab->qts, lab->port[port] + PCI_PRIMARY_BUS,
                 subordinate << 16 | secondary << 8 | plan[port].bus);
}

static void set_command(Lab *lab, int port, uint16_t command)
{
    qtest_writew(lab->qts, lab->port[port] + PCI_COMMAND, command);
}

#define COMMAND_ON (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static void start_port(Lab *lab, int port)
{
    lab->port[port] = ECAM + (plan[port].bus << 20) + (plan[port].dev << 15);
    set_buses(lab, port, plan[port].secondary, plan[port].subordinate);
    plan_windows(lab, port);
    set_command(lab, port, COMMAND_ON);
}

/* From above: who is behind a wrong bus number cannot be reached */
static void start_ports(Lab *lab)
{
    start_port(lab, RP1);
    for (int i = RP0; i < RP1; i++) {
        start_port(lab, i);
    }
}

static uint64_t ext_cap(Lab *lab, int port, uint16_t id)
{
    unsigned int pos = cfg_find_ext_cap(lab->qts, lab->port[port], id);

    g_assert_cmpuint(pos, !=, 0);
    return lab->port[port] + pos;
}

static uint64_t exp_cap(Lab *lab, int port)
{
    return lab->port[port] + cfg_find_cap(lab->qts, lab->port[port],
                                          PCI_CAP_ID_EXP);
}

static void set_acs(Lab *lab, int port, uint16_t bits)
{
    qtest_writew(lab->qts, ext_cap(lab, port, PCI_EXT_CAP_ID_ACS) +
                           PCI_ACS_CTRL, bits);
}

/* Which uncorrectable errors the port has logged since the last look */
static uint32_t errors_at(Lab *lab, uint64_t aer)
{
    uint32_t status = qtest_readl(lab->qts, aer + PCI_ERR_UNCOR_STATUS);

    qtest_writel(lab->qts, aer + PCI_ERR_UNCOR_STATUS, status);
    return status;
}

static uint32_t errors(Lab *lab, int port)
{
    return errors_at(lab, ext_cap(lab, port, PCI_EXT_CAP_ID_ERR));
}

/* Whether the port has completed a request with an error since */
static uint32_t advisory(Lab *lab, int port)
{
    uint64_t status = ext_cap(lab, port, PCI_EXT_CAP_ID_ERR) +
                      PCI_ERR_COR_STATUS;
    uint32_t found = qtest_readl(lab->qts, status);

    qtest_writel(lab->qts, status, found);
    return found;
}

static uint32_t accel_errors(Lab *lab, int accel)
{
    Accel *d = &lab->accel[accel];

    return errors_at(lab, d->cfg + find_ext_cap(d, PCI_EXT_CAP_ID_ERR));
}

/* No error anywhere that the test has not looked at */
static void expect_no_errors(Lab *lab)
{
    for (int i = 0; i < NR_PORTS; i++) {
        g_assert_cmphex(errors(lab, i), ==, 0);
    }
    for (int i = 0; i < NR_ACCELS; i++) {
        g_assert_cmphex(accel_errors(lab, i), ==, 0);
    }
}

static void expect_error(Lab *lab, int port, uint32_t error)
{
    g_assert_cmphex(errors(lab, port), ==, error);
    expect_no_errors(lab);
}

/* The lab */

static void start_accel(Lab *lab, int n)
{
    Accel *d = &lab->accel[n];

    d->qts = lab->qts;
    d->cfg = ECAM + (accel_bus[n] << 20);
    d->regs = REGS + n * REGS_WINDOW;
    d->msix = d->regs + 0x10000;
    d->mem = MEM + n * MEM_WINDOW;
    set_bars(d);
    set_requester(d, REQ_TPH);
    set_rule(d, 0, TAG, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_STORE, 0);
}

/* @more: such as "-set device.sw0d0.acs=off" */
static Lab lab_start(const char *more)
{
    Lab lab = {
        .qts = qtest_initf(
            "-machine q35 -m 16M -nodefaults "
            "-device fabric-root-port,id=rp0,chassis=1,slot=0,addr=2 "
            "-device fabric-upstream-port,id=sw0u,bus=rp0 "
            "-device fabric-downstream-port,id=sw0d0,bus=sw0u,chassis=2,slot=0,"
            "addr=0 "
            "-device fabric-downstream-port,id=sw0d1,bus=sw0u,chassis=2,slot=1,"
            "addr=1 "
            "-device fabric-downstream-port,id=sw0d2,bus=sw0u,chassis=2,slot=2,"
            "addr=2 "
            "-device fabric-upstream-port,id=sw1u,bus=sw0d2 "
            "-device fabric-downstream-port,id=sw1d0,bus=sw1u,chassis=3,slot=0,"
            "addr=0 "
            "-device fabric-downstream-port,id=sw1d1,bus=sw1u,chassis=3,slot=1,"
            "addr=1 "
            "-device fabric-root-port,id=rp1,chassis=1,slot=1,addr=3 "
            "-device tph-accel,id=a,bus=sw0d0,mem-size=1M "
            "-device tph-accel,id=b,bus=sw0d1,mem-size=1M "
            "-device tph-accel,id=c,bus=sw1d0,mem-size=1M "
            "-device tph-accel,id=d,bus=sw1d1,mem-size=1M "
            "-device tph-accel,id=e,bus=rp1,mem-size=1M %s", more),
    };

    cfg_enable_ecam(lab.qts);
    start_ports(&lab);
    for (int i = 0; i < NR_ACCELS; i++) {
        start_accel(&lab, i);
    }
    return lab;
}

static void lab_end(Lab *lab)
{
    expect_no_errors(lab);
    qtest_quit(lab->qts);
}

/* Requests */

typedef enum Outcome { LOST, PLAIN, HINTED } Outcome;

static bool has_arrived(Lab *lab, uint64_t addr, const uint8_t *data)
{
    uint8_t found[LEN];

    qtest_memread(lab->qts, addr, found, LEN);
    return !memcmp(found, data, LEN);
}

/* What becomes of a write with a hint to @addr; @to is there, by CPU address */
static Outcome write_to(Lab *lab, int from, uint64_t addr, int to,
                        uint64_t look_at)
{
    uint64_t tlps = rule_tlps(&lab->accel[to], 0);
    uint8_t data[LEN];

    fill(data, LEN, ++lab->seed);
    qtest_memwrite(lab->qts, RAM_SRC, data, LEN);
    dma(&lab->accel[from], RAM_SRC, addr, LEN, hint(TAG, 1));
    if (!has_arrived(lab, look_at, data)) {
        g_assert_cmpuint(rule_tlps(&lab->accel[to], 0), ==, tlps);
        return LOST;
    }
    return rule_tlps(&lab->accel[to], 0) != tlps ? HINTED : PLAIN;
}

static Outcome peer_write(Lab *lab, int from, int to)
{
    uint64_t addr = lab->accel[to].mem + 0x1000;

    return write_to(lab, from, addr, to, addr);
}

/* A completion status, or 0 */
static uint32_t peer_read(Lab *lab, int from, uint64_t addr)
{
    dma_start(&lab->accel[from], addr, RAM_DST, LEN, 1, 0);
    if (dma_wait(&lab->accel[from]) == TPH_ACCEL_DMA_DONE) {
        return 0;
    }
    return reg(&lab->accel[from], TPH_ACCEL_REG_DMA_STATUS) >>
           TPH_ACCEL_DMA_CODE_SHIFT;
}

/* Tests */

/* What "info qtree" says */
static void expect_acs_shown(QTestState *qts, const char *id, bool on)
{
    g_autofree char *tree = qtest_hmp(qts, "info qtree");
    g_autofree char *dev = g_strdup_printf("id \"%s\"", id);
    const char *at = strstr(tree, dev);

    at = at ? strstr(at, "\n") : NULL;
    g_assert_nonnull(at);
    at = strstr(at, "    acs = ");
    g_assert_nonnull(at);
    g_assert_cmpint(g_str_has_prefix(at, "    acs = true"), ==, on);
}

static void test_ports(void)
{
    Lab lab = lab_start("-set device.sw0d1.acs=off -set device.rp1.acs=off "
                        "-set device.sw0d2.prefix=off "
                        "-set device.sw0u.max-payload=256");
    QTestState *qts = lab.qts;
    const uint16_t all = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR |
                         PCI_ACS_UF | PCI_ACS_DT;
    uint64_t acs = ext_cap(&lab, SW0D0, PCI_EXT_CAP_ID_ACS);

    g_assert_cmphex(qtest_readw(qts, acs + PCI_ACS_CAP), ==, all);
    g_assert_cmphex(qtest_readw(qts, acs + PCI_ACS_CTRL), ==, 0);
    qtest_writew(qts, acs + PCI_ACS_CTRL, 0xffff);
    g_assert_cmphex(qtest_readw(qts, acs + PCI_ACS_CTRL), ==, all);
    g_assert_cmphex(cfg_find_ext_cap(qts, lab.port[SW0D1],
                                     PCI_EXT_CAP_ID_ACS), ==, 0);
    g_assert_cmphex(cfg_find_ext_cap(qts, lab.port[RP1],
                                     PCI_EXT_CAP_ID_ACS), ==, 0);
    g_assert_cmphex(cfg_find_ext_cap(qts, lab.port[SW0U],
                                     PCI_EXT_CAP_ID_ACS), ==, 0);

    /* TPH completers are endpoints and root ports only */
    for (int i = 0; i < NR_PORTS; i++) {
        uint32_t devcap2 = qtest_readl(qts, exp_cap(&lab, i) +
                                            PCI_EXP_DEVCAP2);

        g_assert_cmphex(extract32(devcap2, 12, 2), ==,
                        i == RP0 || i == RP1 ? 3 : 0);
        g_assert_cmphex(devcap2 & PCI_EXP_DEVCAP2_EE_PREFIX, ==,
                        i == SW0D2 ? 0 : PCI_EXP_DEVCAP2_EE_PREFIX);
        g_assert_cmphex(qtest_readl(qts, exp_cap(&lab, i) + PCI_EXP_DEVCAP) &
                        PCI_EXP_DEVCAP_PAYLOAD, ==, i == SW0U ? 1 : 2);
    }

    expect_acs_shown(qts, "rp0", true);
    expect_acs_shown(qts, "rp1", false);

    /* A reset shuts everything */
    qtest_writew(qts, exp_cap(&lab, SW0D0) + PCI_EXP_DEVCTL2,
                 DEVCTL2_PREFIX_BLOCKING | DEVCTL2_ATOMIC_BLOCKING);
    g_assert_cmphex(qtest_readw(qts, exp_cap(&lab, SW0D0) + PCI_EXP_DEVCTL2),
                    ==, DEVCTL2_PREFIX_BLOCKING | DEVCTL2_ATOMIC_BLOCKING);
    qtest_qmp_assert_success(qts, "{'execute': 'system_reset'}");
    qtest_qmp_eventwait(qts, "RESET");
    cfg_enable_ecam(qts);
    set_buses(&lab, RP0, 1, 8);
    set_buses(&lab, SW0U, 2, 8);
    g_assert_cmphex(qtest_readw(qts, acs + PCI_ACS_CTRL), ==, 0);
    g_assert_cmphex(qtest_readw(qts, exp_cap(&lab, SW0D0) + PCI_EXP_DEVCTL2),
                    ==, 0);
    qtest_quit(qts);
}

/* Without any control bit set, a switch is a switch, on each level. */
static void test_direct(void)
{
    Lab lab = lab_start("");

    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, B, A), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, A, C), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, C, D), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, D, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, A, E), ==, PLAIN);
    g_assert_cmpint(peer_write(&lab, E, D), ==, PLAIN);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[B].mem), ==, 0);
    g_assert_cmpint(peer_read(&lab, C, lab.accel[E].mem), ==, 0);
    lab_end(&lab);
}

/* Request Redirect, and the Upstream Forwarding that it needs above */
static void test_redirect(void)
{
    Lab lab = lab_start("-set device.rp1.acs=off");

    set_acs(&lab, SW0D0, PCI_ACS_RR);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[B].mem), ==, TPH_ACCEL_DMA_CODE_UR);
    set_acs(&lab, RP0, PCI_ACS_UF);
    g_assert_cmpint(peer_write(&lab, A, B), ==, PLAIN);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[B].mem), ==, 0);
    /* The port of the requester decides */
    g_assert_cmpint(peer_write(&lab, B, A), ==, HINTED);
    set_acs(&lab, SW0D0, 0);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);

    /* Each level for itself */
    set_acs(&lab, SW1D0, PCI_ACS_RR);
    g_assert_cmpint(peer_write(&lab, C, D), ==, LOST);
    expect_error(&lab, SW0D2, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_write(&lab, C, B), ==, HINTED);
    set_acs(&lab, SW0D2, PCI_ACS_UF);
    g_assert_cmpint(peer_write(&lab, C, D), ==, PLAIN);
    set_acs(&lab, SW0D2, PCI_ACS_RR);
    g_assert_cmpint(peer_write(&lab, C, B), ==, PLAIN);
    g_assert_cmpint(peer_write(&lab, D, C), ==, HINTED);
    lab_end(&lab);
}

/* To oneself */
static void test_forwarding(void)
{
    Lab lab = lab_start("-set device.rp1.acs=off");
    uint64_t link = exp_cap(&lab, SW0D0) + PCI_EXP_LNKCAP;
    uint32_t lnkcap = qtest_readl(lab.qts, link);

    g_assert_cmpint(peer_write(&lab, A, A), ==, LOST);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_UNSUP);
    g_assert_cmphex(qtest_readl(lab.qts, link), ==, lnkcap);
    set_acs(&lab, SW0D0, PCI_ACS_UF);
    g_assert_cmpint(peer_write(&lab, A, A), ==, LOST);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNSUP);
    set_acs(&lab, RP0, PCI_ACS_UF);
    g_assert_cmpint(peer_write(&lab, A, A), ==, PLAIN);
    /* A root port without ACS leaves it to the root complex */
    g_assert_cmpint(peer_write(&lab, E, E), ==, PLAIN);
    lab_end(&lab);
}

static void test_source_validation(void)
{
    Lab lab = lab_start("");

    set_acs(&lab, SW0D2, PCI_ACS_SV);
    g_assert_cmpint(peer_write(&lab, C, B), ==, HINTED);
    /* C's bus is not behind the port any more: all its requests end there */
    set_buses(&lab, SW0D2, 5, 6);
    g_assert_cmpint(peer_read(&lab, C, RAM_SRC), ==, TPH_ACCEL_DMA_CODE_CA);
    g_assert_cmphex(advisory(&lab, SW0D2), ==, PCI_ERR_COR_ADV_NFAT);
    g_assert_cmpint(peer_read(&lab, C, lab.accel[B].mem), ==, TPH_ACCEL_DMA_CODE_CA);
    set_acs(&lab, SW0D2, 0);
    g_assert_cmpint(peer_write(&lab, C, B), ==, HINTED);
    set_acs(&lab, SW0D2, PCI_ACS_SV);
    set_buses(&lab, SW0D2, 5, 8);
    g_assert_cmpint(peer_write(&lab, C, B), ==, HINTED);
    lab_end(&lab);
}

/* A lies about its addresses: the ports let it, or they do not. */
static void test_translated(void)
{
    Lab lab = lab_start("-set device.a.x-translated-writes=on");

    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    set_acs(&lab, SW0D0, PCI_ACS_TB | PCI_ACS_DT);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_ACSV);

    /* Redirected; and the root complex knows that A has no ATS */
    set_acs(&lab, RP0, PCI_ACS_UF);
    set_acs(&lab, SW0D0, PCI_ACS_RR);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    set_acs(&lab, SW0D0, PCI_ACS_RR | PCI_ACS_DT);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, A, E), ==, LOST);
    /* Direct Translated is for translated requests only */
    set_acs(&lab, SW0D1, PCI_ACS_RR | PCI_ACS_DT);
    g_assert_cmpint(peer_write(&lab, B, A), ==, PLAIN);
    lab_end(&lab);
}

/* How much a capture at the root port has of a copy within B's memory */
static size_t captured(uint16_t acs)
{
    g_autofree char *name = NULL;
    g_autofree char *more = NULL;
    g_autofree char *content = NULL;
    int fd = g_file_open_tmp("pcie-route-XXXXXX", &name, NULL);
    gsize len;
    Lab lab;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    more = g_strdup_printf("-object pcie-analyzer,id=an,file=%s,ports=rp0",
                           name);
    lab = lab_start(more);
    set_acs(&lab, RP0, PCI_ACS_UF);
    set_acs(&lab, SW0D1, acs);
    dma(&lab.accel[A], lab.accel[B].mem, lab.accel[B].mem + 0x1000, 0x1000, 0);
    lab_end(&lab);
    g_assert_true(g_file_get_contents(name, &content, &len, NULL));
    unlink(name);
    return len;
}

/* Completions that come back to where they came from, as requests do */
static void test_completion_redirect(void)
{
    size_t without = captured(0);
    Lab lab;

    g_assert_cmpuint(captured(PCI_ACS_RR), ==, without);
    g_assert_cmpuint(captured(PCI_ACS_CR), >, without + 0x1000);

    lab = lab_start("");
    set_acs(&lab, SW0D1, PCI_ACS_CR);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[B].mem), ==,
                    TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(accel_errors(&lab, A), ==, PCI_ERR_UNC_COMP_TIME);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNX_COMP);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    set_acs(&lab, RP0, PCI_ACS_UF);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[B].mem), ==, 0);
    lab_end(&lab);
}

/* Completions are payload, too, where they come in */
static void test_completion_payload(void)
{
    const uint16_t large = PCI_EXP_DEVCTL_PAYLOAD_512B |
                           PCI_EXP_DEVCTL_READRQ_512B;
    Lab lab = lab_start("");
    Accel *a = &lab.accel[A], *b = &lab.accel[B];

    set_devctl(b, large);
    dma(a, b->mem + 64, RAM_DST, 128, 0);
    dma_start(a, b->mem, RAM_DST, 256, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(accel_errors(&lab, A), ==, PCI_ERR_UNC_COMP_TIME);
    expect_error(&lab, SW0D1, PCI_ERR_UNC_MALF_TLP);

    cfg_set_devctl(lab.qts, lab.port[SW0D1], large);
    dma_start(a, b->mem, RAM_DST, 256, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(accel_errors(&lab, A), ==, PCI_ERR_UNC_COMP_TIME |
                    PCI_ERR_UNC_MALF_TLP);
    expect_no_errors(&lab);

    set_devctl(a, large);
    cfg_set_devctl(lab.qts, lab.port[SW0D0], large);
    dma(a, b->mem, b->mem + 0x1000, 256, 0);
    lab_end(&lab);
}

static uint16_t take_status(Lab *lab, uint64_t reg)
{
    uint16_t status = qtest_readw(lab->qts, reg);

    qtest_writew(lab->qts, reg, status);
    g_assert_cmphex(qtest_readw(lab->qts, reg), ==,
                    status & ~(PCI_STATUS_SIG_TARGET_ABORT |
                               PCI_STATUS_REC_TARGET_ABORT |
                               PCI_STATUS_REC_MASTER_ABORT));
    return status;
}

/* What the requester keeps of a read that failed, and who refused it */
static void test_status(void)
{
    const uint16_t aborts = PCI_STATUS_SIG_TARGET_ABORT |
                            PCI_STATUS_REC_TARGET_ABORT |
                            PCI_STATUS_REC_MASTER_ABORT;
    Lab lab = lab_start("-set device.sw0d0.prefix=off");
    Accel *a = &lab.accel[A], *c = &lab.accel[C];

    peer_read(&lab, A, MEM + 16 * MEM_WINDOW);
    g_assert_cmphex(take_status(&lab, a->cfg + PCI_STATUS) & aborts, ==,
                    PCI_STATUS_REC_MASTER_ABORT);
    peer_read(&lab, A, RAM_SRC);
    g_assert_cmphex(take_status(&lab, a->cfg + PCI_STATUS) & aborts, ==, 0);

    set_acs(&lab, SW0D2, PCI_ACS_SV);
    set_buses(&lab, SW0D2, 5, 6);
    peer_read(&lab, C, RAM_SRC);
    set_buses(&lab, SW0D2, 5, 8);
    g_assert_cmphex(take_status(&lab, c->cfg + PCI_STATUS) & aborts, ==,
                    PCI_STATUS_REC_TARGET_ABORT);
    g_assert_cmphex(take_status(&lab, lab.port[SW0D2] + PCI_SEC_STATUS) &
                    aborts, ==, PCI_STATUS_SIG_TARGET_ABORT);

    /* Nobody answers */
    set_requester(a, REQ_EXT);
    dma_start(a, RAM_SRC, RAM_DST, LEN, 1, TPH_ACCEL_HINT_READS | TAG);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(take_status(&lab, a->cfg + PCI_STATUS) & aborts, ==, 0);
    g_assert_cmphex(accel_errors(&lab, A), ==, PCI_ERR_UNC_COMP_TIME);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_MALF_TLP);
    /* And nothing was asked */
    enable(a, PCI_COMMAND_MEMORY);
    peer_read(&lab, A, RAM_SRC);
    g_assert_cmphex(take_status(&lab, a->cfg + PCI_STATUS) & aborts, ==, 0);
    lab_end(&lab);
}

static void test_windows(void)
{
    Lab lab = lab_start("");
    Accel *b = &lab.accel[B];

    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    set_command(&lab, SW0D1, PCI_COMMAND_MASTER);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    g_assert_cmpint(peer_read(&lab, A, b->mem), ==, TPH_ACCEL_DMA_CODE_UR);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_UNSUP);
    set_command(&lab, SW0D1, COMMAND_ON);
    set_windows(&lab, SW0D1, b->regs, b->regs + REGS_WINDOW - 1,
                b->mem + MEM_WINDOW, b->mem);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_UNSUP);
    plan_windows(&lab, SW0D1);

    /* The function itself finds that it has no such BAR */
    enable(b, PCI_COMMAND_MASTER);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    g_assert_cmphex(accel_errors(&lab, B), ==, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_write(&lab, E, B), ==, LOST);
    g_assert_cmphex(accel_errors(&lab, B), ==, PCI_ERR_UNC_UNSUP);
    enable(b, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);

    /* What is in no window of the upstream port goes up */
    set_windows(&lab, SW0U, REGS, REGS + 4 * REGS_WINDOW - 1, MEM,
                MEM + MEM_WINDOW - 1);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNSUP);
    set_acs(&lab, RP0, PCI_ACS_UF);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, SW0U, PCI_ERR_UNC_UNSUP);
    plan_windows(&lab, SW0U);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);

    /* Nobody at all */
    g_assert_cmpint(write_to(&lab, A, MEM + 16 * MEM_WINDOW, B, b->mem), ==,
                    LOST);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_read(&lab, A, MEM + 16 * MEM_WINDOW), ==,
                    TPH_ACCEL_DMA_CODE_UR);
    lab_end(&lab);
}

static void test_bars(void)
{
    Lab lab = lab_start("");
    Accel *b = &lab.accel[B];
    uint64_t old = b->mem;

    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, E, B), ==, PLAIN);
    b->mem += 0x200000;
    set_bars(b);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, E, B), ==, PLAIN);
    g_assert_cmpint(write_to(&lab, A, old, B, b->mem), ==, LOST);
    g_assert_cmphex(accel_errors(&lab, B), ==, PCI_ERR_UNC_UNSUP);
    lab_end(&lab);
}

static void test_bus_master(void)
{
    static const int hops[] = { SW0D0, SW0U, RP0 };
    Lab lab = lab_start("");

    for (int i = 0; i < ARRAY_SIZE(hops); i++) {
        g_assert_cmpint(peer_write(&lab, A, E), ==, PLAIN);
        set_command(&lab, hops[i], PCI_COMMAND_MEMORY);
        g_assert_cmphex(peer_read(&lab, A, RAM_SRC), ==,
                        TPH_ACCEL_DMA_CODE_UR);
        if (hops[i] != SW0D0) {
            /* What B has does not pass here, the write to E does */
            dma(&lab.accel[A], lab.accel[B].mem, lab.accel[E].mem, LEN, 0);
            expect_error(&lab, hops[i], PCI_ERR_UNC_UNSUP);
        }
        set_command(&lab, hops[i], COMMAND_ON);
    }
    lab_end(&lab);
}

static void set_devctl2(Lab *lab, int port, uint16_t value)
{
    qtest_writew(lab->qts, exp_cap(lab, port) + PCI_EXP_DEVCTL2, value);
}

static void set_block(Lab *lab, int port, bool on)
{
    set_devctl2(lab, port, on ? DEVCTL2_PREFIX_BLOCKING : 0);
}

static void test_prefix(void)
{
    Lab lab = lab_start("-set device.sw0d2.prefix=off "
                        "-set device.rp0.peer=keep -set device.rp1.peer=keep");

    for (int i = 0; i < NR_ACCELS; i++) {
        set_requester(&lab.accel[i], REQ_EXT);
        set_rule(&lab.accel[i], 0, TAG, TPH_ACCEL_RULE_VALID |
                 TPH_ACCEL_RULE_EXT, TPH_ACCEL_OP_STORE, 0);
    }
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    set_block(&lab, SW0D1, true);
    g_assert_cmpint(peer_write(&lab, A, B), ==, LOST);
    expect_error(&lab, SW0D1, PCI_ERR_UNC_TLPPRE);
    /* It blocks what goes out, not what comes in */
    g_assert_cmpint(peer_write(&lab, B, A), ==, HINTED);
    set_block(&lab, SW0D1, false);
    set_block(&lab, SW0U, true);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, A, E), ==, LOST);
    expect_error(&lab, SW0U, PCI_ERR_UNC_TLPPRE);
    set_block(&lab, SW0U, false);
    g_assert_cmpint(peer_write(&lab, A, E), ==, HINTED);

    /* A port that knows no prefixes */
    g_assert_cmpint(peer_write(&lab, A, C), ==, LOST);
    expect_error(&lab, SW0D2, PCI_ERR_UNC_TLPPRE);
    g_assert_cmpint(peer_write(&lab, C, A), ==, LOST);
    expect_error(&lab, SW0D2, PCI_ERR_UNC_MALF_TLP);
    g_assert_cmpint(peer_write(&lab, C, D), ==, HINTED);
    set_requester(&lab.accel[A], REQ_TPH);
    set_rule(&lab.accel[C], 0, TAG, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_STORE,
             0);
    g_assert_cmpint(peer_write(&lab, A, C), ==, HINTED);
    lab_end(&lab);
}

/* An AtomicOp; a completion status, or 0 */
static uint32_t peer_atomic(Lab *lab, int from, uint64_t addr)
{
    uint32_t status;

    enable_atomics(&lab->accel[from]);
    status = dma_fetch_add(&lab->accel[from], addr, 8);
    return status == TPH_ACCEL_DMA_DONE ? 0 :
           status >> TPH_ACCEL_DMA_CODE_SHIFT;
}

static void test_atomic_blocking(void)
{
    Lab lab = lab_start("");
    uint64_t to_b = lab.accel[B].mem, to_e = lab.accel[E].mem;

    /* Let ports log what they complete with an error, as well */
    for (int i = 0; i < NR_PORTS; i++) {
        qtest_writel(lab.qts, ext_cap(&lab, i, PCI_EXT_CAP_ID_ERR) +
                              PCI_ERR_COR_MASK, 0);
    }
    g_assert_cmphex(peer_atomic(&lab, A, to_b), ==, 0);
    g_assert_cmphex(peer_atomic(&lab, A, to_e), ==, 0);
    g_assert_cmphex(peer_atomic(&lab, A, RAM_DST), ==, 0);

    set_devctl2(&lab, SW0D1, DEVCTL2_ATOMIC_BLOCKING);
    g_assert_cmphex(peer_atomic(&lab, A, to_b), ==, TPH_ACCEL_DMA_CODE_UR);
    expect_error(&lab, SW0D1, PCI_ERR_UNC_ATOMEG);
    /* What goes out, and AtomicOps only */
    g_assert_cmphex(peer_atomic(&lab, B, lab.accel[A].mem), ==, 0);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);

    set_devctl2(&lab, SW0U, DEVCTL2_ATOMIC_BLOCKING);
    g_assert_cmphex(peer_atomic(&lab, A, lab.accel[C].mem), ==, 0);
    g_assert_cmphex(peer_atomic(&lab, A, RAM_DST), ==, TPH_ACCEL_DMA_CODE_UR);
    expect_error(&lab, SW0U, PCI_ERR_UNC_ATOMEG);
    set_devctl2(&lab, SW0U, 0);
    set_devctl2(&lab, RP1, DEVCTL2_ATOMIC_BLOCKING);
    g_assert_cmphex(peer_atomic(&lab, A, to_e), ==, TPH_ACCEL_DMA_CODE_UR);
    expect_error(&lab, RP1, PCI_ERR_UNC_ATOMEG);
    g_assert_cmphex(peer_atomic(&lab, E, RAM_DST), ==, 0);
    lab_end(&lab);
}

/* A root bus of its own: the expander that it belongs to is no port */
static void test_expander(void)
{
    Lab lab = lab_start("-device pxb-pcie,id=pxb,bus=pcie.0,bus_nr=128 "
                        "-device fabric-root-port,id=rp2,bus=pxb,chassis=4,"
                        "peer=keep -set device.rp0.peer=keep "
                        "-device tph-accel,id=f,bus=rp2,mem-size=1M");
    uint64_t port = ECAM + (128ull << 20);
    Accel f = {
        .qts = lab.qts,
        .cfg = ECAM + (129ull << 20),
        .regs = REGS + NR_ACCELS * REGS_WINDOW,
        .mem = MEM + NR_ACCELS * MEM_WINDOW,
        .msix = REGS + NR_ACCELS * REGS_WINDOW + 0x10000,
    };
    uint8_t data[LEN];

    qtest_writel(lab.qts, port + PCI_PRIMARY_BUS, 129 << 16 | 129 << 8 | 128);
    cfg_set_windows(lab.qts, port, f.regs, f.regs + REGS_WINDOW - 1,
                    f.mem, f.mem + MEM_WINDOW - 1);
    qtest_writew(lab.qts, port + PCI_COMMAND, COMMAND_ON);
    set_bars(&f);
    set_requester(&f, REQ_TPH);

    fill(data, LEN, 1);
    qtest_memwrite(lab.qts, RAM_SRC, data, LEN);
    dma(&f, RAM_SRC, RAM_DST, LEN, 0);
    g_assert_true(has_arrived(&lab, RAM_DST, data));
    /* The two root ports decide about the hint */
    dma(&f, RAM_SRC, lab.accel[A].mem, LEN, hint(TAG, 1));
    g_assert_true(has_arrived(&lab, lab.accel[A].mem, data));
    g_assert_cmpuint(rule_tlps(&lab.accel[A], 0), ==, 1);
    dma(&lab.accel[A], RAM_SRC, f.mem, LEN, 0);
    g_assert_true(has_arrived(&lab, f.mem, data));
    lab_end(&lab);
}

static void set_peer(Lab *lab, const char *port, const char *policy)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", port);

    qtest_qmp_assert_success(lab->qts, "{'execute': 'qom-set', 'arguments': "
                             "{'path': %s, 'property': 'peer', 'value': %s}}",
                             path, policy);
}

static void test_peer_policy(void)
{
    Lab lab = lab_start("");

    g_assert_cmpint(peer_write(&lab, A, E), ==, PLAIN);
    set_peer(&lab, "rp0", "keep");
    g_assert_cmpint(peer_write(&lab, A, E), ==, PLAIN);
    set_peer(&lab, "rp1", "keep");
    g_assert_cmpint(peer_write(&lab, A, E), ==, HINTED);
    set_peer(&lab, "rp1", "refuse");
    g_assert_cmpint(peer_write(&lab, A, E), ==, LOST);
    expect_error(&lab, RP0, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_read(&lab, A, lab.accel[E].mem), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    set_peer(&lab, "rp1", "drop");
    g_assert_cmpint(peer_write(&lab, A, E), ==, PLAIN);
    lab_end(&lab);
}

static void test_payload(void)
{
    Lab lab = lab_start("");
    Accel *a = &lab.accel[A], *b = &lab.accel[B];

    set_devctl(a, PCI_EXP_DEVCTL_PAYLOAD_512B);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    dma(a, RAM_SRC, b->mem, 512, 0);
    expect_error(&lab, SW0D0, PCI_ERR_UNC_MALF_TLP);
    cfg_set_devctl(lab.qts, lab.port[SW0D0], PCI_EXP_DEVCTL_PAYLOAD_512B);
    dma(a, RAM_SRC, b->mem, 512, 0);
    g_assert_cmphex(accel_errors(&lab, B), ==, PCI_ERR_UNC_MALF_TLP);
    set_devctl(b, PCI_EXP_DEVCTL_PAYLOAD_512B);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_BYTES), ==, 0);
    dma(a, RAM_SRC, b->mem, 512, 0);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_BYTES), ==, 512);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 1);
    lab_end(&lab);
}

/* The hint is where the byte enables would be: whole DWs are read */
static void test_hinted_reads(void)
{
    Lab lab = lab_start("");
    Accel *a = &lab.accel[A], *b = &lab.accel[B];

    dma(a, b->mem + 1, RAM_DST, 5, 0);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_BYTES), ==, 5);
    dma(a, b->mem + 1, RAM_DST, 5, TPH_ACCEL_HINT_READS | TAG);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_BYTES), ==, 5 + 8);
    lab_end(&lab);
}

static void power_off(Lab *lab, int port)
{
    qtest_writew(lab->qts, exp_cap(lab, port) + PCI_EXP_SLTCTL,
                 PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
}

/* Only what is in a slot with a power controller can be thrown out of it */
static void test_slots(void)
{
    Lab lab = lab_start("-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support="
                        "off -set device.sw0d1.hotplug=on "
                        "-set device.sw0d1.power_controller_present=on");
    uint64_t mem = lab.accel[B].mem;

    for (int i = 0; i < NR_PORTS; i++) {
        if (i != SW0U && i != SW1U && i != SW0D1) {
            power_off(&lab, i);
            g_assert_cmphex(qtest_readl(lab.qts, lab.accel[plan[i].last].cfg),
                            !=, UINT32_MAX);
        }
    }
    for (int to = B; to < NR_ACCELS; to++) {
        g_assert_cmpint(peer_write(&lab, A, to), ==, to == E ? PLAIN : HINTED);
    }
    expect_no_errors(&lab);

    power_off(&lab, SW0D1);
    qtest_qmp_eventwait(lab.qts, "DEVICE_DELETED");
    g_assert_cmphex(qtest_readl(lab.qts, lab.accel[B].cfg), ==, UINT32_MAX);
    g_assert_cmpint(write_to(&lab, A, mem, C, mem), ==, LOST);
    g_assert_cmphex(errors(&lab, SW0D1), ==, PCI_ERR_UNC_UNSUP);
    g_assert_cmpint(peer_read(&lab, A, mem), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmpint(peer_write(&lab, A, C), ==, HINTED);
    qtest_quit(lab.qts);
}

/* Ports alone, since accelerators do not migrate */
static QTestState *start_ports_alone(const char *more)
{
    return qtest_initf(
        "-machine q35 -m 16M -nodefaults "
        "-device fabric-root-port,id=rp0,chassis=1,slot=0,addr=2 "
        "-device fabric-upstream-port,id=sw0u,bus=rp0 "
        "-device fabric-downstream-port,id=sw0d0,bus=sw0u,chassis=2,slot=0,"
        "addr=0 %s", more);
}

static const int migrating[] = { RP0, SW0U, SW0D0 };

static void set_up_migrating(Lab *lab)
{
    cfg_enable_ecam(lab->qts);
    for (int i = 0; i < ARRAY_SIZE(migrating); i++) {
        start_port(lab, migrating[i]);
        cfg_set_devctl(lab->qts, lab->port[migrating[i]],
                       PCI_EXP_DEVCTL_PAYLOAD_256B);
    }
    set_acs(lab, SW0D0, PCI_ACS_RR | PCI_ACS_DT);
}

static void wait_migrated(QTestState *qts)
{
    bool done = false;

    while (!done) {
        QDict *answer = qtest_qmp_assert_success_ref(
            qts, "{ 'execute': 'query-migrate' }");
        const char *status = qdict_get_try_str(answer, "status");

        done = !g_strcmp0(status, "completed");
        g_assert_cmpstr(status, !=, "failed");
        qobject_unref(answer);
    }
}

/* All of configuration space is at the other side */
static void test_migration(void)
{
    g_autofree char *name = NULL;
    g_autofree char *uri = NULL;
    int fd = g_file_open_tmp("pcie-route-XXXXXX", &name, NULL);
    Lab from = { .qts = start_ports_alone("") };
    Lab to;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    set_up_migrating(&from);
    uri = g_strdup_printf("file:%s", name);
    qtest_qmp_assert_success(from.qts, "{ 'execute': 'migrate', 'arguments': "
                             "{ 'uri': %s } }", uri);
    wait_migrated(from.qts);

    to = from;
    to.qts = start_ports_alone("-incoming defer");
    qtest_qmp_assert_success(to.qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    wait_migrated(to.qts);
    for (int i = 0; i < ARRAY_SIZE(migrating); i++) {
        uint64_t cfg = from.port[migrating[i]];

        for (unsigned int pos = 0; pos < PCI_CFG_SPACE_EXP_SIZE; pos += 4) {
            g_assert_cmphex(qtest_readl(to.qts, cfg + pos), ==,
                            qtest_readl(from.qts, cfg + pos));
        }
    }
    qtest_quit(from.qts);
    qtest_quit(to.qts);
    unlink(name);
}

static QDict *list_properties(QTestState *qts, const char *type)
{
    return qtest_qmp(qts, "{ 'execute': 'device-list-properties', "
                     "'arguments': { 'typename': %s } }", type);
}

static bool has_property(QDict *answer, const char *name)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(answer, "return"), entry) {
        QDict *prop = qobject_to(QDict, qlist_entry_obj(entry));

        if (!strcmp(qdict_get_str(prop, "name"), name)) {
            return true;
        }
    }
    return false;
}

/* What "-device TYPE,help" says of each property that QEMU's ports lack */
static void test_descriptions(void)
{
    static const char *const types[] = {
        "fabric-root-port", "fabric-upstream-port", "fabric-downstream-port",
        "tph-accel", "vhca",
    };
    QTestState *qts = qtest_init("-machine q35 -nodefaults");
    QDict *stock = list_properties(qts, "pcie-root-port");

    for (int i = 0; i < ARRAY_SIZE(types); i++) {
        QDict *answer = list_properties(qts, types[i]);
        const QListEntry *entry;

        QLIST_FOREACH_ENTRY(qdict_get_qlist(answer, "return"), entry) {
            QDict *prop = qobject_to(QDict, qlist_entry_obj(entry));
            const char *name = qdict_get_str(prop, "name");

            if (!has_property(stock, name) &&
                !qdict_haskey(prop, "description")) {
                g_error("%s: nothing is said of %s", types[i], name);
            }
        }
        qobject_unref(answer);
    }
    qobject_unref(stock);
    qtest_quit(qts);
}

/* Whatever becomes of it, if the engine can be reached at all */
static void try_copy(Lab *lab, int from, uint64_t src, uint64_t dst)
{
    dma_start(&lab->accel[from], src, dst, 4096, 1, hint(TAG, 1));
    dma_wait(&lab->accel[from]);
}

static void write_all(Lab *lab)
{
    for (int to = 0; to < NR_ACCELS; to++) {
        try_copy(lab, A, RAM_SRC, lab->accel[to].mem);
        try_copy(lab, E, RAM_SRC, lab->accel[to].mem);
        try_copy(lab, C, lab->accel[to].mem, lab->accel[to].mem + 0x1000);
    }
}

static void forget_errors(Lab *lab)
{
    start_ports(lab);
    for (int i = 0; i < NR_ACCELS; i++) {
        set_bars(&lab->accel[i]);
        accel_errors(lab, i);
    }
    for (int i = 0; i < NR_PORTS; i++) {
        errors(lab, i);
    }
}

/* Nonsense in bus numbers: loops, all the same, none. */
static void test_bus_numbers(void)
{
    static const struct { int secondary, subordinate; } nonsense[] = {
        { 0, 0 }, { 0, 255 }, { 255, 0 }, { 2, 1 }, { 8, 8 }, { 1, 255 },
    };
    Lab lab = lab_start("");

    for (int i = 0; i < ARRAY_SIZE(nonsense); i++) {
        /* From below, since who is behind nonsense cannot be reached */
        for (int port = SW1D1; port >= RP0; port--) {
            set_buses(&lab, port, nonsense[i].secondary,
                      nonsense[i].subordinate);
        }
        set_buses(&lab, RP1, nonsense[i].secondary, nonsense[i].subordinate);
        write_all(&lab);
        g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
        g_assert_cmpint(peer_write(&lab, D, B), ==, HINTED);
        forget_errors(&lab);
    }
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    lab_end(&lab);
}

/* Windows on top of each other, that wrap, that have everything. */
static void test_overlaps(void)
{
    Lab lab = lab_start("");
    Accel *b = &lab.accel[B], *c = &lab.accel[C];
    Outcome first;

    /* B's BAR is C's address, in windows that are the same */
    b->mem = c->mem;
    set_bars(b);
    set_windows(&lab, SW0D1, b->regs, b->regs + REGS_WINDOW - 1, c->mem,
                c->mem + 2 * MEM_WINDOW - 1);
    first = peer_write(&lab, A, C);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(peer_write(&lab, A, C), ==, first);
    }
    g_assert_cmpuint(rule_tlps(b, 0) + rule_tlps(c, 0), ==, 4);
    g_assert_cmpuint(MIN(rule_tlps(b, 0), rule_tlps(c, 0)), ==, 0);
    b->mem = MEM + B * MEM_WINDOW;
    forget_errors(&lab);
    g_assert_cmpint(peer_write(&lab, A, C), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);

    for (int port = 0; port < NR_PORTS; port++) {
        set_windows(&lab, port, 0, UINT32_MAX, 0, UINT64_MAX);
        write_all(&lab);
        forget_errors(&lab);
        set_windows(&lab, port, UINT32_MAX, 0, UINT64_MAX, 0);
        write_all(&lab);
        forget_errors(&lab);
        set_windows(&lab, port, 0, UINT32_MAX, 0x100000, UINT64_MAX);
        write_all(&lab);
        forget_errors(&lab);
    }
    g_assert_cmpint(peer_write(&lab, A, B), ==, HINTED);
    g_assert_cmpint(peer_write(&lab, E, B), ==, PLAIN);
    lab_end(&lab);
}

/* Other programs read these lines */
static void test_trace(void)
{
    static const char *const lines[] = {
        "pcie_route requester=a completer=b at=0 path=sw0d0>sw0d1\n",
        "pcie_route requester=c completer=a at=0 "
            "path=sw1d0>sw1u>sw0d2>sw0d0\n",
        "pcie_route requester=a completer=e at=0 "
            "path=sw0d0>sw0u>rp0>rc>rp1\n",
        "pcie_route requester=a completer=memory at=0 "
            "path=sw0d0>sw0u>rp0>rc\n",
        "pcie_hint_lost port=rp0 "
            "why=the root complex drops hints of peer requests\n",
        "pcie_hint_lost port=d why=the completer takes no hints\n",
        "pcie_route requester=b completer=none at=0 path=sw0d1\n",
        "pcie_request_lost port=sw0d1 why=bus mastering is off\n",
        "pcie_error port=sw0d1 error=0x100000 completes=1\n",
        "pcie_error port=rp0 error=0x100000 completes=0\n",
    };
    g_autofree char *name = NULL;
    g_autofree char *more = NULL;
    g_autofree char *log = NULL;
    int fd = g_file_open_tmp("pcie-route-XXXXXX", &name, NULL);
    Lab lab;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    more = g_strdup_printf("-trace pcie_route -trace pcie_hint_lost "
                           "-trace pcie_request_lost -trace pcie_error -D %s "
                           "-set device.d.completer=none "
                           "-set device.d.tph-ext=off", name);
    lab = lab_start(more);
    for (int i = 0; i < 2; i++) {
        peer_write(&lab, A, B);
        peer_write(&lab, A, D);
        peer_write(&lab, C, A);
        peer_write(&lab, A, E);
    }
    write_to(&lab, A, MEM + 16 * MEM_WINDOW, B, lab.accel[B].mem);
    set_command(&lab, SW0D1, PCI_COMMAND_MEMORY);
    peer_read(&lab, B, RAM_SRC);
    qtest_quit(lab.qts);
    g_assert_true(g_file_get_contents(name, &log, NULL, NULL));
    for (int i = 0; i < ARRAY_SIZE(lines); i++) {
        const char *at = strstr(log, lines[i]);

        if (!at) {
            g_error("not in the log: %s\n%s", lines[i], log);
        }
        g_assert_null(strstr(at + 1, lines[i]));
    }
    unlink(name);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/pcie-route/ports", test_ports);
    qtest_add_func("/pcie-route/direct", test_direct);
    qtest_add_func("/pcie-route/redirect", test_redirect);
    qtest_add_func("/pcie-route/forwarding", test_forwarding);
    qtest_add_func("/pcie-route/source-validation", test_source_validation);
    qtest_add_func("/pcie-route/translated", test_translated);
    qtest_add_func("/pcie-route/completion-redirect",
                   test_completion_redirect);
    qtest_add_func("/pcie-route/completion-payload", test_completion_payload);
    qtest_add_func("/pcie-route/status", test_status);
    qtest_add_func("/pcie-route/windows", test_windows);
    qtest_add_func("/pcie-route/bars", test_bars);
    qtest_add_func("/pcie-route/bus-master", test_bus_master);
    qtest_add_func("/pcie-route/prefix", test_prefix);
    qtest_add_func("/pcie-route/atomic-blocking", test_atomic_blocking);
    qtest_add_func("/pcie-route/expander", test_expander);
    qtest_add_func("/pcie-route/peer-policy", test_peer_policy);
    qtest_add_func("/pcie-route/payload", test_payload);
    qtest_add_func("/pcie-route/hinted-reads", test_hinted_reads);
    qtest_add_func("/pcie-route/slots", test_slots);
    qtest_add_func("/pcie-route/migration", test_migration);
    qtest_add_func("/pcie-route/bus-numbers", test_bus_numbers);
    qtest_add_func("/pcie-route/overlaps", test_overlaps);
    qtest_add_func("/pcie-route/trace", test_trace);
    qtest_add_func("/pcie-route/descriptions", test_descriptions);
    return g_test_run();
}
