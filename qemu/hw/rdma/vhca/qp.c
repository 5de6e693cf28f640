/*
 * Virtual ConnectX: queue pairs
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The context and the two queues in guest memory belong here; what a request
 * does is the verbs engine's. The receive queue comes first in the buffer, the
 * send queue behind it. Their producer indices are in a doorbell record; only
 * the send queue also rings.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

/* qpc.rq_type */
#define RQ_TYPE_REGULAR     0
#define RQ_TYPE_SRQ         1

#define RECORD_RECV         0       /* in the doorbell record */
#define RECORD_SEND         4

#define DOORBELL_QPN(value) ((uint32_t)(value) >> 8)

/* Completion entry: struct mlx5_cqe64 and mlx5_err_cqe of the driver */
#define CQE_SLID            0x16
#define CQE_FLAGS_QPN       0x18
#define CQE_USER_INDEX      0x20
#define CQE_IMM             0x24
#define CQE_BYTE_COUNT      0x2c
#define CQE_SYNDROME        0x37
#define CQE_OPCODE_QPN      0x38
#define CQE_WQE_COUNTER     0x3c
#define CQE_OP_OWN          0x3f
#define CQE_GRH             (1u << 28)
#define CQE_SOLICITED       0x02

enum {
    CQE_REQ                 = 0x0,
    CQE_RESP_WRITE_IMM      = 0x1,
    CQE_RESP_SEND           = 0x2,
    CQE_RESP_SEND_IMM       = 0x3,
    CQE_RESP_SEND_INVAL     = 0x4,
    CQE_REQ_ERR             = 0xd,
    CQE_RESP_ERR            = 0xe,
};

/* qpc.state */
static const uint8_t mlx5_state[] = {
    [VERBS_QPS_RESET] = 0,
    [VERBS_QPS_INIT] = 1,
    [VERBS_QPS_RTR] = 2,
    [VERBS_QPS_RTS] = 3,
    [VERBS_QPS_ERR] = 6,
};

/* MLX5_CQE_SYNDROME_* of the driver */
static const uint8_t cqe_syndrome[] = {
    [VERBS_WC_LOCAL_LENGTH] = 0x01,
    [VERBS_WC_LOCAL_QP_OP] = 0x02,
    [VERBS_WC_LOCAL_PROTECTION] = 0x04,
    [VERBS_WC_FLUSHED] = 0x05,
    [VERBS_WC_LOCAL_ACCESS] = 0x11,
    [VERBS_WC_REMOTE_INVALID_REQUEST] = 0x12,
    [VERBS_WC_REMOTE_ACCESS] = 0x13,
    [VERBS_WC_REMOTE_OPERATION] = 0x14,
    [VERBS_WC_RETRY_EXCEEDED] = 0x15,
    [VERBS_WC_RNR_RETRY_EXCEEDED] = 0x16,
};

/*
 * ---------------------------------------------------- creation and the end
 */

void vhca_qp_destroy(void *opaque)
{
    VHCAQp *qp = opaque;

    if (qp->verbs) {
        verbs_qp_free(qp->verbs);
    }
    if (qp->pd) {
        qp->pd->users--;
    }
    if (qp->send_cq) {
        qp->send_cq->users--;
    }
    if (qp->recv_cq) {
        qp->recv_cq->users--;
    }
    if (qp->srq) {
        qp->srq->users--;
    }
    vhca_buffer_free(&qp->buffer);
    g_free(qp);
}

static bool verbs_type(uint32_t st, VerbsQPType *type)
{
    switch (st) {
    case VHCA_QP_ST_RC:
        *type = VERBS_QP_RC;
        return true;
    case VHCA_QP_ST_UC:
        *type = VERBS_QP_UC;
        return true;
    case VHCA_QP_ST_UD:
    case VHCA_QP_ST_QP0:
    case VHCA_QP_ST_QP1:
        *type = VERBS_QP_UD;
        return true;
    case VHCA_QP_ST_REG_UMR:
        *type = VERBS_QP_PRIVATE;
        return true;
    default:
        return false;
    }
}

