/*
 * Verbs engine: the requester
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * One request at a time, in the order of the queue: read it, check it, have
 * the responder accept it, move its data piece by piece, complete it.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "verbs_internal.h"

static bool is_atomic(VerbsOpcode opcode)
{
    return opcode == VERBS_WR_CMP_SWAP || opcode == VERBS_WR_FETCH_ADD;
}

static bool writes_local(VerbsOpcode opcode)
{
    return opcode == VERBS_WR_READ || is_atomic(opcode);
}

/* Which services offer which operations (IBA 9.4) */
static bool type_allows(VerbsQPType type, VerbsOpcode opcode)
{
    switch (opcode) {
    case VERBS_WR_NOP:
    case VERBS_WR_PRIVATE:
        return true;
    case VERBS_WR_SEND:
    case VERBS_WR_SEND_IMM:
        return type != VERBS_QP_PRIVATE;
    case VERBS_WR_WRITE:
    case VERBS_WR_WRITE_IMM:
        return type == VERBS_QP_RC || type == VERBS_QP_UC;
    case VERBS_WR_SEND_INVAL:
    case VERBS_WR_READ:
    case VERBS_WR_CMP_SWAP:
    case VERBS_WR_FETCH_ADD:
        return type == VERBS_QP_RC;
    default:
        return false;
    }
}

static uint64_t wr_length(const VerbsSendWR *wr)
{
    return wr->inline_length ? wr->inline_length
                             : verbs_sgl_length(wr->sge, wr->nr_sge);
}

/*
 * End the current request: complete it, retire it and, if it failed, stop the
 * QP (IBA 9.9.2). The callbacks may have reset the QP: then nothing remains.
 */
static void req_complete(VerbsQP *qp, VerbsStatus status)
{
    const VerbsOps *ops = qp->dev->ops;
    const VerbsSendWR *wr = &qp->tx.wr;
    uint32_t generation = qp->generation;
    VerbsWC wc = {
        .id = wr->id,
        .status = status,
        .opcode = wr->opcode,
        .byte_count = qp->tx.msg.length,
    };

    qp->tx.active = false;
    if (status != VERBS_WC_SUCCESS || wr->signaled) {
        ops->complete(qp, &wc);
    }
    if (qp->generation == generation) {
        ops->retire_send(qp);
    }
    if (status != VERBS_WC_SUCCESS && qp->generation == generation) {
        verbs_qp_fail(qp, VERBS_QPE_NONE);
    }
}

/* Read the next request. False: none, or the QP is not what it was. */
static bool req_fetch(VerbsQP *qp)
{
    uint32_t generation = qp->generation;
    VerbsTx *tx = &qp->tx;
    int found;

    memset(&tx->wr, 0, offsetof(VerbsSendWR, sge));
    tx->wr.inline_length = 0;
    tx->msg = (VerbsMsg) { };
    found = qp->dev->ops->peek_send(qp, &tx->wr);
    if (found == 0 || qp->generation != generation ||
        qp->state != VERBS_QPS_RTS) {
        return false;
    }
    tx->active = true;
    tx->begun = false;
    tx->waiting = false;
    tx->done = 0;
    if (found < 0) {
        req_complete(qp, VERBS_WC_LOCAL_QP_OP);
        return false;
    }
    return true;
}

static VerbsStatus check_length(const VerbsQP *qp, uint64_t length)
{
    if (is_atomic(qp->tx.wr.opcode) && length != sizeof(uint64_t)) {
        return VERBS_WC_LOCAL_LENGTH;
    }
    if (length > (qp->type == VERBS_QP_UD ? VERBS_MAX_UD : VERBS_MAX_MESSAGE)) {
        return VERBS_WC_LOCAL_LENGTH;
    }
    return VERBS_WC_SUCCESS;
}

/* What can be seen to be wrong before anything moves */
static VerbsStatus req_check(VerbsQP *qp)
{
    const VerbsSendWR *wr = &qp->tx.wr;
    bool to_local = writes_local(wr->opcode);
    VerbsStatus status;

    if (!type_allows(qp->type, wr->opcode) || wr->nr_sge > VERBS_MAX_SGE) {
        return VERBS_WC_LOCAL_QP_OP;
    }
    if (wr->inline_length && (wr->inline_length > VERBS_MAX_INLINE ||
                              wr->nr_sge || to_local)) {
        return VERBS_WC_LOCAL_QP_OP;
    }
    status = check_length(qp, wr_length(wr));
    if (status != VERBS_WC_SUCCESS) {
        return status;
    }
    if (!verbs_sgl_check(qp->dev, wr->sge, wr->nr_sge, qp->attr.pd,
                         to_local ? VERBS_ACCESS_LOCAL_WRITE
                                  : VERBS_ACCESS_LOCAL_READ)) {
        return VERBS_WC_LOCAL_PROTECTION;
    }
    return VERBS_WC_SUCCESS;
}

