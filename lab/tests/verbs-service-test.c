/*
 * Tests of the verbs engine: services other than RC
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "verbs-test.h"

static void test_uc(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 3000);

    mock_reconnect(VERBS_QP_UC);
    mock_fill(&mock.local, LOCAL_VA, 3000, 2);
    run(A, wr);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 3000, 2));
    mock_post_recv(B, 1, 0, 0, 0);
    wr.opcode = VERBS_WR_WRITE_IMM;
    run(A, wr);
    mock_post_recv(B, 2, REMOTE_KEY, REMOTE_VA + 8192, 3000);
    wr.opcode = VERBS_WR_SEND;
    run(A, wr);
    EXPECT(mock_wcs(A) == 3 && sent(A, 2, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wcs(B) == 2 && received(B, 0, VERBS_WC_SUCCESS, 1));
    EXPECT(received(B, 1, VERBS_WC_SUCCESS, 2));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA + 8192, 3000, 2));
}

static void expect_dropped(VerbsSendWR wr)
{
    unsigned int before = mock_wcs(A);

    run(A, wr);
    EXPECT(mock_wcs(A) == before + 1 && sent(A, before, VERBS_WC_SUCCESS, 0));
    EXPECT(in_state(A, VERBS_QPS_RTS) && in_state(B, VERBS_QPS_RTS));
    EXPECT(A->errors == 0 && B->errors == 0 && mock_wcs(B) == 0);
    EXPECT(mock_memory_is_zero() && shim_next_timer() == -1);
}

static void test_uc_drops(void)
{
    VerbsSendWR wr;

    mock_reconnect(VERBS_QP_UC);
    verbs_qp_attr(A->qp)->rnr_retry = 7;
    verbs_qp_attr(A->qp)->retry_count = 7;
    wr = mock_wr(VERBS_WR_WRITE, 3000);
    wr.remote_key++;
    expect_dropped(wr);
    expect_dropped(mock_wr(VERBS_WR_SEND, 3000));
    expect_dropped(mock_wr(VERBS_WR_WRITE_IMM, 3000));
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 99);
    expect_dropped(mock_wr(VERBS_WR_SEND, 100));
    EXPECT(B->rq_head == 0);
    verbs_qp_attr(B->qp)->access = 0;
    expect_dropped(mock_wr(VERBS_WR_WRITE, 3000));
    verbs_qp_attr(A->qp)->dest_qpn = 0x99;
    expect_dropped(mock_wr(VERBS_WR_SEND, 1));
    verbs_qp_attr(A->qp)->dest_lid = 0x99;
    expect_dropped(mock_wr(VERBS_WR_SEND, 1));
}

/* What is wrong with its own requests, each side hears in any service. */
static void test_uc_errors(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 10);

    mock_reconnect(VERBS_QP_UC);
    mock_post_recv(B, 1, REMOTE_KEY + 1, REMOTE_VA, 100);
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0) && in_state(A, VERBS_QPS_RTS));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_PROTECTION, 1));
    EXPECT(in_state(B, VERBS_QPS_ERR));
    wr.sge[0].key++;
    run(A, wr);
    EXPECT(sent(A, 1, VERBS_WC_LOCAL_PROTECTION, 0));
    EXPECT(in_state(A, VERBS_QPS_ERR));
}

static void test_ud(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND_IMM, 4096);

    mock_reconnect(VERBS_QP_UD);
    mock_fill(&mock.local, LOCAL_VA, 4096, 2);
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 4136);
    run(A, wr);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_SUCCESS, 1));
    EXPECT(mock_wc(B, 0)->byte_count == 4136 && !mock_wc(B, 0)->grh);
    EXPECT(mock_wc(B, 0)->src_qpn == 0x11);
    EXPECT(mock_wc(B, 0)->src_lid == MOCK_LID);
    EXPECT(mock_wc(B, 0)->imm == 0x600d1dea);
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA, 40));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA + 40, 4096, 2));

    /* The sender's own Q_Key instead of the request's */
    wr.ud_qkey = 0x80000000;
    mock_post_recv(B, 2, REMOTE_KEY, REMOTE_VA, 4136);
    run(A, wr);
    EXPECT(mock_wcs(B) == 2);
    /* To itself */
    wr.ud_dest_qpn = 0x11;
    mock_post_recv(A, 3, REMOTE_KEY, REMOTE_VA, 4136);
    run(A, wr);
    EXPECT(mock_wcs(A) == 4 && received(A, 2, VERBS_WC_SUCCESS, 3));
}

static void test_ud_drops(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 100);

    mock_reconnect(VERBS_QP_UD);
    expect_dropped(wr);
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 139);
    expect_dropped(wr);
    g_array_index(B->rq, VerbsRecvWR, 0).sge[0].length = 140;
    wr.ud_qkey++;
    expect_dropped(wr);
    wr.ud_qkey--;
    wr.ud_dest_qpn++;
    expect_dropped(wr);
    wr.ud_dest_qpn--;
    wr.ud_dest_lid++;
    expect_dropped(wr);
    wr.ud_dest_lid--;
    run(A, wr);
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_SUCCESS, 1));

    run(A, mock_wr(VERBS_WR_SEND, 4097));
    EXPECT(sent(A, mock_wcs(A) - 1, VERBS_WC_LOCAL_LENGTH, 0));
    EXPECT(in_state(A, VERBS_QPS_ERR));
    mock_reconnect(VERBS_QP_UD);
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_QP_OP, 0));
}

static void test_private(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_PRIVATE, 0);

    mock_reconnect(VERBS_QP_PRIVATE);
    wr.id = 1;
    mock_post(A, wr);
    wr.signaled = false;
    run(A, wr);
    EXPECT(mock.privates == 2 && mock_wcs(A) == 1 && A->sq_head == 2);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 1));
    EXPECT(mock_wc(A, 0)->opcode == VERBS_WR_PRIVATE);
    mock.private_status = VERBS_WC_LOCAL_PROTECTION;
    mock_post(A, wr);
    run(A, wr);
    EXPECT(mock.privates == 3 && mock_wcs(A) == 3);
    EXPECT(sent(A, 1, VERBS_WC_LOCAL_PROTECTION, 1));
    EXPECT(sent(A, 2, VERBS_WC_FLUSHED, 1));
    EXPECT(shim_next_timer() == -1);

    mock_reconnect(VERBS_QP_PRIVATE);
    run(A, mock_wr(VERBS_WR_SEND, 0));
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_QP_OP, 0));
    mock_reconnect(VERBS_QP_RC);
    mock.private_status = VERBS_WC_SUCCESS;
    run(A, wr);
    EXPECT(mock.privates == 4 && A->sq_head == 1);
}

const VerbsTest service_tests[] = {
    TEST(uc), TEST(uc_drops), TEST(uc_errors), TEST(ud), TEST(ud_drops),
    TEST(private),
    { }
};