static void layout_queues(VHCAQp *qp)
{
    const uint8_t *ctx = qp->context;

    qp->rq.present = ifc_get(ctx, QPC_RQ_TYPE) == RQ_TYPE_REGULAR;
    if (qp->rq.present) {
        qp->rq.entries = 1u << ifc_get(ctx, QPC_LOG_RQ_SIZE);
        qp->rq.stride = 16u << ifc_get(ctx, QPC_LOG_RQ_STRIDE);
    }
    qp->sq.present = !ifc_get(ctx, QPC_NO_SQ);
    qp->sq.offset = (uint64_t)qp->rq.entries * qp->rq.stride;
    if (qp->sq.present) {
        qp->sq.entries = 1u << ifc_get(ctx, QPC_LOG_SQ_SIZE);
        qp->sq.stride = VHCA_WQEBB;
    }
}

static bool take_buffer(VHCAQp *qp, VHCACmd *cmd)
{
    layout_queues(qp);
    return vhca_buffer_init(&qp->buffer, cmd,
                            ifc_get(qp->context, QPC_LOG_PAGE_SIZE),
                            ifc_get(qp->context, QPC_PAGE_OFFSET),
                            qp->sq.offset +
                            (uint64_t)qp->sq.entries * qp->sq.stride);
}

/* QP0 to QP2 of the driver's own have PD 0: the UMR queue needs none */
static bool take_pd(VHCAState *s, VHCAQp *qp)
{
    uint32_t pd = ifc_get(qp->context, QPC_PD);

    if (ifc_get(qp->context, QPC_ST) == VHCA_QP_ST_REG_UMR && !pd) {
        return true;
    }
    qp->pd = vhca_table_get(&s->pds, pd);
    if (qp->pd) {
        qp->pd->users++;
    }
    return qp->pd;
}

static bool take_cqs(VHCAState *s, VHCAQp *qp)
{
    qp->send_cq = vhca_table_get(&s->cqs, ifc_get(qp->context, QPC_CQN_SND));
    qp->recv_cq = vhca_table_get(&s->cqs, ifc_get(qp->context, QPC_CQN_RCV));
    if (qp->send_cq) {
        qp->send_cq->users++;
    }
    if (qp->recv_cq) {
        qp->recv_cq->users++;
    }
    return (qp->send_cq || !qp->sq.present) &&
           (qp->recv_cq || ifc_get(qp->context, QPC_RQ_TYPE) > RQ_TYPE_SRQ);
}

static bool take_srq(VHCAState *s, VHCAQp *qp)
{
    if (ifc_get(qp->context, QPC_RQ_TYPE) != RQ_TYPE_SRQ) {
        return true;
    }
    qp->srq = vhca_table_get(&s->srqs, ifc_get(qp->context, QPC_SRQN));
    if (qp->srq) {
        qp->srq->users++;
    }
    return qp->srq;
}

static bool parse_context(VHCAState *s, VHCACmd *cmd, VHCAQp *qp)
{
    memcpy(qp->context, cmd->in + CMD_QPC, QPC_SIZE);
    qp->uar = ifc_get(qp->context, QPC_UAR_PAGE);
    qp->user_index = ifc_get(qp->context, QPC_USER_INDEX);
    qp->doorbell_record = ldq_be_p(qp->context + QPC_DBR_ADDR);
    if (ifc_get(qp->context, QPC_WQ_SIGNATURE)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (ifc_get(cmd->in, CREATE_QP_UMEM_VALID)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
    } else if (!vhca_table_get(&s->uars, qp->uar)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 3);
    } else if (!take_buffer(qp, cmd)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 4);
    } else if (!take_pd(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 5);
    } else if (!take_cqs(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 6);
    } else if (!take_srq(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 10);
    }
    return cmd->status == VHCA_OK;
}

