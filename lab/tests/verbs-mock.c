/*
 * A front end for the verbs engine
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "verbs-mock.h"

#define PAGE 4096u

Mock mock;

static void at(MockPoint point)
{
    if (mock.hook) {
        mock.hook(point);
    }
}

/* Each callback is for a QP that exists and that is at work. */
static MockQP *qp_of(VerbsQP *qp)
{
    MockQP *q = verbs_qp_opaque(qp);

    assert(q->qp == qp && verbs_qp_state(qp) != VERBS_QPS_RESET);
    return q;
}

static int peek(GArray *queue, unsigned int head, void *wr, size_t size)
{
    uint64_t id;

    if (head >= queue->len) {
        return 0;
    }
    memcpy(wr, queue->data + head * size, size);
    memcpy(&id, wr, sizeof(id));
    return id == MOCK_MALFORMED ? -1 : 1;
}

static int mock_peek_send(VerbsQP *qp, VerbsSendWR *wr)
{
    MockQP *q = qp_of(qp);
    int found = peek(q->sq, q->sq_head, wr, sizeof(*wr));

    at(MOCK_PEEK_SEND);
    return found;
}

static void mock_retire_send(VerbsQP *qp)
{
    MockQP *q = qp_of(qp);

    assert(q->sq_head < q->sq->len);
    q->sq_head++;
    at(MOCK_RETIRE_SEND);
}

static int mock_peek_recv(VerbsQP *qp, VerbsRecvWR *wr)
{
    MockQP *q = qp_of(qp);
    int found = peek(q->rq, q->rq_head, wr, sizeof(*wr));

    at(MOCK_PEEK_RECV);
    return found;
}

static void mock_retire_recv(VerbsQP *qp)
{
    MockQP *q = qp_of(qp);

    assert(q->rq_head < q->rq->len);
    q->rq_head++;
    at(MOCK_RETIRE_RECV);
}

static void mock_complete(VerbsQP *qp, const VerbsWC *wc)
{
    MockQP *q = qp_of(qp);

    g_array_append_val(q->wcs, *wc);
    at(MOCK_COMPLETE);
}

static void mock_invalidate(void *opaque, VerbsMR *mr)
{
    assert(opaque == &mock && mr->enabled);
    mr->enabled = false;
    mock.invalidated = mr;
    at(MOCK_INVALIDATE);
}

static VerbsStatus mock_run_private(VerbsQP *qp, const VerbsSendWR *wr)
{
    qp_of(qp);
    assert(wr->opcode == VERBS_WR_PRIVATE);
    mock.privates++;
    at(MOCK_PRIVATE);
    return mock.private_status;
}

static void mock_qp_error(VerbsQP *qp)
{
    MockQP *q = qp_of(qp);

    assert(verbs_qp_state(qp) == VERBS_QPS_ERR);
    q->errors++;
    q->event = verbs_qp_event(qp);
    at(MOCK_QP_ERROR);
}

static bool dma_allowed(const VerbsMR *mr, uint64_t addr, uint64_t len,
                        bool write)
{
    MockDMA dma = { mr, addr, len, write };

    g_array_append_val(mock.dma, dma);
    if (addr > MOCK_MEMORY || len > MOCK_MEMORY - addr) {
        mock.outside = true;
        return false;
    }
    return mock.bad_dma < addr || mock.bad_dma - addr >= len;
}

static bool mock_dma_read(void *opaque, const VerbsMR *mr, uint64_t addr,
                          void *data, size_t len)
{
    bool allowed = dma_allowed(mr, addr, len, false);

    assert(opaque == &mock);
    if (allowed) {
        memcpy(data, mock.memory + addr, len);
    }
    at(MOCK_DMA_READ);
    return allowed;
}

static bool mock_dma_write(void *opaque, const VerbsMR *mr, uint64_t addr,
                           const void *data, size_t len)
{
    bool allowed = dma_allowed(mr, addr, len, true);

    assert(opaque == &mock);
    if (allowed) {
        memcpy(mock.memory + addr, data, len);
    }
    at(MOCK_DMA_WRITE);
    return allowed;
}

