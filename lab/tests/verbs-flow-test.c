/*
 * Tests of the verbs engine: peers that are not ready, order, errors, turns
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "verbs-test.h"

/* ---- receiver not ready, peer not there ------------------------------- */

static void test_rnr_then_success(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 100);

    verbs_qp_attr(A->qp)->rnr_retry = 7;
    mock_fill(&mock.local, LOCAL_VA, 100, 1);
    mock_post(A, wr);
    wr = mock_wr(VERBS_WR_WRITE, 1);
    wr.id = 1;
    run(A, wr);
    EXPECT(shim_next_timer() == 50 * SCALE_US);
    shim_advance(49 * SCALE_US);
    EXPECT(mock_wcs(A) == 0 && mock.dma->len == 0);
    shim_advance(1 * SCALE_US);
    EXPECT(shim_next_timer() == 100 * SCALE_US);
    shim_advance(10000ll * SCALE_MS + 1);
    EXPECT(shim_next_timer() < 1 * SCALE_MS);
    EXPECT(mock_wcs(A) == 0 && mock.dma->len == 0);

    /* A doorbell does not get past it, nor does it change the pace. */
    run(A, wr);
    EXPECT(mock_wcs(A) == 0 && shim_next_timer() < 1 * SCALE_MS);

    mock_post_recv(B, 8, REMOTE_KEY, REMOTE_VA, 100);
    shim_advance(1 * SCALE_MS);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0) && sent(A, 1, VERBS_WC_SUCCESS, 1));
    EXPECT(mock_wcs(A) == 3);
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 8));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 100, 1));
    EXPECT(shim_next_timer() == -1);

    /* The next wait begins with short delays again. */
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(shim_next_timer() == 50 * SCALE_US);
}

static void test_rnr_exceeded(void)
{
    verbs_qp_attr(A->qp)->rnr_retry = 3;
    verbs_qp_attr(B->qp)->min_rnr_timer = 12;   /* 0.64 ms */
    run(A, mock_wr(VERBS_WR_SEND_IMM, 100));
    shim_advance(1900 * SCALE_US);
    EXPECT(mock_wcs(A) == 0);
    shim_advance(1100 * SCALE_US);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_RNR_RETRY_EXCEEDED, 0));
    EXPECT(in_state(A, VERBS_QPS_ERR) && in_state(B, VERBS_QPS_RTS));

    mock_reconnect(VERBS_QP_RC);
    verbs_qp_attr(A->qp)->rnr_retry = 0;
    run(A, mock_wr(VERBS_WR_WRITE_IMM, 100));
    EXPECT(sent(A, 0, VERBS_WC_RNR_RETRY_EXCEEDED, 0));
    EXPECT(mock.dma->len == 0);

    mock_reconnect(VERBS_QP_RC);
    verbs_qp_attr(B->qp)->no_recv_queue = true;
    mock_post_recv(B, 1, 0, 0, 0);
    run(A, mock_wr(VERBS_WR_SEND, 0));
    EXPECT(sent(A, 0, VERBS_WC_RNR_RETRY_EXCEEDED, 0));
}

/* How long one retry lasts, by the codes of the specification's table */
static void test_rnr_timer_codes(void)
{
    static const struct {
        uint8_t code;
        int64_t us;
    } rows[] = {
        { 1, 10 }, { 2, 20 }, { 3, 30 }, { 4, 40 }, { 5, 60 }, { 12, 640 },
        { 13, 960 }, { 14, 1280 }, { 30, 327680 }, { 31, 491520 },
        { 0, 655360 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        mock_reconnect(VERBS_QP_RC);
        verbs_qp_attr(A->qp)->rnr_retry = 1;
        verbs_qp_attr(B->qp)->min_rnr_timer = rows[i].code;
        run(A, mock_wr(VERBS_WR_SEND, 0));
        shim_advance((rows[i].us - 1) * SCALE_US);
        EXPECT(mock_wcs(A) == 0);
        shim_advance(1001 * SCALE_US);
        EXPECT(sent(A, 0, VERBS_WC_RNR_RETRY_EXCEEDED, 0));
    }
}

static void expect_no_peer(VerbsOpcode opcode)
{
    run(A, mock_wr(opcode, 8));
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_RETRY_EXCEEDED, 0));
    EXPECT(in_state(A, VERBS_QPS_ERR) && B->errors == 0);
    EXPECT(mock.dma->len == 0);
    mock_reconnect(VERBS_QP_RC);
    mock_post_recv(B, 0, REMOTE_KEY, REMOTE_VA, 100);
}

