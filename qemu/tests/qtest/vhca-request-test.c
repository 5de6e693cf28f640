/*
 * QTest testcase for the virtual ConnectX: work requests, and the keys and
 * queues that they use
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A queue pair that is connected to itself sends to memory and to an
 * accelerator, whose counters and registers say what arrived, and how. The
 * verbs themselves are tested on the host, without a device.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "vhca-lab.h"

#define UNMAPPED        0x3000000ull        /* memory the IOMMU does not know */
#define UNREACHABLE     (1ull << 45)        /* nobody's */
#define AN_IOMMU    "-device intel-iommu,intremap=off,device-iotlb=on "

#define PH              2
#define ST_ENTRY        3
#define REQ_TPH         (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_TPH_ONLY << 8)
#define REQ_EXT         (PCI_TPH_ST_DS_MODE | PCI_TPH_REQ_EXT_TPH << 8)

#define FREE_QUEUE      (VHCA_QUEUE_FIRST + 1)

#define RECEIVED        COMPLETION(VHCA_CQE_RESP_SEND, 0)

/* How much was posted, which the device reads there */
static void set_record(Nic *nic, unsigned int queue, unsigned int offset,
                       uint16_t count)
{
    qtest_writel(nic->qts, vhca_record(queue) + offset, bswap32(count));
}

static void write_segment(Nic *nic, uint64_t at, uint64_t addr,
                          uint32_t key, uint32_t length)
{
    qtest_writel(nic->qts, at, bswap32(length));
    qtest_writel(nic->qts, at + 4, bswap32(key));
    qtest_writeq(nic->qts, at + 8, bswap64(addr));
}

/* The first receive request since the queue was empty */
static void post_first_recv(Nic *nic, uint64_t addr, uint32_t length)
{
    uint64_t wqe = vhca_queue(nic->queue.queue);

    qtest_memset(nic->qts, wqe, 0, VHCA_RQ_STRIDE);
    write_segment(nic, wqe, addr, nic->key, length);
    set_record(nic, nic->queue.queue, VHCA_RECORD_RECV, 1);
}

/* Memory keys */

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
    uint64_t wqe = q->sq + (q->sent + 1) * VHCA_WQEBB;
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
    g_assert_true(vhca_create_queue(&nic->v, FREE_QUEUE, VHCA_QP_ST_REG_UMR,
                                    q));
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
                    COMPLETION(VHCA_CQE_RESP_SEND_INVAL, 0));
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

/* Receive requests */

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
    Nic *nic = nic_start(ONE_PORT);
    VhcaRequest send = make_request(nic, VHCA_WQE_SEND, 0, DATA, 4);
    uint32_t pd, key, srqn;
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_ALLOC_PD);
    g_assert_true(run_command(nic, &cmd, &pd));
    key_command(nic, &cmd);
    ifc_set(cmd.in + CMD_CONTEXT, MKC_PD, pd);
    key = create_key(nic, &cmd);
    srqn = create_srq(nic, FREE_QUEUE, pd, key);
    nic->v.srqn = srqn;
    g_assert_true(vhca_create_queue(&nic->v, FREE_QUEUE + 1,
                                    VHCA_QP_ST_RC, &nic->queue));
    g_assert_false(run_on(nic, VHCA_OP_DESTROY_SRQ, srqn));

    set_record(nic, FREE_QUEUE, VHCA_RECORD_RECV, 2);
    for (int i = 0; i < 2; i++) {
        qtest_writel(nic->qts, DATA, 0x600df00d + i);
        post(nic, &send);
        g_assert_cmphex(completion(nic), ==, RECEIVED);
        g_assert_cmphex(completion(nic), ==, DONE);
        g_assert_cmphex(qtest_readl(nic->qts, DATA + 16 * (i + 1)), ==,
                        0x600df00d + i);
    }
    /* The first entry again, with a key that is not of its domain */
    write_segment(nic, vhca_queue(FREE_QUEUE) + 16, DATA, nic->key, 16);
    set_record(nic, FREE_QUEUE, VHCA_RECORD_RECV, 3);
    post(nic, &send);
    g_assert_cmphex(completion(nic), ==,
                    COMPLETION(VHCA_CQE_RESP_ERR,
                               VHCA_SYNDROME_LOCAL_PROTECTION));
    g_assert_cmphex(completion(nic), ==, FAILED(REMOTE_OPERATION));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_QP, nic->queue.qpn));
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_SRQ, srqn));
    nic_end(nic);
}

