/*
 * QTest testcase for the virtual ConnectX: its commands, doorbells and
 * interrupts, and its life as a PCI Express function
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Each test writes as its driver does, or as a hostile one could.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "vhca-lab.h"
#include "virtio-9p-lab.h"

#define RAM_MSI         0x800000ull
#define MSI_DATA        0x4321

/* Added to a doorbell record: a whole queue of requests more */
#define ONE_MORE_ROUND  ((1ull << VHCA_LOG_SQ) >> 8 << 48)

/* A slot that software can switch off */
#define HOT_PORT \
    "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off " \
    "-device pcie-root-port,id=p2,chassis=1,addr=2,multifunction=on " \
    "-device vhca,bus=p2 "
#define SLOT_OFF (PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF)

/* Configuration space */

static uint64_t slot_control(Nic *nic)
{
    return nic->port->cfg + nic->port->exp + PCI_EXP_SLTCTL;
}

static bool is_plugged(Nic *nic)
{
    return qtest_readl(nic->qts, nic->fn->cfg) != UINT32_MAX;
}

/* Interrupts */

static uint64_t vector(Nic *nic)
{
    return nic->fn->bar[VHCA_MSIX_BAR];
}

static void set_masked(Nic *nic, bool masked)
{
    qtest_writel(nic->qts, vector(nic) + PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

static void enable_msix(Nic *nic)
{
    qtest_writel(nic->qts, vector(nic) + PCI_MSIX_ENTRY_LOWER_ADDR, RAM_MSI);
    qtest_writel(nic->qts, vector(nic) + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
    qtest_writel(nic->qts, vector(nic) + PCI_MSIX_ENTRY_DATA, MSI_DATA);
    set_masked(nic, false);
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->msix + PCI_MSIX_FLAGS,
                 PCI_MSIX_FLAGS_ENABLE);
}

/* Have the next completion raise an event, and the next event an interrupt */
static void arm(Nic *nic, unsigned int events)
{
    uint64_t uar = (uint64_t)nic->v.uar * VHCA_UAR_SIZE;

    vhca_write32(&nic->v, uar + VHCA_UAR_EQ_ARM, nic->v.eqn << 24 | events);
    vhca_write64(&nic->v, uar + VHCA_UAR_CQ_ARM,
                 (uint64_t)nic->completed << 32 | nic->v.cqn);
}

static bool is_pending(Nic *nic)
{
    uint32_t pba = qtest_readl(nic->qts, nic->fn->cfg + nic->fn->msix +
                               PCI_MSIX_PBA);

    return qtest_readl(nic->qts, vector(nic) + (pba & PCI_MSIX_PBA_OFFSET)) & 1;
}

static uint8_t event_type(Nic *nic, unsigned int n)
{
    return qtest_readb(nic->qts, vhca_queue(VHCA_QUEUE_EQ) + n * 64 + 1);
}

static void test_msix(void)
{
    Nic *nic = nic_start(ONE_PORT);

    enable_msix(nic);
    g_assert_cmphex(rdma(nic, VHCA_WQE_NOP, 0, 0, 0), ==, DONE);
    g_assert_cmphex(qtest_readl(nic->qts, RAM_MSI), ==, 0);
    arm(nic, 0);
    g_assert_cmphex(rdma(nic, VHCA_WQE_NOP, 0, 0, 0), ==, DONE);
    WAIT_FOR(qtest_readl(nic->qts, RAM_MSI) == MSI_DATA);

    /* Masked: pending, until it is not masked any more */
    set_masked(nic, true);
    qtest_writel(nic->qts, RAM_MSI, 0);
    arm(nic, 1);
    g_assert_cmphex(rdma(nic, VHCA_WQE_NOP, 0, 0, 0), ==, DONE);
    WAIT_FOR(is_pending(nic));
    g_assert_cmphex(qtest_readl(nic->qts, RAM_MSI), ==, 0);
    set_masked(nic, false);
    WAIT_FOR(qtest_readl(nic->qts, RAM_MSI) == MSI_DATA);
    g_assert_false(is_pending(nic));
    nic_end(nic);
}

/* Unplugging and resets, by what the device itself writes */

/*
 * Switches its own slot off. Then there is more to be read, through a key with
 * a hint, and a completion to be told of.
 */
static void test_suicide(void)
{
    Nic *nic = nic_start(HOT_PORT);
    VhcaRequest off;
    VhcaCommand cmd;

    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_TPH_EN, 1);
    nic->key = create_key(nic, &cmd);
    enable_msix(nic);
    qtest_writew(nic->qts, DATA, SLOT_OFF);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, DATA + 8, DATA, 2), ==, DONE);
    qtest_writew(nic->qts, DATA + 8, 0);
    g_assert_true(is_plugged(nic));
    arm(nic, 0);
    off = make_request(nic, VHCA_WQE_WRITE, slot_control(nic), DATA,
                       128 * KiB);
    post(nic, &off);
    WAIT_FOR(!is_plugged(nic));
    nic_end(nic);
}