static void test_no_peer(void)
{
    verbs_qp_attr(A->qp)->dest_qpn = 0x13;
    expect_no_peer(VERBS_WR_SEND);
    verbs_qp_attr(A->qp)->dest_lid = MOCK_LID + 1;
    expect_no_peer(VERBS_WR_WRITE);
    verbs_qp_attr(B->qp)->dest_qpn = 0x13;
    expect_no_peer(VERBS_WR_READ);
    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
    expect_no_peer(VERBS_WR_WRITE);
    verbs_qp_set_state(B->qp, VERBS_QPS_INIT);
    expect_no_peer(VERBS_WR_SEND);
    verbs_qp_set_state(B->qp, VERBS_QPS_ERR);
    expect_no_peer(VERBS_WR_FETCH_ADD);
    mock_qp_free(B);
    mock_qp(B, 0x12, VERBS_QP_UC);
    mock_qp_ready(B, 0x11);
    expect_no_peer(VERBS_WR_WRITE);
    /* RTR is enough. */
    verbs_qp_set_state(B->qp, VERBS_QPS_RTR);
    run(A, mock_wr(VERBS_WR_SEND, 8));
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
}

/* A peer that comes up while its requester tries */
static void test_late_peer(void)
{
    verbs_qp_attr(A->qp)->retry_count = 7;
    verbs_qp_attr(A->qp)->ack_timeout = 14;     /* 67 ms */
    verbs_qp_set_state(B->qp, VERBS_QPS_INIT);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    shim_advance(400 * SCALE_MS);
    EXPECT(mock_wcs(A) == 0);
    verbs_qp_set_state(B->qp, VERBS_QPS_RTR);
    shim_advance(1 * SCALE_MS);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));

    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    shim_advance(469 * SCALE_MS);
    EXPECT(mock_wcs(A) == 1);
    shim_advance(2 * SCALE_MS);
    EXPECT(sent(A, 1, VERBS_WC_RETRY_EXCEEDED, 0));

    mock_reconnect(VERBS_QP_RC);
    verbs_qp_attr(A->qp)->retry_count = 1;
    verbs_qp_attr(A->qp)->ack_timeout = 0;      /* waits for ever */
    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    shim_advance(100000ll * SCALE_MS);
    EXPECT(mock_wcs(A) == 0);
}

/* ---- order, error state ----------------------------------------------- */

/* Data of a message is there before anybody hears of it. */
static void check_order(MockPoint point)
{
    if (point == MOCK_COMPLETE && mock_wcs(B) == 1 && mock_wcs(A) == 0) {
        EXPECT(mock_equals(&mock.remote, REMOTE_VA, 200000, 5));
    }
    EXPECT(mock_wcs(A) <= mock_wcs(B));
}

static void test_order(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE_IMM, 200000);

    mock_fill(&mock.local, LOCAL_VA, 200000, 5);
    mock.hook = check_order;
    for (unsigned int i = 0; i < 5; i++) {
        mock_post_recv(B, i, REMOTE_KEY, REMOTE_VA, 1 << 20);
    }
    for (unsigned int i = 0; i < 5; i++) {
        wr.id = i;
        wr.opcode = i % 2 ? VERBS_WR_SEND : VERBS_WR_WRITE_IMM;
        mock_post(A, wr);
    }
    shim_settle();
    EXPECT(mock_wcs(A) == 5 && mock_wcs(B) == 5);
    for (unsigned int i = 0; i < 5; i++) {
        EXPECT(sent(A, i, VERBS_WC_SUCCESS, i));
        EXPECT(received(B, i, VERBS_WC_SUCCESS, i));
    }
}

