/*
 * Tests of the verbs engine: operations, and the memory that they reach
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "verbs-test.h"

/* ---- operations ------------------------------------------------------- */

static void test_nop(void)
{
    run(A, (VerbsSendWR) { .id = 5, .signaled = true });
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 5));
    EXPECT(mock_wc(A, 0)->opcode == VERBS_WR_NOP);
    EXPECT(A->sq_head == 1);
}

static void test_send(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 3000);

    wr.id = 77;
    wr.solicited = true;
    mock_fill(&mock.local, LOCAL_VA, 3000, 1);
    mock_post_recv(B, 9, REMOTE_KEY, REMOTE_VA + 100, 5000);
    run(A, wr);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 77));
    EXPECT(mock_wc(A, 0)->byte_count == 3000);
    EXPECT(mock_wcs(B) == 1 && received(B, 0, VERBS_WC_SUCCESS, 9));
    EXPECT(mock_wc(B, 0)->byte_count == 3000);
    EXPECT(mock_wc(B, 0)->opcode == VERBS_WR_SEND);
    EXPECT(mock_wc(B, 0)->solicited);
    EXPECT(mock_wc(B, 0)->src_qpn == 0x11);
    EXPECT(mock_wc(B, 0)->src_lid == MOCK_LID);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA + 100, 3000, 1));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA, 100));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA + 3100, 4000));
}

static void test_send_imm(void)
{
    mock_post_recv(B, 9, REMOTE_KEY, REMOTE_VA, 64);
    run(A, mock_wr(VERBS_WR_SEND_IMM, 64));
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 9));
    EXPECT(mock_wc(B, 0)->opcode == VERBS_WR_SEND_IMM);
    EXPECT(mock_wc(B, 0)->imm == 0x600d1dea);
}

static void test_send_inval(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND_INVAL, 64);
    VerbsMR mr;

    mock_mr(&mr, 0x3303, VERBS_ACCESS_REMOTE_WRITE, 0, 4096, 0, false);
    mr.remote_invalidate = true;
    wr.imm = 0x3303;
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA, 64);
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 1));
    EXPECT(mock_wc(B, 0)->imm == 0x3303);
    EXPECT(!mr.enabled && mock.invalidated == &mr);
    mock_mr_free(&mr);
}

/* Only a key that allows it may be taken away, by its own domain. */
static void test_send_inval_refused(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND_INVAL, 64);

    wr.imm = REMOTE_KEY;
    for (int i = 0; i < 3; i++) {
        mock.remote.remote_invalidate = i > 0;
        mock.remote.pd = i == 1 ? MOCK_PD + 1 : MOCK_PD;
        mock.remote.key = i == 2 ? REMOTE_KEY + 1 : REMOTE_KEY;
        mock_reconnect(VERBS_QP_RC);
        mock_post_recv(B, 1, LOCAL_KEY, LOCAL_VA, 64);
        run(A, wr);
        EXPECT(sent(A, 0, VERBS_WC_REMOTE_ACCESS, 0));
        EXPECT(B->event == VERBS_QPE_ACCESS);
        EXPECT(received(B, 0, VERBS_WC_FLUSHED, 1));
        EXPECT(mock.remote.enabled);
    }
    mock.remote.key = REMOTE_KEY;
}

static void test_write(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 5000);

    mock_fill(&mock.local, LOCAL_VA, 5000, 2);
    run(A, wr);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wcs(B) == 0);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 5000, 2));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA + 5000, 8192));
}

static void test_write_imm(void)
{
    mock_fill(&mock.local, LOCAL_VA, 5000, 2);
    mock_post_recv(B, 4, 0, 0, 0);
    run(A, mock_wr(VERBS_WR_WRITE_IMM, 5000));
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 4));
    EXPECT(mock_wc(B, 0)->opcode == VERBS_WR_WRITE_IMM);
    EXPECT(mock_wc(B, 0)->imm == 0x600d1dea);
    EXPECT(mock_wc(B, 0)->byte_count == 5000);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 5000, 2));
}