/* The image of configuration space from @begin to @end, as it is */
static void copy_config(Nic *nic, uint64_t begin, uint64_t end)
{
    for (uint64_t at = begin; at < end; at += 4) {
        qtest_writel(nic->qts, DATA + (at - begin),
                     qtest_readl(nic->qts, at));
    }
}

/*
 * One write goes through the configuration space of the port, where it
 * switches the slot off, and of the next function, where it resets a file
 * share. While that closes its files, QEMU's main loop runs below the write.
 */
static void test_unplug_below_main_loop(void)
{
    Nic *nic = nic_start(HOT_PORT SHARE_ARGS "2.1");
    uint64_t begin = QEMU_ALIGN_DOWN(slot_control(nic), 128);
    uint64_t end;
    Share share;
    VhcaRequest write;

    share_start(&share, nic->qts, nic->port->cfg + 0x1000);
    end = share.cfg + share.pci_cfg + sizeof(struct virtio_pci_cfg_cap);
    copy_config(nic, begin, end);
    qtest_writel(nic->qts, DATA + (slot_control(nic) - begin), SLOT_OFF);
    qtest_writel(nic->qts, DATA + (end - begin) - 4, 0);
    write = make_request(nic, VHCA_WQE_WRITE, begin, DATA, end - begin);
    post(nic, &write);
    WAIT_FOR(!is_plugged(nic));
    WAIT_FOR(!qtest_readb(nic->qts, share_common(&share,
                                                 VIRTIO_PCI_COMMON_STATUS)));
    nic_end(nic);
}

static uint64_t plain_bytes(Nic *nic)
{
    return qtest_readq(nic->qts, accel_bar(nic, TPH_ACCEL_REGS_BAR) +
                       TPH_ACCEL_REG_PLAIN_BYTES);
}

/*
 * A transfer into the accelerator that does not end: the last request of the
 * queue adds to the doorbell record, and so posts all of them again: 2 TiB.
 */
static void start_endless_transfer(Nic *nic)
{
    uint64_t regs = accel_bar(nic, TPH_ACCEL_REGS_BAR);
    VhcaRequest wr = make_request(nic, VHCA_WQE_WRITE,
                                  accel_bar(nic, TPH_ACCEL_MEM_BAR), DATA,
                                  32 * MiB);

    qtest_writel(nic->qts, regs + TPH_ACCEL_REG_CTRL, TPH_ACCEL_CTRL_CLEAR);
    queue_restart(nic, &nic->queue);
    for (int i = 1; i < 1 << VHCA_LOG_SQ; i++) {
        vhca_post(&nic->v, &nic->queue, &wr);
    }
    wr = make_request(nic, VHCA_WQE_FETCH_ADD, vhca_record(nic->queue.queue),
                      DATA, 8);
    wr.operand = ONE_MORE_ROUND;
    post(nic, &wr);
    WAIT_FOR(plain_bytes(nic));
}

static void expect_stopped(Nic *nic)
{
    uint64_t bytes = plain_bytes(nic);

    let_it_run(nic);
    g_assert_cmpuint(plain_bytes(nic), ==, bytes);
}

