/*
 * QTest testcase for the virtual ConnectX as a PCI Express function
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The least driver there is sends work requests to an accelerator, whose
 * counters and registers say what arrived, and how. Linux' own drivers test the
 * commands; this is about requests, and about guests that are no good drivers.
 */
#include "qemu/osdep.h"
#include "hw/misc/tph_accel_regs.h"
#include "hw/pci/pci_regs.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "fabric-vhca.h"

#define TWO_ROOT_PORTS \
    "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=keep " \
    "-device fabric-root-port,id=p1,chassis=2,addr=3,peer=keep " \
    "-device vhca,bus=p0,id=nic -device tph-accel,bus=p1,mem-size=64M "
#define IOMMU       "-device intel-iommu,intremap=off,device-iotlb=on "

#define DATA        0x1000000ull
#define UNMAPPED    0x2800000ull        /* memory the IOMMU does not know */
#define UNREACHABLE (1ull << 45)        /* nobody's */
#define CQ          1
#define CQ_ENTRIES  512
#define QUEUE       2                   /* of the first queue pair */
#define PH          2
#define ST_ENTRY    3
#define REQ_TPH     (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_TPH_ONLY << 8)
#define REQ_EXT     (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_EXT_TPH << 8)
#define WAIT_SECONDS 60
#define SLOTS       (1 << VHCA_LOG_SQ)  /* of the send queue */

/* Added to the doorbell record: SLOTS more requests were posted */
#define ONE_MORE_ROUND  ((uint64_t)SLOTS >> 8 << 48)

/* Completion entries: syndromes are MLX5_CQE_SYNDROME_* of the driver */
#define CQE_SYNDROME        55
#define CQE_OP_OWN          63
#define CQE_NONE            0xff
#define CQE_REQ             0
#define CQE_REQ_ERR         0xd
#define CQE_RESP_ERR        0xe
#define FLUSHED             0x05
#define LOCAL_ACCESS        0x11
#define REMOTE_OPERATION    0x14

typedef struct Lab {
    QTestState *qts;
    LabPCI pci;
    LabFunction *nic;
    LabFunction *accel;
    VhcaDriver vhca;
    uint32_t key;               /* for every address */
    uint32_t ats_key;           /* the same, translated by the device */
    uint32_t hinted_key;
    uint32_t qpn;
    uint16_t posted;
    unsigned int completed;
} Lab;

/* The driver */

static uint32_t create_mkey(Lab *lab, bool ats, bool hint)
{
    VhcaCommand cmd;
    uint8_t *mkc = cmd.in + CMD_CONTEXT;
    uint32_t id;

    vhca_command_init(&cmd, VHCA_OP_CREATE_MKEY);
    vhca_fill_mkey(&lab->vhca, &cmd);
    ifc_set(mkc, MKC_MA_TRANSLATION_MODE, ats);
    ifc_set(mkc, MKC_TPH_EN, hint);
    ifc_set(mkc, MKC_TPH_PH, PH);
    ifc_set(mkc, MKC_TPH_ST_INDEX, ST_ENTRY);
    g_assert_true(vhca_run(&lab->vhca, &cmd, &id));
    return id << 8;
}

/* @record: where its doorbell record is */
static uint32_t create_qp(Lab *lab, unsigned int queue, uint64_t record)
{
    VhcaCommand cmd;
    uint32_t qpn;

    vhca_command_init(&cmd, VHCA_OP_CREATE_QP);
    vhca_fill_qp(&lab->vhca, &cmd, queue);
    stq_be_p(cmd.in + CMD_QPC + QPC_DBR_ADDR, record);
    g_assert_true(vhca_run(&lab->vhca, &cmd, &qpn));
    return qpn;
}

static void qp_command(Lab *lab, uint16_t opcode, uint32_t qpn)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, opcode);
    ifc_set(cmd.in, CMD_IN_ID, qpn);
    g_assert_true(vhca_run(&lab->vhca, &cmd, NULL));
}

static void forget_completions(Lab *lab)
{
    qtest_memset(lab->qts, vhca_queue(CQ), CQE_NONE,
                 CQ_ENTRIES * VHCA_CQE_SIZE);
}

