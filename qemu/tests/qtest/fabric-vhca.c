/*
 * The least driver of the virtual ConnectX, for test, fuzzer and benchmark
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "fabric-vhca.h"

#define TOKEN               0x5a

#define LOG_EQ_SIZE         7
#define LOG_RQ_STRIDE       2       /* VHCA_RQ_STRIDE in units of 16 */
#define MTU_4096            5
#define LID                 1
#define RNR_FOR_EVER        7
#define RQ_TYPE_SRQ         1

/* The first segment of a work request, and that of a UMR behind it */
#define WQE_OPCODE          3
#define WQE_QPN_DS          4
#define WQE_FLAGS           11
#define WQE_SIGNALED        8
#define WQE_IMM             12
#define WQE_UMR_MASK        24
#define WQE_UMR_SIZE        128

void vhca_write32(VhcaDriver *v, uint64_t offset, uint32_t value)
{
    qtest_writel(v->qts, v->bar + offset, bswap32(value));
}

void vhca_write64(VhcaDriver *v, uint64_t offset, uint64_t value)
{
    qtest_writeq(v->qts, v->bar + offset, bswap64(value));
}

void vhca_ring_send(VhcaDriver *v, uint32_t qpn)
{
    vhca_write64(v, (uint64_t)v->uar * VHCA_UAR_SIZE + VHCA_UAR_SEND,
                 (uint64_t)qpn << 8);
}

void vhca_command_init(VhcaCommand *cmd, uint16_t opcode)
{
    memset(cmd, 0, sizeof(*cmd));
    ifc_set(cmd->in, CMD_IN_OPCODE, opcode);
    cmd->in_len = CMD_PAS;
    cmd->out_len = 272;
}

void vhca_command_page(VhcaCommand *cmd, unsigned int n, uint64_t addr)
{
    stq_be_p(cmd->in + CMD_PAS + 8 * n, addr);
    cmd->in_len = MAX(cmd->in_len, CMD_PAS + 8 * (n + 1));
}

uint64_t vhca_slot(unsigned int slot)
{
    return VHCA_CMDQ + slot * VHCA_ENTRY_SIZE;
}

static uint64_t mailbox(uint64_t base, unsigned int slot, unsigned int n)
{
    return base + (slot * VHCA_MAILBOXES + n) * VHCA_MAILBOX_STRIDE;
}

uint64_t vhca_out_mailbox(unsigned int slot, unsigned int n)
{
    return mailbox(VHCA_OUT_MAILBOX, slot, n);
}

/* A chain of mailboxes for @len bytes; @data: NULL for answers */
static void write_mailboxes(VhcaDriver *v, uint64_t base, unsigned int slot,
                            const uint8_t *data, uint32_t len)
{
    for (uint32_t n = 0; len && n < VHCA_MAILBOXES; n++) {
        uint8_t block[VHCA_MAILBOX_USED] = {};
        uint32_t piece = MIN(len, VHCA_MAILBOX_DATA);

        if (data) {
            memcpy(block, data + n * VHCA_MAILBOX_DATA, piece);
        }
        len -= piece;
        stq_be_p(block + VHCA_MAILBOX_NEXT,
                 len ? mailbox(base, slot, n + 1) : 0);
        stl_be_p(block + VHCA_MAILBOX_NUMBER, n);
        block[VHCA_MAILBOX_TOKEN] = TOKEN;
        qtest_bufwrite(v->qts, mailbox(base, slot, n), block, sizeof(block));
    }
}

void vhca_submit(VhcaDriver *v, unsigned int slot, const VhcaCommand *cmd)
{
    uint8_t entry[VHCA_ENTRY_SIZE] = { VHCA_ENTRY_TYPE_PCIE };

    stl_be_p(entry + VHCA_ENTRY_IN_LEN, cmd->in_len);
    stq_be_p(entry + VHCA_ENTRY_IN_MAILBOX, mailbox(VHCA_IN_MAILBOX, slot, 0));
    memcpy(entry + VHCA_ENTRY_IN, cmd->in, VHCA_ENTRY_INLINE);
    stq_be_p(entry + VHCA_ENTRY_OUT_MAILBOX, vhca_out_mailbox(slot, 0));
    stl_be_p(entry + VHCA_ENTRY_OUT_LEN, cmd->out_len);
    entry[VHCA_ENTRY_TOKEN] = TOKEN;
    entry[VHCA_ENTRY_STATUS] = 1;
    if (cmd->in_len > VHCA_ENTRY_INLINE) {
        write_mailboxes(v, VHCA_IN_MAILBOX, slot, cmd->in + VHCA_ENTRY_INLINE,
                        MIN(cmd->in_len, VHCA_INBOX_MAX) - VHCA_ENTRY_INLINE);
    }
    write_mailboxes(v, VHCA_OUT_MAILBOX, slot, NULL, MIN(cmd->out_len, 8192));
    qtest_bufwrite(v->qts, vhca_slot(slot), entry, sizeof(entry));
}

