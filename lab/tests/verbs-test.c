/*
 * Tests of the verbs engine on the host, against a front end in memory
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Prints "ok - NAME" or "not ok - NAME" for each test, and a line that counts.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "shim.h"
#include "verbs-mock.h"

static bool failed;

#define EXPECT(cond) do {                                               \
        if (!(cond)) {                                                  \
            printf("# %s:%d: %s\n", __func__, __LINE__, #cond);         \
            failed = true;                                              \
        }                                                               \
    } while (0)

#define A (&mock.a)
#define B (&mock.b)

/* Completion @i of @q is a send's, or a receive's, with these contents. */
static bool sent(const MockQP *q, unsigned int i, VerbsStatus status,
                 uint64_t id)
{
    const VerbsWC *wc = mock_wc(q, i);

    return !wc->recv && wc->status == status && wc->id == id;
}

static bool received(const MockQP *q, unsigned int i, VerbsStatus status,
                     uint64_t id)
{
    const VerbsWC *wc = mock_wc(q, i);

    return wc->recv && wc->status == status && wc->id == id;
}

static bool in_state(const MockQP *q, VerbsQPState state)
{
    return verbs_qp_state(q->qp) == state;
}

static void run(MockQP *q, VerbsSendWR wr)
{
    mock_post(q, wr);
    shim_settle();
}

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

#define ATOMIC_VA (REMOTE_VA + 5)       /* aligned to 8 */

static uint64_t word(const VerbsMR *mr, uint64_t va)
{
    uint64_t value;

    memcpy(&value, mock_byte(mr, va), 8);
    return value;
}

static VerbsSendWR atomic_wr(VerbsOpcode opcode, uint64_t operand,
                             uint64_t compare)
{
    VerbsSendWR wr = mock_wr(opcode, 8);

    wr.remote_addr = ATOMIC_VA;
    wr.atomic_operand = operand;
    wr.atomic_compare = compare;
    return wr;
}

static void test_fetch_add(void)
{
    mock_fill(&mock.remote, ATOMIC_VA, 8, 4);
    uint64_t before = word(&mock.remote, ATOMIC_VA);

    run(A, atomic_wr(VERBS_WR_FETCH_ADD, 0x100000001, 0));
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(mock_wc(A, 0)->byte_count == 8);
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == before + 0x100000001);
}

static void test_cmp_swap(void)
{
    mock_fill(&mock.remote, ATOMIC_VA, 8, 4);
    uint64_t before = word(&mock.remote, ATOMIC_VA);

    run(A, atomic_wr(VERBS_WR_CMP_SWAP, 42, before + 1));
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == before);
    run(A, atomic_wr(VERBS_WR_CMP_SWAP, 42, before));
    EXPECT(word(&mock.local, LOCAL_VA) == before);
    EXPECT(word(&mock.remote, ATOMIC_VA) == 42);
    EXPECT(mock_wcs(A) == 2 && sent(A, 1, VERBS_WC_SUCCESS, 0));
}

static void test_atomic_refused(void)
{
    VerbsSendWR wr = atomic_wr(VERBS_WR_FETCH_ADD, 1, 0);

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
    run(A, atomic_wr(VERBS_WR_FETCH_ADD, 1, 0));
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

/* ---- protection ------------------------------------------------------- */

typedef struct Fault {
    const char *name;
    void (*make)(VerbsMR *mr, uint32_t *key, uint64_t *addr, uint32_t *len);
} Fault;

#define FAULT(name)                                                     \
    static void fault_##name(VerbsMR *mr, uint32_t *key, uint64_t *addr, \
                             uint32_t *len)
#define UNUSED_FAULT() ((void)mr, (void)key, (void)addr, (void)len)

