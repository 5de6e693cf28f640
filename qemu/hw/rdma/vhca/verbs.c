/*
 * Verbs engine: devices, queue pairs and their turns
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Queue pairs that may have something to do stand in line. The bottom half
 * takes the first, lets it do one step (a request, or a piece of a large one)
 * and sends it to the end of the line, until the turn's budget is spent.
 */
#include "qemu/osdep.h"
#include "verbs_internal.h"

static void qp_make_ready(VerbsQP *qp)
{
    VerbsDevice *dev = qp->dev;

    if (!qp->ready) {
        qp->ready = true;
        QTAILQ_INSERT_TAIL(&dev->ready, qp, ready_link);
        qemu_bh_schedule(dev->bh);
    }
}

static void qp_make_idle(VerbsQP *qp)
{
    if (qp->ready) {
        qp->ready = false;
        QTAILQ_REMOVE(&qp->dev->ready, qp, ready_link);
    }
}

static void qp_timer(void *opaque)
{
    qp_make_ready(opaque);
}

void verbs_qp_wait(VerbsQP *qp, int64_t max_ns)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    qp->poll_ns = MAX(qp->poll_ns * 2, VERBS_POLL_MIN_NS);
    qp->poll_ns = MIN(qp->poll_ns, max_ns);
    timer_mod_ns(&qp->timer, now + qp->poll_ns);
}

static void qp_stop_waiting(VerbsQP *qp)
{
    timer_del(&qp->timer);
    qp->poll_ns = 0;
}

/* Complete one request of @qp with VERBS_WC_FLUSHED (IBA 10.3.1). */
static void flush_one(VerbsQP *qp, bool recv, uint64_t id, VerbsOpcode opcode)
{
    VerbsWC wc = {
        .id = id,
        .recv = recv,
        .status = VERBS_WC_FLUSHED,
        .opcode = opcode,
    };

    qp->dev->ops->complete(qp, &wc);
}

static bool flush_send(VerbsQP *qp)
{
    const VerbsOps *ops = qp->dev->ops;
    uint32_t generation = qp->generation;
    VerbsSendWR *wr = &qp->tx.wr;

    memset(wr, 0, offsetof(VerbsSendWR, sge));
    if (ops->peek_send(qp, wr) == 0 || qp->generation != generation) {
        return false;
    }
    flush_one(qp, false, wr->id, wr->opcode);
    if (qp->generation == generation) {
        ops->retire_send(qp);
    }
    return true;
}

static bool flush_recv(VerbsQP *qp)
{
    const VerbsOps *ops = qp->dev->ops;
    uint32_t generation = qp->generation;
    VerbsRecvWR *wr = &qp->rx.wr;

    /* flush_send() has called back, so it may be another state by now. */
    if (qp->state != VERBS_QPS_ERR) {
        return false;
    }
    if (qp->rx.active) {
        qp->rx.active = false;
        flush_one(qp, true, wr->id, VERBS_WR_SEND);
        return true;
    }
    if (qp->attr.no_recv_queue || qp->attr.shared_recv_queue) {
        return false;
    }
    if (ops->peek_recv(qp, wr) == 0 || qp->generation != generation) {
        return false;
    }
    ops->retire_recv(qp);
    if (qp->generation == generation) {
        flush_one(qp, true, wr->id, VERBS_WR_SEND);
    }
    return true;
}

/*
 * A QP in error state goes on flushing. Nobody tells when a receive request
 * is posted, and programs drain a queue by posting one more: so look, the more
 * rarely the longer nothing came.
 */
static bool flush_step(VerbsQP *qp)
{
    qp->tx.active = false;
    if (flush_send(qp) || flush_recv(qp)) {
        qp_stop_waiting(qp);
        return true;
    }
    if (qp->state == VERBS_QPS_ERR && !qp->attr.no_recv_queue &&
        !qp->attr.shared_recv_queue) {
        verbs_qp_wait(qp, VERBS_DRAIN_MAX_NS);
    }
    return false;
}

static bool qp_step(VerbsQP *qp)
{
    switch (qp->state) {
    case VERBS_QPS_RTS:
        return verbs_req_step(qp);
    case VERBS_QPS_ERR:
        return flush_step(qp);
    default:
        return false;
    }
}

static void free_freed(VerbsDevice *dev)
{
    VerbsQP *qp;

    while ((qp = QSLIST_FIRST(&dev->freed))) {
        QSLIST_REMOVE_HEAD(&dev->freed, freed_link);
        g_free(qp);
    }
}