/* A fresh device, with a queue pair that is connected to itself */
static void bring_up(Lab *lab)
{
    LabFunction *nic = lab->nic;

    qtest_writel(lab->qts, nic->cfg + nic->tph + PCI_TPH_CTRL, REQ_TPH);
    forget_completions(lab);
    lab->posted = lab->completed = 0;
    qtest_writeq(lab->qts, vhca_record(QUEUE), 0);
    g_assert_true(vhca_bring_up(&lab->vhca, lab->qts, nic->bar[0]));
    lab->key = create_mkey(lab, false, false);
    lab->ats_key = create_mkey(lab, true, false);
    lab->hinted_key = create_mkey(lab, false, true);
    lab->qpn = create_qp(lab, QUEUE, vhca_record(QUEUE));
    g_assert_true(vhca_connect(&lab->vhca, lab->qpn, lab->qpn));
}

static void enumerate(Lab *lab)
{
    lab_enumerate(&lab->pci, lab->qts);
    lab->nic = lab_find(&lab->pci, VHCA_DEVICE_ID, 0);
    lab->accel = lab_find(&lab->pci, TPH_ACCEL_DEVICE_ID, 0);
}

static Lab *lab_start(const char *more)
{
    Lab *lab = g_new0(Lab, 1);

    lab->qts = qtest_initf("-machine q35,kernel-irqchip=split -m 64 "
                           "-nodefaults -display none %s" TWO_ROOT_PORTS,
                           more);
    enumerate(lab);
    bring_up(lab);
    return lab;
}

static void lab_end(Lab *lab)
{
    qtest_quit(lab->qts);
    g_free(lab);
}

/* Work requests */

static uint64_t mem(Lab *lab)
{
    return lab->accel->bar[TPH_ACCEL_MEM_BAR];
}

static uint32_t accel_reg(Lab *lab, unsigned int offset)
{
    return qtest_readl(lab->qts, lab->accel->bar[TPH_ACCEL_REGS_BAR] + offset);
}

static uint64_t accel_reg64(Lab *lab, unsigned int offset)
{
    return qtest_readq(lab->qts, lab->accel->bar[TPH_ACCEL_REGS_BAR] + offset);
}

static void post(Lab *lab, uint8_t opcode, uint32_t lkey, uint64_t local,
                 uint32_t len, uint32_t rkey, uint64_t remote)
{
    bool atomic = opcode == VHCA_WQE_FETCH_ADD;
    uint8_t *segment, wqe[VHCA_WQEBB] = { [3] = opcode, [11] = 0x08 };

    stl_be_p(wqe + 4, lab->qpn << 8 | (atomic ? 4 : 3));
    segment = wqe + VHCA_WQE_SEGMENT;
    stq_be_p(segment, remote);
    stl_be_p(segment + 8, rkey);
    segment += VHCA_WQE_SEGMENT;
    if (atomic) {
        stq_be_p(segment, ONE_MORE_ROUND);
        segment += VHCA_WQE_SEGMENT;
    }
    stl_be_p(segment, len);
    stl_be_p(segment + 4, lkey);
    stq_be_p(segment + 8, local);
    qtest_bufwrite(lab->qts, vhca_queue(QUEUE) + VHCA_SQ_OFFSET +
                   lab->posted++ % SLOTS * VHCA_WQEBB, wqe, sizeof(wqe));
}

static void set_record(Lab *lab, unsigned int queue, unsigned int offset,
                       uint16_t count)
{
    qtest_writel(lab->qts, vhca_record(queue) + offset, bswap32(count));
}

static void ring(Lab *lab)
{
    set_record(lab, QUEUE, VHCA_RECORD_SEND, lab->posted);
    vhca_ring_send(&lab->vhca, lab->qpn);
}

static uint64_t next_cqe(Lab *lab)
{
    return vhca_queue(CQ) + lab->completed % CQ_ENTRIES * VHCA_CQE_SIZE;
}

static bool is_completed(Lab *lab)
{
    return qtest_readb(lab->qts, next_cqe(lab) + CQE_OP_OWN) != CQE_NONE;
}