/* A Q_Key with its top bit set stands for the QP's own (IBA 10.2). */
static uint32_t wr_qkey(const VerbsQP *qp)
{
    uint32_t qkey = qp->tx.wr.ud_qkey;

    return qkey & 0x80000000 ? qp->attr.qkey : qkey;
}

static void req_address(VerbsQP *qp)
{
    const VerbsSendWR *wr = &qp->tx.wr;
    bool ud = qp->type == VERBS_QP_UD;

    qp->tx.msg = (VerbsMsg) {
        .type = qp->type,
        .opcode = wr->opcode,
        .solicited = wr->solicited,
        .src_lid = qp->dev->lid,
        .dst_lid = ud ? wr->ud_dest_lid : qp->attr.dest_lid,
        .src_qpn = qp->qpn,
        .dst_qpn = ud ? wr->ud_dest_qpn : qp->attr.dest_qpn,
        .qkey = wr_qkey(qp),
        .imm = wr->imm,
        .length = wr_length(wr),
        .remote_addr = wr->remote_addr,
        .remote_key = wr->remote_key,
        .operand = wr->atomic_operand,
        .compare = wr->atomic_compare,
    };
    /* The only way there is: to a QP of the same port. */
    qp->tx.transport = qp->tx.msg.dst_lid == qp->dev->lid ? &verbs_loopback
                                                          : NULL;
}

/* Requests that stay at home. True: it was one. */
static bool req_local(VerbsQP *qp)
{
    uint32_t generation = qp->generation;
    VerbsStatus status = VERBS_WC_SUCCESS;

    switch (qp->tx.wr.opcode) {
    case VERBS_WR_NOP:
        break;
    case VERBS_WR_PRIVATE:
        status = qp->dev->ops->run_private(qp, &qp->tx.wr);
        break;
    default:
        return false;
    }
    if (qp->generation == generation) {
        req_complete(qp, status);
    }
    return true;
}

/* Begin the next request. False: nothing is left to be moved for it. */
static bool req_next(VerbsQP *qp)
{
    VerbsStatus status;

    if (req_local(qp)) {
        return false;
    }
    status = req_check(qp);
    if (status != VERBS_WC_SUCCESS) {
        req_complete(qp, status);
        return false;
    }
    req_address(qp);
    return true;
}

static VerbsStatus ack_status(VerbsAck ack)
{
    switch (ack) {
    case VERBS_ACK_OK:
        return VERBS_WC_SUCCESS;
    case VERBS_ACK_RNR:
        return VERBS_WC_RNR_RETRY_EXCEEDED;
    case VERBS_NAK_INVALID_REQUEST:
        return VERBS_WC_REMOTE_INVALID_REQUEST;
    case VERBS_NAK_ACCESS:
        return VERBS_WC_REMOTE_ACCESS;
    case VERBS_NAK_OPERATION:
        return VERBS_WC_REMOTE_OPERATION;
    case VERBS_ACK_LOST:
    default:
        return VERBS_WC_RETRY_EXCEEDED;
    }
}

/*
 * Act on the responder's answer. True: go on with the message. Only reliable
 * service hears of failures (IBA 9.8.2, 9.8.3).
 */
static bool req_acked(VerbsQP *qp, uint32_t generation, VerbsAck ack)
{
    if (qp->generation != generation) {
        return false;
    }
    if (ack == VERBS_ACK_OK) {
        return qp->state == VERBS_QPS_RTS;
    }
    req_complete(qp, qp->type == VERBS_QP_RC ? ack_status(ack)
                                             : VERBS_WC_SUCCESS);
    return false;
}

/* The delay that a responder asks for (IBA 9.7.5.2.8) */
static int64_t rnr_timer_ns(uint8_t code)
{
    code = code & 31 ? code & 31 : 32;
    if (code == 1) {
        return 10 * SCALE_US;
    }
    return ((code & 1 ? 3 : 2) << (code / 2 - 1)) * 10ll * SCALE_US;
}

/* The time after which a sender without an answer tries again (IBA 9.7.6.1) */
static int64_t ack_timeout_ns(uint8_t code)
{
    return 4096ll << (code & 31);
}

/*
 * For how long to wait for a responder that is not ready, or not there. The
 * engine asks more often than real hardware, but gives up no earlier.
 */
static int64_t req_patience_ns(const VerbsQP *qp, VerbsAck ack,
                               uint8_t rnr_timer)
{
    const VerbsQPAttr *attr = &qp->attr;

    if (ack == VERBS_ACK_RNR) {
        return attr->rnr_retry == 7 ? INT64_MAX
                                    : attr->rnr_retry * rnr_timer_ns(rnr_timer);
    }
    if (attr->retry_count && !attr->ack_timeout) {
        return INT64_MAX;
    }
    return attr->retry_count * ack_timeout_ns(attr->ack_timeout);
}

