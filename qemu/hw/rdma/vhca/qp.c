/*
 * Virtual ConnectX: queue pairs
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The context is kept here; what a request does is the verbs engine's. The
 * receive queue comes first in the buffer, the send queue behind it.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"

/* qpc.rq_type */
#define RQ_TYPE_REGULAR     0
#define RQ_TYPE_SRQ         1

/* qpc.state */
static const uint8_t mlx5_state[] = {
    [VERBS_QPS_RESET] = 0,
    [VERBS_QPS_INIT] = 1,
    [VERBS_QPS_RTR] = 2,
    [VERBS_QPS_RTS] = 3,
    [VERBS_QPS_ERR] = 6,
};

void vhca_qp_destroy(void *opaque)
{
    VHCAQp *qp = opaque;

    if (qp->verbs) {
        verbs_qp_free(qp->verbs);
    }
    vhca_object_put(qp->uar);
    vhca_object_put(qp->pd);
    vhca_object_put(qp->send_cq);
    vhca_object_put(qp->recv_cq);
    vhca_object_put(qp->srq);
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

/* The driver's queue for UMR has PD 0: it uses keys of any */
static bool take_pd(VHCAState *s, VHCAQp *qp)
{
    uint32_t pd = ifc_get(qp->context, QPC_PD);

    if (ifc_get(qp->context, QPC_ST) == VHCA_QP_ST_REG_UMR && !pd) {
        return true;
    }
    qp->pd = vhca_object_take(&s->pds, pd);
    return qp->pd;
}

static bool take_cqs(VHCAState *s, VHCAQp *qp)
{
    qp->send_cq = vhca_object_take(&s->cqs,
                                   ifc_get(qp->context, QPC_CQN_SND));
    qp->recv_cq = vhca_object_take(&s->cqs,
                                   ifc_get(qp->context, QPC_CQN_RCV));
    return (qp->send_cq || !qp->sq.present) &&
           (qp->recv_cq || ifc_get(qp->context, QPC_RQ_TYPE) > RQ_TYPE_SRQ);
}

static bool take_srq(VHCAState *s, VHCAQp *qp)
{
    if (ifc_get(qp->context, QPC_RQ_TYPE) != RQ_TYPE_SRQ) {
        return true;
    }
    qp->srq = vhca_object_take(&s->srqs, ifc_get(qp->context, QPC_SRQN));
    return qp->srq;
}

static void parse_context(VHCAState *s, VHCACmd *cmd, VHCAQp *qp,
                          VerbsQPType *type)
{
    memcpy(qp->context, cmd->in + CMD_QPC, QPC_SIZE);
    qp->uar = vhca_object_take(&s->uars, ifc_get(qp->context, QPC_UAR_PAGE));
    qp->user_index = ifc_get(qp->context, QPC_USER_INDEX);
    qp->doorbell_record = ldq_be_p(qp->context + QPC_DBR_ADDR);
    if (ifc_get(qp->context, QPC_WQ_SIGNATURE)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (ifc_get(cmd->in, CREATE_QP_UMEM_VALID)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
    } else if (!qp->uar) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 3);
    } else if (!take_buffer(qp, cmd)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 4);
    } else if (!take_pd(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 5);
    } else if (!take_cqs(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 6);
    } else if (!take_srq(s, qp)) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 10);
    } else if (!verbs_type(ifc_get(qp->context, QPC_ST), type)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 7);
    }
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
        *qpn = qp->base.id;
        return true;
    }
    return !g_hash_table_find(s->qps.objects, has_number,
                              GUINT_TO_POINTER(*qpn));
}

void vhca_qp_update(VHCAQp *qp)
{
    VerbsQPAttr *attr = verbs_qp_attr(qp->verbs);
    const uint8_t *ctx = qp->context;

    attr->pd = ifc_get(ctx, QPC_PD);
    attr->recv_pd = qp->srq ? ifc_get(qp->srq->context, SRQC_PD) : attr->pd;
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
    VerbsQPType type = VERBS_QP_RC;
    uint32_t number;

    qp->hca = s;
    parse_context(s, cmd, qp, &type);
    if (!vhca_object_create(&s->qps, qp, cmd)) {
        return;
    }
    if (!public_qpn(s, qp, &number)) {
        vhca_table_remove(&s->qps, qp->base.id);
        vhca_cmd_fail(cmd, VHCA_BAD_RES_STATE, 9);
        return;
    }
    qp->verbs = verbs_qp_new(s->verbs, number, type, qp);
    vhca_qp_update(qp);
}

void vhca_destroy_qp(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->qps, cmd);
}

void vhca_query_qp(VHCAState *s, VHCACmd *cmd)
{
    VHCAQp *qp = vhca_object_find(&s->qps, cmd);
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
