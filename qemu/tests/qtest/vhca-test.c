/*
 * QTest testcase for the virtual ConnectX, driven by hand
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Each test writes as its driver does, or as a hostile one could. The verbs
 * themselves are tested on the host, without a device.
 */
#include "qemu/osdep.h"
#include "hw/misc/tph_accel_regs.h"
#include "qemu/bitops.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "vhca-lab.h"
#include "virtio-9p-lab.h"

#define DATA            0x1000000ull
#define UNMAPPED        0x3000000ull        /* memory that no IOMMU page has */
#define RAM_MSI         0x800000ull
#define MSI_DATA        0x4321

/* Syndromes of completions */
#define LOCAL_QP_OP         0x02
#define LOCAL_PROTECTION    0x04
#define LOCAL_ACCESS        0x11
#define REMOTE_ACCESS       0x13
#define REMOTE_OPERATION    0x14

#define DONE                COMPLETION(VHCA_CQE_REQ, 0)
#define RECEIVED            COMPLETION(VHCA_CQE_RESP_SEND, 0)
#define FAILED(syndrome)    COMPLETION(VHCA_CQE_REQ_ERR, syndrome)

#define A_PORT(n) "-device fabric-root-port,id=p" #n ",chassis=" #n \
    ",addr=" #n ",peer=keep "
#define ONE_PORT    A_PORT(2) "-device vhca,bus=p2 "
#define TWO_PORTS   ONE_PORT A_PORT(3) "-device tph-accel,bus=p3,mem-size=1M "
#define AN_IOMMU    "-device intel-iommu,intremap=off,device-iotlb=on "

/* A slot that software can switch off */
#define HOT_PORT \
    "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off " \
    "-device pcie-root-port,id=p2,chassis=1,addr=2,multifunction=on " \
    "-device vhca,bus=p2 "
#define SLOT_OFF (PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF)

/* Configuration space */

static uint16_t exp_word(Nic *nic, unsigned int reg)
{
    return qtest_readw(nic->qts, nic->fn->cfg + nic->fn->exp + reg);
}

static void set_exp_word(Nic *nic, unsigned int reg, uint16_t val)
{
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->exp + reg, val);
}

static uint64_t slot_control(Nic *nic)
{
    return nic->port->cfg + nic->port->exp + PCI_EXP_SLTCTL;
}

static bool is_plugged(Nic *nic)
{
    return qtest_readl(nic->qts, nic->fn->cfg) != UINT32_MAX;
}

static void set_bus_reset(Nic *nic, bool on)
{
    qtest_writew(nic->qts, nic->port->cfg + PCI_BRIDGE_CONTROL,
                 on ? PCI_BRIDGE_CTL_BUS_RESET : 0);
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

/* An event queue that is behind would send an interrupt at once */
static void expect_no_event_queue(Nic *nic)
{
    enable_msix(nic);
    arm(nic, 1);
    g_assert_cmphex(qtest_readl(nic->qts, RAM_MSI), ==, 0);
}

/* After the bus was reset all is as at the beginning, numbers included */
static void expect_as_new(Nic *nic)
{
    uint32_t key = nic->key, qpn = nic->queue.qpn;

    set_bus_reset(nic, false);
    nic_find(nic);
    expect_no_event_queue(nic);
    nic_bring_up(nic);
    g_assert_cmphex(nic->key, ==, key);
    g_assert_cmphex(nic->queue.qpn, ==, qpn);
    qtest_writel(nic->qts, DATA, 0x600df00d);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, DATA + 8, DATA, 4), ==, DONE);
    g_assert_cmphex(qtest_readl(nic->qts, DATA + 8), ==, 0x600df00d);
}

static void post_long_writes(Nic *nic)
{
    for (int i = 0; i < 32; i++) {
        VhcaRequest write = make_request(nic, VHCA_WQE_WRITE, DATA + 16 * MiB,
                                         DATA, 8 * MiB);

        vhca_post(&nic->v, &nic->queue, &write);
    }
    vhca_ring_posted(&nic->v, &nic->queue);
}

static void test_reset(void)
{
    Nic *nic = nic_start(ONE_PORT);
    VhcaRequest write;

    /* In the middle of a transfer, by the bus and by software */
    post_long_writes(nic);
    set_bus_reset(nic, true);
    expect_as_new(nic);
    g_assert_false(is_completed(nic));
    post_long_writes(nic);
    vhca_write32(&nic->v, VHCA_ISEG_CMDQ_LOW, VHCA_NIC_SW_RESET << 8);
    expect_as_new(nic);

    /* By its own hand */
    qtest_writew(nic->qts, DATA, PCI_BRIDGE_CTL_BUS_RESET);
    write = make_request(nic, VHCA_WQE_WRITE,
                         nic->port->cfg + PCI_BRIDGE_CONTROL, DATA, 2);
    post(nic, &write);
    WAIT_FOR(!qtest_readw(nic->qts, nic->fn->cfg + PCI_COMMAND));
    expect_as_new(nic);
    nic_end(nic);
}