static void driver_reset(Nic *nic)
{
    vhca_write32(&nic->v, VHCA_ISEG_CMDQ_LOW, VHCA_NIC_SW_RESET << 8);
}

/* An event queue that is behind would send an interrupt at once */
static void expect_no_event_queue(Nic *nic)
{
    enable_msix(nic);
    arm(nic, 1);
    g_assert_cmphex(qtest_readl(nic->qts, RAM_MSI), ==, 0);
}

/* After a reset all is as at the beginning, numbers included */
static void expect_as_new(Nic *nic)
{
    uint32_t key = nic->key, qpn = nic->queue.qpn;

    set_bus_reset(nic, false);
    nic_find(nic);
    expect_no_event_queue(nic);
    nic_bring_up(nic);
    g_assert_cmphex(nic->key, ==, key);
    g_assert_cmphex(nic->queue.qpn, ==, qpn);
    expect_works(nic, DATA + 8);
    g_assert_false(is_completed(nic));
}

/* By the bus, by the driver's register, and by the adapter's own hand */
static void test_reset(void)
{
    Nic *nic = nic_start(TWO_PORTS);
    VhcaRequest write;

    start_endless_transfer(nic);
    set_bus_reset(nic, true);
    expect_stopped(nic);
    expect_as_new(nic);

    start_endless_transfer(nic);
    driver_reset(nic);
    expect_stopped(nic);
    expect_as_new(nic);

    start_endless_transfer(nic);
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_QP, nic->queue.qpn));
    expect_stopped(nic);
    driver_reset(nic);
    expect_as_new(nic);

    qtest_writew(nic->qts, DATA, PCI_BRIDGE_CTL_BUS_RESET);
    write = make_request(nic, VHCA_WQE_WRITE,
                         nic->port->cfg + PCI_BRIDGE_CONTROL, DATA, 2);
    post(nic, &write);
    WAIT_FOR(!qtest_readw(nic->qts, nic->fn->cfg + PCI_COMMAND));
    expect_as_new(nic);
    nic_end(nic);
}

/* Configuration space of both ends changes while requests are on their way */
static void test_config_in_transfer(void)
{
    const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    Nic *nic = nic_start(TWO_PORTS);
    LabFunction *accel = lab_find(&nic->pci, TPH_ACCEL_DEVICE_ID, 0);

    start_endless_transfer(nic);
    qtest_writew(nic->qts, nic->fn->cfg + PCI_COMMAND, PCI_COMMAND_MEMORY);
    expect_stopped(nic);
    qtest_writew(nic->qts, nic->fn->cfg + PCI_COMMAND, on);
    driver_reset(nic);
    nic_bring_up(nic);
    expect_works(nic, accel->bar[TPH_ACCEL_MEM_BAR]);

    /* Posted writes to nobody are lost, and nothing else changes */
    start_endless_transfer(nic);
    qtest_writew(nic->qts, accel->cfg + PCI_COMMAND, PCI_COMMAND_MASTER);
    forget_completions(nic);
    g_assert_cmphex(completion(nic), ==, DONE);
    driver_reset(nic);
    qtest_writew(nic->qts, accel->cfg + PCI_COMMAND, on);
    nic_bring_up(nic);
    expect_works(nic, accel->bar[TPH_ACCEL_MEM_BAR]);
    nic_end(nic);
}

/* Commands */

static bool is_owned_by_driver(Nic *nic, unsigned int slot)
{
    return !(qtest_readb(nic->qts, vhca_slot(slot) + VHCA_ENTRY_STATUS) &
             VHCA_ENTRY_OWNER_HW);
}