static void test_flush(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 8);

    for (unsigned int i = 0; i < 5; i++) {
        wr.id = i;
        wr.signaled = false;
        wr.remote_key = REMOTE_KEY + (i == 1);
        mock_post(A, wr);
        mock_post_recv(A, 100 + i, 0, 0, 0);
    }
    shim_settle();
    EXPECT(mock_wcs(A) == 4 + 5);
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_ACCESS, 1));
    EXPECT(sent(A, 1, VERBS_WC_FLUSHED, 2) && sent(A, 3, VERBS_WC_FLUSHED, 4));
    EXPECT(received(A, 4, VERBS_WC_FLUSHED, 100));
    EXPECT(received(A, 8, VERBS_WC_FLUSHED, 104));
    EXPECT(A->sq_head == 5 && A->rq_head == 5 && A->errors == 1);

    /* Posted later: a doorbell for one, nothing for the other */
    wr.id = 50;
    run(A, wr);
    EXPECT(mock_wcs(A) == 10 && sent(A, 9, VERBS_WC_FLUSHED, 50));
    mock_post_recv(A, 105, 0, 0, 0);
    shim_advance(1 * SCALE_MS);
    EXPECT(mock_wcs(A) == 11 && received(A, 10, VERBS_WC_FLUSHED, 105));
    shim_advance(60000ll * SCALE_MS);
    mock_post_recv(A, 106, 0, 0, 0);
    shim_advance(1000 * SCALE_MS);
    EXPECT(mock_wcs(A) == 12 && received(A, 11, VERBS_WC_FLUSHED, 106));
    EXPECT(A->errors == 1);
    verbs_qp_kick(A->qp);
    mock_post_recv(A, 107, 0, 0, 0);
    shim_settle();
    EXPECT(mock_wcs(A) == 13 && shim_next_timer() == 50 * SCALE_US);
}

/* The front end's own move to error, with a message under way */
static void test_error_from_outside(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 3 << 20);

    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post_recv(B, 21, REMOTE_KEY, REMOTE_VA, 3 << 20);
    wr.id = 1;
    mock_post(A, wr);
    wr.id = 2;
    mock_post(A, wr);
    shim_poll();
    EXPECT(mock.dma->len && mock_wcs(A) == 0 && B->rq_head == 1);
    verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
    shim_settle();
    EXPECT(mock_wcs(A) == 2 && A->errors == 0);
    EXPECT(sent(A, 0, VERBS_WC_FLUSHED, 1) && sent(A, 1, VERBS_WC_FLUSHED, 2));
    EXPECT(mock_wcs(B) == 0);
    verbs_qp_set_state(B->qp, VERBS_QPS_ERR);
    shim_settle();
    EXPECT(mock_wcs(B) == 2);
    EXPECT(received(B, 0, VERBS_WC_FLUSHED, 20));
    EXPECT(received(B, 1, VERBS_WC_FLUSHED, 21));
}

/* The front end cannot deliver a completion: its QP stops, with an event. */
static void fail_at_completion(MockPoint point)
{
    if (point == MOCK_COMPLETE) {
        verbs_qp_fail(A->qp, VERBS_QPE_FATAL);
    }
}

static void test_fail_at_completion(void)
{
    mock.hook = fail_at_completion;
    mock_post(A, mock_wr(VERBS_WR_WRITE, 100));
    run(A, mock_wr(VERBS_WR_WRITE, 100));
    EXPECT(in_state(A, VERBS_QPS_ERR) && A->errors == 1);
    EXPECT(A->event == VERBS_QPE_FATAL);
    EXPECT(mock_wcs(A) == 2 && sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(sent(A, 1, VERBS_WC_FLUSHED, 0) && A->sq_head == 2);
}

/* A responder that goes away in the middle of a message */
static void test_responder_error_midway(void)
{
    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post(A, mock_wr(VERBS_WR_SEND, 3 << 20));
    shim_poll();
    EXPECT(mock_wcs(A) == 0);
    verbs_qp_set_state(B->qp, VERBS_QPS_ERR);
    shim_settle();
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_RETRY_EXCEEDED, 0));
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_FLUSHED, 20));
}

/* Back again, it knows nothing of the message. */
static void responder_restart_midway(VerbsOpcode opcode)
{
    mock_reconnect(VERBS_QP_RC);
    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post_recv(B, 21, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post(A, mock_wr(opcode, 3 << 20));
    shim_poll();
    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
    mock_qp_ready(B, 0x11);
    g_array_set_size(mock.dma, 0);
    shim_settle();
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_RETRY_EXCEEDED, 0));
    EXPECT(mock_wcs(B) == 0 && B->rq_head <= 1);
    EXPECT(mock_dma_bytes(true) == 0);
}