/* Commands */

/* Pages of less than 4 KiB, in a command and in a work request */
static void fill_pages(VhcaCommand *cmd, unsigned int log_page_size)
{
    uint8_t *mkc = cmd->in + CMD_CONTEXT;

    ifc_set(mkc, MKC_ACCESS_MODE_1_0, 1);
    ifc_set(mkc, MKC_LENGTH64, 0);
    ifc_set(mkc, MKC_UMR_EN, 1);
    ifc_set(mkc, MKC_LOG_PAGE_SIZE, log_page_size);
    stq_be_p(mkc + MKC_START_ADDR, DATA);
    stq_be_p(mkc + MKC_LEN, 4096);
    ifc_set(mkc, MKC_TRANSLATIONS, 1);
    ifc_set(cmd->in, CREATE_MKEY_ACTUAL_OCTOS, 1);
    vhca_command_page(cmd, 0, DATA | 3);
    vhca_command_page(cmd, 1, 0);
}

/* Change the fields of @key that @mask names to what they are in @mkc */
static unsigned int umr(Nic *nic, VhcaQueue *q, uint32_t key, uint64_t mask,
                        const uint8_t *mkc)
{
    uint64_t wqe = q->sq + (q->sent + 1) * VHCA_WQE_SIZE;
    VhcaRequest wr = { .opcode = VHCA_WQE_UMR, .signaled = true, .imm = key,
                       .mask = mask };

    vhca_post(&nic->v, q, &wr);
    qtest_bufwrite(nic->qts, wqe, mkc, MKC_SIZE);
    q->sent++;
    vhca_ring_posted(&nic->v, q);
    return completion(nic);
}

#define UMR_PAGE_SIZE   (1ull << 1 | 1ull << 42)
#define UMR_WRITE       (1ull << 20)
#define UMR_FREE        (1ull << 29)

static void create_umr_queue(Nic *nic, VhcaQueue *q)
{
    g_assert_true(vhca_create_queue(&nic->v, VHCA_QUEUE_FIRST + 1,
                                    VHCA_TYPE_UMR, q));
}

static void test_page_size(void)
{
    Nic *nic = nic_start(ONE_PORT);
    uint8_t mkc[MKC_SIZE] = { 0 };
    VhcaCommand cmd;
    uint32_t key;
    VhcaQueue q;

    create_umr_queue(nic, &q);
    key_command(nic, &cmd);
    fill_pages(&cmd, 11);
    g_assert_false(run_command(nic, &cmd, NULL));
    key_command(nic, &cmd);
    fill_pages(&cmd, 12);
    key = create_key(nic, &cmd);

    ifc_set(mkc, MKC_LOG_PAGE_SIZE, 13);
    g_assert_cmphex(umr(nic, &q, key, UMR_PAGE_SIZE, mkc), ==, DONE);
    ifc_set(mkc, MKC_LOG_PAGE_SIZE, 11);
    g_assert_cmphex(umr(nic, &q, key, UMR_PAGE_SIZE, mkc), ==,
                    FAILED(LOCAL_QP_OP));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_MKEY, key >> 8));
    nic_end(nic);
}

static bool is_owned_by_driver(Nic *nic, unsigned int slot)
{
    return !(qtest_readb(nic->qts, vhca_slot(slot) + VHCA_SLOT_STATUS) & 1);
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
                                    VHCA_SLOT_STATUS), ==, 0);
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
                                    VHCA_TYPE_RC, &q[1]));
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 2; i++) {
            uint64_t uar = (i ? nic->v.uar : first) * (uint64_t)VHCA_UAR_SIZE;

            if (!half) {
                vhca_post(&nic->v, &q[i], &nop);
                qtest_writel(nic->qts, vhca_record(q[i].queue) + 4,
                             bswap32(q[i].sent));
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
                                    VHCA_TYPE_RC, &q));
    for (int i = 0; i < 3; i++) {
        vhca_post(&nic->v, &q, &nop);
    }
    vhca_ring_posted(&nic->v, &q);
    WAIT_FOR(event_type(nic, 0) == CQ_ERROR);
    WAIT_FOR(event_type(nic, 1) == QP_FATAL);
    nic_end(nic);
}

/* Memory keys */

