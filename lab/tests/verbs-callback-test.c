/*
 * Tests of the verbs engine: what callbacks and the front end may do
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "verbs-test.h"

/* ---- what callbacks and the front end may do ---------------------------- */

static MockPoint hook_point;
static unsigned int hook_countdown;
static void (*hook_action)(void);

static void hook_once(MockPoint point)
{
    if (point == hook_point && hook_countdown && !--hook_countdown) {
        hook_action();
    }
}

static void free_a(void)
{
    verbs_qp_free(A->qp);
    A->qp = NULL;
}

static void free_b(void)
{
    verbs_qp_free(B->qp);
    B->qp = NULL;
}

static void free_both(void)
{
    free_a();
    free_b();
}

static void reset_a(void)
{
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
}

static void reset_b(void)
{
    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
}

static void error_a(void)
{
    verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
}

static void error_b(void)
{
    verbs_qp_set_state(B->qp, VERBS_QPS_ERR);
}

static void restart_a(void)
{
    reset_a();
    mock_qp_ready(A, 0x12);
}

static void restart_b(void)
{
    reset_b();
    mock_qp_ready(B, 0x11);
}

static void reset_device(void)
{
    verbs_device_reset(mock.dev);
    A->qp = B->qp = NULL;
}

/* The key goes at once, as a front end's may: who still looks at it crashes. */
static void free_mr(VerbsMR *mr)
{
    mock_mr_free(mr);
    memset(mr, 0xa5, sizeof(*mr));
    mr->physical = false;
    mr->start = 0;
    mr->first_offset = 0;
    mr->page_shift = 12;
    mr->pages = NULL;
}

static void free_remote(void)
{
    free_mr(&mock.remote);
}

static void free_local(void)
{
    free_mr(&mock.local);
}

static void restart_b_without_key(void)
{
    restart_b();
    free_remote();
}

static void (*const actions[])(void) = {
    free_a, free_b, free_both, reset_a, reset_b, error_a, error_b, restart_a,
    restart_b, reset_device, free_remote, free_local,
};

/* Work of all kinds, good and bad, both ways */
static void post_everything(void)
{
    VerbsSendWR wr;

    for (VerbsOpcode op = VERBS_WR_NOP; op <= VERBS_WR_PRIVATE; op++) {
        uint32_t len = op >= VERBS_WR_CMP_SWAP ? 8 : 150000;

        wr = mock_wr(op, len);
        wr.remote_addr = ATOMIC_VA;
        wr.imm = 0x3303;
        mock_post(A, wr);
        wr.sge[0].addr += 1 << 20;
        wr.remote_addr += 1 << 20;
        wr.imm = 0x3402;
        mock_post(B, wr);
    }
    for (unsigned int i = 0; i < 6; i++) {
        mock_post_recv(A, i, REMOTE_KEY, REMOTE_VA + (2 << 20), 150000);
        mock_post_recv(B, i, REMOTE_KEY, REMOTE_VA + (3 << 20), 150000);
    }
    wr = mock_wr(VERBS_WR_WRITE, 8);
    wr.remote_key++;
    mock_post(A, wr);
    mock_post(A, wr);
}

/*
 * Each action at each point of call, sooner or later: what the sanitizers and
 * the front end's assertions see is the test, and that it comes to an end.
 */
static void test_callbacks(void)
{
    static const unsigned int when[] = { 1, 2, 3, 5, 9, 14, 20, 27 };

    for (unsigned int i = 0; i < G_N_ELEMENTS(actions) * MOCK_POINTS; i++) {
        for (unsigned int j = 0; j < G_N_ELEMENTS(when); j++) {
            VerbsMR mr[2];

            mock_teardown();
            mock_setup();
            mock_mr(&mr[0], 0x3303, 0, 0, 4096, 0, false);
            mock_mr(&mr[1], 0x3402, 0, 0, 4096, 0, false);
            mr[0].remote_invalidate = mr[1].remote_invalidate = true;
            mock.hook = hook_once;
            hook_point = i % MOCK_POINTS;
            hook_action = actions[i / MOCK_POINTS];
            hook_countdown = when[j];
            post_everything();
            shim_settle();
            shim_advance(3000ll * SCALE_MS);
            EXPECT(!mock.outside);
            if (hook_countdown) {
                EXPECT(sent(A, mock_wcs(A) - 4, VERBS_WC_REMOTE_ACCESS, 0) ||
                       !in_state(A, VERBS_QPS_RTS));
                EXPECT(mock.privates == 2);
            }
            mock_mr_free(&mr[0]);
            mock_mr_free(&mr[1]);
        }
    }
}