/* Returns the syndrome; 0: success */
static uint8_t wait_completion(Lab *lab)
{
    gint64 end = g_get_monotonic_time() + WAIT_SECONDS * G_TIME_SPAN_SECOND;
    uint64_t cqe = next_cqe(lab);
    uint8_t opcode;

    while (!is_completed(lab)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    lab->completed++;
    opcode = qtest_readb(lab->qts, cqe + CQE_OP_OWN) >> 4;
    if (opcode == CQE_REQ) {
        return 0;
    }
    g_assert_cmphex(opcode, ==, CQE_REQ_ERR);
    return qtest_readb(lab->qts, cqe + CQE_SYNDROME);
}

static uint8_t run(Lab *lab, uint8_t opcode, uint32_t lkey, uint64_t local,
                   uint32_t len, uint32_t rkey, uint64_t remote)
{
    post(lab, opcode, lkey, local, len, rkey, remote);
    ring(lab);
    return wait_completion(lab);
}

/* A failed request leaves the queue pair in error: from the start again */
static void expect_syndrome(Lab *lab, uint8_t syndrome, uint8_t opcode,
                            uint32_t lkey, uint64_t local, uint32_t rkey,
                            uint64_t remote)
{
    g_assert_cmphex(run(lab, opcode, lkey, local, 8, rkey, remote), ==,
                    syndrome);
    qp_command(lab, VHCA_OP_2RST_QP, lab->qpn);
    lab->posted = 0;
    set_record(lab, QUEUE, VHCA_RECORD_SEND, 0);
    g_assert_true(vhca_connect(&lab->vhca, lab->qpn, lab->qpn));
}

static void expect_works(Lab *lab)
{
    uint64_t value = 0x1122334455667788ull + lab->posted;

    qtest_writeq(lab->qts, DATA, value);
    g_assert_cmphex(run(lab, VHCA_WQE_WRITE, lab->key, DATA, 8, lab->key,
                        mem(lab)), ==, 0);
    g_assert_cmphex(qtest_readq(lab->qts, mem(lab)), ==, value);
}

/* Bottom halves and timers: whatever wants to happen */
static void let_it_run(Lab *lab)
{
    for (int i = 0; i < 64; i++) {
        qtest_clock_step(lab->qts, 10 * 1000 * 1000);
    }
}

/* Tests */

static void expect_no_migration(const char *arguments, const char *reason)
{
    QTestState *qts = qtest_initf("-machine q35 -nodefaults %s", arguments);
    QDict *answer = qtest_qmp(qts, "{ 'execute': 'migrate', 'arguments': "
                              "{ 'uri': 'exec:cat >/dev/null' } }");
    QDict *error = qdict_get_qdict(answer, "error");

    g_assert_nonnull(error);
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), reason));
    qobject_unref(answer);
    qtest_quit(qts);
}

static void test_migration(void)
{
    expect_no_migration("-device vhca", "vhca: the objects of the virtual "
                        "ConnectX cannot be migrated");
    expect_no_migration("-device tph-accel", "tph-accel");
}

/* Completions there are; all of them have to be of flushed requests */
static unsigned int count_flushed(Lab *lab)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < CQ_ENTRIES; i++) {
        uint64_t cqe = vhca_queue(CQ) + i * VHCA_CQE_SIZE;
        uint8_t op_own = qtest_readb(lab->qts, cqe + CQE_OP_OWN);

        if (op_own != CQE_NONE) {
            g_assert_true(op_own >> 4 == CQE_REQ_ERR ||
                          op_own >> 4 == CQE_RESP_ERR);
            g_assert_cmphex(qtest_readb(lab->qts, cqe + CQE_SYNDROME), ==,
                            FLUSHED);
            n++;
        }
    }
    return n;
}

/* How much is flushed, with so many work requests in the record */
static unsigned int flush(Lab *lab, uint64_t record, uint16_t sends,
                          uint16_t recvs)
{
    uint32_t qpn;

    forget_completions(lab);
    set_record(lab, QUEUE + 1, VHCA_RECORD_SEND, sends);
    set_record(lab, QUEUE + 1, VHCA_RECORD_RECV, recvs);
    qpn = create_qp(lab, QUEUE + 1, record);
    qp_command(lab, VHCA_OP_2ERR_QP, qpn);
    vhca_ring_send(&lab->vhca, qpn);
    let_it_run(lab);
    qp_command(lab, VHCA_OP_DESTROY_QP, qpn);
    return count_flushed(lab);
}