static void test_read(void)
{
    mock_fill(&mock.remote, REMOTE_VA, 9000, 3);
    run(A, mock_wr(VERBS_WR_READ, 9000));
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wc(A, 0)->byte_count == 9000);
    EXPECT(mock_wcs(B) == 0);
    EXPECT(mock_equals(&mock.local, LOCAL_VA, 9000, 3));
    EXPECT(mock_is_zero(&mock.local, LOCAL_VA + 9000, 4096));
}

static uint64_t word(const VerbsMR *mr, uint64_t va)
{
    uint64_t value;

    memcpy(&value, mock_byte(mr, va), 8);
    return value;
}

static void test_fetch_add(void)
{
    mock_fill(&mock.remote, ATOMIC_VA, 8, 4);
    uint64_t before = word(&mock.remote, ATOMIC_VA);

    run(A, mock_atomic_wr(VERBS_WR_FETCH_ADD, 0x100000001, 0));
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wc(A, 0)->byte_count == 8);
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == before + 0x100000001);
}

static void test_cmp_swap(void)
{
    mock_fill(&mock.remote, ATOMIC_VA, 8, 4);
    uint64_t before = word(&mock.remote, ATOMIC_VA);

    run(A, mock_atomic_wr(VERBS_WR_CMP_SWAP, 42, before + 1));
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == before);
    run(A, mock_atomic_wr(VERBS_WR_CMP_SWAP, 42, before));
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == 42);
    EXPECT(mock_wcs(A) == 2 && sent(A, 1, VERBS_WC_SUCCESS, 0));
}

static void test_atomic_refused(void)
{
    VerbsSendWR wr = mock_atomic_wr(VERBS_WR_FETCH_ADD, 1, 0);

    /* Nothing is added if the result has no place. */
    mock.local.access = VERBS_ACCESS_LOCAL_READ;
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_PROTECTION, 0) && mock.dma->len == 0);
    mock.local.access |= VERBS_ACCESS_LOCAL_WRITE;

    mock_reconnect(VERBS_QP_RC);
    wr.remote_addr++;
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_INVALID_REQUEST, 0));
    EXPECT(B->event == VERBS_QPE_REQUEST);

    /* aligned by address, not by page */
    mock_reconnect(VERBS_QP_RC);
    mock.remote.first_offset += 4;
    run(A, mock_atomic_wr(VERBS_WR_FETCH_ADD, 1, 0));
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_ACCESS, 0));
    mock.remote.first_offset -= 4;

    mock_reconnect(VERBS_QP_RC);
    wr = mock_wr(VERBS_WR_FETCH_ADD, 4);
    wr.remote_addr = ATOMIC_VA;
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_LENGTH, 0));
    EXPECT(in_state(B, VERBS_QPS_RTS));
}

static void test_unsignaled(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 100);

    wr.signaled = false;
    mock_post(A, wr);
    run(A, wr);
    EXPECT(mock_wcs(A) == 0 && A->sq_head == 2);
    wr.remote_key++;
    run(A, wr);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, VERBS_WC_REMOTE_ACCESS, 0));
}

static void test_inline(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 0);

    wr.nr_sge = 0;
    wr.inline_length = VERBS_MAX_INLINE;
    for (int i = 0; i < VERBS_MAX_INLINE; i++) {
        wr.inline_data[i] = i * 7 + 1;
    }
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    for (int i = 0; i < VERBS_MAX_INLINE; i++) {
        EXPECT(*mock_byte(&mock.remote, REMOTE_VA + i) == (uint8_t)(i * 7 + 1));
    }
    mock_post_recv(B, 1, REMOTE_KEY, REMOTE_VA + 8192, 2048);
    wr.opcode = VERBS_WR_SEND;
    run(A, wr);
    EXPECT(mock_wc(B, 0)->byte_count == VERBS_MAX_INLINE);
    EXPECT(*mock_byte(&mock.remote, REMOTE_VA + 8193) == 8);
}