/* An error that strikes while data moves stops it, and the request with it. */
static void error_in_callback(VerbsOpcode opcode, uint32_t len)
{
    mock_reconnect(VERBS_QP_RC);
    g_array_set_size(mock.dma, 0);
    hook_countdown = 1;
    run(A, mock_wr(opcode, len));
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_FLUSHED, 0));
    EXPECT(mock_dma_bytes(true) <= 65536 && A->errors == 0);
}

static void test_error_in_callback(void)
{
    mock.hook = hook_once;
    hook_point = MOCK_DMA_WRITE;
    hook_action = error_a;
    error_in_callback(VERBS_WR_WRITE, 8);
    error_in_callback(VERBS_WR_WRITE, 1 << 20);
    error_in_callback(VERBS_WR_READ, 8);
    error_in_callback(VERBS_WR_READ, 1 << 20);
}

/* A responder that starts anew inside a callback owes nothing to the past. */
static void restart_in_callback(MockPoint point, uint32_t space)
{
    mock_reconnect(VERBS_QP_RC);
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, space);
    g_array_set_size(mock.dma, 0);
    hook_point = point;
    hook_countdown = 1;
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(in_state(B, VERBS_QPS_RTS) && B->errors == 0);
    EXPECT(in_state(A, VERBS_QPS_ERR) && mock_wcs(A) == 1);
    EXPECT(mock_dma_bytes(true) == 0);
}

static void test_restart_in_callback(void)
{
    mock.hook = hook_once;
    hook_action = restart_b;
    restart_in_callback(MOCK_RETIRE_RECV, 100);
    EXPECT(mock_wcs(B) == 0);
    restart_in_callback(MOCK_RETIRE_RECV, 99);
    EXPECT(mock_wcs(B) == 0);
    restart_in_callback(MOCK_PEEK_RECV, 100);
    EXPECT(mock_wcs(B) == 0);
    restart_in_callback(MOCK_COMPLETE, 99);
    EXPECT(received(B, 0, VERBS_WC_LOCAL_LENGTH, 1));

    /* ... even if the key goes with it, between two pages */
    hook_action = restart_b_without_key;
    hook_point = MOCK_DMA_WRITE;
    hook_countdown = 1;
    mock_reconnect(VERBS_QP_RC);
    run(A, mock_wr(VERBS_WR_WRITE, 8000));
    EXPECT(sent(A, 0, VERBS_WC_RETRY_EXCEEDED, 0));
    EXPECT(in_state(B, VERBS_QPS_RTS) && B->errors == 0);
}

/* Whatever ends in the flush itself */
static void test_flush_callbacks(void)
{
    for (unsigned int i = 0; i < G_N_ELEMENTS(actions) * MOCK_POINTS; i++) {
        for (unsigned int when = 1; when < 4; when++) {
            mock_teardown();
            mock_setup();
            mock.hook = hook_once;
            hook_point = i % MOCK_POINTS;
            hook_action = actions[i / MOCK_POINTS];
            hook_countdown = when;
            mock_post(A, mock_wr(VERBS_WR_NOP, 0));
            mock_post(A, mock_wr(VERBS_WR_NOP, 0));
            mock_post_recv(A, 1, 0, 0, 0);
            mock_post_recv(A, 2, 0, 0, 0);
            verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
            shim_advance(3000ll * SCALE_MS);
            EXPECT(mock_wcs(A) <= 4);
        }
    }
}

static unsigned int after_free;

static void count_after_free(MockPoint point)
{
    after_free += point != MOCK_DMA_READ || hook_countdown == 0;
    hook_once(point);
    if (point == MOCK_DMA_WRITE && !A->qp) {
        after_free = 0;
    }
}

/* Nothing is called for a QP that is freed, whatever it was doing. */
static void test_free_pending(void)
{
    mock_post(A, mock_wr(VERBS_WR_WRITE, 3 << 20));
    mock_post(A, mock_wr(VERBS_WR_WRITE, 3 << 20));
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 10);
    shim_poll();
    free_a();
    mock.hook = count_after_free;
    after_free = 0;
    shim_settle();
    EXPECT(after_free == 0 && mock_wcs(A) == 0);
    mock.hook = NULL;

    /* while it waits */
    mock_reconnect(VERBS_QP_RC);
    verbs_qp_attr(A->qp)->rnr_retry = 7;
    run(A, mock_wr(VERBS_WR_SEND, 8));
    EXPECT(shim_next_timer() > 0);
    free_a();
    EXPECT(shim_next_timer() == -1);
    shim_advance(10 * SCALE_MS);

    /* in the middle of its own data */
    mock_reconnect(VERBS_QP_RC);
    mock.hook = count_after_free;
    hook_point = MOCK_DMA_WRITE;
    hook_action = free_a;
    hook_countdown = 2;
    mock_post(A, mock_wr(VERBS_WR_READ, 3 << 20));
    shim_settle();
    EXPECT(!A->qp && after_free == 0 && mock_wcs(A) == 0);
}

