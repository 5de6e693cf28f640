/*
 * Verbs engine: the responder, and the loopback transport that leads to it
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The transport's functions look the responder up anew for each piece of a
 * message: between two pieces anything may have happened to it.
 */
#include "qemu/osdep.h"
#include "verbs_internal.h"

static bool is_send(const VerbsMsg *msg)
{
    return msg->opcode == VERBS_WR_SEND || msg->opcode == VERBS_WR_SEND_IMM ||
           msg->opcode == VERBS_WR_SEND_INVAL;
}

static bool needs_recv(const VerbsMsg *msg)
{
    return is_send(msg) || msg->opcode == VERBS_WR_WRITE_IMM;
}

/* Bytes of the receive buffers that stay before the data (IBA 9.8.3). */
static unsigned int recv_headroom(const VerbsMsg *msg)
{
    return msg->type == VERBS_QP_UD ? VERBS_GRH_SIZE : 0;
}

/*
 * Whoever does not fit is not answered: a QP of another service, in another
 * state, connected to another peer (IBA 9.6) or with another Q_Key.
 */
static VerbsQP *resp_find(VerbsDevice *dev, const VerbsMsg *msg)
{
    VerbsQP *qp = verbs_qp_find(dev, msg->dst_qpn);

    if (!qp || qp->type != msg->type) {
        return NULL;
    }
    if (qp->state != VERBS_QPS_RTR && qp->state != VERBS_QPS_RTS) {
        return NULL;
    }
    if (msg->type == VERBS_QP_UD) {
        return qp->attr.qkey == msg->qkey ? qp : NULL;
    }
    return qp->attr.dest_qpn == msg->src_qpn ? qp : NULL;
}

/* The responder that has accepted @msg, unless it has started anew since */
static VerbsQP *resp_find_open(VerbsDevice *dev, const VerbsMsg *msg)
{
    VerbsQP *qp = resp_find(dev, msg);

    return qp && qp->rx.open ? qp : NULL;
}

/*
 * A fault of the message: reliable service refuses it and ends the connection
 * with an event (IBA 9.9.3); the others drop it.
 */
static VerbsAck resp_refuse(VerbsQP *qp, VerbsAck nak, VerbsQPEvent event)
{
    if (qp->type != VERBS_QP_RC) {
        return VERBS_ACK_LOST;
    }
    verbs_qp_fail(qp, event);
    return nak;
}

/*
 * A fault of the responder's own receive request: it completes in error and
 * its QP stops, whatever the service.
 */
static VerbsAck resp_recv_error(VerbsQP *qp, VerbsStatus status, VerbsAck nak)
{
    uint32_t generation = qp->generation;
    VerbsWC wc = {
        .id = qp->rx.wr.id,
        .recv = true,
        .status = status,
        .opcode = VERBS_WR_SEND,
    };

    if (!qp->rx.active) {
        return VERBS_ACK_LOST;
    }
    qp->rx.active = false;
    qp->dev->ops->complete(qp, &wc);
    if (qp->generation == generation) {
        verbs_qp_fail(qp, VERBS_QPE_NONE);
    }
    return qp->type == VERBS_QP_RC ? nak : VERBS_ACK_LOST;
}

/* The request in qp->rx.wr is ours now, unless the callback resets the QP. */
static void resp_retire(VerbsQP *qp)
{
    if (!qp->rx.active) {
        qp->rx.active = true;
        qp->dev->ops->retire_recv(qp);
    }
}

/* Is the receive request in qp->rx.wr good for @msg? Takes it if so. */
static VerbsAck resp_take(VerbsQP *qp, const VerbsMsg *msg)
{
    VerbsRecvWR *wr = &qp->rx.wr;
    uint64_t space = verbs_sgl_length(wr->sge, wr->nr_sge);

    if (is_send(msg) && space < msg->length + recv_headroom(msg)) {
        if (qp->type != VERBS_QP_RC) {
            return VERBS_ACK_LOST;      /* leaves it for the next message */
        }
        resp_retire(qp);
        return resp_recv_error(qp, VERBS_WC_LOCAL_LENGTH,
                               VERBS_NAK_INVALID_REQUEST);
    }
    resp_retire(qp);
    return qp->rx.active ? VERBS_ACK_OK : VERBS_ACK_LOST;
}

/*
 * Find a receive request. One that is left over from a message that its sender
 * never finished serves again.
 */