/* Nothing to move: the key is not looked at. */
static void test_zero_length(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 0);

    wr.remote_key = 0xdeadbeef;
    wr.sge[0].key = 0xdeadbeef;
    mock_post(A, wr);
    wr.opcode = VERBS_WR_READ;
    mock_post(A, wr);
    wr.opcode = VERBS_WR_WRITE_IMM;
    mock_post(A, wr);
    wr.opcode = VERBS_WR_SEND;
    mock_post_recv(B, 1, 0xdeadbeef, 0, 0);
    mock_post_recv(B, 2, 0xdeadbeef, 0, 10);
    run(A, wr);
    EXPECT(mock_wcs(A) == 4 && sent(A, 3, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wcs(B) == 2 && received(B, 1, VERBS_WC_SUCCESS, 2));
    EXPECT(mock_wc(B, 1)->byte_count == 0);
    EXPECT(mock.dma->len == 0);
}

/* A QP that is connected to itself. */
static void test_self(void)
{
    mock_qp_ready(A, 0x11);
    mock_fill(&mock.local, LOCAL_VA, 3000, 1);
    mock_post_recv(A, 9, REMOTE_KEY, REMOTE_VA, 3000);
    run(A, mock_wr(VERBS_WR_SEND, 3000));
    EXPECT(mock_wcs(A) == 2);
    EXPECT(received(A, 0, VERBS_WC_SUCCESS, 9));
    EXPECT(sent(A, 1, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 3000, 1));

    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 10);
    wr.remote_key++;
    run(A, wr);
    EXPECT(mock_wcs(A) == 3 && sent(A, 2, VERBS_WC_REMOTE_ACCESS, 0));
    EXPECT(A->errors == 1 && in_state(A, VERBS_QPS_ERR));
}

/* ---- memory ----------------------------------------------------------- */

/* Lengths and offsets around page borders, each way */
static void test_pages(void)
{
    static const uint32_t lengths[] = { 1, 2, 3804, 3805, 3806, 4095, 4096,
                                        4097, 12288, 65535, 65537, 200000 };
    static const uint32_t offsets[] = { 0, 1, 3804, 3805, 3806, 7900 };

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(offsets); j++) {
            VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, lengths[i]);
            uint64_t va = REMOTE_VA + offsets[j];

            memset(mock.memory, 0, MOCK_MEMORY);
            mock_fill(&mock.local, LOCAL_VA + 1, lengths[i], i + j);
            wr.sge[0].addr++;
            wr.remote_addr = va;
            run(A, wr);
            EXPECT(mock_equals(&mock.remote, va, lengths[i], i + j));
            EXPECT(mock_is_zero(&mock.remote, REMOTE_VA, offsets[j]));
            EXPECT(mock_is_zero(&mock.remote, va + lengths[i], 5000));
            wr.opcode = VERBS_WR_READ;
            wr.sge[0].addr = LOCAL_VA + (1 << 20);
            run(A, wr);
            EXPECT(mock_equals(&mock.local, LOCAL_VA + (1 << 20), lengths[i],
                               i + j));
            EXPECT(mock_is_zero(&mock.local,
                                LOCAL_VA + (1 << 20) + lengths[i], 5000));
        }
    }
    EXPECT(in_state(A, VERBS_QPS_RTS) && !mock.outside);
}

/* Whole ranges, up to the first and the last byte of the key */
static void test_borders(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 1);

    run(A, wr);
    wr.remote_addr = REMOTE_VA + MR_LENGTH - 1;
    run(A, wr);
    wr.remote_addr = REMOTE_VA;
    wr.sge[0].length = MR_LENGTH;
    mock_fill(&mock.local, LOCAL_VA, MR_LENGTH, 9);
    run(A, wr);
    EXPECT(mock_wcs(A) == 3 && sent(A, 2, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, MR_LENGTH, 9));
}