static void test_invalidate(void)
{
    Nic *nic = nic_start(ONE_PORT);
    VhcaRequest send = make_request(nic, VHCA_WQE_SEND_INVAL, 0, DATA, 4);
    VhcaRequest write = make_request(nic, VHCA_WQE_WRITE, DATA + 8, DATA, 4);
    uint8_t mkc[MKC_SIZE] = { 0 };
    VhcaCommand cmd;
    VhcaQueue q;

    create_umr_queue(nic, &q);
    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_UMR_EN, 1);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_EN_RINVAL, 1);
    write.rkey = send.imm = create_key(nic, &cmd);
    g_assert_cmphex(run_request(nic, &write), ==, DONE);

    post_first_recv(nic, DATA + 16, 4);
    post(nic, &send);
    g_assert_cmphex(completion(nic), ==,
                    COMPLETION(VHCA_CQE_RESP_INVAL, 0));
    g_assert_cmphex(completion(nic), ==, DONE);
    g_assert_cmphex(run_request(nic, &write), ==, FAILED(REMOTE_ACCESS));

    /* It stays away until somebody says that it is not free any more */
    ifc_set(mkc, MKC_RW, 1);
    g_assert_cmphex(umr(nic, &q, write.rkey, UMR_WRITE, mkc), ==, DONE);
    queue_restart(nic, &nic->queue);
    g_assert_cmphex(run_request(nic, &write), ==, FAILED(REMOTE_ACCESS));
    g_assert_cmphex(umr(nic, &q, write.rkey, UMR_FREE, mkc), ==, DONE);
    queue_restart(nic, &nic->queue);
    g_assert_cmphex(run_request(nic, &write), ==, DONE);
    nic_end(nic);
}

/* Two entries: a list that goes round */
static uint32_t create_srq(Nic *nic, unsigned int queue, uint32_t pd,
                           uint32_t key)
{
    VhcaCommand cmd;
    uint8_t *ctx = cmd.in + CMD_CONTEXT;
    uint32_t srqn;

    vhca_command_init(&cmd, VHCA_OP_CREATE_SRQ);
    ifc_set(ctx, SRQC_LOG_SRQ_SIZE, 1);
    ifc_set(ctx, SRQC_LOG_STRIDE, 2);
    ifc_set(ctx, SRQC_LOG_PAGE_SIZE, VHCA_LOG_QUEUE_PAGE);
    ifc_set(ctx, SRQC_PD, pd);
    stq_be_p(ctx + SRQC_DBR_ADDR, vhca_record(queue));
    vhca_command_page(&cmd, 0, vhca_queue(queue));
    g_assert_true(run_command(nic, &cmd, &srqn));
    for (int i = 0; i < 2; i++) {
        uint64_t entry = vhca_queue(queue) + i * 64;

        qtest_writeq(nic->qts, entry, bswap64((uint64_t)(i ^ 1) << 32));
        write_segment(nic, entry + 16, DATA + 16 * (i + 1), key, 16);
    }
    return srqn;
}

/* In a protection domain of its own, and so are its buffers */
static void test_srq(void)
{
    unsigned int queue = VHCA_QUEUE_FIRST + 1;
    Nic *nic = nic_start(ONE_PORT);
    VhcaRequest send = make_request(nic, VHCA_WQE_SEND, 0, DATA, 4);
    uint32_t pd, key, srqn;
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_ALLOC_PD);
    g_assert_true(run_command(nic, &cmd, &pd));
    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_PD, pd);
    key = create_key(nic, &cmd);
    srqn = create_srq(nic, queue, pd, key);
    nic->v.srqn = srqn;
    g_assert_true(vhca_create_queue(&nic->v, VHCA_QUEUE_FIRST + 2,
                                    VHCA_TYPE_RC, &nic->queue));
    g_assert_false(run_on(nic, VHCA_OP_DESTROY_SRQ, srqn));

    count_receives(nic, queue, 2);
    for (int i = 0; i < 2; i++) {
        qtest_writel(nic->qts, DATA, 0x600df00d + i);
        post(nic, &send);
        g_assert_cmphex(completion(nic), ==, RECEIVED);
        g_assert_cmphex(completion(nic), ==, DONE);
        g_assert_cmphex(qtest_readl(nic->qts, DATA + 16 * (i + 1)), ==,
                        0x600df00d + i);
    }
    /* The first entry again, with a key that is not of its domain */
    write_segment(nic, vhca_queue(queue) + 16, DATA, nic->key, 16);
    count_receives(nic, queue, 3);
    post(nic, &send);
    g_assert_cmphex(completion(nic), ==,
                    COMPLETION(VHCA_CQE_RESP_ERR, LOCAL_PROTECTION));
    g_assert_cmphex(completion(nic), ==, FAILED(REMOTE_OPERATION));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_QP, nic->queue.qpn));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_SRQ, srqn));
    nic_end(nic);
}

