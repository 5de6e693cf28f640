/*
 * Virtual ConnectX: the queues of a queue pair, and their completions
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The producer indices are in a doorbell record in guest memory; only the send
 * queue also rings. The engine peeks an entry, maybe more than once, and then
 * retires it.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

#define DOORBELL_QPN(value) ((uint32_t)(value) >> 8)

/* Completion entry: struct mlx5_cqe64 and mlx5_err_cqe of the driver */
#define CQE_SLID            0x16
#define CQE_FLAGS_QPN       0x18
#define CQE_USER_INDEX      0x20
#define CQE_IMM             0x24
#define CQE_BYTE_COUNT      0x2c
#define CQE_OPCODE_QPN      0x38
#define CQE_WQE_COUNTER     0x3c
#define CQE_GRH             (1u << 28)
#define CQE_SOLICITED       0x02

static const uint8_t cqe_syndrome[] = {
    [VERBS_WC_LOCAL_LENGTH] = VHCA_SYNDROME_LOCAL_LENGTH,
    [VERBS_WC_LOCAL_QP_OP] = VHCA_SYNDROME_LOCAL_QP_OP,
    [VERBS_WC_LOCAL_PROTECTION] = VHCA_SYNDROME_LOCAL_PROTECTION,
    [VERBS_WC_FLUSHED] = VHCA_SYNDROME_FLUSHED,
    [VERBS_WC_LOCAL_ACCESS] = VHCA_SYNDROME_LOCAL_ACCESS,
    [VERBS_WC_REMOTE_INVALID_REQUEST] = VHCA_SYNDROME_REMOTE_INVALID_REQUEST,
    [VERBS_WC_REMOTE_ACCESS] = VHCA_SYNDROME_REMOTE_ACCESS,
    [VERBS_WC_REMOTE_OPERATION] = VHCA_SYNDROME_REMOTE_OPERATION,
    [VERBS_WC_RETRY_EXCEEDED] = VHCA_SYNDROME_RETRY_EXCEEDED,
    [VERBS_WC_RNR_RETRY_EXCEEDED] = VHCA_SYNDROME_RNR_RETRY_EXCEEDED,
};

void vhca_qp_doorbell(VHCAState *s, uint32_t uar, uint64_t value)
{
    VHCAQp *qp = vhca_table_get(&s->qps, DOORBELL_QPN(value));

    if (!qp || qp->uar->id != uar) {
        trace_vhca_bad_doorbell(uar, 0x800, value);
        return;
    }
    /* The index in the doorbell is old news: the record is what counts */
    verbs_qp_kick(qp->verbs);
}

int vhca_queue_waiting(VHCAState *s, uint64_t record, uint16_t *tail,
                       uint16_t head, uint32_t entries)
{
    uint8_t index[4];
    uint16_t count;

    if (*tail == head) {
        if (!vhca_dma_read(s, record, index, sizeof(index))) {
            return -1;
        }
        *tail = ldl_be_p(index);
    }
    count = *tail - head;
    return count <= entries ? count : -1;
}

/*
 * In error state entries are only counted, to be flushed. Without a count that
 * makes sense there are none: else the flushing would never end.
 */
static int waiting_or_flushed(VHCAQp *qp, VHCAWq *wq, unsigned int record)
{
    int count = !wq->present ? 0 :
                vhca_queue_waiting(qp->hca, qp->doorbell_record + record,
                                   &wq->tail, wq->head, wq->entries);

    if (count < 0 && verbs_qp_state(qp->verbs) == VERBS_QPS_ERR) {
        wq->tail = wq->head;
        return 0;
    }
    return count;
}

static uint64_t entry_offset(const VHCAWq *wq, uint16_t index)
{
    return wq->offset + (uint64_t)(index & (wq->entries - 1)) * wq->stride;
}

/* Snapshot the send entry at the head; its blocks may wrap around */
static bool fetch_send(VHCAQp *qp, unsigned int available)
{
    VHCAState *s = qp->hca;

    if (!vhca_buffer_read(s, &qp->buffer, entry_offset(&qp->sq, qp->sq.head),
                          qp->wqe, VHCA_WQEBB)) {
        return false;
    }
    qp->wqe_blocks = MAX(1, DIV_ROUND_UP(vhca_wqe_len(qp->wqe), VHCA_WQEBB));
    if (qp->wqe_blocks > available) {
        qp->wqe_blocks = available;
        return false;
    }
    for (unsigned int i = 1; i < qp->wqe_blocks; i++) {
        if (!vhca_buffer_read(s, &qp->buffer,
                              entry_offset(&qp->sq, qp->sq.head + i),
                              qp->wqe + i * VHCA_WQEBB, VHCA_WQEBB)) {
            return false;
        }
    }
    return true;
}