void vhca_ring_commands(VhcaDriver *v, uint32_t slots)
{
    vhca_write32(v, VHCA_ISEG_CMD_DOORBELL, slots);
}

bool vhca_run(VhcaDriver *v, const VhcaCommand *cmd, uint32_t *id)
{
    uint8_t entry[VHCA_ENTRY_SIZE];

    vhca_submit(v, 0, cmd);
    vhca_ring_commands(v, 1);
    qtest_bufread(v->qts, VHCA_CMDQ, entry, sizeof(entry));
    if (id) {
        *id = ifc_get(entry + VHCA_ENTRY_OUT, CMD_OUT_ID);
    }
    return !entry[VHCA_ENTRY_STATUS] && !entry[VHCA_ENTRY_OUT];
}

static bool run_plain(VhcaDriver *v, uint16_t opcode, uint32_t *id)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, opcode);
    cmd.in_len = 16;
    cmd.out_len = 16;
    return vhca_run(v, &cmd, id);
}

void vhca_fill_eq(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue)
{
    uint8_t *ctx = cmd->in + CMD_CONTEXT;

    ifc_set(ctx, EQC_LOG_EQ_SIZE, LOG_EQ_SIZE);
    ifc_set(ctx, EQC_UAR_PAGE, v->uar);
    ifc_set(ctx, EQC_LOG_PAGE_SIZE, VHCA_LOG_QUEUE_PAGE);
    stq_be_p(cmd->in + CREATE_EQ_EVENT_MASK, UINT64_MAX & ~(1ull << 0xa));
    vhca_command_page(cmd, 0, vhca_queue(queue));
}

void vhca_fill_cq(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue)
{
    uint8_t *ctx = cmd->in + CMD_CONTEXT;

    ifc_set(ctx, CQC_LOG_CQ_SIZE, VHCA_LOG_CQ);
    ifc_set(ctx, CQC_UAR_PAGE, v->uar);
    ifc_set(ctx, CQC_EQN, v->eqn);
    ifc_set(ctx, CQC_OI, 1);
    ifc_set(ctx, CQC_LOG_PAGE_SIZE, VHCA_LOG_QUEUE_PAGE);
    stq_be_p(ctx + CQC_DBR_ADDR, vhca_record(queue));
    vhca_command_page(cmd, 0, vhca_queue(queue));
}

void vhca_fill_qp(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue)
{
    uint8_t *ctx = cmd->in + CMD_QPC;

    ifc_set(ctx, QPC_PD, v->pd);
    ifc_set(ctx, QPC_LOG_RQ_SIZE, VHCA_LOG_RQ);
    ifc_set(ctx, QPC_LOG_RQ_STRIDE, LOG_RQ_STRIDE);
    ifc_set(ctx, QPC_LOG_SQ_SIZE, VHCA_LOG_SQ);
    ifc_set(ctx, QPC_UAR_PAGE, v->uar);
    ifc_set(ctx, QPC_LOG_PAGE_SIZE, VHCA_LOG_QUEUE_PAGE);
    ifc_set(ctx, QPC_CQN_SND, v->cqn);
    ifc_set(ctx, QPC_CQN_RCV, v->cqn);
    stq_be_p(ctx + QPC_DBR_ADDR, vhca_record(queue));
    vhca_command_page(cmd, 0, vhca_queue(queue));
}

void vhca_fill_mkey(VhcaDriver *v, VhcaCommand *cmd)
{
    uint8_t *mkc = cmd->in + CMD_CONTEXT;

    ifc_set(mkc, MKC_A, 1);
    ifc_set(mkc, MKC_RW, 1);
    ifc_set(mkc, MKC_RR, 1);
    ifc_set(mkc, MKC_LW, 1);
    ifc_set(mkc, MKC_LR, 1);
    ifc_set(mkc, MKC_LENGTH64, 1);
    ifc_set(mkc, MKC_PD, v->pd);
}

static bool modify_qp(VhcaDriver *v, uint16_t opcode, uint32_t qpn,
                      uint32_t peer)
{
    VhcaCommand cmd;
    uint8_t *ctx = cmd.in + CMD_QPC;

    vhca_command_init(&cmd, opcode);
    ifc_set(cmd.in, CMD_IN_ID, qpn);
    ifc_set(ctx, QPC_PORT, 1);
    ifc_set(ctx, QPC_RRE, 1);
    ifc_set(ctx, QPC_RWE, 1);
    ifc_set(ctx, QPC_RAE, 1);
    ifc_set(ctx, QPC_ATOMIC_MODE, 1);
    ifc_set(ctx, QPC_MTU, MTU_4096);
    ifc_set(ctx, QPC_REMOTE_QPN, peer);
    ifc_set(ctx, QPC_RLID, LID);
    ifc_set(ctx, QPC_RNR_RETRY, RNR_FOR_EVER);
    return vhca_run(v, &cmd, NULL);
}