FAULT(key_byte) { UNUSED_FAULT(); *key += 1; }
FAULT(key_index) { UNUSED_FAULT(); *key += 0x100; }
FAULT(disabled) { UNUSED_FAULT(); mr->enabled = false; }
FAULT(pd) { UNUSED_FAULT(); mr->pd++; }
FAULT(access) { UNUSED_FAULT(); mr->access = VERBS_ACCESS_REMOTE_ATOMIC; }
FAULT(before) { UNUSED_FAULT(); *addr = mr->start - 1; }
FAULT(after) { UNUSED_FAULT(); *addr = mr->start + mr->length - *len + 1; }
FAULT(far_after) { UNUSED_FAULT(); *addr = mr->start + mr->length + 1; }
FAULT(too_long) { UNUSED_FAULT(); *len = mr->length + 1; }
FAULT(wraps) { UNUSED_FAULT(); *addr = UINT64_MAX - 50; }

/* A range that reaches across zero is none, whoever asks for it. */
FAULT(mr_wraps)
{
    UNUSED_FAULT();
    mr->start = UINT64_MAX - 4095;
    mr->first_offset = 0;
    *addr = 0;
}

FAULT(mr_wraps_inside)
{
    UNUSED_FAULT();
    mr->start = UINT64_MAX - 4095;
    mr->first_offset = 0;
    *addr = UINT64_MAX - 99;
    *len = 200;
}

FAULT(absent)
{
    UNUSED_FAULT();
    mr->pages[0] = 0;
}

FAULT(absent_later)
{
    UNUSED_FAULT();
    mr->pages[5] &= ~1ull;
    *len = 30000;
}

FAULT(no_pages)
{
    UNUSED_FAULT();
    mr->nr_pages = 0;
}

FAULT(few_pages)
{
    UNUSED_FAULT();
    mr->nr_pages = 5;
    *len = 30000;
}

FAULT(page_shift)
{
    UNUSED_FAULT();
    mr->page_shift = 64;
}

FAULT(first_offset)
{
    UNUSED_FAULT();
    mr->first_offset = UINT64_MAX - 1;
    *addr = mr->start + 8;
}

static const Fault faults[] = {
    { "key byte", fault_key_byte },
    { "key index", fault_key_index },
    { "disabled", fault_disabled },
    { "domain", fault_pd },
    { "access", fault_access },
    { "before", fault_before },
    { "after", fault_after },
    { "far after", fault_far_after },
    { "too long", fault_too_long },
    { "wraps", fault_wraps },
    { "key wraps", fault_mr_wraps },
    { "key wraps inside", fault_mr_wraps_inside },
    { "absent page", fault_absent },
    { "absent page later", fault_absent_later },
    { "no pages", fault_no_pages },
    { "few pages", fault_few_pages },
    { "page shift", fault_page_shift },
    { "first offset", fault_first_offset },
};

static bool memory_is_zero(void)
{
    for (size_t i = 0; i < MOCK_MEMORY; i += 8) {
        if (*(uint64_t *)(mock.memory + i)) {
            return false;
        }
    }
    return true;
}

static uint64_t dma_bytes(bool write)
{
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < mock.dma->len; i++) {
        const MockDMA *dma = &g_array_index(mock.dma, MockDMA, i);

        bytes += dma->write == write ? dma->len : 0;
    }
    return bytes;
}

/* Set up anew with @fault in @mr; the request's own numbers come back. */
static void with_fault(const Fault *fault, VerbsMR *mr, uint32_t *key,
                       uint64_t *addr, uint32_t *len)
{
    mock_teardown();
    mock_setup();
    *key = mr->key;
    *addr = mr->start;
    *len = 3000;
    fault->make(mr, key, addr, len);
}