/* In error state: as many as were posted, and none without a sane count */
static void test_flush(void)
{
    Lab *lab = lab_start("");
    uint64_t record = vhca_record(QUEUE + 1);

    g_assert_cmpuint(flush(lab, record, 3, 2), ==, 5);
    g_assert_cmpuint(flush(lab, record, (1 << VHCA_LOG_SQ) + 1, 0), ==, 0);
    g_assert_cmpuint(flush(lab, record, 0, (1 << VHCA_LOG_RQ) + 1), ==, 0);
    g_assert_cmpuint(flush(lab, UNREACHABLE, 3, 2), ==, 0);
    lab_end(lab);
}

static void set_tag(Lab *lab, uint16_t tag)
{
    qtest_writew(lab->qts, lab->nic->cfg + lab->nic->tph + PCI_TPH_BASE_SIZEOF +
                           2 * ST_ENTRY, tag);
}

static void set_requester(Lab *lab, uint32_t ctrl)
{
    qtest_writel(lab->qts, lab->nic->cfg + lab->nic->tph + PCI_TPH_CTRL, ctrl);
}

/* What the accelerator sees of a write and of a read */
static void expect_hint(Lab *lab, uint32_t hint)
{
    g_assert_cmphex(run(lab, VHCA_WQE_WRITE, lab->key, DATA, 64,
                        lab->hinted_key, mem(lab)), ==, 0);
    g_assert_cmphex(accel_reg(lab, TPH_ACCEL_REG_LAST), ==, hint);
    g_assert_cmphex(run(lab, VHCA_WQE_READ, lab->key, DATA, 64,
                        lab->hinted_key, mem(lab)), ==, 0);
    g_assert_cmphex(accel_reg(lab, TPH_ACCEL_REG_LAST_READ), ==, hint);
}

/* The table is looked up, and the control register asked, for each request */
static void test_hints(void)
{
    const uint32_t th = TPH_ACCEL_LAST_TH | PH << TPH_ACCEL_LAST_PH_SHIFT;
    Lab *lab = lab_start("");

    expect_hint(lab, th);
    set_tag(lab, 0x5a);
    expect_hint(lab, th | 0x5a);
    set_tag(lab, 0x1277);
    expect_hint(lab, th | 0x77);
    set_requester(lab, REQ_EXT);
    expect_hint(lab, th | TPH_ACCEL_LAST_EXT | 0x1277);
    set_requester(lab, PCI_TPH_ST_DS_MODE);
    expect_hint(lab, 0);
    set_requester(lab, REQ_TPH);
    expect_hint(lab, th | 0x77);
    lab_end(lab);
}

/* Nobody claims the address: those who wait for an answer learn of it */
static void test_unclaimed(void)
{
    Lab *lab = lab_start("");
    uint64_t key = lab->key;

    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_READ, key, DATA, key,
                    UNREACHABLE);
    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_FETCH_ADD, key, DATA, key,
                    UNREACHABLE);
    expect_syndrome(lab, LOCAL_ACCESS, VHCA_WQE_WRITE, key, UNREACHABLE, key,
                    DATA);
    expect_syndrome(lab, 0, VHCA_WQE_WRITE, key, DATA, key, UNREACHABLE);
    expect_works(lab);
    lab_end(lab);
}

/* The same of translations that the IOMMU does not have */
static void test_translation_faults(void)
{
    Lab *lab = lab_start(IOMMU);
    uint64_t key = lab->key, ats = lab->ats_key;

    lab_iommu_enable(&lab->pci, true);
    qtest_writew(lab->qts, lab->nic->cfg + lab->nic->ats + PCI_ATS_CTRL,
                 PCI_ATS_CTRL_ENABLE);
    qtest_writeq(lab->qts, UNMAPPED, 0);
    qtest_writeq(lab->qts, DATA, 1);
    expect_syndrome(lab, 0, VHCA_WQE_WRITE, ats, DATA, ats, mem(lab));
    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_WRITE, ats, DATA, ats,
                    UNMAPPED);
    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_READ, ats, DATA, ats,
                    UNMAPPED);
    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_FETCH_ADD, ats, DATA, ats,
                    UNMAPPED);
    expect_syndrome(lab, LOCAL_ACCESS, VHCA_WQE_WRITE, ats, UNMAPPED, ats,
                    mem(lab));
    /* Untranslated, a posted write ends at the IOMMU, and nobody is told */
    expect_syndrome(lab, 0, VHCA_WQE_WRITE, ats, DATA, key, UNMAPPED);
    expect_syndrome(lab, REMOTE_OPERATION, VHCA_WQE_READ, ats, DATA, key,
                    UNMAPPED);
    g_assert_cmphex(qtest_readq(lab->qts, UNMAPPED), ==, 0);
    expect_works(lab);
    lab_end(lab);
}

