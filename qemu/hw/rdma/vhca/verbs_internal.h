/*
 * Verbs engine: what its files share
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * verbs.c schedules, verbs_req.c is the requester's half of a queue pair,
 * verbs_resp.c the responder's, verbs_mr.c memory. The requester reaches the
 * responder through VerbsTransport only.
 */
#ifndef HW_RDMA_VHCA_VERBS_INTERNAL_H
#define HW_RDMA_VHCA_VERBS_INTERNAL_H

#include "qemu/main-loop.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "verbs.h"

/*
 * One turn of the bottom half; one QP moves at most one chunk at a time. All
 * DMA through keys counts, in and out, and a request as some bytes more.
 */
#define VERBS_TURN_STEPS    64
#define VERBS_TURN_COST     (2 * 1024 * 1024)
#define VERBS_REQUEST_COST  2048
#define VERBS_CHUNK         (64 * 1024)

#define VERBS_MAX_MESSAGE   (1ull << 31)    /* IBA 9.3.3, DMA length */
#define VERBS_MAX_UD        4096            /* the largest path MTU */
#define VERBS_GRH_SIZE      40

/* How often a QP that waits for somebody looks again */
#define VERBS_POLL_MIN_NS   (50 * SCALE_US)
#define VERBS_POLL_MAX_NS   (1 * SCALE_MS)
/* ... and one in error state for late receive requests */
#define VERBS_DRAIN_MAX_NS  (1000 * SCALE_MS)

/** struct VerbsMsg: a message's headers, the same with each of its pieces */
typedef struct VerbsMsg {
    VerbsQPType type;
    VerbsOpcode opcode;
    bool solicited;
    uint16_t src_lid;
    uint16_t dst_lid;
    uint32_t src_qpn;
    uint32_t dst_qpn;
    uint32_t qkey;
    uint32_t imm;
    uint64_t length;
    uint64_t remote_addr;
    uint32_t remote_key;
    uint64_t operand;
    uint64_t compare;
} VerbsMsg;

/**
 * enum VerbsAck: the responder's answer
 * @VERBS_ACK_LOST: none: unreliable transport dropped it, or nobody is there
 */
typedef enum VerbsAck {
    VERBS_ACK_OK,
    VERBS_ACK_RNR,
    VERBS_ACK_LOST,
    VERBS_NAK_INVALID_REQUEST,
    VERBS_NAK_ACCESS,
    VERBS_NAK_OPERATION,
} VerbsAck;

/**
 * struct VerbsTransport: the way to a responder
 * @begin: announce a message; @rnr_timer is set with VERBS_ACK_RNR
 * @put: deliver the piece of a SEND's or WRITE's data that starts at @offset;
 *       pieces come in order
 * @get: fetch a piece of READ's data
 * @atomic: execute it; @old is in host order
 * @end: all data is placed; the responder completes
 *
 * Anything but VERBS_ACK_OK ends the message.
 */
typedef struct VerbsTransport {
    VerbsAck (*begin)(VerbsDevice *dev, const VerbsMsg *msg,
                      uint8_t *rnr_timer);
    VerbsAck (*put)(VerbsDevice *dev, const VerbsMsg *msg, uint64_t offset,
                    const void *data, size_t len);
    VerbsAck (*get)(VerbsDevice *dev, const VerbsMsg *msg, uint64_t offset,
                    void *data, size_t len);
    VerbsAck (*atomic)(VerbsDevice *dev, const VerbsMsg *msg, uint64_t *old);
    VerbsAck (*end)(VerbsDevice *dev, const VerbsMsg *msg);
} VerbsTransport;

extern const VerbsTransport verbs_loopback;

/**
 * struct VerbsTx: the send request that the requester works on
 * @active: @wr is valid: it was read from the queue and is not completed
 * @begun: the responder has accepted the message
 * @done: bytes moved
 * @waiting: the responder was not ready when asked last
 * @waiting_since: virtual clock when it first was not
 */
typedef struct VerbsTx {
    bool active;
    bool begun;
    bool waiting;
    int64_t waiting_since;
    uint64_t done;
    const VerbsTransport *transport;
    VerbsMsg msg;
    VerbsSendWR wr;
} VerbsTx;

/**
 * struct VerbsRx: the responder's part of an incoming message
 * @open: the message was accepted and has not ended
 * @active: @wr is taken from the queue and is not completed; outlasts a
 *          message that its sender gives up
 */
typedef struct VerbsRx {
    bool open;
    bool active;
    VerbsRecvWR wr;
} VerbsRx;

/**
 * struct VerbsQP
 * @generation: changes with each reset; tells a function that has called back
 *              that its QP is not what it was
 * @freed: by verbs_qp_free() while the engine runs; memory goes after the turn
 * @ready: linked in VerbsDevice.ready
 * @poll_ns: the last delay of @timer
 */
struct VerbsQP {
    VerbsDevice *dev;
    void *opaque;
    uint32_t qpn;
    VerbsQPType type;
    VerbsQPState state;
    VerbsQPEvent event;
    VerbsQPAttr attr;
    uint32_t generation;
    bool freed;
    bool ready;
    QEMUTimer timer;
    int64_t poll_ns;
    VerbsTx tx;
    VerbsRx rx;
    QTAILQ_ENTRY(VerbsQP) ready_link;
    QSLIST_ENTRY(VerbsQP) freed_link;
};

/**
 * struct VerbsDevice
 * @ready: QPs that may have something to do, in turn
 * @running: in the bottom half
 * @turn_cost: of the DMA in this turn
 * @bounce: the data of the piece that is being moved
 */
struct VerbsDevice {
    const VerbsOps *ops;
    void *opaque;
    uint16_t lid;
    GHashTable *qps;
    GHashTable *mrs;
    QEMUBH *bh;
    bool running;
    uint64_t turn_cost;
    QTAILQ_HEAD(, VerbsQP) ready;
    QSLIST_HEAD(, VerbsQP) freed;
    uint8_t bounce[VERBS_CHUNK];
};

/* verbs.c */
VerbsQP *verbs_qp_find(VerbsDevice *dev, uint32_t qpn);
/** verbs_qp_wait(): come back to @qp after a delay that doubles to @max_ns */
void verbs_qp_wait(VerbsQP *qp, int64_t max_ns);

/* verbs_req.c: do a bounded piece of work; true: there may be more */
bool verbs_req_step(VerbsQP *qp);

/* verbs_mr.c: the same as verbs_mr_access() for lists, from @offset on */
bool verbs_mr_check(VerbsDevice *dev, uint32_t key, uint32_t pd,
                    uint32_t need, uint64_t addr, uint64_t len);
uint64_t verbs_sgl_length(const VerbsSGE *sge, unsigned int nr_sge);
bool verbs_sgl_check(VerbsDevice *dev, const VerbsSGE *sge,
                     unsigned int nr_sge, uint32_t pd, uint32_t need);
VerbsStatus verbs_sgl_access(VerbsDevice *dev, const VerbsSGE *sge,
                             unsigned int nr_sge, uint32_t pd, uint32_t need,
                             uint64_t offset, void *data, size_t len,
                             bool to_mr);
/** verbs_mr_atomic(): on 8 aligned bytes; VERBS_ACCESS_REMOTE_ATOMIC */
VerbsStatus verbs_mr_atomic(VerbsDevice *dev, const VerbsMsg *msg, uint32_t pd,
                            uint64_t *old);

#endif