int vhca_peek_send(VerbsQP *verbs, VerbsSendWR *wr)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    int available = waiting_or_flushed(qp, &qp->sq, VHCA_RECORD_SEND);

    if (!available) {
        return 0;
    }
    qp->wqe_blocks = 1;
    memset(qp->wqe, 0, VHCA_WQEBB);
    if (available < 0 || !fetch_send(qp, available) ||
        !vhca_wqe_parse_send(qp, wr)) {
        wr->id = (uint32_t)vhca_wqe_opcode(qp->wqe) << 16 | qp->sq.head;
        trace_vhca_bad_wqe(qp->base.id, "send", qp->sq.head);
        return -1;
    }
    wr->id = (uint32_t)vhca_wqe_opcode(qp->wqe) << 16 | qp->sq.head;
    return 1;
}

void vhca_retire_send(VerbsQP *verbs)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);

    qp->sq.head += qp->wqe_blocks;
}

int vhca_peek_recv(VerbsQP *verbs, VerbsRecvWR *wr)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    uint8_t wqe[VHCA_RECV_STRIDE_MAX];
    int available;

    if (qp->srq) {
        return vhca_srq_peek(qp->hca, qp->srq, wr);
    }
    wr->id = qp->rq.head;
    available = waiting_or_flushed(qp, &qp->rq, VHCA_RECORD_RECV);
    if (available <= 0) {
        return available;
    }
    if (!vhca_buffer_read(qp->hca, &qp->buffer,
                          entry_offset(&qp->rq, qp->rq.head), wqe,
                          qp->rq.stride) ||
        !vhca_wqe_parse_recv(wqe, qp->rq.stride, wr)) {
        trace_vhca_bad_wqe(qp->base.id, "recv", qp->rq.head);
        return -1;
    }
    return 1;
}

void vhca_retire_recv(VerbsQP *verbs)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);

    if (qp->srq) {
        vhca_srq_retire(qp->hca, qp->srq);
    } else {
        qp->rq.head++;
    }
}

static uint8_t recv_opcode(VerbsOpcode opcode)
{
    switch (opcode) {
    case VERBS_WR_WRITE_IMM:
        return VHCA_CQE_RESP_WRITE_IMM;
    case VERBS_WR_SEND_IMM:
        return VHCA_CQE_RESP_SEND_IMM;
    case VERBS_WR_SEND_INVAL:
        return VHCA_CQE_RESP_SEND_INVAL;
    default:
        return VHCA_CQE_RESP_SEND;
    }
}

static uint8_t cqe_opcode(const VerbsWC *wc)
{
    if (wc->status != VERBS_WC_SUCCESS) {
        return wc->recv ? VHCA_CQE_RESP_ERR : VHCA_CQE_REQ_ERR;
    }
    return wc->recv ? recv_opcode(wc->opcode) : VHCA_CQE_REQ;
}

static void fill_receive(uint8_t *cqe, const VerbsWC *wc)
{
    stw_be_p(cqe + CQE_SLID, wc->src_lid);
    stl_be_p(cqe + CQE_FLAGS_QPN,
             (wc->grh ? CQE_GRH : 0) | (wc->src_qpn & 0xffffff));
    stl_be_p(cqe + CQE_IMM, wc->imm);
}

void vhca_complete(VerbsQP *verbs, const VerbsWC *wc)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    VHCACq *cq = wc->recv ? qp->recv_cq : qp->send_cq;
    bool failed = wc->status != VERBS_WC_SUCCESS;
    uint8_t cqe[VHCA_CQE_SIZE] = {};

    if (!cq) {
        return;
    }
    stl_be_p(cqe + CQE_USER_INDEX, qp->user_index);
    stl_be_p(cqe + CQE_OPCODE_QPN,
             (wc->recv ? 0 : (uint32_t)(wc->id >> 16) << 24) | qp->base.id);
    stw_be_p(cqe + CQE_WQE_COUNTER, wc->id);
    cqe[VHCA_CQE_OP_OWN] = cqe_opcode(wc) << 4;
    if (failed) {
        cqe[VHCA_CQE_SYNDROME] = cqe_syndrome[wc->status];
    } else {
        stl_be_p(cqe + CQE_BYTE_COUNT, wc->byte_count);
    }
    if (wc->recv && !failed) {
        fill_receive(cqe, wc);
    }
    if (wc->recv && wc->solicited) {
        cqe[VHCA_CQE_OP_OWN] |= CQE_SOLICITED;
    }
    trace_vhca_completion(qp->base.id, wc->recv, wc->id & 0xffff, wc->status);
    if (!vhca_cq_post(qp->hca, cq, cqe,
                      failed || (wc->recv && wc->solicited))) {
        verbs_qp_fail(verbs, VERBS_QPE_FATAL);
    }
}