bool vhca_connect(VhcaDriver *v, uint32_t qpn, uint32_t peer)
{
    return modify_qp(v, VHCA_OP_RST2INIT_QP, qpn, peer) &&
           modify_qp(v, VHCA_OP_INIT2RTR_QP, qpn, peer) &&
           modify_qp(v, VHCA_OP_RTR2RTS_QP, qpn, peer);
}

bool vhca_create_queue(VhcaDriver *v, unsigned int queue, uint8_t type,
                       VhcaQueue *q)
{
    VhcaCommand cmd;
    uint8_t *ctx = cmd.in + CMD_QPC;

    *q = (VhcaQueue) {
        .queue = queue,
        .sq = vhca_queue(queue) + (v->srqn ? 0 : VHCA_SQ_OFFSET),
    };
    vhca_command_init(&cmd, VHCA_OP_CREATE_QP);
    vhca_fill_qp(v, &cmd, queue);
    ifc_set(ctx, QPC_ST, type);
    ifc_set(ctx, QPC_RQ_TYPE, v->srqn ? RQ_TYPE_SRQ : 0);
    ifc_set(ctx, QPC_SRQN, v->srqn);
    return vhca_run(v, &cmd, &q->qpn) && vhca_connect(v, q->qpn, q->qpn);
}

static uint8_t *add_remote(uint8_t *p, const VhcaRequest *request)
{
    stq_be_p(p, request->remote);
    stl_be_p(p + 8, request->rkey);
    return p + VHCA_WQE_SEGMENT;
}

static uint8_t *add_atomic(uint8_t *p, const VhcaRequest *request)
{
    stq_be_p(p, request->operand);
    stq_be_p(p + 8, request->compare);
    return p + VHCA_WQE_SEGMENT;
}

static uint8_t *add_local(uint8_t *p, const VhcaRequest *request)
{
    stl_be_p(p, request->length);
    stl_be_p(p + 4, request->lkey);
    stq_be_p(p + 8, request->local);
    return p + VHCA_WQE_SEGMENT;
}

static uint8_t *add_segments(uint8_t *p, const VhcaRequest *request)
{
    switch (request->opcode) {
    case VHCA_WQE_NOP:
    case VHCA_WQE_UMR:
        return p;
    case VHCA_WQE_CMP_SWAP:
    case VHCA_WQE_FETCH_ADD:
        p = add_atomic(add_remote(p, request), request);
        break;
    case VHCA_WQE_WRITE:
    case VHCA_WQE_WRITE_IMM:
    case VHCA_WQE_READ:
        p = add_remote(p, request);
        break;
    }
    return add_local(p, request);
}

void vhca_post(VhcaDriver *v, VhcaQueue *q, const VhcaRequest *request)
{
    uint64_t slot = q->sent++ % (1u << VHCA_LOG_SQ);
    uint8_t wqe[VHCA_WQEBB] = { [WQE_OPCODE] = request->opcode };
    size_t len = add_segments(wqe + VHCA_WQE_SEGMENT, request) - wqe;

    wqe[WQE_FLAGS] = request->signaled ? WQE_SIGNALED : 0;
    stl_be_p(wqe + WQE_IMM, request->imm);
    if (request->opcode == VHCA_WQE_UMR) {
        stq_be_p(wqe + WQE_UMR_MASK, request->mask);
        len = WQE_UMR_SIZE;
    }
    stl_be_p(wqe + WQE_QPN_DS, q->qpn << 8 | len / VHCA_WQE_SEGMENT);
    qtest_bufwrite(v->qts, q->sq + slot * VHCA_WQEBB, wqe, sizeof(wqe));
}

void vhca_ring_posted(VhcaDriver *v, const VhcaQueue *q)
{
    qtest_writel(v->qts, vhca_record(q->queue) + VHCA_RECORD_SEND,
                 bswap32(q->sent));
    vhca_ring_send(v, q->qpn);
}

static bool create_eq(VhcaDriver *v)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_CREATE_EQ);
    vhca_fill_eq(v, &cmd, VHCA_QUEUE_EQ);
    return vhca_run(v, &cmd, &v->eqn);
}

static bool create_cq(VhcaDriver *v)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_CREATE_CQ);
    vhca_fill_cq(v, &cmd, VHCA_QUEUE_CQ);
    return vhca_run(v, &cmd, &v->cqn);
}

bool vhca_bring_up(VhcaDriver *v, QTestState *qts, uint64_t bar)
{
    *v = (VhcaDriver) { .qts = qts, .bar = bar };
    vhca_write32(v, VHCA_ISEG_CMDQ_HIGH, VHCA_CMDQ >> 32);
    vhca_write32(v, VHCA_ISEG_CMDQ_LOW, VHCA_CMDQ);
    return run_plain(v, VHCA_OP_ENABLE_HCA, NULL) &&
           run_plain(v, VHCA_OP_INIT_HCA, NULL) &&
           run_plain(v, VHCA_OP_ALLOC_UAR, &v->uar) &&
           run_plain(v, VHCA_OP_ALLOC_PD, &v->pd) &&
           create_eq(v) && create_cq(v);
}
