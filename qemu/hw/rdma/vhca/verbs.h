/*
 * Verbs engine: memory regions, queue pairs and RC/UC/UD transfers
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The engine knows InfiniBand semantics (InfiniBand Architecture
 * Specification volume 1, chapters 9 to 11) and nothing of a vendor's queue,
 * context or command formats: a front end translates those through VerbsOps.
 * It knows nothing of PCI either: DMA goes through the front end.
 *
 * All functions run under the big lock. Work is done in a bottom half with a
 * budget, never inside verbs_qp_kick() or verbs_qp_set_state(), so that a
 * doorbell write returns at once and a long queue cannot hold the lock. A
 * message that is larger than the budget is spread over several turns; keys
 * and the peer are looked up again for each piece, so whatever is taken away
 * meanwhile stops it.
 *
 * Callbacks may call every verbs function, also those that free or reset the
 * QP or key that is being worked on, but for verbs_device_free().
 */
#ifndef HW_RDMA_VHCA_VERBS_H
#define HW_RDMA_VHCA_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hw/qdev-core.h"   /* MemReentrancyGuard */

typedef struct VerbsDevice VerbsDevice;
typedef struct VerbsMR VerbsMR;
typedef struct VerbsQP VerbsQP;

enum {
    VERBS_ACCESS_LOCAL_READ = 1 << 0,
    VERBS_ACCESS_LOCAL_WRITE = 1 << 1,
    VERBS_ACCESS_REMOTE_READ = 1 << 2,
    VERBS_ACCESS_REMOTE_WRITE = 1 << 3,
    VERBS_ACCESS_REMOTE_ATOMIC = 1 << 4,
};

/* With smaller pages, a little data could be very many DMA requests */
#define VERBS_PAGE_SHIFT_MIN 12

/**
 * struct VerbsMR: a memory key; fields may be changed by the front end
 * between two work requests
 * @key: full 32-bit key; lookup goes by the upper 24 bits, then compares all
 * @enabled: false: every use is a protection error
 * @physical: the address is the DMA address, no range and no page list
 * @remote_invalidate: SEND with invalidate may take it away
 * @pd: protection domain
 * @access: VERBS_ACCESS_*
 * @start, @length: address range that the key covers
 * @page_shift: log2 of the page size of @pages, VERBS_PAGE_SHIFT_MIN to 63;
 *              with another one every use is a protection error
 * @first_offset: byte offset of @start in the first page
 * @pages, @nr_pages: DMA address of each page; bit 0 set: present. Owned by
 *                    the front end
 * @dma: opaque to the engine; handed to VerbsOps.dma_read and .dma_write with
 *       each access through this key
 */
struct VerbsMR {
    uint32_t key;
    bool enabled;
    bool physical;
    bool remote_invalidate;
    uint32_t pd;
    uint32_t access;
    uint64_t start;
    uint64_t length;
    unsigned int page_shift;
    uint64_t first_offset;
    uint64_t *pages;
    size_t nr_pages;
    void *dma;
};

typedef enum VerbsQPType {
    VERBS_QP_RC,
    VERBS_QP_UC,
    VERBS_QP_UD,
    VERBS_QP_PRIVATE,   /* every WQE is VERBS_WR_PRIVATE */
} VerbsQPType;

typedef enum VerbsQPState {
    VERBS_QPS_RESET,
    VERBS_QPS_INIT,
    VERBS_QPS_RTR,
    VERBS_QPS_RTS,
    VERBS_QPS_ERR,
} VerbsQPState;

/**
 * struct VerbsQPAttr: what the engine must know of a queue pair; filled in by
 * the front end, may be changed through verbs_qp_attr() while the QP exists
 */
typedef struct VerbsQPAttr {
    uint32_t pd;
    uint32_t recv_pd;           /* of receive buffers: their queue's */
    uint32_t access;            /* VERBS_ACCESS_REMOTE_* for the responder */
    uint32_t dest_qpn;          /* RC, UC */
    uint16_t dest_lid;          /* RC, UC */
    uint32_t qkey;              /* UD */
    uint8_t rnr_retry;          /* 7: for ever */
    uint8_t min_rnr_timer;      /* responder's, IBA encoding */
    uint8_t retry_count;        /* 0: a peer that does not answer fails now */
    uint8_t ack_timeout;        /* per retry, IBA encoding; 0: for ever */
    bool no_recv_queue;
    bool shared_recv_queue;     /* its requests outlive the QP: no flush */
} VerbsQPAttr;

/**
 * enum VerbsQPEvent: why a QP moved to error by itself (IBA 11.6.3.2)
 * @VERBS_QPE_NONE: no event: a completion of this QP tells
 * @VERBS_QPE_REQUEST: as responder, invalid request
 * @VERBS_QPE_ACCESS: as responder, access violation
 * @VERBS_QPE_FATAL: as responder, DMA failed; or the front end can not go on
 */