static void test_responder_restart_midway(void)
{
    responder_restart_midway(VERBS_WR_SEND);
    responder_restart_midway(VERBS_WR_WRITE_IMM);
    responder_restart_midway(VERBS_WR_WRITE);
    responder_restart_midway(VERBS_WR_READ);
}

/* A key that is revoked in the middle of a message stops it there. */
static void test_revoked_midway(void)
{
    uint64_t moved;

    mock_fill(&mock.local, LOCAL_VA, 3 << 20, 1);
    mock_post(A, mock_wr(VERBS_WR_WRITE, 3 << 20));
    shim_poll();
    moved = mock_dma_bytes(true);
    EXPECT(moved > 0 && moved < 3 << 20);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, moved, 1));
    mock.remote.enabled = false;
    shim_settle();
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_ACCESS, 0));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA + moved, (3 << 20) - moved));
    EXPECT(B->event == VERBS_QPE_ACCESS);
}

/* The requests of a shared queue are not one QP's to flush. */
static void test_shared_recv(void)
{
    verbs_qp_attr(B->qp)->shared_recv_queue = true;
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 100);
    mock_post_recv(B, 2, REMOTE_KEY, REMOTE_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 1));
    verbs_qp_set_state(B->qp, VERBS_QPS_ERR);
    shim_advance(10000ll * SCALE_MS);
    EXPECT(mock_wcs(B) == 1 && B->rq_head == 1);
    EXPECT(shim_next_timer() == -1);
}

static void test_reset(void)
{
    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post_recv(B, 21, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_fill(&mock.local, LOCAL_VA, 3 << 20, 1);
    mock_post(A, mock_wr(VERBS_WR_SEND, 3 << 20));
    shim_poll();
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
    verbs_qp_set_state(B->qp, VERBS_QPS_RESET);
    EXPECT(shim_settle() <= 1 && shim_next_timer() == -1);
    EXPECT(mock_wcs(A) == 0 && mock_wcs(B) == 0);

    /* Begins anew, and with a request that is waiting likewise */
    mock_qp_ready(A, 0x12);
    mock_qp_ready(B, 0x11);
    shim_settle();
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_SUCCESS, 21));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 3 << 20, 1));
    verbs_qp_attr(A->qp)->rnr_retry = 7;
    run(A, mock_wr(VERBS_WR_SEND, 8));
    EXPECT(shim_next_timer() > 0);
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
    EXPECT(shim_next_timer() == -1);

    /* A flushed QP, too: nothing of the error stays. */
    verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
    shim_settle();
    EXPECT(mock_wcs(A) == 2 && sent(A, 1, VERBS_WC_FLUSHED, 0));
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
    EXPECT(shim_next_timer() == -1 && verbs_qp_event(A->qp) == VERBS_QPE_NONE);
    mock_qp_ready(A, 0x12);
    mock_post_recv(B, 22, REMOTE_KEY, REMOTE_VA, 8);
    run(A, mock_wr(VERBS_WR_SEND, 8));
    EXPECT(mock_wcs(A) == 3 && sent(A, 2, VERBS_WC_SUCCESS, 0));
}

/* A receive request whose message never ended serves the next one. */
static void test_abandoned_recv(void)
{
    mock_reconnect(VERBS_QP_UC);
    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 3 << 20);
    mock_post(A, mock_wr(VERBS_WR_SEND, 3 << 20));
    shim_poll();
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
    A->sq_head = A->sq->len;
    mock_qp_ready(A, 0x12);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_SUCCESS, 20));
    EXPECT(mock_wc(B, 0)->byte_count == 100);
}

static void test_states(void)
{
    verbs_qp_set_state(A->qp, VERBS_QPS_RESET);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    verbs_qp_set_state(A->qp, VERBS_QPS_INIT);
    verbs_qp_kick(A->qp);
    shim_settle();
    verbs_qp_set_state(A->qp, VERBS_QPS_RTR);
    verbs_qp_kick(A->qp);
    shim_settle();
    EXPECT(A->sq_head == 0 && mock_wcs(A) == 0);
    verbs_qp_set_state(A->qp, VERBS_QPS_RTS);
    shim_settle();
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
}

/* ---- turns ------------------------------------------------------------ */