static gboolean has_number(void *key, void *value, void *opaque)
{
    VHCAQp *qp = value;

    return qp->verbs && verbs_qp_qpn(qp->verbs) == GPOINTER_TO_UINT(opaque);
}

/* The number that peers use: 0 and 1 for the special queue pairs */
static bool public_qpn(VHCAState *s, const VHCAQp *qp, uint32_t *qpn)
{
    switch (ifc_get(qp->context, QPC_ST)) {
    case VHCA_QP_ST_QP0:
        *qpn = 0;
        break;
    case VHCA_QP_ST_QP1:
        *qpn = 1;
        break;
    default:
        *qpn = qp->qpn;
        return true;
    }
    return !g_hash_table_find(s->qps.objects, has_number,
                              GUINT_TO_POINTER(*qpn));
}

/* What the engine must know, out of the context */
static void update_attributes(VHCAQp *qp)
{
    VerbsQPAttr *attr = verbs_qp_attr(qp->verbs);
    const uint8_t *ctx = qp->context;

    attr->pd = ifc_get(ctx, QPC_PD);
    attr->access = 0;
    if (ifc_get(ctx, QPC_RRE)) {
        attr->access |= VERBS_ACCESS_REMOTE_READ;
    }
    if (ifc_get(ctx, QPC_RWE)) {
        attr->access |= VERBS_ACCESS_REMOTE_WRITE;
    }
    if (ifc_get(ctx, QPC_RAE) && ifc_get(ctx, QPC_ATOMIC_MODE)) {
        attr->access |= VERBS_ACCESS_REMOTE_ATOMIC;
    }
    attr->dest_qpn = ifc_get(ctx, QPC_REMOTE_QPN);
    attr->dest_lid = ifc_get(ctx, QPC_RLID);
    attr->qkey = ifc_get(ctx, QPC_Q_KEY);
    attr->rnr_retry = ifc_get(ctx, QPC_RNR_RETRY);
    attr->min_rnr_timer = ifc_get(ctx, QPC_MIN_RNR_NAK);
    attr->retry_count = ifc_get(ctx, QPC_RETRY_COUNT);
    attr->ack_timeout = ifc_get(ctx, QPC_ACK_TIMEOUT);
    attr->no_recv_queue = !qp->rq.present && !qp->srq;
    attr->shared_recv_queue = qp->srq;
}

void vhca_create_qp(VHCAState *s, VHCACmd *cmd)
{
    VHCAQp *qp = g_new0(VHCAQp, 1);
    uint32_t number;
    VerbsQPType type;

    qp->hca = s;
    if (!parse_context(s, cmd, qp)) {
        vhca_qp_destroy(qp);
        return;
    }
    if (!verbs_type(ifc_get(qp->context, QPC_ST), &type)) {
        vhca_qp_destroy(qp);
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 7);
        return;
    }
    if (!vhca_table_add(&s->qps, qp, &qp->qpn)) {
        vhca_qp_destroy(qp);
        vhca_cmd_fail(cmd, VHCA_LIMIT, 8);
        return;
    }
    if (!public_qpn(s, qp, &number)) {
        vhca_table_remove(&s->qps, qp->qpn);
        vhca_cmd_fail(cmd, VHCA_BAD_RES_STATE, 9);
        return;
    }
    qp->verbs = verbs_qp_new(s->verbs, number, type, qp);
    update_attributes(qp);
    ifc_set(cmd->out, CMD_OUT_ID, qp->qpn);
}

static VHCAQp *find_qp(VHCAState *s, VHCACmd *cmd)
{
    VHCAQp *qp = vhca_table_get(&s->qps, ifc_get(cmd->in, CMD_IN_ID));

    if (!qp) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 1);
    }
    return qp;
}

