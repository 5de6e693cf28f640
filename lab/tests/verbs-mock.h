/*
 * A front end for the verbs engine: queues in arrays, memory in an array
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef VERBS_MOCK_H
#define VERBS_MOCK_H

#include <glib.h>
#include "hw/rdma/vhca/verbs.h"

#define MOCK_MEMORY     (16u << 20)
#define MOCK_LID        7
#define MOCK_PD         3
#define MOCK_MALFORMED  0xbad00000u     /* id of a request that is unreadable */

/* One MR that the requester uses and one of the responder, 4 MiB each */
#define LOCAL_KEY       0x1101
#define LOCAL_VA        0x10000ull
#define LOCAL_DMA       0ull
#define REMOTE_KEY      0x2202
#define REMOTE_VA       0x7000000123ull
#define REMOTE_DMA      (8ull << 20)
#define MR_LENGTH       (4ull << 20)
#define ATOMIC_VA       (REMOTE_VA + 5)         /* aligned to 8 */

typedef enum MockPoint {
    MOCK_PEEK_SEND,
    MOCK_RETIRE_SEND,
    MOCK_PEEK_RECV,
    MOCK_RETIRE_RECV,
    MOCK_COMPLETE,
    MOCK_INVALIDATE,
    MOCK_PRIVATE,
    MOCK_QP_ERROR,
    MOCK_DMA_READ,
    MOCK_DMA_WRITE,
    MOCK_ATOMIC,
    MOCK_POINTS,
} MockPoint;

/** struct MockQP: @sq_head, @rq_head: the first request that is not retired */
typedef struct MockQP {
    VerbsQP *qp;
    GArray *sq;
    GArray *rq;
    GArray *wcs;
    unsigned int sq_head;
    unsigned int rq_head;
    unsigned int errors;
    VerbsQPEvent event;
} MockQP;

typedef struct MockDMA {
    const VerbsMR *mr;
    uint64_t addr;
    uint64_t len;
    bool write;
} MockDMA;

/**
 * struct Mock
 * @a, @b: connected RC QPs; @a may do everything to @b
 * @dma: all that happened
 * @bad_dma: an address that answers with a bus error
 * @hook: called first in each callback
 * @invalidated: the key that a SEND took away
 * @private_status: result of private requests; @privates: how many there were
 */
typedef struct Mock {
    VerbsDevice *dev;
    MemReentrancyGuard guard;
    VerbsMR local;
    VerbsMR remote;
    MockQP a;
    MockQP b;
    GArray *dma;
    uint64_t bad_dma;
    void (*hook)(MockPoint point);
    VerbsStatus private_status;
    unsigned int privates;
    const VerbsMR *invalidated;
    bool outside;
    _Alignas(4096) uint8_t memory[MOCK_MEMORY];
} Mock;

extern Mock mock;

void mock_setup(void);
void mock_teardown(void);

/** mock_mr(): pages of 4 KiB from @dma on, the last first if @reversed */
void mock_mr(VerbsMR *mr, uint32_t key, uint32_t access, uint64_t start,
             uint64_t length, uint64_t dma, bool reversed);
void mock_mr_free(VerbsMR *mr);
/** mock_byte(): where address @va of @mr is */
uint8_t *mock_byte(const VerbsMR *mr, uint64_t va);
/** mock_fill(), mock_equals(): a pattern that differs by @seed */
void mock_fill(const VerbsMR *mr, uint64_t va, uint64_t len, unsigned int seed);
bool mock_equals(const VerbsMR *mr, uint64_t va, uint64_t len,
                 unsigned int seed);
/** mock_is_zero(): nothing was written there */
bool mock_is_zero(const VerbsMR *mr, uint64_t va, uint64_t len);
/** mock_memory_is_zero(): nothing was written anywhere */
bool mock_memory_is_zero(void);
/** mock_dma_bytes(): how much was written, or read, in all */
uint64_t mock_dma_bytes(bool write);

void mock_qp(MockQP *q, uint32_t qpn, VerbsQPType type);
void mock_qp_free(MockQP *q);
void mock_qp_ready(MockQP *q, uint32_t dest_qpn);
/** mock_reconnect(): @a and @b anew, of @type */
void mock_reconnect(VerbsQPType type);

/** mock_wr(): a signaled request on @len bytes of the local MR at LOCAL_VA */
VerbsSendWR mock_wr(VerbsOpcode opcode, uint32_t len);
/** mock_atomic_wr(): the same on 8 bytes at ATOMIC_VA */
VerbsSendWR mock_atomic_wr(VerbsOpcode opcode, uint64_t operand,
                           uint64_t compare);
void mock_post(MockQP *q, VerbsSendWR wr);
void mock_post_recv(MockQP *q, uint64_t id, uint32_t key, uint64_t addr,
                    uint32_t len);
unsigned int mock_wcs(const MockQP *q);
const VerbsWC *mock_wc(const MockQP *q, unsigned int index);

#endif