/* Queues in error state */

/* Completions there are; all of them have to be of flushed requests */
static unsigned int count_flushed(Nic *nic)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < 1u << VHCA_LOG_CQ; i++) {
        uint8_t op_own = qtest_readb(nic->qts, vhca_cqe(i) + VHCA_CQE_OP_OWN);

        if (op_own != VHCA_CQE_INVALID) {
            g_assert_true(op_own >> 4 == VHCA_CQE_REQ_ERR ||
                          op_own >> 4 == VHCA_CQE_RESP_ERR);
            g_assert_cmphex(qtest_readb(nic->qts, vhca_cqe(i) +
                                        VHCA_CQE_SYNDROME), ==,
                            VHCA_SYNDROME_FLUSHED);
            n++;
        }
    }
    return n;
}

/* How much is flushed, with so many work requests in the @record */
static unsigned int flush(Nic *nic, uint64_t record, uint16_t sends,
                          uint16_t recvs)
{
    VhcaCommand cmd;
    uint32_t qpn;

    forget_completions(nic);
    set_record(nic, FREE_QUEUE, VHCA_RECORD_SEND, sends);
    set_record(nic, FREE_QUEUE, VHCA_RECORD_RECV, recvs);
    vhca_command_init(&cmd, VHCA_OP_CREATE_QP);
    vhca_fill_qp(&nic->v, &cmd, FREE_QUEUE);
    stq_be_p(cmd.in + CMD_QPC + QPC_DBR_ADDR, record);
    g_assert_true(run_command(nic, &cmd, &qpn));
    g_assert_true(run_on(nic, VHCA_OP_2ERR_QP, qpn));
    vhca_ring_send(&nic->v, qpn);
    let_it_run(nic);
    g_assert_true(run_on(nic, VHCA_OP_DESTROY_QP, qpn));
    return count_flushed(nic);
}

/* As many as were posted, and none without a sane count */
static void test_flush(void)
{
    Nic *nic = nic_start(ONE_PORT);
    uint64_t record = vhca_record(FREE_QUEUE);

    g_assert_cmpuint(flush(nic, record, 3, 2), ==, 5);
    g_assert_cmpuint(flush(nic, record, (1 << VHCA_LOG_SQ) + 1, 0), ==, 0);
    g_assert_cmpuint(flush(nic, record, 0, (1 << VHCA_LOG_RQ) + 1), ==, 0);
    g_assert_cmpuint(flush(nic, UNREACHABLE, 3, 2), ==, 0);
    nic_end(nic);
}

/* Hints */

static void set_tag(Nic *nic, uint16_t tag)
{
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->tph + PCI_TPH_BASE_SIZEOF +
                           2 * ST_ENTRY, tag);
}

static void set_requester(Nic *nic, uint32_t ctrl)
{
    qtest_writel(nic->qts, nic->fn->cfg + nic->fn->tph + PCI_TPH_CTRL, ctrl);
}

static uint32_t create_hinted_key(Nic *nic)
{
    VhcaCommand cmd;
    uint8_t *mkc = cmd.in + CMD_CONTEXT;

    key_command(nic, &cmd);
    ifc_set(mkc, MKC_TPH_EN, 1);
    ifc_set(mkc, MKC_TPH_PH, PH);
    ifc_set(mkc, MKC_TPH_ST_INDEX, ST_ENTRY);
    return create_key(nic, &cmd);
}

/* What the accelerator sees of a write and of a read */
static void expect_hint(Nic *nic, uint32_t hint)
{
    uint64_t mem = accel_bar(nic, TPH_ACCEL_MEM_BAR);
    uint64_t regs = accel_bar(nic, TPH_ACCEL_REGS_BAR);

    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, mem, DATA, 64), ==, DONE);
    g_assert_cmphex(qtest_readl(nic->qts, regs + TPH_ACCEL_REG_LAST), ==, hint);
    g_assert_cmphex(rdma(nic, VHCA_WQE_READ, mem, DATA, 64), ==, DONE);
    g_assert_cmphex(qtest_readl(nic->qts, regs + TPH_ACCEL_REG_LAST_READ), ==,
                    hint);
}