/* Keys that ask for translation by the device */
static void test_ats(void)
{
    Nic *nic = nic_start(AN_IOMMU ONE_PORT);
    VhcaCommand cmd;

    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, UNMAPPED, DATA, 4), ==, DONE);
    lab_iommu_enable(&nic->pci, true);
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->ats + PCI_ATS_CTRL,
                 PCI_ATS_CTRL_ENABLE);
    /* A posted write that the IOMMU refuses: nobody tells the device */
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, UNMAPPED, DATA, 4), ==, DONE);

    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_MA_TRANSLATION_MODE, 1);
    nic->key = create_key(nic, &cmd);
    qtest_writel(nic->qts, DATA, 0x600df00d);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, DATA + 8, DATA, 4), ==, DONE);
    g_assert_cmphex(qtest_readl(nic->qts, DATA + 8), ==, 0x600df00d);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, UNMAPPED, DATA, 4), ==,
                    FAILED(REMOTE_OPERATION));
    queue_restart(nic, &nic->queue);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, DATA, UNMAPPED, 4), ==,
                    FAILED(LOCAL_ACCESS));
    nic_end(nic);

    nic = nic_start(A_PORT(2) "-device vhca,bus=p2,ats=off");
    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_MA_TRANSLATION_MODE, 1);
    g_assert_false(run_command(nic, &cmd, NULL));
    nic_end(nic);
}

/* As a PCI Express function */

static uint64_t accel_bar(Nic *nic, unsigned int bar)
{
    return lab_find(&nic->pci, TPH_ACCEL_DEVICE_ID, 0)->bar[bar];
}

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

/* 5 is there, becomes 7, is not replaced, then is replaced */
static void run_atomics(Nic *nic)
{
    uint64_t mem = accel_bar(nic, TPH_ACCEL_MEM_BAR);
    VhcaRequest wr = make_request(nic, VHCA_WQE_FETCH_ADD, mem, DATA, 8);

    qtest_writeq(nic->qts, mem, 5);
    wr.operand = 2;
    g_assert_cmphex(run_request(nic, &wr), ==, DONE);
    g_assert_cmphex(qtest_readq(nic->qts, DATA), ==, 5);
    g_assert_cmphex(qtest_readq(nic->qts, mem), ==, 7);

    wr.opcode = VHCA_WQE_CMP_SWAP;
    wr.compare = 6;
    g_assert_cmphex(run_request(nic, &wr), ==, DONE);
    g_assert_cmphex(qtest_readq(nic->qts, DATA), ==, 7);
    g_assert_cmphex(qtest_readq(nic->qts, mem), ==, 7);
    wr.compare = 7;
    g_assert_cmphex(run_request(nic, &wr), ==, DONE);
    g_assert_cmphex(qtest_readq(nic->qts, mem), ==, 2);
}

/* Without leave to send AtomicOps the adapter reads and writes */
static void test_atomics(void)
{
    Nic *nic = nic_start(TWO_PORTS);
    uint64_t sent = accel_bar(nic, TPH_ACCEL_REGS_BAR) +
                    TPH_ACCEL_REG_ATOMIC_TLPS;

    run_atomics(nic);
    g_assert_cmpuint(qtest_readl(nic->qts, sent), ==, 0);
    set_exp_word(nic, PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_ATOMIC_REQ);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVCTL2), ==,
                    PCI_EXP_DEVCTL2_ATOMIC_REQ);
    run_atomics(nic);
    g_assert_cmpuint(qtest_readl(nic->qts, sent), ==, 3);

    set_bus_reset(nic, true);
    set_bus_reset(nic, false);
    g_assert_cmphex(exp_word(nic, PCI_EXP_DEVCTL2), ==, 0);
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
    qtest_add_func("/vhca/msix", test_msix);
    qtest_add_func("/vhca/suicide", test_suicide);
    qtest_add_func("/vhca/unplug-below-main-loop",
                   test_unplug_below_main_loop);
    qtest_add_func("/vhca/reset", test_reset);
    qtest_add_func("/vhca/page-size", test_page_size);
    qtest_add_func("/vhca/commands-later", test_commands_later);
    qtest_add_func("/vhca/in-use", test_in_use);
    qtest_add_func("/vhca/half-doorbells", test_half_doorbells);
    qtest_add_func("/vhca/cq-overrun", test_cq_overrun);
    qtest_add_func("/vhca/invalidate", test_invalidate);
    qtest_add_func("/vhca/srq", test_srq);
    qtest_add_func("/vhca/ats", test_ats);
    qtest_add_func("/vhca/errors", test_errors);
    qtest_add_func("/vhca/atomics", test_atomics);
    qtest_add_func("/vhca/migration", test_migration);
    return g_test_run();
}