static VerbsAck resp_recv(VerbsQP *qp, const VerbsMsg *msg, uint8_t *rnr_timer)
{
    uint32_t generation = qp->generation;
    VerbsRecvWR *wr = &qp->rx.wr;
    int found = 1;

    if (!qp->rx.active) {
        wr->id = 0;
        wr->nr_sge = 0;
        found = qp->attr.no_recv_queue ? 0 : qp->dev->ops->peek_recv(qp, wr);
        if (qp->generation != generation) {
            return VERBS_ACK_LOST;
        }
    }
    if (found == 0) {
        *rnr_timer = qp->attr.min_rnr_timer;
        return qp->type == VERBS_QP_RC ? VERBS_ACK_RNR : VERBS_ACK_LOST;
    }
    if (found < 0 || wr->nr_sge > VERBS_MAX_SGE) {
        resp_retire(qp);
        return resp_recv_error(qp, VERBS_WC_LOCAL_QP_OP, VERBS_NAK_OPERATION);
    }
    return resp_take(qp, msg);
}

static uint32_t remote_access(VerbsOpcode opcode)
{
    switch (opcode) {
    case VERBS_WR_WRITE:
    case VERBS_WR_WRITE_IMM:
        return VERBS_ACCESS_REMOTE_WRITE;
    case VERBS_WR_READ:
        return VERBS_ACCESS_REMOTE_READ;
    case VERBS_WR_CMP_SWAP:
    case VERBS_WR_FETCH_ADD:
        return VERBS_ACCESS_REMOTE_ATOMIC;
    default:
        return 0;
    }
}

/* The key is looked at unless there is nothing to move (IBA 9.4.3, 9.4.4). */
static VerbsAck check_rdma(VerbsQP *qp, const VerbsMsg *msg)
{
    uint32_t need = remote_access(msg->opcode);

    if ((qp->attr.access & need) != need) {
        return resp_refuse(qp, VERBS_NAK_INVALID_REQUEST, VERBS_QPE_REQUEST);
    }
    if (need == VERBS_ACCESS_REMOTE_ATOMIC &&
        msg->remote_addr % sizeof(uint64_t)) {
        return resp_refuse(qp, VERBS_NAK_INVALID_REQUEST, VERBS_QPE_REQUEST);
    }
    if (need && msg->length &&
        !verbs_mr_check(qp->dev, msg->remote_key, qp->attr.pd, need,
                        msg->remote_addr, msg->length)) {
        return resp_refuse(qp, VERBS_NAK_ACCESS, VERBS_QPE_ACCESS);
    }
    return VERBS_ACK_OK;
}

/* The key that SEND with invalidate takes away; NULL: it may not */
static VerbsMR *invalidation(VerbsQP *qp, const VerbsMsg *msg)
{
    VerbsMR *mr = verbs_mr_find(qp->dev, msg->imm);

    if (!mr || mr->key != msg->imm || mr->pd != qp->attr.pd ||
        !mr->enabled || !mr->remote_invalidate) {
        return NULL;
    }
    return mr;
}

static VerbsAck loopback_begin(VerbsDevice *dev, const VerbsMsg *msg,
                               uint8_t *rnr_timer)
{
    VerbsQP *qp = resp_find(dev, msg);
    VerbsAck ack;

    if (!qp) {
        return VERBS_ACK_LOST;
    }
    ack = check_rdma(qp, msg);
    if (ack != VERBS_ACK_OK) {
        return ack;
    }
    if (msg->opcode == VERBS_WR_SEND_INVAL && !invalidation(qp, msg)) {
        return resp_refuse(qp, VERBS_NAK_ACCESS, VERBS_QPE_ACCESS);
    }
    if (needs_recv(msg)) {
        ack = resp_recv(qp, msg, rnr_timer);
    }
    if (ack == VERBS_ACK_OK) {
        qp->rx.open = true;
    }
    return ack;
}

/* Remote access that failed on the way: the key went, or the DMA did. */
static VerbsAck resp_rdma_status(VerbsQP *qp, VerbsStatus status)
{
    switch (status) {
    case VERBS_WC_SUCCESS:
        return VERBS_ACK_OK;
    case VERBS_WC_LOCAL_PROTECTION:
        return resp_refuse(qp, VERBS_NAK_ACCESS, VERBS_QPE_ACCESS);
    default:
        return resp_refuse(qp, VERBS_NAK_OPERATION, VERBS_QPE_FATAL);
    }
}