/* Pages that follow each other in memory become one access. */
static void test_merging(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 65536);
    const MockDMA *dma;

    wr.sge[0].addr += 100;
    wr.remote_addr = REMOTE_VA + 3805 - 1000;
    run(A, wr);
    dma = &g_array_index(mock.dma, MockDMA, 0);
    EXPECT(dma->mr == &mock.local && !dma->write);
    EXPECT(dma->addr == LOCAL_DMA + 100 && dma->len == 65536);
    dma = &g_array_index(mock.dma, MockDMA, 1);
    EXPECT(dma->mr == &mock.remote && dma->write && dma->len == 1000);
    dma = &g_array_index(mock.dma, MockDMA, 2);
    EXPECT(dma->mr == &mock.remote && dma->write && dma->len == 4096);
    EXPECT(mock.dma->len == 1 + 1 + 15 + 1);
}

static void test_sg_lists(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_SEND, 0);
    VerbsRecvWR recv = { .id = 1, .nr_sge = VERBS_MAX_SGE };

    mock_fill(&mock.local, LOCAL_VA, 64 * 5000, 1);
    wr.nr_sge = VERBS_MAX_SGE;
    for (unsigned int i = 0; i < VERBS_MAX_SGE; i++) {
        wr.sge[i] = (VerbsSGE) { LOCAL_VA + i * 1000, 1000, LOCAL_KEY };
    }
    wr.sge[1].length = 0;
    wr.sge[1].key = 0;
    wr.sge[2] = (VerbsSGE) { LOCAL_VA + 1000, 2000, LOCAL_KEY };
    /* 63000 bytes, then more than a chunk */
    wr.sge[63] = (VerbsSGE) { LOCAL_VA + 63000, 100000, LOCAL_KEY };
    for (unsigned int i = 0, at = 0; i < VERBS_MAX_SGE; i++) {
        recv.sge[i] = (VerbsSGE) { REMOTE_VA + at, i * 137, REMOTE_KEY };
        at += i * 137;
    }
    g_array_append_val(B->rq, recv);
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wc(B, 0)->byte_count == 163000);
    EXPECT(mock_equals(&mock.remote, REMOTE_VA, 163000, 1));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA + 163000, 5000));
}

static void test_physical(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 70000);
    VerbsMR mr = {
        .key = 0x4400,
        .enabled = true,
        .physical = true,
        .pd = MOCK_PD,
        .access = VERBS_ACCESS_LOCAL_READ | VERBS_ACCESS_REMOTE_WRITE,
    };

    verbs_mr_add(mock.dev, &mr);
    mock_fill(&mock.local, LOCAL_VA, 70000, 6);
    wr.remote_key = 0x4400;
    wr.remote_addr = 6 << 20;
    run(A, wr);
    EXPECT(!memcmp(mock.memory + (6 << 20), mock.memory, 70000));
    EXPECT(g_array_index(mock.dma, MockDMA, 1).addr == 6 << 20);
    EXPECT(g_array_index(mock.dma, MockDMA, 1).mr == &mr);

    wr.remote_addr = UINT64_MAX - 100;
    run(A, wr);
    EXPECT(sent(A, 1, VERBS_WC_REMOTE_ACCESS, 0));
    EXPECT(!mock.outside);
    verbs_mr_remove(mock.dev, &mr);
}

const VerbsTest data_tests[] = {
    TEST(nop), TEST(send), TEST(send_imm), TEST(send_inval),
    TEST(send_inval_refused), TEST(write), TEST(write_imm), TEST(read),
    TEST(fetch_add), TEST(cmp_swap), TEST(atomic_refused), TEST(unsignaled),
    TEST(inline), TEST(zero_length), TEST(self), TEST(pages), TEST(borders),
    TEST(merging), TEST(sg_lists), TEST(physical),
    { }
};