void vhca_destroy_qp(VHCAState *s, VHCACmd *cmd)
{
    VHCAQp *qp = find_qp(s, cmd);

    if (qp) {
        vhca_table_remove(&s->qps, qp->qpn);
    }
}

void vhca_query_qp(VHCAState *s, VHCACmd *cmd)
{
    VHCAQp *qp = find_qp(s, cmd);
    uint8_t *ctx;

    if (!qp) {
        return;
    }
    ctx = qp->context;
    ifc_set(ctx, QPC_STATE, mlx5_state[verbs_qp_state(qp->verbs)]);
    ifc_set(ctx, QPC_HW_SQ_COUNTER, qp->sq.head);
    ifc_set(ctx, QPC_SW_SQ_COUNTER, qp->sq.tail);
    ifc_set(ctx, QPC_HW_RQ_COUNTER, qp->rq.head);
    ifc_set(ctx, QPC_SW_RQ_COUNTER, qp->rq.tail);
    memcpy(cmd->out + CMD_QPC, ctx, QPC_SIZE);
}

/*
 * ------------------------------------------------------- state transitions
 */

/* A command carries a whole context, of which only these fields mean it */
static const uint32_t init_fields[] = {
    QPC_PKEY_INDEX, QPC_PORT, QPC_Q_KEY, QPC_PM_STATE,
    QPC_RRE, QPC_RWE, QPC_RAE, QPC_ATOMIC_MODE, 0
};
static const uint32_t rtr_fields[] = {
    QPC_MTU, QPC_LOG_MSG_MAX, QPC_REMOTE_QPN, QPC_NEXT_RCV_PSN,
    QPC_LOG_RRA_MAX, QPC_MIN_RNR_NAK, 0
};
static const uint32_t rts_fields[] = {
    QPC_RETRY_COUNT, QPC_RNR_RETRY, QPC_NEXT_SEND_PSN, QPC_LOG_SRA_MAX,
    QPC_ACK_TIMEOUT, 0
};
static const uint32_t no_fields[] = { 0 };

#define ANY_STATE  (~0u)

typedef struct Transition {
    uint16_t opcode;
    uint32_t from;              /* bit per VerbsQPState */
    VerbsQPState to;
    const uint32_t *fields;
    bool path;                  /* and the primary path */
} Transition;

static const Transition transitions[] = {
    { 0x502, 1 << VERBS_QPS_RESET, VERBS_QPS_INIT, init_fields, false },
    { 0x503, 1 << VERBS_QPS_INIT, VERBS_QPS_RTR, rtr_fields, true },
    { 0x504, 1 << VERBS_QPS_RTR, VERBS_QPS_RTS, rts_fields, false },
    { 0x505, 1 << VERBS_QPS_RTS, VERBS_QPS_RTS, no_fields, false },
    { 0x507, ANY_STATE, VERBS_QPS_ERR, no_fields, false },
    { 0x50a, ANY_STATE, VERBS_QPS_RESET, no_fields, false },
    { 0x50e, 1 << VERBS_QPS_INIT, VERBS_QPS_INIT, init_fields, false },
};

/* enum mlx5_qp_optpar of the driver: fields that may come with any of them */
typedef struct OptionalField {
    unsigned int bit;
    uint32_t field;
} OptionalField;

#define OPT_PATH_BIT  7

static const OptionalField optional_fields[] = {
    { 1, QPC_RRE },
    { 2, QPC_RAE },
    { 2, QPC_ATOMIC_MODE },
    { 3, QPC_RWE },
    { 4, QPC_PKEY_INDEX },
    { 5, QPC_Q_KEY },
    { 6, QPC_MIN_RNR_NAK },
    { 8, QPC_LOG_SRA_MAX },
    { 9, QPC_LOG_RRA_MAX },
    { 12, QPC_RETRY_COUNT },
    { 13, QPC_RNR_RETRY },
    { 14, QPC_ACK_TIMEOUT },
    { 16, QPC_PORT },
};