static VerbsAck resp_put_recv(VerbsQP *qp, const VerbsMsg *msg,
                              uint64_t offset, const void *data, size_t len)
{
    VerbsRecvWR *wr = &qp->rx.wr;
    VerbsStatus status;

    status = verbs_sgl_access(qp->dev, wr->sge, wr->nr_sge, qp->attr.recv_pd,
                              VERBS_ACCESS_LOCAL_WRITE,
                              offset + recv_headroom(msg), (void *)data, len,
                              true);
    if (status != VERBS_WC_SUCCESS) {
        return resp_recv_error(qp, status, VERBS_NAK_OPERATION);
    }
    return VERBS_ACK_OK;
}

/* Write, or read, the piece of remote memory that @offset is the start of. */
static VerbsAck resp_rdma(VerbsQP *qp, const VerbsMsg *msg, uint64_t offset,
                          void *data, size_t len, bool to_mr)
{
    uint32_t generation = qp->generation;
    VerbsStatus status;

    status = verbs_mr_access(qp->dev, msg->remote_key, qp->attr.pd,
                             remote_access(msg->opcode),
                             msg->remote_addr + offset, data, len, to_mr);
    if (qp->generation != generation) {
        return VERBS_ACK_LOST;
    }
    return resp_rdma_status(qp, status);
}

static VerbsAck loopback_put(VerbsDevice *dev, const VerbsMsg *msg,
                             uint64_t offset, const void *data, size_t len)
{
    VerbsQP *qp = resp_find_open(dev, msg);

    if (!qp) {
        return VERBS_ACK_LOST;
    }
    if (is_send(msg)) {
        return resp_put_recv(qp, msg, offset, data, len);
    }
    return resp_rdma(qp, msg, offset, (void *)data, len, true);
}

static VerbsAck loopback_get(VerbsDevice *dev, const VerbsMsg *msg,
                             uint64_t offset, void *data, size_t len)
{
    VerbsQP *qp = resp_find_open(dev, msg);

    if (!qp) {
        return VERBS_ACK_LOST;
    }
    return resp_rdma(qp, msg, offset, data, len, false);
}

static VerbsAck loopback_atomic(VerbsDevice *dev, const VerbsMsg *msg,
                                uint64_t *old)
{
    VerbsQP *qp = resp_find_open(dev, msg);
    uint32_t generation;
    VerbsStatus status;

    if (!qp) {
        return VERBS_ACK_LOST;
    }
    generation = qp->generation;
    status = verbs_mr_atomic(dev, msg, qp->attr.pd, old);
    if (qp->generation != generation) {
        return VERBS_ACK_LOST;
    }
    return resp_rdma_status(qp, status);
}

/* Take the key away that the message names */
static VerbsAck resp_invalidate(VerbsQP *qp, const VerbsMsg *msg)
{
    uint32_t generation = qp->generation;
    VerbsMR *mr = invalidation(qp, msg);

    if (!mr) {
        return resp_refuse(qp, VERBS_NAK_ACCESS, VERBS_QPE_ACCESS);
    }
    qp->dev->ops->invalidate(qp->dev->opaque, mr);
    return qp->generation == generation ? VERBS_ACK_OK : VERBS_ACK_LOST;
}

static VerbsAck loopback_end(VerbsDevice *dev, const VerbsMsg *msg)
{
    VerbsQP *qp = resp_find_open(dev, msg);
    VerbsAck ack = VERBS_ACK_OK;
    VerbsWC wc = {
        .recv = true,
        .status = VERBS_WC_SUCCESS,
        .opcode = msg->opcode,
        .solicited = msg->solicited,
        .imm = msg->imm,
        .src_qpn = msg->src_qpn,
        .src_lid = msg->src_lid,
    };

    if (!qp) {
        return VERBS_ACK_LOST;
    }
    qp->rx.open = false;
    if (msg->opcode == VERBS_WR_SEND_INVAL) {
        ack = resp_invalidate(qp, msg);
    }
    if (ack == VERBS_ACK_OK && needs_recv(msg)) {
        wc.id = qp->rx.wr.id;
        wc.byte_count = msg->length + recv_headroom(msg);
        qp->rx.active = false;
        dev->ops->complete(qp, &wc);
    }
    return ack;
}

const VerbsTransport verbs_loopback = {
    .begin = loopback_begin,
    .put = loopback_put,
    .get = loopback_get,
    .atomic = loopback_atomic,
    .end = loopback_end,
};