/*
 * A transfer into the accelerator that does not end: the last request of the
 * ring adds to the doorbell record, and so posts all of them again: 2 TiB.
 */
static void start_endless_transfer(Lab *lab)
{
    qtest_writel(lab->qts, lab->accel->bar[TPH_ACCEL_REGS_BAR] +
                           TPH_ACCEL_REG_CTRL, TPH_ACCEL_CTRL_CLEAR);
    for (int i = 1; i < SLOTS; i++) {
        post(lab, VHCA_WQE_WRITE, lab->key, DATA, 32 * MiB, lab->key,
             mem(lab));
    }
    post(lab, VHCA_WQE_FETCH_ADD, lab->key, DATA, 8, lab->key,
         vhca_record(QUEUE));
    ring(lab);
    while (!accel_reg64(lab, TPH_ACCEL_REG_PLAIN_BYTES)) {
        g_usleep(100);
    }
}

static void expect_stopped(Lab *lab)
{
    uint64_t bytes = accel_reg64(lab, TPH_ACCEL_REG_PLAIN_BYTES);

    let_it_run(lab);
    g_assert_cmpuint(accel_reg64(lab, TPH_ACCEL_REG_PLAIN_BYTES), ==, bytes);
}

static void bus_reset(Lab *lab)
{
    uint64_t ctrl = lab->pci.function[0].cfg + PCI_BRIDGE_CONTROL;

    g_assert_true(lab->pci.function[0].is_bridge);
    qtest_writew(lab->qts, ctrl, PCI_BRIDGE_CTL_BUS_RESET);
    qtest_writew(lab->qts, ctrl, 0);
}

static void driver_reset(Lab *lab)
{
    vhca_write32(&lab->vhca, VHCA_ISEG_CMDQ_LOW, VHCA_NIC_SW_RESET << 8);
}

/* By the driver's register, by the bus, and only the queue pair */
static void test_reset_in_transfer(void)
{
    Lab *lab = lab_start("");

    start_endless_transfer(lab);
    driver_reset(lab);
    expect_stopped(lab);
    bring_up(lab);
    expect_works(lab);

    start_endless_transfer(lab);
    bus_reset(lab);
    expect_stopped(lab);
    enumerate(lab);
    bring_up(lab);
    expect_works(lab);

    start_endless_transfer(lab);
    qp_command(lab, VHCA_OP_DESTROY_QP, lab->qpn);
    expect_stopped(lab);
    driver_reset(lab);
    bring_up(lab);
    expect_works(lab);
    lab_end(lab);
}

/* Configuration space of both ends changes while requests are on their way */
static void test_config_in_transfer(void)
{
    const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    Lab *lab = lab_start("");

    start_endless_transfer(lab);
    qtest_writew(lab->qts, lab->nic->cfg + PCI_COMMAND, PCI_COMMAND_MEMORY);
    expect_stopped(lab);
    qtest_writew(lab->qts, lab->nic->cfg + PCI_COMMAND, on);
    driver_reset(lab);
    bring_up(lab);
    expect_works(lab);

    /* Posted writes to nobody are lost, and nothing else changes */
    start_endless_transfer(lab);
    qtest_writew(lab->qts, lab->accel->cfg + PCI_COMMAND, PCI_COMMAND_MASTER);
    forget_completions(lab);
    g_assert_cmphex(wait_completion(lab), ==, 0);
    driver_reset(lab);
    qtest_writew(lab->qts, lab->accel->cfg + PCI_COMMAND, on);
    bring_up(lab);
    expect_works(lab);
    lab_end(lab);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/vhca/migration", test_migration);
    qtest_add_func("/vhca/flush", test_flush);
    qtest_add_func("/vhca/hints", test_hints);
    qtest_add_func("/vhca/unclaimed", test_unclaimed);
    qtest_add_func("/vhca/translation-faults", test_translation_faults);
    qtest_add_func("/vhca/reset-in-transfer", test_reset_in_transfer);
    qtest_add_func("/vhca/config-in-transfer", test_config_in_transfer);
    return g_test_run();
}
