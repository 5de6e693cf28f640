/*
 * Benchmarks of the PCI Express fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Each compares two things in one run, which take turns; the best round of
 * each counts. Time is that of QEMU's CPU, so that other load on the host
 * matters little. Prints lines "NAME VALUE", for lab/bench.
 *
 * usage: fabric-bench ROUNDS [CAPTURE]
 *
 * With a file for a CAPTURE only that part, which says what has to be in it.
 */
#include "qemu/osdep.h"
#include "hw/misc/tph_accel_regs.h"
#include "hw/pci/pci_regs.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "fabric-vhca.h"

#define DATA            0x1000000ull
#define MESSAGE         (64 * KiB)
#define MESSAGES        128
#define CAPTURE_MESSAGES 32
#define PAYLOAD         256
#define WAIT_SECONDS    300
#define TAG             0x5a
#define REQ_TPH         (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_TPH_ONLY << 8)

#define SMALL           64          /* bytes of a routed request */
#define REQUESTS        20000
#define PORTS_OF_A_SLOT 8

static unsigned int rounds;

/* Nanoseconds of CPU that QEMU has used */
static int64_t cpu_time(QTestState *qts)
{
    struct timespec ts;
    clockid_t clock;

    /* A thread's time is up to date once it sleeps, not while it runs */
    g_usleep(2000);
    g_assert_cmpint(clock_getcpuclockid(qtest_pid(qts), &clock), ==, 0);
    g_assert_cmpint(clock_gettime(clock, &ts), ==, 0);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void pause_until(gint64 end)
{
    g_assert_cmpint(g_get_monotonic_time(), <, end);
    g_usleep(200);
}

static gint64 time_limit(void)
{
    return g_get_monotonic_time() + WAIT_SECONDS * G_TIME_SPAN_SECOND;
}

static void set_payload_256(LabPCI *pci)
{
    for (unsigned int i = 0; i < pci->nr; i++) {
        LabFunction *f = &pci->function[i];
        uint64_t devctl = f->cfg + f->exp + PCI_EXP_DEVCTL;
        uint16_t value = qtest_readw(pci->qts, devctl);

        value &= ~PCI_EXP_DEVCTL_PAYLOAD;
        qtest_writew(pci->qts, devctl, value | PCI_EXP_DEVCTL_PAYLOAD_256B);
    }
}

/* RDMA */

typedef struct Bench {
    QTestState *qts;
    LabPCI pci;
    VhcaDriver vhca;
    LabFunction *accel;
    VhcaQueue queue;
    uint32_t lkey;
    uint32_t rkey;
    unsigned int completed;
} Bench;

/* What stands between the adapter and memory */
typedef enum Translation {
    NO_IOMMU,
    IOMMU,
    IOMMU_ATS,      /* the adapter asks, and keeps the answers */
} Translation;

static uint32_t create_mkey(VhcaDriver *v, bool hint, Translation translation)
{
    VhcaCommand cmd;
    uint8_t *mkc = cmd.in + CMD_CONTEXT;
    uint32_t id;

    vhca_command_init(&cmd, VHCA_OP_CREATE_MKEY);
    vhca_fill_mkey(v, &cmd);
    ifc_set(mkc, MKC_TPH_EN, hint);
    ifc_set(mkc, MKC_TPH_ST_INDEX, TAG);
    ifc_set(mkc, MKC_MA_TRANSLATION_MODE, translation == IOMMU_ATS);
    g_assert_true(vhca_run(v, &cmd, &id));
    return id << 8;
}

static Bench *bench_start(const char *arguments, Translation translation)
{
    Bench *b = g_new0(Bench, 1);
    LabFunction *nic;

    b->qts = qtest_initf("-machine q35,kernel-irqchip=split -m 64 -nodefaults "
                         "-display none %s", arguments);
    lab_enumerate(&b->pci, b->qts);
    set_payload_256(&b->pci);
    nic = lab_find(&b->pci, VHCA_DEVICE_ID, 0);
    if (translation != NO_IOMMU) {
        lab_iommu_enable(&b->pci, translation == IOMMU_ATS);
    }
    if (translation == IOMMU_ATS) {
        qtest_writew(b->qts, nic->cfg + nic->ats + PCI_ATS_CTRL,
                     PCI_ATS_CTRL_ENABLE);
    }
    b->accel = lab_find(&b->pci, TPH_ACCEL_DEVICE_ID, 0);
    qtest_writel(b->qts, nic->cfg + nic->tph + PCI_TPH_CTRL, REQ_TPH);
    qtest_writew(b->qts, nic->cfg + nic->exp + PCI_EXP_DEVCTL2,
                 PCI_EXP_DEVCTL2_ATOMIC_REQ);
    g_assert_true(vhca_bring_up(&b->vhca, b->qts, nic->bar[0]));
    b->lkey = create_mkey(&b->vhca, false, translation);
    b->rkey = create_mkey(&b->vhca, true, translation);
    g_assert_true(vhca_create_queue(&b->vhca, VHCA_QUEUE_FIRST, VHCA_QP_ST_RC,
                                    &b->queue));
    return b;
}

static void bench_end(Bench *b)
{
    qtest_quit(b->qts);
    g_free(b);
}

/* Between DATA and the accelerator's memory at @addr */
static void post(Bench *b, uint8_t opcode, uint64_t addr, bool signaled)
{
    VhcaRequest request = {
        .opcode = opcode,
        .signaled = signaled,
        .remote = addr,
        .rkey = b->rkey,
        .local = DATA,
        .lkey = b->lkey,
        .length = opcode == VHCA_WQE_FETCH_ADD ? sizeof(uint64_t) : MESSAGE,
    };

    vhca_post(&b->vhca, &b->queue, &request);
}

/* Returns nanoseconds of CPU */
static int64_t run_messages(Bench *b, uint8_t opcode, unsigned int n)
{
    uint64_t op_own = vhca_cqe(b->completed++) + VHCA_CQE_OP_OWN;
    uint64_t mem = b->accel->bar[TPH_ACCEL_MEM_BAR];
    gint64 end = time_limit();
    int64_t begin;

    qtest_writeb(b->qts, op_own, VHCA_CQE_INVALID);
    for (unsigned int i = 1; i <= n; i++) {
        post(b, opcode, mem + i % 8 * MESSAGE, i == n);
    }
    begin = cpu_time(b->qts);
    vhca_ring_posted(&b->vhca, &b->queue);
    while (qtest_readb(b->qts, op_own) == VHCA_CQE_INVALID) {
        pause_until(end);
    }
    g_assert_cmphex(qtest_readb(b->qts, op_own) >> 4, ==, 0);
    return cpu_time(b->qts) - begin;
}

static void set_plain(Bench *b, bool plain)
{
    qtest_qmp_assert_success(b->qts, "{ 'execute': 'qom-set', 'arguments': "
                             "{ 'path': '/machine/peripheral/nic', "
                             "'property': 'x-plain-copy', 'value': %i } }",
                             plain);
}

static uint64_t passed_ports(Bench *b)
{
    QDict *answer = qtest_qmp(b->qts, "{ 'execute': 'qom-get', 'arguments': "
                              "{ 'path': '/objects/a0', "
                              "'property': 'tlps' } }");
    uint64_t tlps = qdict_get_int(answer, "return");

    qobject_unref(answer);
    return tlps;
}

static double gigabytes(unsigned int messages, int64_t ns)
{
    return (double)messages * MESSAGE / ns;
}

static void bench_write(const char *name, const char *arguments,
                        Translation translation)
{
    Bench *b = bench_start(arguments, translation);
    int64_t best[2] = { INT64_MAX, INT64_MAX };

    for (unsigned int i = 0; i < rounds * 2; i++) {
        bool plain = i % 2;

        set_plain(b, plain);
        best[plain] = MIN(best[plain], run_messages(b, VHCA_WQE_WRITE, MESSAGES));
    }
    printf("write.%s.fabric_gb_per_s %.2f\n", name,
           gigabytes(MESSAGES, best[0]));
    printf("write.%s.plain_gb_per_s %.2f\n", name,
           gigabytes(MESSAGES, best[1]));
    printf("write.%s.ratio %.3f\n", name, (double)best[1] / best[0]);
    bench_end(b);
}

#define TWO_ROOT_PORTS \
    "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=keep " \
    "-device fabric-root-port,id=p1,chassis=2,addr=3,peer=keep " \
    "-device vhca,bus=p0,id=nic,st-entries=0 " \
    "-device tph-accel,bus=p1,mem-size=1M"

#define A_SWITCH \
    "-device fabric-root-port,id=p0,chassis=1,addr=2 " \
    "-device fabric-upstream-port,id=u0,bus=p0 " \
    "-device fabric-downstream-port,id=d0,bus=u0,chassis=2,slot=0,addr=0 " \
    "-device fabric-downstream-port,id=d1,bus=u0,chassis=2,slot=1,addr=1 " \
    "-device vhca,bus=d0,id=nic,st-entries=0 " \
    "-device tph-accel,bus=d1,mem-size=1M"

/*
 * With a capture. What has to be in it the accelerator says, which counts what
 * comes to its memory, and the analyzer, for all that passes its ports.
 */
static void bench_capture(const char *file)
{
    g_autofree char *arguments = g_strdup_printf(
        TWO_ROOT_PORTS " -object pcie-analyzer,id=a0,ports=p0:p1,file=%s",
        file);
    Bench *b = bench_start(arguments, NO_IOMMU);
    uint64_t regs = b->accel->bar[TPH_ACCEL_REGS_BAR];
    uint64_t messages = rounds * CAPTURE_MESSAGES;
    uint64_t writes, read_bytes, atomics;
    int64_t ns = 0;

    for (unsigned int i = 0; i < rounds; i++) {
        ns += run_messages(b, VHCA_WQE_WRITE, CAPTURE_MESSAGES);
        ns += run_messages(b, VHCA_WQE_READ, CAPTURE_MESSAGES);
        ns += run_messages(b, VHCA_WQE_FETCH_ADD, CAPTURE_MESSAGES);
    }
    writes = qtest_readq(b->qts, regs + TPH_ACCEL_REG_OTHER_TLPS);
    read_bytes = qtest_readq(b->qts, regs + TPH_ACCEL_REG_READ_BYTES);
    atomics = qtest_readq(b->qts, regs + TPH_ACCEL_REG_ATOMIC_TLPS);
    g_assert_cmpuint(writes, ==, messages * MESSAGE / PAYLOAD);
    g_assert_cmpuint(read_bytes, ==, messages * MESSAGE);
    g_assert_cmpuint(atomics, ==, messages);
    printf("capture.writes %" PRIu64 "\n", writes);
    printf("capture.reads %" PRIu64 "\n",
           qtest_readq(b->qts, regs + TPH_ACCEL_REG_READ_TLPS));
    printf("capture.atomics %" PRIu64 "\n", atomics);
    printf("capture.completions %" PRIu64 "\n",
           read_bytes / PAYLOAD + atomics);
    printf("capture.passed %" PRIu64 "\n", passed_ports(b));
    printf("capture.cpu_ns %" PRId64 "\n", ns);
    bench_end(b);
}

/* Routing: small requests of one accelerator to the last of many */

typedef struct Crowd {
    QTestState *qts;
    LabPCI pci;
    uint64_t regs;
    uint64_t target;
    int64_t best;
} Crowd;

/* @functions: half of them ports, half of them endpoints */
static Crowd *crowd_start(unsigned int functions)
{
    g_autoptr(GString) arguments = g_string_new(NULL);
    Crowd *c = g_new0(Crowd, 1);

    for (unsigned int i = 0; i < functions / 2; i++) {
        g_string_append_printf(arguments, " -device fabric-root-port,id=p%u,"
                               "chassis=%u,multifunction=on,addr=%x.%u "
                               "-device tph-accel,bus=p%u,mem-size=64K", i,
                               i + 1, 2 + i / PORTS_OF_A_SLOT,
                               i % PORTS_OF_A_SLOT, i);
    }
    c->qts = qtest_initf("-machine q35 -m 64 -nodefaults -display none%s",
                         arguments->str);
    lab_enumerate(&c->pci, c->qts);
    g_assert_cmpuint(c->pci.nr, ==, functions);
    c->regs = lab_find(&c->pci, TPH_ACCEL_DEVICE_ID, 0)->bar[0];
    c->target = lab_find(&c->pci, TPH_ACCEL_DEVICE_ID,
                         functions / 2 - 1)->bar[TPH_ACCEL_MEM_BAR];
    c->best = INT64_MAX;
    return c;
}

static void crowd_round(Crowd *c)
{
    gint64 end = time_limit();
    int64_t begin = cpu_time(c->qts);

    qtest_writeq(c->qts, c->regs + TPH_ACCEL_REG_DMA_SRC, DATA);
    qtest_writeq(c->qts, c->regs + TPH_ACCEL_REG_DMA_DST, c->target);
    qtest_writeq(c->qts, c->regs + TPH_ACCEL_REG_DMA_LEN,
                 (uint64_t)REQUESTS << 32 | SMALL);
    qtest_writel(c->qts, c->regs + TPH_ACCEL_REG_DMA_CTRL,
                 TPH_ACCEL_DMA_START);
    while (qtest_readl(c->qts, c->regs + TPH_ACCEL_REG_DMA_STATUS) &
           TPH_ACCEL_DMA_BUSY) {
        pause_until(end);
    }
    c->best = MIN(c->best, cpu_time(c->qts) - begin);
}

static void bench_routing(void)
{
    static const unsigned int functions[] = { 8, 64, 256 };
    Crowd *crowd[ARRAY_SIZE(functions)];

    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        crowd[i] = crowd_start(functions[i]);
    }
    for (unsigned int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
            crowd_round(crowd[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        printf("routing.functions_%u.ns_per_request %.1f\n", functions[i],
               (double)crowd[i]->best / (2 * REQUESTS));
    }
    printf("routing.ratio_256_to_8 %.3f\n",
           (double)crowd[2]->best / crowd[0]->best);
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        qtest_quit(crowd[i]->qts);
        g_free(crowd[i]);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    rounds = argc > 1 ? atoi(argv[1]) : 0;
    if (!rounds) {
        fprintf(stderr, "usage: %s ROUNDS [CAPTURE]\n", argv[0]);
        return 2;
    }
    if (argc > 2) {
        bench_capture(argv[2]);
        return 0;
    }
    bench_write("two_root_ports", TWO_ROOT_PORTS, NO_IOMMU);
    bench_write("switch", A_SWITCH, NO_IOMMU);
    bench_write("iommu", "-device intel-iommu,intremap=off " TWO_ROOT_PORTS,
                IOMMU);
    bench_write("switch_ats", "-device intel-iommu,intremap=off,"
                "device-iotlb=on " A_SWITCH, IOMMU_ATS);
    bench_routing();
    return 0;
}