static const Transition *find_transition(uint16_t opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(transitions); i++) {
        if (transitions[i].opcode == opcode) {
            return &transitions[i];
        }
    }
    return NULL;
}

/* P_Key index, port and timeout are in the path, but set on their own */
static void merge_path(uint8_t *ctx, const uint8_t *from)
{
    uint32_t pkey_index = ifc_get(ctx, QPC_PKEY_INDEX);
    uint32_t port = ifc_get(ctx, QPC_PORT);
    uint32_t ack_timeout = ifc_get(ctx, QPC_ACK_TIMEOUT);

    memcpy(ctx + QPC_PATH, from + QPC_PATH, QPC_PATH_SIZE);
    ifc_set(ctx, QPC_PKEY_INDEX, pkey_index);
    ifc_set(ctx, QPC_PORT, port);
    ifc_set(ctx, QPC_ACK_TIMEOUT, ack_timeout);
}

static void merge_context(uint8_t *ctx, const VHCACmd *cmd,
                          const Transition *transition)
{
    const uint8_t *from = cmd->in + CMD_QPC;
    uint32_t optional = ifc_get(cmd->in, CMD_QP_OPT_PARAM_MASK);

    for (const uint32_t *field = transition->fields; *field; field++) {
        ifc_copy(ctx, from, *field);
    }
    if (transition->path || optional >> OPT_PATH_BIT & 1) {
        merge_path(ctx, from);
    }
    for (size_t i = 0; i < ARRAY_SIZE(optional_fields); i++) {
        if (optional >> optional_fields[i].bit & 1) {
            ifc_copy(ctx, from, optional_fields[i].field);
        }
    }
}

/* No receive entry will be taken any more: who shares them wants to know */
static void last_wqe(VHCAQp *qp)
{
    if (qp->srq) {
        vhca_event_affiliated(qp->hca, VHCA_EVENT_LAST_WQE, qp->qpn);
    }
}

static bool has_context(const Transition *transition)
{
    return transition->to != VERBS_QPS_ERR &&
           transition->to != VERBS_QPS_RESET;
}

void vhca_modify_qp(VHCAState *s, VHCACmd *cmd)
{
    const Transition *transition =
        find_transition(ifc_get(cmd->in, CMD_IN_OPCODE));
    VHCAQp *qp = find_qp(s, cmd);

    if (!qp) {
        return;
    }
    if (!(transition->from >> verbs_qp_state(qp->verbs) & 1)) {
        vhca_cmd_fail(cmd, VHCA_BAD_QP_STATE, 2);
        return;
    }
    if (has_context(transition)) {
        merge_context(qp->context, cmd, transition);
        update_attributes(qp);
    }
    if (transition->to == VERBS_QPS_RESET) {
        qp->sq.head = qp->sq.tail = 0;
        qp->rq.head = qp->rq.tail = 0;
    }
    if (transition->to != verbs_qp_state(qp->verbs)) {
        verbs_qp_set_state(qp->verbs, transition->to);
        trace_vhca_qp_state(qp->qpn, transition->to);
        if (transition->to == VERBS_QPS_ERR) {
            last_wqe(qp);
        }
    }
}

/*
 * --------------------------------------------------------- the two queues
 */

void vhca_qp_doorbell(VHCAState *s, uint32_t uar, uint64_t value)
{
    VHCAQp *qp = vhca_table_get(&s->qps, DOORBELL_QPN(value));

    if (!qp || qp->uar != uar) {
        trace_vhca_bad_doorbell(uar, 0x800, value);
        return;
    }
    /* The index in the doorbell is old news: the record is what counts */
    verbs_qp_kick(qp->verbs);
}