/* The table is looked up, and the control register asked, for each request */
static void test_hints(void)
{
    const uint32_t th = TPH_ACCEL_LAST_TH | PH << TPH_ACCEL_LAST_PH_SHIFT;
    Nic *nic = nic_start(TWO_PORTS);

    nic->key = create_hinted_key(nic);
    set_requester(nic, REQ_TPH);
    expect_hint(nic, th);
    set_tag(nic, 0x5a);
    expect_hint(nic, th | 0x5a);
    set_tag(nic, 0x1277);
    expect_hint(nic, th | 0x77);
    set_requester(nic, REQ_EXT);
    expect_hint(nic, th | TPH_ACCEL_LAST_EXT | 0x1277);
    set_requester(nic, PCI_TPH_ST_DS_MODE);
    expect_hint(nic, 0);
    set_requester(nic, REQ_TPH);
    expect_hint(nic, th | 0x77);
    nic_end(nic);
}

/* Requests that do not arrive */

/* A failed request leaves the queue pair in error: from the start again */
static void expect(Nic *nic, unsigned int result, uint8_t opcode,
                   uint64_t remote, uint64_t local)
{
    g_assert_cmphex(rdma(nic, opcode, remote, local, 8), ==, result);
    queue_restart(nic, &nic->queue);
}

/* Nobody claims the address: those who wait for an answer learn of it */
static void test_unclaimed(void)
{
    Nic *nic = nic_start(ONE_PORT);

    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_READ, UNREACHABLE, DATA);
    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_FETCH_ADD, UNREACHABLE,
           DATA);
    expect(nic, FAILED(LOCAL_ACCESS), VHCA_WQE_WRITE, DATA, UNREACHABLE);
    expect(nic, DONE, VHCA_WQE_WRITE, UNREACHABLE, DATA);
    expect_works(nic, DATA + 8);
    nic_end(nic);
}

/* A key that asks for translation by the device */
static void ats_key_command(Nic *nic, VhcaCommand *cmd)
{
    key_command(nic, cmd);
    ifc_set(cmd->in + CMD_CONTEXT, MKC_MA_TRANSLATION_MODE, 1);
}

/* The IOMMU has no translation */
static void test_translation_faults(void)
{
    Nic *nic = nic_start(AN_IOMMU TWO_PORTS);
    uint64_t mem = accel_bar(nic, TPH_ACCEL_MEM_BAR);
    VhcaCommand cmd;

    lab_iommu_enable(&nic->pci, true);
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->ats + PCI_ATS_CTRL,
                 PCI_ATS_CTRL_ENABLE);
    qtest_writeq(nic->qts, UNMAPPED, 0);
    qtest_writeq(nic->qts, DATA, 1);
    /* Untranslated, a posted write ends at the IOMMU, and nobody is told */
    expect(nic, DONE, VHCA_WQE_WRITE, UNMAPPED, DATA);
    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_READ, UNMAPPED, DATA);

    ats_key_command(nic, &cmd);
    nic->key = create_key(nic, &cmd);
    expect_works(nic, mem);
    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_WRITE, UNMAPPED, DATA);
    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_READ, UNMAPPED, DATA);
    expect(nic, FAILED(REMOTE_OPERATION), VHCA_WQE_FETCH_ADD, UNMAPPED, DATA);
    expect(nic, FAILED(LOCAL_ACCESS), VHCA_WQE_WRITE, mem, UNMAPPED);
    g_assert_cmphex(qtest_readq(nic->qts, UNMAPPED), ==, 0);
    expect_works(nic, DATA + 8);
    nic_end(nic);
}

static void test_no_ats(void)
{
    Nic *nic = nic_start(A_PORT(2) "-device vhca,bus=p2,ats=off");
    VhcaCommand cmd;

    ats_key_command(nic, &cmd);
    g_assert_false(run_command(nic, &cmd, NULL));
    nic_end(nic);
}

/* Atomic operations */

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/vhca-request/page-size", test_page_size);
    qtest_add_func("/vhca-request/invalidate", test_invalidate);
    qtest_add_func("/vhca-request/srq", test_srq);
    qtest_add_func("/vhca-request/flush", test_flush);
    qtest_add_func("/vhca-request/hints", test_hints);
    qtest_add_func("/vhca-request/unclaimed", test_unclaimed);
    qtest_add_func("/vhca-request/translation-faults",
                   test_translation_faults);
    qtest_add_func("/vhca-request/no-ats", test_no_ats);
    qtest_add_func("/vhca-request/atomics", test_atomics);
    return g_test_run();
}