static void remote_fault(const Fault *fault, VerbsOpcode opcode)
{
    VerbsSendWR wr = mock_wr(opcode, 0);

    with_fault(fault, &mock.remote, &wr.remote_key, &wr.remote_addr,
               &wr.sge[0].length);
    wr.nr_sge = 2;      /* so that length + 1 of the MR fits locally */
    wr.sge[1] = wr.sge[0];
    wr.sge[0].length = 1;
    wr.sge[1].length--;
    mock_post_recv(B, 3, 0, 0, 0);
    mock_post(A, mock_wr(VERBS_WR_NOP, 0));
    mock_post(A, wr);
    run(A, mock_wr(VERBS_WR_NOP, 0));
    if (!sent(A, 1, VERBS_WC_REMOTE_ACCESS, 0) ||
        !sent(A, 2, VERBS_WC_FLUSHED, 0) || mock_wcs(A) != 3 ||
        !in_state(A, VERBS_QPS_ERR) || A->errors != 1 ||
        !in_state(B, VERBS_QPS_ERR) || B->errors != 1 ||
        A->event != VERBS_QPE_NONE || B->event != VERBS_QPE_ACCESS ||
        !received(B, 0, VERBS_WC_FLUSHED, 3) ||
        dma_bytes(true) || mock.outside) {
        printf("# remote, opcode %d, %s\n", opcode, fault->name);
        failed = true;
    }
}

static void test_remote_protection(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        remote_fault(&faults[i], VERBS_WR_WRITE);
        remote_fault(&faults[i], VERBS_WR_READ);
    }
}

static void local_fault(const Fault *fault, VerbsOpcode opcode)
{
    VerbsSendWR wr = mock_wr(opcode, 0);

    with_fault(fault, &mock.local, &wr.sge[0].key, &wr.sge[0].addr,
               &wr.sge[0].length);
    mock_post_recv(B, 3, REMOTE_KEY, REMOTE_VA, MR_LENGTH);
    mock.remote.length += 8192;
    run(A, wr);
    /* That the responder is untouched is true as long as nothing moved. */
    if (!sent(A, 0, VERBS_WC_LOCAL_PROTECTION, 0) || mock_wcs(A) != 1 ||
        !in_state(A, VERBS_QPS_ERR) || !in_state(B, VERBS_QPS_RTS) ||
        dma_bytes(true) || mock.outside || mock_wcs(B)) {
        printf("# local, opcode %d, %s\n", opcode, fault->name);
        failed = true;
    }
}

static void test_local_protection(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        local_fault(&faults[i], VERBS_WR_WRITE);
        local_fault(&faults[i], VERBS_WR_READ);
        local_fault(&faults[i], VERBS_WR_SEND);
    }
}

static void test_atomic_protection(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        VerbsSendWR wr = atomic_wr(VERBS_WR_FETCH_ADD, 1, 0);
        uint32_t len;

        with_fault(&faults[i], &mock.remote, &wr.remote_key, &wr.remote_addr,
                   &len);
        wr.remote_addr = (wr.remote_addr + 7) & ~7ull;
        if (len != 3000 || faults[i].make == fault_before ||
            faults[i].make == fault_after ||
            faults[i].make == fault_first_offset) {
            continue;
        }
        if (faults[i].make == fault_access) {
            mock.remote.access = VERBS_ACCESS_REMOTE_READ |
                                 VERBS_ACCESS_REMOTE_WRITE;
        }
        run(A, wr);
        if (!sent(A, 0, VERBS_WC_REMOTE_ACCESS, 0) || mock.dma->len) {
            printf("# atomic, %s\n", faults[i].name);
            failed = true;
        }
    }
}

/* What the QP permits, before what the key permits */
static void test_qp_access(void)
{
    static const struct {
        VerbsOpcode opcode;
        uint32_t access;
    } rows[] = {
        { VERBS_WR_WRITE, VERBS_ACCESS_REMOTE_WRITE },
        { VERBS_WR_WRITE_IMM, VERBS_ACCESS_REMOTE_WRITE },
        { VERBS_WR_READ, VERBS_ACCESS_REMOTE_READ },
        { VERBS_WR_FETCH_ADD, VERBS_ACCESS_REMOTE_ATOMIC },
        { VERBS_WR_CMP_SWAP, VERBS_ACCESS_REMOTE_ATOMIC },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        VerbsSendWR wr = mock_wr(rows[i].opcode, 8);

        wr.remote_addr = ATOMIC_VA;
        mock_reconnect(VERBS_QP_RC);
        mock_post_recv(B, 0, 0, 0, 0);
        verbs_qp_attr(B->qp)->access &= ~rows[i].access;
        run(A, wr);
        EXPECT(sent(A, 0, VERBS_WC_REMOTE_INVALID_REQUEST, 0));
        EXPECT(B->event == VERBS_QPE_REQUEST && B->errors == 1);
        mock_reconnect(VERBS_QP_RC);
        mock_post_recv(B, 0, 0, 0, 0);
        verbs_qp_attr(B->qp)->access = rows[i].access;
        run(A, wr);
        EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    }
}