static bool mock_dma_atomic(void *opaque, const VerbsMR *mr, uint64_t addr,
                            VerbsOpcode opcode, uint64_t operand,
                            uint64_t compare, uint64_t *old)
{
    bool allowed = dma_allowed(mr, addr, 8, true);
    uint64_t value;

    assert(opaque == &mock && addr % 8 == 0);
    if (allowed) {
        memcpy(&value, mock.memory + addr, 8);
        *old = value;
        if (opcode == VERBS_WR_FETCH_ADD) {
            value += operand;
        } else if (value == compare) {
            value = operand;
        }
        memcpy(mock.memory + addr, &value, 8);
    }
    at(MOCK_ATOMIC);
    return allowed;
}

static const VerbsOps mock_ops = {
    .peek_send = mock_peek_send,
    .retire_send = mock_retire_send,
    .peek_recv = mock_peek_recv,
    .retire_recv = mock_retire_recv,
    .complete = mock_complete,
    .invalidate = mock_invalidate,
    .run_private = mock_run_private,
    .qp_error = mock_qp_error,
    .dma_read = mock_dma_read,
    .dma_write = mock_dma_write,
    .dma_atomic = mock_dma_atomic,
};

void mock_mr(VerbsMR *mr, uint32_t key, uint32_t access, uint64_t start,
             uint64_t length, uint64_t dma, bool reversed)
{
    uint64_t first_offset = start % PAGE;
    size_t n = (first_offset + length + PAGE - 1) / PAGE;

    *mr = (VerbsMR) {
        .key = key,
        .enabled = true,
        .pd = MOCK_PD,
        .access = access,
        .start = start,
        .length = length,
        .page_shift = 12,
        .first_offset = first_offset,
        .pages = g_new(uint64_t, n),
        .nr_pages = n,
    };
    for (size_t i = 0; i < n; i++) {
        mr->pages[i] = (dma + (reversed ? n - 1 - i : i) * PAGE) | 3;
    }
    verbs_mr_add(mock.dev, mr);
}

void mock_mr_free(VerbsMR *mr)
{
    verbs_mr_remove(mock.dev, mr);
    g_free(mr->pages);
    mr->pages = NULL;
}

uint8_t *mock_byte(const VerbsMR *mr, uint64_t va)
{
    uint64_t pos = va - mr->start + mr->first_offset;

    return mock.memory + (mr->pages[pos / PAGE] & ~(PAGE - 1ull)) + pos % PAGE;
}

static uint8_t pattern(uint64_t i, unsigned int seed)
{
    return (i * 2654435761u >> 13) + i + seed * 37 + 1;
}

void mock_fill(const VerbsMR *mr, uint64_t va, uint64_t len, unsigned int seed)
{
    for (uint64_t i = 0; i < len; i++) {
        *mock_byte(mr, va + i) = pattern(i, seed);
    }
}

bool mock_equals(const VerbsMR *mr, uint64_t va, uint64_t len,
                 unsigned int seed)
{
    for (uint64_t i = 0; i < len; i++) {
        if (*mock_byte(mr, va + i) != pattern(i, seed)) {
            return false;
        }
    }
    return true;
}

bool mock_is_zero(const VerbsMR *mr, uint64_t va, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        if (*mock_byte(mr, va + i)) {
            return false;
        }
    }
    return true;
}

bool mock_memory_is_zero(void)
{
    for (size_t i = 0; i < MOCK_MEMORY; i += 8) {
        if (*(uint64_t *)(mock.memory + i)) {
            return false;
        }
    }
    return true;
}

uint64_t mock_dma_bytes(bool write)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < mock.dma->len; i++) {
        const MockDMA *dma = &g_array_index(mock.dma, MockDMA, i);

        bytes += dma->write == write ? dma->len : 0;
    }
    return bytes;
}

void mock_qp(MockQP *q, uint32_t qpn, VerbsQPType type)
{
    VerbsQPAttr *attr;

    *q = (MockQP) {
        .qp = verbs_qp_new(mock.dev, qpn, type, q),
        .sq = g_array_new(false, false, sizeof(VerbsSendWR)),
        .rq = g_array_new(false, false, sizeof(VerbsRecvWR)),
        .wcs = g_array_new(false, false, sizeof(VerbsWC)),
    };
    attr = verbs_qp_attr(q->qp);
    attr->pd = MOCK_PD;
    attr->recv_pd = MOCK_PD;
    attr->access = VERBS_ACCESS_REMOTE_READ | VERBS_ACCESS_REMOTE_WRITE |
                   VERBS_ACCESS_REMOTE_ATOMIC;
    attr->dest_lid = MOCK_LID;
    attr->qkey = 0x1234;
    attr->no_recv_queue = type == VERBS_QP_PRIVATE;
}