/* Megabytes of answers do not all come while the doorbell is being written */
static void test_commands_later(void)
{
    g_autofree char *name = NULL, *more = NULL, *log = NULL;
    int fd = g_file_open_tmp("vhca-XXXXXX", &name, NULL);
    VhcaCommand cmd;
    Nic *nic;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    more = g_strdup_printf(ONE_PORT "-trace vhca_commands_later -D %s", name);
    nic = nic_start(more);
    for (int slot = 0; slot < VHCA_SLOTS; slot++) {
        uint64_t box = vhca_out_mailbox(slot, 0);

        vhca_command_init(&cmd, VHCA_OP_QUERY_HCA_CAP);
        cmd.out_len = 1 * MiB;
        vhca_submit(&nic->v, slot, &cmd);
        /* A chain without an end */
        qtest_writeq(nic->qts, box + VHCA_MAILBOX_NEXT, bswap64(box));
    }
    vhca_ring_commands(&nic->v, (1u << VHCA_SLOTS) - 1);
    for (int slot = 0; slot < VHCA_SLOTS; slot++) {
        WAIT_FOR(is_owned_by_driver(nic, slot));
        g_assert_cmphex(qtest_readb(nic->qts, vhca_slot(slot) +
                                    VHCA_ENTRY_STATUS), ==, 0);
    }
    nic_end(nic);
    g_assert_true(g_file_get_contents(name, &log, NULL, NULL));
    g_assert_nonnull(strstr(log, "vhca_commands_later slots=0xe "));
    g_assert_nonnull(strstr(log, "vhca_commands_later slots=0x8 "));
    unlink(name);
}

/* What others use stays, and so do they */
static void test_in_use(void)
{
    Nic *nic = nic_start(ONE_PORT);
    VhcaDriver *v = &nic->v;

    g_assert_false(run_on(nic, VHCA_OP_DEALLOC_UAR, v->uar));
    g_assert_false(run_on(nic, VHCA_OP_DEALLOC_PD, v->pd));
    g_assert_false(run_on(nic, VHCA_OP_DESTROY_EQ, v->eqn));
    g_assert_false(run_on(nic, VHCA_OP_DESTROY_CQ, v->cqn));
    g_assert_cmphex(rdma(nic, VHCA_WQE_NOP, 0, 0, 0), ==, DONE);

    g_assert_true(run_on(nic, VHCA_OP_DESTROY_QP, nic->queue.qpn));
    g_assert_true(run_on(nic, VHCA_OP_DEALLOC_PD, v->pd));
    g_assert_false(run_on(nic, VHCA_OP_DESTROY_EQ, v->eqn));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_CQ, v->cqn));
    g_assert_false(run_on(nic, VHCA_OP_DEALLOC_UAR, v->uar));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_EQ, v->eqn));
    g_assert_true(run_on(nic, VHCA_OP_DEALLOC_UAR, v->uar));
    g_assert_false(run_on(nic, VHCA_OP_DEALLOC_UAR, v->uar));
    nic_end(nic);
}

/* Doorbells */

/* 32-bit programs on two CPUs, each with a page of its own */
static void test_half_doorbells(void)
{
    Nic *nic = nic_start(ONE_PORT);
    uint32_t first = nic->v.uar;
    VhcaQueue q[2] = { nic->queue };
    VhcaRequest nop = make_request(nic, VHCA_WQE_NOP, 0, 0, 0);
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_ALLOC_UAR);
    g_assert_true(run_command(nic, &cmd, &nic->v.uar));
    g_assert_true(vhca_create_queue(&nic->v, VHCA_QUEUE_FIRST + 1,
                                    VHCA_QP_ST_RC, &q[1]));
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 2; i++) {
            uint64_t uar = (i ? nic->v.uar : first) * (uint64_t)VHCA_UAR_SIZE;

            if (!half) {
                vhca_post(&nic->v, &q[i], &nop);
                qtest_writel(nic->qts, vhca_record(q[i].queue) +
                             VHCA_RECORD_SEND, bswap32(q[i].sent));
            }
            vhca_write32(&nic->v, uar + VHCA_UAR_SEND + half * 4,
                         half ? q[i].qpn << 8 : 0);
        }
    }
    g_assert_cmphex(completion(nic), ==, DONE);
    g_assert_cmphex(completion(nic), ==, DONE);
    nic_end(nic);
}