static void test_mr_access(void)
{
    uint8_t data[5000];

    mock_fill(&mock.remote, REMOTE_VA, 5000, 1);
    EXPECT(verbs_mr_access(mock.dev, REMOTE_KEY, VERBS_ANY_PD,
                           VERBS_ACCESS_LOCAL_READ, REMOTE_VA, data, 5000,
                           false) == VERBS_WC_SUCCESS);
    EXPECT(data[4999] == *mock_byte(&mock.remote, REMOTE_VA + 4999));
    EXPECT(verbs_mr_access(mock.dev, REMOTE_KEY, MOCK_PD + 1, 0, REMOTE_VA,
                           data, 1, false) == VERBS_WC_LOCAL_PROTECTION);
    EXPECT(verbs_mr_access(mock.dev, REMOTE_KEY, MOCK_PD, 0, REMOTE_VA + 1,
                           data, 5000, true) == VERBS_WC_SUCCESS);
    EXPECT(*mock_byte(&mock.remote, REMOTE_VA + 5000) == data[4999]);
    mock.bad_dma = mock_byte(&mock.remote, REMOTE_VA + 4999) - mock.memory;
    EXPECT(verbs_mr_access(mock.dev, REMOTE_KEY, MOCK_PD, 0, REMOTE_VA, data,
                           5000, true) == VERBS_WC_LOCAL_ACCESS);
    EXPECT(verbs_mr_find(mock.dev, REMOTE_KEY ^ 0xff) == &mock.remote);
    EXPECT(verbs_mr_find(mock.dev, 0xffffffff) == NULL);
}

/* ---- receive requests ------------------------------------------------- */

static void test_recv_too_short(void)
{
    mock_post_recv(B, 6, REMOTE_KEY, REMOTE_VA, 99);
    mock_post_recv(B, 7, REMOTE_KEY, REMOTE_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_INVALID_REQUEST, 0));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_LENGTH, 6));
    EXPECT(received(B, 1, VERBS_WC_FLUSHED, 7));
    EXPECT(mock_wcs(B) == 2 && B->errors == 1 && B->event == VERBS_QPE_NONE);
    EXPECT(mock.dma->len == 0);
}

static void test_recv_protection(void)
{
    mock_post_recv(B, 6, REMOTE_KEY + 1, REMOTE_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_OPERATION, 0));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_PROTECTION, 6));
    EXPECT(in_state(A, VERBS_QPS_ERR) && in_state(B, VERBS_QPS_ERR));

    /* A key that peers may write to is not one to receive through. */
    mock_reconnect(VERBS_QP_RC);
    mock.remote.access = VERBS_ACCESS_REMOTE_WRITE;
    mock_post_recv(B, 6, REMOTE_KEY, REMOTE_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_PROTECTION, 6));
    EXPECT(memory_is_zero());
}

static void test_recv_malformed(void)
{
    mock_post_recv(B, MOCK_MALFORMED, 0, 0, 0);
    run(A, mock_wr(VERBS_WR_SEND, 0));
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_OPERATION, 0));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_QP_OP, MOCK_MALFORMED));

    mock_reconnect(VERBS_QP_RC);
    mock_post_recv(B, 5, 0, 0, 0);
    g_array_index(B->rq, VerbsRecvWR, 0).nr_sge = VERBS_MAX_SGE + 1;
    run(A, mock_wr(VERBS_WR_SEND, 0));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_QP_OP, 5));
}

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