void mock_qp_free(MockQP *q)
{
    if (q->qp) {
        verbs_qp_free(q->qp);
        q->qp = NULL;
    }
    if (q->sq) {
        g_array_free(q->sq, true);
        g_array_free(q->rq, true);
        g_array_free(q->wcs, true);
        q->sq = q->rq = q->wcs = NULL;
    }
}

void mock_qp_ready(MockQP *q, uint32_t dest_qpn)
{
    verbs_qp_attr(q->qp)->dest_qpn = dest_qpn;
    verbs_qp_set_state(q->qp, VERBS_QPS_INIT);
    verbs_qp_set_state(q->qp, VERBS_QPS_RTR);
    verbs_qp_set_state(q->qp, VERBS_QPS_RTS);
}

static void connect(VerbsQPType type)
{
    mock_qp(&mock.a, 0x11, type);
    mock_qp(&mock.b, 0x12, type);
    mock_qp_ready(&mock.a, 0x12);
    mock_qp_ready(&mock.b, 0x11);
}

void mock_reconnect(VerbsQPType type)
{
    mock_qp_free(&mock.a);
    mock_qp_free(&mock.b);
    connect(type);
}

void mock_setup(void)
{
    memset(&mock, 0, sizeof(mock));
    mock.bad_dma = UINT64_MAX;
    mock.dma = g_array_new(false, false, sizeof(MockDMA));
    mock.dev = verbs_device_new(&mock_ops, &mock, MOCK_LID, &mock.guard);
    mock_mr(&mock.local, LOCAL_KEY,
            VERBS_ACCESS_LOCAL_READ | VERBS_ACCESS_LOCAL_WRITE, LOCAL_VA,
            MR_LENGTH, LOCAL_DMA, false);
    mock_mr(&mock.remote, REMOTE_KEY,
            VERBS_ACCESS_LOCAL_READ | VERBS_ACCESS_LOCAL_WRITE |
            VERBS_ACCESS_REMOTE_READ | VERBS_ACCESS_REMOTE_WRITE |
            VERBS_ACCESS_REMOTE_ATOMIC, REMOTE_VA, MR_LENGTH, REMOTE_DMA, true);
    connect(VERBS_QP_RC);
}

void mock_teardown(void)
{
    mock.hook = NULL;
    mock_qp_free(&mock.a);
    mock_qp_free(&mock.b);
    mock_mr_free(&mock.local);
    mock_mr_free(&mock.remote);
    verbs_device_free(mock.dev);
    g_array_free(mock.dma, true);
}

VerbsSendWR mock_wr(VerbsOpcode opcode, uint32_t len)
{
    return (VerbsSendWR) {
        .opcode = opcode,
        .signaled = true,
        .remote_addr = REMOTE_VA,
        .remote_key = REMOTE_KEY,
        .imm = 0x600d1dea,
        .ud_dest_lid = MOCK_LID,
        .ud_dest_qpn = 0x12,
        .ud_qkey = 0x1234,
        .nr_sge = 1,
        .sge[0] = { LOCAL_VA, len, LOCAL_KEY },
    };
}

VerbsSendWR mock_atomic_wr(VerbsOpcode opcode, uint64_t operand,
                           uint64_t compare)
{
    VerbsSendWR wr = mock_wr(opcode, 8);

    wr.remote_addr = ATOMIC_VA;
    wr.atomic_operand = operand;
    wr.atomic_compare = compare;
    return wr;
}

void mock_post(MockQP *q, VerbsSendWR wr)
{
    g_array_append_val(q->sq, wr);
    verbs_qp_kick(q->qp);
}

void mock_post_recv(MockQP *q, uint64_t id, uint32_t key, uint64_t addr,
                    uint32_t len)
{
    VerbsRecvWR wr = { .id = id, .nr_sge = 1, .sge[0] = { addr, len, key } };

    g_array_append_val(q->rq, wr);
}

unsigned int mock_wcs(const MockQP *q)
{
    return q->wcs->len;
}

const VerbsWC *mock_wc(const MockQP *q, unsigned int index)
{
    static const VerbsWC none = { .status = (VerbsStatus)-1 };

    return index < q->wcs->len ? &g_array_index(q->wcs, VerbsWC, index) : &none;
}