static void verbs_turn(void *opaque)
{
    VerbsDevice *dev = opaque;
    unsigned int steps = 0;
    VerbsQP *qp;

    /* A callback that polls may bring us here again: the outer turn goes on. */
    if (dev->running) {
        return;
    }
    dev->running = true;
    dev->turn_cost = 0;
    while ((qp = QTAILQ_FIRST(&dev->ready)) && steps++ < VERBS_TURN_STEPS &&
           dev->turn_cost < VERBS_TURN_COST) {
        qp_make_idle(qp);
        if (qp_step(qp) && !qp->freed) {
            qp_make_ready(qp);
        }
    }
    dev->running = false;
    free_freed(dev);
    if (!QTAILQ_EMPTY(&dev->ready)) {
        qemu_bh_schedule(dev->bh);
    }
}

VerbsDevice *verbs_device_new(const VerbsOps *ops, void *opaque, uint16_t lid,
                              MemReentrancyGuard *guard)
{
    VerbsDevice *dev = g_new0(VerbsDevice, 1);

    dev->ops = ops;
    dev->opaque = opaque;
    dev->lid = lid;
    dev->qps = g_hash_table_new(NULL, NULL);
    dev->mrs = g_hash_table_new(NULL, NULL);
    dev->bh = qemu_bh_new_guarded(verbs_turn, dev, guard);
    QTAILQ_INIT(&dev->ready);
    QSLIST_INIT(&dev->freed);
    return dev;
}

void verbs_device_reset(VerbsDevice *dev)
{
    GHashTableIter iter;
    gpointer qp;

    g_hash_table_iter_init(&iter, dev->qps);
    while (g_hash_table_iter_next(&iter, NULL, &qp)) {
        verbs_qp_free(qp);
        g_hash_table_iter_init(&iter, dev->qps);
    }
    g_hash_table_remove_all(dev->mrs);
}

void verbs_device_free(VerbsDevice *dev)
{
    assert(!dev->running);
    verbs_device_reset(dev);
    qemu_bh_delete(dev->bh);
    g_hash_table_destroy(dev->qps);
    g_hash_table_destroy(dev->mrs);
    g_free(dev);
}

VerbsQP *verbs_qp_new(VerbsDevice *dev, uint32_t qpn, VerbsQPType type,
                      void *opaque)
{
    VerbsQP *qp = g_new0(VerbsQP, 1);

    assert(!verbs_qp_find(dev, qpn));
    qp->dev = dev;
    qp->opaque = opaque;
    qp->qpn = qpn;
    qp->type = type;
    qp->state = VERBS_QPS_RESET;
    timer_init_ns(&qp->timer, QEMU_CLOCK_VIRTUAL, qp_timer, qp);
    g_hash_table_insert(dev->qps, GUINT_TO_POINTER(qpn), qp);
    return qp;
}

void verbs_qp_free(VerbsQP *qp)
{
    VerbsDevice *dev = qp->dev;

    verbs_qp_set_state(qp, VERBS_QPS_RESET);
    g_hash_table_remove(dev->qps, GUINT_TO_POINTER(qp->qpn));
    qp->freed = true;
    if (dev->running) {
        QSLIST_INSERT_HEAD(&dev->freed, qp, freed_link);
    } else {
        g_free(qp);
    }
}

VerbsQP *verbs_qp_find(VerbsDevice *dev, uint32_t qpn)
{
    return g_hash_table_lookup(dev->qps, GUINT_TO_POINTER(qpn));
}

void *verbs_qp_opaque(const VerbsQP *qp)
{
    return qp->opaque;
}

uint32_t verbs_qp_qpn(const VerbsQP *qp)
{
    return qp->qpn;
}

VerbsQPState verbs_qp_state(const VerbsQP *qp)
{
    return qp->state;
}

VerbsQPEvent verbs_qp_event(const VerbsQP *qp)
{
    return qp->event;
}

VerbsQPAttr *verbs_qp_attr(VerbsQP *qp)
{
    return &qp->attr;
}

void verbs_qp_set_state(VerbsQP *qp, VerbsQPState state)
{
    qp->state = state;
    switch (state) {
    case VERBS_QPS_RESET:
        qp->generation++;
        qp->event = VERBS_QPE_NONE;
        qp->tx.active = false;
        qp->rx.open = false;
        qp->rx.active = false;
        qp_stop_waiting(qp);
        qp_make_idle(qp);
        break;
    case VERBS_QPS_RTS:
    case VERBS_QPS_ERR:
        qp_stop_waiting(qp);
        qp_make_ready(qp);
        break;
    default:
        break;
    }
}

void verbs_qp_kick(VerbsQP *qp)
{
    /* A request that waits for its peer is not helped by those behind it. */
    if (qp->state == VERBS_QPS_RTS && timer_pending(&qp->timer)) {
        return;
    }
    qp_make_ready(qp);
}

void verbs_qp_fail(VerbsQP *qp, VerbsQPEvent event)
{
    if (qp->state == VERBS_QPS_ERR || qp->state == VERBS_QPS_RESET) {
        return;
    }
    qp->event = event;
    verbs_qp_set_state(qp, VERBS_QPS_ERR);
    qp->dev->ops->qp_error(qp);
}
