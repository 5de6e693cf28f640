/*
 * Tests of the verbs engine: what a request may not do
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "verbs-test.h"

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
        mock_dma_bytes(true) || mock.outside) {
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
        mock_dma_bytes(true) || mock.outside || mock_wcs(B)) {
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
        VerbsSendWR wr = mock_atomic_wr(VERBS_WR_FETCH_ADD, 1, 0);
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

/* Pages so small that a piece of a message would be thousands of requests */
static void test_small_pages(void)
{
    mock.local.page_shift = VERBS_PAGE_SHIFT_MIN - 1;
    run(A, mock_wr(VERBS_WR_WRITE, 8));
    EXPECT(sent(A, 0, VERBS_WC_LOCAL_PROTECTION, 0));
    EXPECT(mock.dma->len == 0);
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
    EXPECT(mock_memory_is_zero());
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

const VerbsTest protection_tests[] = {
    TEST(remote_protection), TEST(local_protection), TEST(atomic_protection),
    TEST(qp_access), TEST(mr_access), TEST(small_pages),
    TEST(recv_too_short), TEST(recv_protection), TEST(recv_domain),
    TEST(recv_malformed), TEST(bad_requests),
    TEST(dma_errors),
    { }
};