/* ---- requests that cannot be -------------------------------------------- */

static void expect_local_error(VerbsSendWR wr, VerbsStatus status)
{
    VerbsQPType type = wr.ud_dest_qpn == 1 ? VERBS_QP_UC : VERBS_QP_RC;

    mock_reconnect(type);
    mock_post_recv(B, 0, REMOTE_KEY, REMOTE_VA, 4096);
    run(A, wr);
    EXPECT(mock_wcs(A) == 1 && sent(A, 0, status, wr.id));
    EXPECT(in_state(A, VERBS_QPS_ERR) && A->errors == 1);
    EXPECT(in_state(B, VERBS_QPS_RTS) && mock_wcs(B) == 0);
}

static void test_bad_requests(void)
{
    VerbsSendWR wr;

    wr = mock_wr(VERBS_WR_SEND, 8);
    wr.id = MOCK_MALFORMED;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr = mock_wr(VERBS_WR_SEND, 8);
    wr.nr_sge = VERBS_MAX_SGE + 1;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr = mock_wr(VERBS_WR_SEND, 8);
    wr.inline_length = VERBS_MAX_INLINE + 1;
    wr.nr_sge = 0;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr.inline_length = 1;
    wr.nr_sge = 1;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr = mock_wr(VERBS_WR_READ, 8);
    wr.inline_length = 8;
    wr.nr_sge = 0;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr = mock_wr((VerbsOpcode)1000, 8);
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr = mock_wr(VERBS_WR_READ, 8);
    wr.ud_dest_qpn = 1;     /* on UC */
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);
    wr.opcode = VERBS_WR_FETCH_ADD;
    expect_local_error(wr, VERBS_WC_LOCAL_QP_OP);

    /* more than a message may have, in lengths that add up past 32 bits */
    wr = mock_wr(VERBS_WR_WRITE, UINT32_MAX);
    expect_local_error(wr, VERBS_WC_LOCAL_LENGTH);
    wr.nr_sge = 2;
    wr.sge[1] = wr.sge[0];
    wr.sge[1].length = 2;
    expect_local_error(wr, VERBS_WC_LOCAL_LENGTH);
    wr = mock_wr(VERBS_WR_WRITE, 1u << 31);
    expect_local_error(wr, VERBS_WC_LOCAL_PROTECTION);
}

