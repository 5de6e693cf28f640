/*
 * The least driver of the virtual ConnectX, for test, fuzzer and benchmark
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_QTEST_FABRIC_VHCA_H
#define TESTS_QTEST_FABRIC_VHCA_H

#include "fabric-lab.h"
#include "hw/rdma/vhca/abi.h"
#include "hw/rdma/vhca/ifc.h"

#define VHCA_INBOX_MAX      2048

/* Guest memory of the driver: queue of commands, mailboxes, queues */
#define VHCA_MEM            0x100000ull
#define VHCA_CMDQ           VHCA_MEM
#define VHCA_SLOTS          4
#define VHCA_IN_MAILBOX     (VHCA_MEM + 0x10000)
#define VHCA_OUT_MAILBOX    (VHCA_MEM + 0x20000)
#define VHCA_MAILBOX_STRIDE 0x400
#define VHCA_MAILBOXES      16      /* of a slot, one way */
#define VHCA_RECORDS        (VHCA_MEM + 0x30000)
#define VHCA_QUEUES         0x200000ull
#define VHCA_QUEUE_SIZE     0x10000ull  /* one page of the queue's */
#define VHCA_LOG_QUEUE_PAGE 4           /* in 4 KiB units */
#define VHCA_QUEUE_EQ       0           /* the driver's own */
#define VHCA_QUEUE_CQ       1
#define VHCA_QUEUE_FIRST    2           /* for whoever uses the driver */

/* A command: what goes in, and how long the answer may be */
typedef struct VhcaCommand {
    uint8_t in[VHCA_INBOX_MAX];
    uint32_t in_len;
    uint32_t out_len;
} VhcaCommand;

typedef struct VhcaDriver {
    QTestState *qts;
    uint64_t bar;
    uint32_t uar;
    uint32_t pd;
    uint32_t eqn;
    uint32_t cqn;
    uint32_t srqn;      /* of the queue pairs to come; 0: their own */
} VhcaDriver;

void vhca_command_init(VhcaCommand *cmd, uint16_t opcode);
/* Page number @n of the command's list */
void vhca_command_page(VhcaCommand *cmd, unsigned int n, uint64_t addr);
/* Put the command in @slot; nothing runs before the doorbell */
void vhca_submit(VhcaDriver *v, unsigned int slot, const VhcaCommand *cmd);
void vhca_ring_commands(VhcaDriver *v, uint32_t slots);
/* Where a slot and its chain of mailboxes for the answer are */
uint64_t vhca_slot(unsigned int slot);
uint64_t vhca_out_mailbox(unsigned int slot, unsigned int n);
/* Run it in slot 0. True: status OK; the number that it returned is in @id */
bool vhca_run(VhcaDriver *v, const VhcaCommand *cmd, uint32_t *id);

void vhca_write32(VhcaDriver *v, uint64_t offset, uint32_t value);
void vhca_write64(VhcaDriver *v, uint64_t offset, uint64_t value);
void vhca_ring_send(VhcaDriver *v, uint32_t qpn);

/* What a driver does before anything else; false: the device did not do it */
bool vhca_bring_up(VhcaDriver *v, QTestState *qts, uint64_t bar);
/* The fields of a context that no queue can do without */
void vhca_fill_eq(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue);
void vhca_fill_cq(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue);
void vhca_fill_qp(VhcaDriver *v, VhcaCommand *cmd, unsigned int queue);
/* A key for every address, as it is */
void vhca_fill_mkey(VhcaDriver *v, VhcaCommand *cmd);
/* From RESET to RTS */
bool vhca_connect(VhcaDriver *v, uint32_t qpn, uint32_t peer);

/* A queue pair that is its own peer, in state RTS */
typedef struct VhcaQueue {
    unsigned int queue;
    uint32_t qpn;
    uint64_t sq;                /* where the send queue is */
    uint16_t sent;              /* requests so far */
} VhcaQueue;

/* A work request of one opcode, remote range (if it has one) and local range */
typedef struct VhcaRequest {
    uint8_t opcode;
    bool signaled;
    uint32_t imm;               /* or the key to invalidate */
    uint64_t remote;
    uint32_t rkey;
    uint64_t local;
    uint32_t lkey;
    uint32_t length;
    uint64_t operand;           /* of an atomic operation */
    uint64_t compare;
    uint64_t mask;              /* of a UMR; its context is in the next block */
} VhcaRequest;

/* @type: VHCA_QP_ST_* */
bool vhca_create_queue(VhcaDriver *v, unsigned int queue, uint8_t type,
                       VhcaQueue *q);
/* Put a request into the queue; the doorbell runs what is there */
void vhca_post(VhcaDriver *v, VhcaQueue *q, const VhcaRequest *request);
void vhca_ring_posted(VhcaDriver *v, const VhcaQueue *q);

#define VHCA_LOG_CQ         9
#define VHCA_CQE_INVALID    0xff    /* in VHCA_CQE_OP_OWN: not written yet */

/* Queues of vhca_fill_qp() */
#define VHCA_LOG_RQ         5
#define VHCA_RQ_STRIDE      64
#define VHCA_LOG_SQ         8
#define VHCA_SQ_OFFSET      (VHCA_RQ_STRIDE << VHCA_LOG_RQ)

static inline uint64_t vhca_queue(unsigned int n)
{
    return VHCA_QUEUES + n * VHCA_QUEUE_SIZE;
}

static inline uint64_t vhca_record(unsigned int n)
{
    return VHCA_RECORDS + n * 8;
}

/* Entry @n of the driver's own completion queue */
static inline uint64_t vhca_cqe(unsigned int n)
{
    return vhca_queue(VHCA_QUEUE_CQ) + n % (1u << VHCA_LOG_CQ) * VHCA_CQE_SIZE;
}

#endif