typedef enum VerbsQPEvent {
    VERBS_QPE_NONE,
    VERBS_QPE_REQUEST,
    VERBS_QPE_ACCESS,
    VERBS_QPE_FATAL,
} VerbsQPEvent;

typedef enum VerbsOpcode {
    VERBS_WR_NOP,
    VERBS_WR_SEND,
    VERBS_WR_SEND_IMM,
    VERBS_WR_SEND_INVAL,
    VERBS_WR_WRITE,
    VERBS_WR_WRITE_IMM,
    VERBS_WR_READ,
    VERBS_WR_CMP_SWAP,
    VERBS_WR_FETCH_ADD,
    VERBS_WR_PRIVATE,           /* front end's own: VerbsOps.run_private */
} VerbsOpcode;

#define VERBS_MAX_SGE     64
#define VERBS_MAX_INLINE  1024

typedef struct VerbsSGE {
    uint64_t addr;
    uint32_t length;
    uint32_t key;
} VerbsSGE;

/**
 * struct VerbsSendWR: one send work request
 * @id: the front end's; comes back in VerbsWC
 * @imm: immediate data or key to invalidate, as on the wire
 * @inline_length: nonzero: data is in @inline_data and there are no SGEs
 *
 * The engine hands it to peek_send with all fields zero but for the contents
 * of @sge and @inline_data.
 */
typedef struct VerbsSendWR {
    uint64_t id;
    VerbsOpcode opcode;
    bool signaled;
    bool solicited;
    uint32_t imm;
    uint64_t remote_addr;
    uint32_t remote_key;
    uint64_t atomic_operand;    /* value to add or to swap in, host order */
    uint64_t atomic_compare;
    uint32_t ud_dest_qpn;
    uint32_t ud_qkey;
    uint16_t ud_dest_lid;
    unsigned int nr_sge;
    VerbsSGE sge[VERBS_MAX_SGE];
    uint32_t inline_length;
    uint8_t inline_data[VERBS_MAX_INLINE];
} VerbsSendWR;

typedef struct VerbsRecvWR {
    uint64_t id;
    unsigned int nr_sge;
    VerbsSGE sge[VERBS_MAX_SGE];
} VerbsRecvWR;

typedef enum VerbsStatus {
    VERBS_WC_SUCCESS,
    VERBS_WC_LOCAL_LENGTH,
    VERBS_WC_LOCAL_QP_OP,
    VERBS_WC_LOCAL_PROTECTION,
    VERBS_WC_FLUSHED,
    VERBS_WC_LOCAL_ACCESS,      /* DMA error on local memory */
    VERBS_WC_REMOTE_INVALID_REQUEST,
    VERBS_WC_REMOTE_ACCESS,
    VERBS_WC_REMOTE_OPERATION,
    VERBS_WC_RETRY_EXCEEDED,
    VERBS_WC_RNR_RETRY_EXCEEDED,
} VerbsStatus;

/**
 * struct VerbsWC: one work completion
 * @recv: of the receive queue, else of the send queue
 * @opcode: receive side: the sender's opcode (SEND, SEND_IMM, SEND_INVAL,
 *          WRITE_IMM)
 * @byte_count: in UD receives with the 40 bytes that precede the data
 * @grh: those 40 bytes hold a GRH; else they are unwritten
 */
typedef struct VerbsWC {
    uint64_t id;
    bool recv;
    VerbsStatus status;
    VerbsOpcode opcode;
    bool solicited;
    uint32_t byte_count;
    uint32_t imm;
    uint32_t src_qpn;
    uint16_t src_lid;
    bool grh;
} VerbsWC;

/**
 * struct VerbsOps: what the engine needs from its front end
 *
 * @peek_send: read the oldest unretired send work request without consuming
 *             it. Returns 1, 0 if the queue is empty, or -1 if the entry is
 *             malformed (@wr->id is set then; the QP goes to error with
 *             VERBS_WC_LOCAL_QP_OP)
 * @retire_send: the request that peek_send returned is done
 * @peek_recv: read the oldest receive work request, likewise (-1: the
 *             completion is VERBS_WC_LOCAL_QP_OP)
 * @retire_recv: the engine has taken what peek_recv returned; its completion
 *               follows later, a large message's in another turn
 * @complete: deliver a completion, in the order of the queue; not for
 *            successful unsignaled sends. Of a send, called before retire_send
 * @invalidate: a SEND takes @mr away: clear its @enabled, and whatever that
 *              came from
 * @run_private: run VERBS_WR_PRIVATE; returns the completion's status
 * @qp_error: the engine has moved @qp to VERBS_QPS_ERR by itself;
 *            verbs_qp_event() tells whether there is an event to raise
 * @dma_read, @dma_write: access memory at DMA address @addr; @mr is the key
 *            through which it is reached. False: bus error
 * @dma_atomic: fetch-and-add or compare-and-swap on 8 aligned bytes; values
 *              are in host order. The engine stores @old in the requester's
 *              memory as little endian
 */