static void test_dma_errors(void)
{
    VerbsSendWR wr = mock_wr(VERBS_WR_WRITE, 100);

    mock.bad_dma = LOCAL_DMA + 50;
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_ACCESS, 0) && in_state(B, VERBS_QPS_RTS));
    EXPECT(mock_is_zero(&mock.remote, REMOTE_VA, 100));

    mock_reconnect(VERBS_QP_RC);
    wr.opcode = VERBS_WR_READ;
    run(A, wr);
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_ACCESS, 0) && in_state(B, VERBS_QPS_RTS));

    mock.bad_dma = mock_byte(&mock.remote, ATOMIC_VA) - mock.memory;
    for (VerbsOpcode op = VERBS_WR_WRITE; op <= VERBS_WR_FETCH_ADD; op++) {
        if (op == VERBS_WR_WRITE_IMM) {
            continue;
        }
        mock_reconnect(VERBS_QP_RC);
        wr = mock_wr(op, 8);
        wr.remote_addr = ATOMIC_VA;
        run(A, wr);
        EXPECT(sent(A, 0, VERBS_WC_REMOTE_OPERATION, 0));
        EXPECT(B->event == VERBS_QPE_FATAL && B->errors == 1);
    }
    mock_reconnect(VERBS_QP_RC);
    mock_post_recv(B, 6, REMOTE_KEY, REMOTE_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(sent(A, 0, VERBS_WC_REMOTE_OPERATION, 0));
    EXPECT(received(B, 0, VERBS_WC_LOCAL_ACCESS, 6));
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
    EXPECT(dma_bytes(true) == 0);
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
    moved = dma_bytes(true);
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

/* Receive buffers are in the domain of their queue, maybe not of the QP. */
static void test_recv_domain(void)
{
    mock.remote.pd = MOCK_PD + 1;
    verbs_qp_attr(B->qp)->recv_pd = MOCK_PD + 1;
    mock_post_recv(B, 20, REMOTE_KEY, REMOTE_VA, 100);
    mock_post_recv(B, 21, LOCAL_KEY, LOCAL_VA, 100);
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(received(B, 0, VERBS_WC_SUCCESS, 20));
    run(A, mock_wr(VERBS_WR_SEND, 100));
    EXPECT(received(B, 1, VERBS_WC_LOCAL_PROTECTION, 21));
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
    EXPECT(dma_bytes(true) > 0 && dma_bytes(true) <= 1 << 20);
    EXPECT(mock_wcs(A) == 0);
    EXPECT(shim_settle() >= 3);
    EXPECT(sent(A, 0, VERBS_WC_SUCCESS, 0));
    EXPECT(dma_bytes(true) == MR_LENGTH && dma_bytes(false) == MR_LENGTH);
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

/* Pages so small that a piece of a message would be thousands of requests */
static void test_small_pages(void)
{
    mock.local.page_shift = VERBS_PAGE_SHIFT_MIN - 1;
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_PROTECTION, 0));
    EXPECT(mock.dma->len == 0);
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

/* ---- the other services ----------------------------------------------- */

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
    EXPECT(memory_is_zero() && shim_next_timer() == -1);
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
    EXPECT(dma_bytes(true) <= 65536 && A->errors == 0);
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
    EXPECT(dma_bytes(true) == 0);
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

/* ----------------------------------------------------------------------- */

#define TEST(name) { #name, test_##name }

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    TEST(nop), TEST(send), TEST(send_imm), TEST(send_inval),
    TEST(send_inval_refused), TEST(write), TEST(write_imm), TEST(read),
    TEST(fetch_add), TEST(cmp_swap), TEST(atomic_refused), TEST(unsignaled),
    TEST(inline), TEST(zero_length), TEST(self),
    TEST(pages), TEST(borders), TEST(merging), TEST(sg_lists), TEST(physical),
    TEST(remote_protection), TEST(local_protection), TEST(atomic_protection),
    TEST(qp_access), TEST(mr_access),
    TEST(recv_too_short), TEST(recv_protection), TEST(recv_malformed),
    TEST(rnr_then_success), TEST(rnr_exceeded), TEST(rnr_timer_codes),
    TEST(no_peer), TEST(late_peer),
    TEST(bad_requests), TEST(dma_errors),
    TEST(order), TEST(flush), TEST(error_from_outside),
    TEST(fail_at_completion),
    TEST(responder_error_midway), TEST(responder_restart_midway),
    TEST(revoked_midway), TEST(shared_recv), TEST(recv_domain),
    TEST(reset), TEST(abandoned_recv), TEST(states),
    TEST(budget_requests), TEST(budget_flush), TEST(budget_bytes),
    TEST(budget_private), TEST(budget_small), TEST(small_pages),
    TEST(fairness), TEST(guard),
    TEST(uc), TEST(uc_drops), TEST(uc_errors), TEST(ud), TEST(ud_drops),
    TEST(private),
    TEST(callbacks), TEST(error_in_callback), TEST(restart_in_callback),
    TEST(flush_callbacks),
    TEST(free_pending), TEST(device_reset),
    TEST(wild_requests),
};

int main(void)
{
    unsigned int nr_failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        failed = false;
        mock_setup();
        tests[i].run();
        mock_teardown();
        printf("%s - verbs: %s\n", failed ? "not ok" : "ok", tests[i].name);
        nr_failed += failed;
    }
    printf("%zu passed, %u failed\n", G_N_ELEMENTS(tests) - nr_failed,
           nr_failed);
    return nr_failed != 0;
}