/* Entries that wait; -1: the producer is out of bounds or out of reach */
static int waiting(VHCAQp *qp, VHCAWq *wq, unsigned int record)
{
    uint8_t index[4];
    uint16_t count;

    if (!wq->present) {
        return 0;
    }
    if (wq->tail == wq->head) {
        if (!vhca_dma_read(qp->hca, qp->doorbell_record + record, index,
                           sizeof(index))) {
            return -1;
        }
        wq->tail = ldl_be_p(index);
    }
    count = wq->tail - wq->head;
    return count <= wq->entries ? count : -1;
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
    int available = waiting(qp, &qp->sq, RECORD_SEND);

    if (!available) {
        return 0;
    }
    qp->wqe_blocks = 1;
    memset(qp->wqe, 0, VHCA_WQEBB);
    if (available < 0 || !fetch_send(qp, available) ||
        !vhca_wqe_parse_send(qp, wr)) {
        wr->id = (uint32_t)vhca_wqe_opcode(qp->wqe) << 16 | qp->sq.head;
        trace_vhca_bad_wqe(qp->qpn, "send", qp->sq.head);
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
    available = waiting(qp, &qp->rq, RECORD_RECV);
    if (available <= 0) {
        return available;
    }
    if (!vhca_buffer_read(qp->hca, &qp->buffer,
                          entry_offset(&qp->rq, qp->rq.head), wqe,
                          qp->rq.stride) ||
        !vhca_wqe_parse_recv(wqe, qp->rq.stride, wr)) {
        trace_vhca_bad_wqe(qp->qpn, "recv", qp->rq.head);
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

/*
 * ------------------------------------------------------------ completions
 */

static uint8_t recv_opcode(VerbsOpcode opcode)
{
    switch (opcode) {
    case VERBS_WR_WRITE_IMM:
        return CQE_RESP_WRITE_IMM;
    case VERBS_WR_SEND_IMM:
        return CQE_RESP_SEND_IMM;
    case VERBS_WR_SEND_INVAL:
        return CQE_RESP_SEND_INVAL;
    default:
        return CQE_RESP_SEND;
    }
}

static uint8_t cqe_opcode(const VerbsWC *wc)
{
    if (wc->status != VERBS_WC_SUCCESS) {
        return wc->recv ? CQE_RESP_ERR : CQE_REQ_ERR;
    }
    return wc->recv ? recv_opcode(wc->opcode) : CQE_REQ;
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
             (wc->recv ? 0 : (uint32_t)(wc->id >> 16) << 24) | qp->qpn);
    stw_be_p(cqe + CQE_WQE_COUNTER, wc->id);
    cqe[CQE_OP_OWN] = cqe_opcode(wc) << 4;
    if (failed) {
        cqe[CQE_SYNDROME] = cqe_syndrome[wc->status];
    } else {
        stl_be_p(cqe + CQE_BYTE_COUNT, wc->byte_count);
    }
    if (wc->recv && !failed) {
        fill_receive(cqe, wc);
    }
    if (wc->recv && wc->solicited) {
        cqe[CQE_OP_OWN] |= CQE_SOLICITED;
    }
    trace_vhca_completion(qp->qpn, wc->recv, wc->id & 0xffff, wc->status);
    vhca_cq_post(qp->hca, cq, cqe, failed || (wc->recv && wc->solicited));
}

static int event_type(VerbsQPEvent event)
{
    switch (event) {
    case VERBS_QPE_REQUEST:
        return VHCA_EVENT_QP_REQUEST;
    case VERBS_QPE_ACCESS:
        return VHCA_EVENT_QP_ACCESS;
    case VERBS_QPE_FATAL:
        return VHCA_EVENT_QP_FATAL;
    default:
        return -1;
    }
}

/* As responder there is no completion to tell the owner: raise the event */
void vhca_qp_error(VerbsQP *verbs)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    int type = event_type(verbs_qp_event(verbs));

    trace_vhca_qp_state(qp->qpn, VERBS_QPS_ERR);
    if (type >= 0) {
        vhca_event_affiliated(qp->hca, type, qp->qpn);
    }
    last_wqe(qp);
}