typedef struct VerbsOps {
    int (*peek_send)(VerbsQP *qp, VerbsSendWR *wr);
    void (*retire_send)(VerbsQP *qp);
    int (*peek_recv)(VerbsQP *qp, VerbsRecvWR *wr);
    void (*retire_recv)(VerbsQP *qp);
    void (*complete)(VerbsQP *qp, const VerbsWC *wc);
    void (*invalidate)(void *opaque, VerbsMR *mr);
    VerbsStatus (*run_private)(VerbsQP *qp, const VerbsSendWR *wr);
    void (*qp_error)(VerbsQP *qp);
    bool (*dma_read)(void *opaque, const VerbsMR *mr, uint64_t addr,
                     void *data, size_t len);
    bool (*dma_write)(void *opaque, const VerbsMR *mr, uint64_t addr,
                      const void *data, size_t len);
    bool (*dma_atomic)(void *opaque, const VerbsMR *mr, uint64_t addr,
                       VerbsOpcode opcode, uint64_t operand, uint64_t compare,
                       uint64_t *old);
} VerbsOps;

/**
 * verbs_device_new()
 * @opaque: goes to the DMA operations
 * @lid: the port's
 * @guard: the qdev device's, held while the engine works, so that a guest
 *         cannot have it write to its own doorbells; may be NULL
 */
VerbsDevice *verbs_device_new(const VerbsOps *ops, void *opaque, uint16_t lid,
                              MemReentrancyGuard *guard);
/** verbs_device_free(): frees remaining QPs, forgets MRs; not in a callback */
void verbs_device_free(VerbsDevice *dev);
/** verbs_device_reset(): free all QPs, forget all MRs and pending work */
void verbs_device_reset(VerbsDevice *dev);

/** verbs_mr_add(): make @mr known; no other may have the same upper 24 bits */
void verbs_mr_add(VerbsDevice *dev, VerbsMR *mr);
void verbs_mr_remove(VerbsDevice *dev, VerbsMR *mr);
/** verbs_mr_find(): by the upper 24 bits of @key only; NULL if unknown */
VerbsMR *verbs_mr_find(VerbsDevice *dev, uint32_t key);

/**
 * verbs_mr_access(): checked access through a key, for the front end's own use
 * @pd: checked against the key's unless it is VERBS_ANY_PD
 * @need: VERBS_ACCESS_* that the key must grant
 * @to_mr: direction
 *
 * Returns VERBS_WC_SUCCESS, VERBS_WC_LOCAL_PROTECTION (nothing was moved,
 * unless the key changed on the way) or VERBS_WC_LOCAL_ACCESS (DMA failed).
 */
#define VERBS_ANY_PD UINT32_MAX
VerbsStatus verbs_mr_access(VerbsDevice *dev, uint32_t key, uint32_t pd,
                            uint32_t need, uint64_t addr, void *data,
                            size_t len, bool to_mr);

/**
 * verbs_qp_new(): @opaque is for verbs_qp_opaque(); state is RESET
 *
 * @qpn is the number that peers use, 0 and 1 for the special QPs; unique.
 */
VerbsQP *verbs_qp_new(VerbsDevice *dev, uint32_t qpn, VerbsQPType type,
                      void *opaque);
/** verbs_qp_free(): no callback for @qp after this returns */
void verbs_qp_free(VerbsQP *qp);
void *verbs_qp_opaque(const VerbsQP *qp);
uint32_t verbs_qp_qpn(const VerbsQP *qp);
VerbsQPState verbs_qp_state(const VerbsQP *qp);
/** verbs_qp_event(): the cause of the last error state; see qp_error */
VerbsQPEvent verbs_qp_event(const VerbsQP *qp);
VerbsQPAttr *verbs_qp_attr(VerbsQP *qp);
/**
 * verbs_qp_set_state(): the transition's legality is the front end's to check
 *
 * ERR flushes both queues from the bottom half, and whatever is posted later:
 * sends when kicked, receives (which nobody kicks) by polling. RESET forgets
 * work in progress.
 */
void verbs_qp_set_state(VerbsQP *qp, VerbsQPState state);
/**
 * verbs_qp_fail(): move @qp to error because of @event, unless it is there or
 * in RESET; calls qp_error
 */
void verbs_qp_fail(VerbsQP *qp, VerbsQPEvent event);
/** verbs_qp_kick(): there may be new send requests */
void verbs_qp_kick(VerbsQP *qp);

#endif