static void test_device_reset(void)
{
    VerbsDevice *dev = mock.dev;

    verbs_qp_attr(B->qp)->rnr_retry = 7;
    mock_post(B, mock_wr(VERBS_WR_SEND, 8));
    mock_post(A, mock_wr(VERBS_WR_WRITE, 3 << 20));
    shim_poll();
    reset_device();
    EXPECT(shim_settle() <= 1 && shim_next_timer() == -1);
    EXPECT(!verbs_mr_find(dev, REMOTE_KEY));
    mock_mr_free(&mock.remote);
    mock_mr(&mock.remote, REMOTE_KEY, VERBS_ACCESS_REMOTE_WRITE, REMOTE_VA,
            MR_LENGTH, REMOTE_DMA, true);
    mock_reconnect(VERBS_QP_RC);
    mock_post(A, mock_wr(VERBS_WR_WRITE, 0));
    shim_settle();
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
}

/* ---- anything at all ---------------------------------------------------- */

static uint32_t random_state;

static uint32_t rnd(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint64_t)random_state * below >> 32;
}

static uint64_t wild_address(uint64_t start)
{
    switch (rnd(8)) {
    case 0:
        return UINT64_MAX - rnd(10000);
    case 1:
        return start - rnd(5000);
    case 2:
        return start + MR_LENGTH - rnd(70000);
    case 3:
        return rnd(UINT32_MAX);
    default:
        return start + rnd(MR_LENGTH);
    }
}

static VerbsSGE wild_sge(void)
{
    bool local = rnd(2);

    return (VerbsSGE) {
        .addr = wild_address(local ? LOCAL_VA : REMOTE_VA),
        .length = rnd(20) ? rnd(9000) : rnd(UINT32_MAX),
        .key = (local ? LOCAL_KEY : REMOTE_KEY) + (rnd(30) == 0),
    };
}

static VerbsSendWR wild_wr(uint64_t id)
{
    VerbsSendWR wr = mock_wr(rnd(VERBS_WR_PRIVATE + 2), 8);

    wr.id = id;
    wr.remote_addr = wild_address(REMOTE_VA);
    wr.nr_sge = rnd(10) ? rnd(4) : rnd(VERBS_MAX_SGE + 3);
    for (unsigned int i = 0; i < MIN(wr.nr_sge, VERBS_MAX_SGE); i++) {
        wr.sge[i] = wild_sge();
    }
    if (rnd(6) == 0) {
        wr.nr_sge = rnd(20) == 0;
        wr.inline_length = rnd(VERBS_MAX_INLINE + 20);
    }
    if (rnd(3) == 0) {
        wr.nr_sge = 1;
        wr.sge[0] = (VerbsSGE) { LOCAL_VA + rnd(MR_LENGTH - 8), 8, LOCAL_KEY };
        wr.remote_addr &= ~7ull;
    }
    return wr;
}

/* Each request completes exactly once and in order, and no DMA strays. */
static void check_wild(const MockQP *q)
{
    uint64_t next[2] = { 0, 1000 };

    for (unsigned int i = 0; i < mock_wcs(q); i++) {
        const VerbsWC *wc = mock_wc(q, i);

        EXPECT(wc->id == next[wc->recv]);
        next[wc->recv]++;
    }
    EXPECT(next[0] == q->sq->len);
}

static void test_wild_requests(void)
{
    for (random_state = 1; random_state < 400; random_state++) {
        uint32_t seed = random_state;

        mock_reconnect(rnd(4));
        mock.remote.pages[rnd(1000)] &= ~(uint64_t)rnd(2);
        for (unsigned int i = 0; i < 20; i++) {
            VerbsRecvWR recv = { .id = 1000 + i, .nr_sge = rnd(4) };

            for (unsigned int j = 0; j < recv.nr_sge; j++) {
                recv.sge[j] = wild_sge();
            }
            g_array_append_val(A->rq, recv);
            g_array_append_val(B->rq, recv);
            mock_post(A, wild_wr(i));
            mock_post(B, wild_wr(i));
        }
        shim_settle();
        shim_advance(10 * SCALE_MS);
        check_wild(A);
        check_wild(B);
        EXPECT(!mock.outside);
        random_state = seed;
    }
}

const VerbsTest callback_tests[] = {
    TEST(callbacks), TEST(error_in_callback), TEST(restart_in_callback),
    TEST(flush_callbacks), TEST(free_pending), TEST(device_reset),
    TEST(wild_requests),
    { }
};