static void test_budget_requests(void)
{
    for (int i = 0; i < 10000; i++) {
        mock_post(A, (VerbsSendWR) { .opcode = VERBS_WR_NOP });
    }
    EXPECT(A->sq_head == 0);
    shim_poll();
    EXPECT(A->sq_head > 0 && A->sq_head <= 64);
    EXPECT(shim_settle() >= 10000 / 64 - 1);
    EXPECT(A->sq_head == 10000);
}

static void test_budget_flush(void)
{
    for (int i = 0; i < 5000; i++) {
        mock_post_recv(A, i, 0, 0, 0);
    }
    verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
    EXPECT(mock_wcs(A) == 0);
    shim_poll();
    EXPECT(mock_wcs(A) > 0 && mock_wcs(A) <= 64);
    shim_settle();
    EXPECT(mock_wcs(A) == 5000);
}

static void test_budget_bytes(void)
{
    mock_fill(&mock.local, LOCAL_VA, MR_LENGTH, 4);
    mock_post(A, mock_wr(VERBS_WR_WRITE, MR_LENGTH));
    shim_poll();
    EXPECT(mock_dma_bytes(true) > 0 && mock_dma_bytes(true) <= 1 << 20);
    EXPECT(mock_wcs(A) == 0);
    EXPECT(shim_settle() >= 3);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_dma_bytes(true) == MR_LENGTH &&
           mock_dma_bytes(false) == MR_LENGTH);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, MR_LENGTH, 4));
}

/* What a private request moves counts, too. */
static void load_megabyte(MockPoint point)
{
    static uint8_t data[1 << 20];

    if (point == MOCK_PRIVATE) {
        EXPECT(verbs_mr_access(mock.dev, LOCAL_KEY, VERBS_ANY_PD,
                               VERBS_ACCESS_LOCAL_READ, LOCAL_VA, data,
                               sizeof(data), false) == VERBS_WC_SUCCESS);
    }
}

static void test_budget_private(void)
{
    mock.hook = load_megabyte;
    for (int i = 0; i < 64; i++) {
        mock_post(A, (VerbsSendWR) { .opcode = VERBS_WR_PRIVATE });
    }
    shim_poll();
    EXPECT(mock.privates > 0 && mock.privates <= 2);
    shim_settle();
    EXPECT(mock.privates == 64);
}

/* Requests of a few bytes count for more than their bytes. */
static void test_budget_small(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 0);

    wr.nr_sge = VERBS_MAX_SGE;
    for (unsigned int i = 0; i < VERBS_MAX_SGE; i++) {
        wr.sge[i] = (VerbsSGE) { LOCAL_VA + i * 2, 1, LOCAL_KEY };
    }
    for (int i = 0; i < 1000; i++) {
        mock_post(A, wr);
    }
    shim_poll();
    EXPECT(mock.dma->len > 0 && mock.dma->len <= 1024 + VERBS_MAX_SGE);
    shim_settle();
    EXPECT(mock.dma->len == 1000 * (VERBS_MAX_SGE + 1));
}

/* A large message does not keep another QP waiting. */
static void test_fairness(void)
{
    mock_post(A, mock_wr(VERBS_WR_WRITE, MR_LENGTH));
    mock_post(B, mock_wr(VERBS_WR_READ, 8));
    shim_poll();
    EXPECT(mock_wcs(B) == 1 && mock_wcs(A) == 0);
    shim_settle();
    EXPECT(mock_wcs(A) == 1);
}

static void check_guard(MockPoint point)
{
    (void)point;
    EXPECT(mock.guard.engaged_in_io);
}

static void test_guard(void)
{
    mock.hook = check_guard;
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    EXPECT(mock_wcs(A) == 1 && !mock.guard.engaged_in_io);
    verbs_qp_set_state(A->qp, VERBS_QPS_ERR);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    EXPECT(mock_wcs(A) == 2);
}

const VerbsTest flow_tests[] = {
    TEST(rnr_then_success), TEST(rnr_exceeded), TEST(rnr_timer_codes),
    TEST(no_peer), TEST(late_peer), TEST(order), TEST(flush),
    TEST(error_from_outside), TEST(fail_at_completion),
    TEST(responder_error_midway), TEST(responder_restart_midway),
    TEST(revoked_midway), TEST(shared_recv),
    TEST(reset), TEST(abandoned_recv), TEST(states), TEST(budget_requests),
    TEST(budget_flush), TEST(budget_bytes), TEST(budget_private),
    TEST(budget_small), TEST(fairness), TEST(guard),
    { }
};