/* True: come back later; false: enough */
static bool req_wait(VerbsQP *qp, VerbsAck ack, uint8_t rnr_timer)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    VerbsTx *tx = &qp->tx;

    if (!tx->waiting) {
        tx->waiting = true;
        tx->waiting_since = now;
    }
    if (now - tx->waiting_since >= req_patience_ns(qp, ack, rnr_timer)) {
        return false;
    }
    verbs_qp_wait(qp, VERBS_POLL_MAX_NS);
    return true;
}

/* Have the responder accept the message. False: not now, or not at all. */
static bool req_begin(VerbsQP *qp)
{
    uint32_t generation = qp->generation;
    VerbsTx *tx = &qp->tx;
    VerbsAck ack = VERBS_ACK_LOST;
    uint8_t rnr_timer = 0;

    if (tx->transport) {
        ack = tx->transport->begin(qp->dev, &tx->msg, &rnr_timer);
    }
    if (qp->generation == generation && qp->state == VERBS_QPS_RTS &&
        qp->type == VERBS_QP_RC &&
        (ack == VERBS_ACK_RNR || ack == VERBS_ACK_LOST) &&
        req_wait(qp, ack, rnr_timer)) {
        return false;
    }
    if (!req_acked(qp, generation, ack)) {
        return false;
    }
    tx->begun = true;
    qp->poll_ns = 0;
    return true;
}

/* Local memory's side of a piece, at tx->done. False: the request is over. */
static bool req_local_data(VerbsQP *qp, void *data, size_t len, bool to_local)
{
    uint32_t generation = qp->generation;
    const VerbsSendWR *wr = &qp->tx.wr;
    VerbsStatus status;

    status = verbs_sgl_access(qp->dev, wr->sge, wr->nr_sge, qp->attr.pd,
                              to_local ? VERBS_ACCESS_LOCAL_WRITE
                                       : VERBS_ACCESS_LOCAL_READ,
                              qp->tx.done, data, len, to_local);
    if (qp->generation != generation || qp->state != VERBS_QPS_RTS) {
        return false;
    }
    if (status != VERBS_WC_SUCCESS) {
        req_complete(qp, status);
        return false;
    }
    return true;
}

static bool req_put(VerbsQP *qp, size_t len)
{
    uint32_t generation = qp->generation;
    const VerbsTx *tx = &qp->tx;
    const uint8_t *data = qp->dev->bounce;

    if (tx->wr.inline_length) {
        data = tx->wr.inline_data + tx->done;
    } else if (!req_local_data(qp, qp->dev->bounce, len, false)) {
        return false;
    }
    return req_acked(qp, generation,
                     tx->transport->put(qp->dev, &tx->msg, tx->done, data,
                                        len));
}

static bool req_get(VerbsQP *qp, size_t len)
{
    uint32_t generation = qp->generation;
    const VerbsTx *tx = &qp->tx;
    uint8_t *data = qp->dev->bounce;

    return req_acked(qp, generation,
                     tx->transport->get(qp->dev, &tx->msg, tx->done, data,
                                        len)) &&
           req_local_data(qp, data, len, true);
}

static bool req_atomic(VerbsQP *qp)
{
    uint32_t generation = qp->generation;
    const VerbsTx *tx = &qp->tx;
    uint64_t old = 0;

    if (!req_acked(qp, generation,
                   tx->transport->atomic(qp->dev, &tx->msg, &old))) {
        return false;
    }
    old = cpu_to_le64(old);
    return req_local_data(qp, &old, sizeof(old), true);
}

/* Move the next piece. False: the request is over. */
static bool req_move(VerbsQP *qp, size_t len)
{
    if (is_atomic(qp->tx.wr.opcode)) {
        return req_atomic(qp);
    }
    return qp->tx.wr.opcode == VERBS_WR_READ ? req_get(qp, len)
                                             : req_put(qp, len);
}

static void req_continue(VerbsQP *qp)
{
    uint32_t generation = qp->generation;
    VerbsTx *tx = &qp->tx;
    size_t len = MIN(tx->msg.length - tx->done, VERBS_CHUNK);

    if (len && !req_move(qp, len)) {
        return;
    }
    tx->done += len;
    if (tx->done == tx->msg.length &&
        req_acked(qp, generation, tx->transport->end(qp->dev, &tx->msg))) {
        req_complete(qp, VERBS_WC_SUCCESS);
    }
}

bool verbs_req_step(VerbsQP *qp)
{
    if (!qp->tx.active) {
        if (!req_fetch(qp)) {
            return false;
        }
        if (!req_next(qp)) {
            return qp->state == VERBS_QPS_RTS;
        }
    }
    if (qp->tx.begun || req_begin(qp)) {
        req_continue(qp);
    }
    return qp->state == VERBS_QPS_RTS && !timer_pending(&qp->timer);
}