/* A completion queue that nobody empties ends the queue pairs that use it */
static void test_cq_overrun(void)
{
    enum { CQ_ERROR = 0x04, QP_FATAL = 0x05 };
    Nic *nic = nic_start(ONE_PORT);
    VhcaRequest nop = make_request(nic, VHCA_WQE_NOP, 0, 0, 0);
    uint8_t *ctx;
    VhcaCommand cmd;
    VhcaQueue q;

    vhca_command_init(&cmd, VHCA_OP_CREATE_CQ);
    vhca_fill_cq(&nic->v, &cmd, VHCA_QUEUE_FIRST + 1);
    ctx = cmd.in + CMD_CONTEXT;
    ifc_set(ctx, CQC_OI, 0);
    ifc_set(ctx, CQC_LOG_CQ_SIZE, 1);
    g_assert_true(run_command(nic, &cmd, &nic->v.cqn));
    g_assert_true(vhca_create_queue(&nic->v, VHCA_QUEUE_FIRST + 2,
                                    VHCA_QP_ST_RC, &q));
    for (int i = 0; i < 3; i++) {
        vhca_post(&nic->v, &q, &nop);
    }
    vhca_ring_posted(&nic->v, &q);
    WAIT_FOR(event_type(nic, 0) == CQ_ERROR);
    WAIT_FOR(event_type(nic, 1) == QP_FATAL);
    nic_end(nic);
}

/* As a PCI Express function */

/* Somebody writes 2 bytes to registers that take 4 or 8 */
static void test_errors(void)
{
    enum {
        ENABLES = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
                  PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE,
        FOUND = PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_URD,
    };
    Nic *nic = nic_start(TWO_PORTS);
    uint64_t regs = accel_bar(nic, TPH_ACCEL_REGS_BAR);

    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVCTL) & ENABLES, ==, 0);
    set_exp_word(nic, PCI_EXP_DEVCTL,
                 exp_word(nic, PCI_EXP_DEVCTL) | ENABLES);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVCTL) & ENABLES, ==, ENABLES);

    qtest_writeq(nic->qts, regs + TPH_ACCEL_REG_DMA_SRC, DATA);
    qtest_writeq(nic->qts, regs + TPH_ACCEL_REG_DMA_DST, nic->fn->bar[0]);
    qtest_writel(nic->qts, regs + TPH_ACCEL_REG_DMA_LEN, 2);
    qtest_writel(nic->qts, regs + TPH_ACCEL_REG_DMA_CTRL,
                 TPH_ACCEL_DMA_START);
    WAIT_FOR(qtest_readl(nic->qts, regs + TPH_ACCEL_REG_DMA_STATUS) ==
             TPH_ACCEL_DMA_DONE);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVSTA) & 0xf, ==, FOUND);
    set_exp_word(nic, PCI_EXP_DEVSTA, FOUND);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVSTA) & 0xf, ==, 0);

    set_bus_reset(nic, true);
    set_bus_reset(nic, false);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVCTL) & ENABLES, ==, 0);
    nic_end(nic);
}

static void test_migration(void)
{
    Nic *nic = nic_start(ONE_PORT);
    QDict *error = qtest_qmp_assert_failure_ref(nic->qts,
        "{ 'execute': 'migrate', 'arguments': { 'uri': 'exec:cat' } }");

    g_assert_nonnull(strstr(qdict_get_str(error, "desc"),
                            "virtual ConnectX cannot be migrated"));
    qobject_unref(error);
    nic_end(nic);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/vhca-device/msix", test_msix);
    qtest_add_func("/vhca-device/suicide", test_suicide);
    qtest_add_func("/vhca-device/unplug-below-main-loop",
                   test_unplug_below_main_loop);
    qtest_add_func("/vhca-device/reset", test_reset);
    qtest_add_func("/vhca-device/config-in-transfer", test_config_in_transfer);
    qtest_add_func("/vhca-device/commands-later", test_commands_later);
    qtest_add_func("/vhca-device/in-use", test_in_use);
    qtest_add_func("/vhca-device/half-doorbells", test_half_doorbells);
    qtest_add_func("/vhca-device/cq-overrun", test_cq_overrun);
    qtest_add_func("/vhca-device/errors", test_errors);
    qtest_add_func("/vhca-device/migration", test_migration);
    return g_test_run();
}
