/*
 * Virtual ConnectX: what its rooms share
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 *   vhca.c     PCI, BAR0, reset, properties
 *   cmd.c      command queue and dispatch
 *   caps.c     bring-up and capability commands
 *   port.c     port, vport and register commands
 *   objects.c  tables of objects; PD, UAR, XRCD
 *   buffer.c   queue buffers in guest memory
 *   eq.c, cq.c event and completion queues
 *   qp.c       queue pairs; qp_state.c, qp_queue.c: their life and their work
 *   srq.c      shared receive queues
 *   wqe.c      work requests in mlx5's format
 *   mkey.c     memory keys; umr.c: their change by work request
 *   dma.c      every request that the device sends
 */
#ifndef HW_RDMA_VHCA_VHCA_H
#define HW_RDMA_VHCA_VHCA_H

#include "hw/pci/pci_device.h"
#include "hw/pci/pcie_ats.h"
#include "hw/rdma/vhca/abi.h"
#include "hw/rdma/vhca/ifc.h"
#include "hw/rdma/vhca/verbs.h"
#include "qom/object.h"

#define TYPE_VHCA "vhca"
OBJECT_DECLARE_SIMPLE_TYPE(VHCAState, VHCA)

/*
 * ---------------------------------------------------------------- commands
 */

/* enum mlx5_cmd_status of the driver: what a command may answer */
enum {
    VHCA_OK             = 0x00,
    VHCA_BAD_OP         = 0x02,
    VHCA_BAD_PARAM      = 0x03,
    VHCA_BAD_SYS_STATE  = 0x04,
    VHCA_BAD_RESOURCE   = 0x05,
    VHCA_RESOURCE_BUSY  = 0x06,
    VHCA_LIMIT          = 0x08,
    VHCA_BAD_RES_STATE  = 0x09,
    VHCA_BAD_QP_STATE   = 0x10,
    VHCA_BAD_INPUT_LEN  = 0x50,
    VHCA_BAD_OUTPUT_LEN = 0x51,
};

/*
 * One command. @in and @out are at least VHCA_CMD_MIN_BOX bytes, zeroed
 * beyond the guest's length, so that fields at fixed places need no check;
 * what has a variable length must be held against @in_len.
 */
#define VHCA_CMD_MIN_BOX  4352

typedef struct VHCACmd {
    uint8_t *in;
    uint32_t in_len;
    uint8_t *out;
    uint8_t status;
    uint32_t syndrome;
} VHCACmd;

/**
 * vhca_cmd_fail(): answer with an error
 * @status: VHCA_BAD_*, ...
 * @check: numbers the failing checks of one opcode; the driver prints the
 *         syndrome, opcode << 8 | @check. From 0xff down: what all share
 */
void vhca_cmd_fail(VHCACmd *cmd, uint8_t status, uint8_t check);

/** VHCACmdFn: run @cmd, which was checked for the lengths in cmd.c's table */
typedef void VHCACmdFn(VHCAState *s, VHCACmd *cmd);

/* caps.c */
VHCACmdFn vhca_enable_hca, vhca_disable_hca, vhca_init_hca, vhca_teardown_hca;
VHCACmdFn vhca_query_issi, vhca_query_pages, vhca_query_adapter;
VHCACmdFn vhca_query_hca_cap, vhca_set_hca_cap;
/* port.c */
VHCACmdFn vhca_access_register, vhca_query_vport_counter;
VHCACmdFn vhca_query_vport_context, vhca_modify_vport_context;
VHCACmdFn vhca_query_vport_gid, vhca_query_vport_pkey;
/* objects.c */
VHCACmdFn vhca_alloc_pd, vhca_dealloc_pd, vhca_alloc_uar, vhca_dealloc_uar;
VHCACmdFn vhca_alloc_xrcd, vhca_dealloc_xrcd;
/* srq.c */
VHCACmdFn vhca_create_srq, vhca_destroy_srq, vhca_query_srq, vhca_arm_rq;
/* eq.c, cq.c */
VHCACmdFn vhca_create_eq, vhca_destroy_eq, vhca_query_eq;
VHCACmdFn vhca_create_cq, vhca_destroy_cq, vhca_query_cq;
/* qp.c */
VHCACmdFn vhca_create_qp, vhca_destroy_qp, vhca_query_qp;
/* qp_state.c */
VHCACmdFn vhca_modify_qp;
/* mkey.c */
VHCACmdFn vhca_create_mkey, vhca_destroy_mkey, vhca_query_mkey;

/** vhca_cmd_init(), vhca_cmd_exit(): of the queue, with the device */
void vhca_cmd_init(VHCAState *s);
void vhca_cmd_exit(VHCAState *s);
/** vhca_cmd_doorbell(): the driver has filled @slots, a bit each */
void vhca_cmd_doorbell(VHCAState *s, uint32_t slots);
/** vhca_cmd_reset(): forget what was rung for and did not run */
void vhca_cmd_reset(VHCAState *s);

/*
 * ---------------------------------------------------------------- objects
 */

/* What an object begins with: its number, and how many others need it */
typedef struct VHCAObject {
    uint32_t id;
    unsigned int users;
} VHCAObject;

/*
 * Objects by number. Numbers are handed out in turn, so that one that was
 * just freed does not come back at once.
 */
typedef struct VHCATable {
    GHashTable *objects;
    GDestroyNotify destroy;
    uint32_t first;
    uint32_t last;
    uint32_t next;
} VHCATable;

/** vhca_table_init(): for numbers @first to @last; @destroy frees an object */
void vhca_table_init(VHCATable *table, uint32_t first, uint32_t last,
                     GDestroyNotify destroy);
/** vhca_table_free(): destroys what is left in it */
void vhca_table_free(VHCATable *table);
/** vhca_table_clear(): forget all objects, and that numbers were handed out */
void vhca_table_clear(VHCATable *table);
/** vhca_table_add(): false: no number is left; @object stays the caller's */
bool vhca_table_add(VHCATable *table, void *object, uint32_t *id);
/** vhca_table_get(): NULL if there is no such object */
void *vhca_table_get(const VHCATable *table, uint32_t id);
/** vhca_table_remove(): destroys the object, too */
void vhca_table_remove(VHCATable *table, uint32_t id);

/**
 * vhca_object_create(): the end of a command that makes @object
 *
 * The object becomes the table's, and its number is the answer. False: the
 * command has failed, before or now, and the object is destroyed.
 */
bool vhca_object_create(VHCATable *table, void *object, VHCACmd *cmd);
/** vhca_object_find(): what @cmd names; NULL: @cmd has failed */
void *vhca_object_find(const VHCATable *table, VHCACmd *cmd);
/** vhca_object_destroy(): what @cmd names, which fails while it has users */
void vhca_object_destroy(VHCATable *table, VHCACmd *cmd);
/** vhca_object_take(): become a user of @id; NULL: there is no such object */
void *vhca_object_take(const VHCATable *table, uint32_t id);
/** vhca_object_put(): no user any more; @object may be NULL */
void vhca_object_put(void *object);

/* A queue in guest memory: pages of equal size, the first one used in part */
typedef struct VHCABuffer {
    uint64_t *pages;
    size_t nr_pages;
    unsigned int page_shift;
    uint64_t offset;
    uint64_t size;
} VHCABuffer;

/**
 * vhca_buffer_init(): take the page list at CMD_PAS of @cmd
 * @log_page_size: the context's field: log2 of 4 KiB units
 * @page_offset: the context's field: 64ths of a page
 *
 * False: the list does not cover @size bytes.
 */
bool vhca_buffer_init(VHCABuffer *buffer, const VHCACmd *cmd,
                      unsigned int log_page_size, unsigned int page_offset,
                      uint64_t size);
/** vhca_buffer_free(): may be called for one that was never filled */
void vhca_buffer_free(VHCABuffer *buffer);
/** vhca_buffer_read(): false: out of bounds, or DMA failed */
bool vhca_buffer_read(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                      void *data, size_t len);
/** vhca_buffer_write(): false: out of bounds; posted, so no more is known */
bool vhca_buffer_write(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                       const void *data, size_t len);

typedef struct VHCAUar {
    VHCAObject base;
    hwaddr half_offset;     /* of a doorbell that comes as two 32-bit stores */
    uint32_t half_value;
} VHCAUar;

typedef struct VHCAEq {
    VHCAObject base;
    uint8_t context[EQC_SIZE];
    VHCABuffer buffer;
    unsigned int log_size;
    uint64_t events;        /* bit per event type */
    VHCAObject *uar;
    unsigned int vector;
    uint32_t producer;
    uint32_t consumer;
    bool armed;
} VHCAEq;

typedef enum VHCACqArm {
    VHCA_CQ_NOT_ARMED,
    VHCA_CQ_ARMED_SOLICITED,
    VHCA_CQ_ARMED,
} VHCACqArm;

typedef struct VHCACq {
    VHCAObject base;
    uint8_t context[CQC_SIZE];
    VHCABuffer buffer;
    unsigned int log_size;
    unsigned int cqe_size;
    uint64_t doorbell_record;
    VHCAObject *uar;
    VHCAEq *eq;
    bool ignore_overrun;
    bool overrun;
    VHCACqArm arm;
    uint32_t producer;
    uint32_t consumer;      /* as last read from the doorbell record */
    uint32_t solicited;     /* producer after the last solicited CQE */
} VHCACq;

typedef struct VHCASrq {
    VHCAObject base;
    uint8_t context[SRQC_SIZE];
    VHCABuffer buffer;
    uint64_t doorbell_record;
    VHCAObject *pd;
    uint32_t entries;
    unsigned int stride;
    uint16_t index;         /* entry to take next: they form a list */
    uint16_t following;     /* the one after it, as last peeked */
    uint16_t taken;
    uint16_t posted;        /* as last read from the doorbell record */
    uint16_t limit;         /* raise an event below it; 0: no */
} VHCASrq;

typedef struct VHCAWq {     /* one direction of a queue pair */
    bool present;
    uint32_t entries;       /* a power of two; WQEBBs for the send queue */
    unsigned int stride;
    uint64_t offset;        /* in the queue pair's buffer */
    uint16_t head;          /* next entry to run */
    uint16_t tail;          /* producer, as last read */
} VHCAWq;

#define VHCA_WQE_MAX    1024    /* 63 segments of 16 bytes, and rounding */

typedef struct VHCAQp {
    VHCAObject base;
    VHCAState *hca;
    VerbsQP *verbs;
    uint8_t context[QPC_SIZE];
    VHCABuffer buffer;
    uint64_t doorbell_record;
    VHCAObject *uar;
    uint32_t user_index;
    VHCAObject *pd;
    VHCACq *send_cq;
    VHCACq *recv_cq;
    VHCASrq *srq;
    VHCAWq sq;
    VHCAWq rq;
    unsigned int wqe_blocks;        /* of the entry that was peeked last */
    uint8_t wqe[VHCA_WQE_MAX];      /* its snapshot: the guest may change it */
} VHCAQp;

typedef struct VHCAMkey {
    VerbsMR mr;
    uint32_t index;
    uint8_t context[MKC_SIZE];
    size_t table_len;       /* bytes of mr.pages */
    bool ats;               /* addresses are translated before they are sent */
    bool tph_en;
    uint8_t ph;
    uint8_t st_index;
} VHCAMkey;

/*
 * ------------------------------------------------------------- the device
 */

#define VHCA_VECTORS        16
#define VHCA_BAR_SIZE       (16 * MiB)
#define VHCA_FIRST_UAR      16      /* keeps the init segment out of UARs */
#define VHCA_EQS            32
#define VHCA_CAP_GROUPS     2
#define VHCA_CAP_SIZE       256
/*
 * The translation tables of all keys together. Everything else that a guest
 * can make the host hold is bounded by the number of objects: a million keys,
 * and some thousand queues with a page list of a quarter of a megabyte each.
 */
#define VHCA_TABLES_MAX     (256 * MiB)

struct VHCAState {
    PCIDevice parent_obj;

    /* properties */
    uint32_t st_entries;
    bool tph_ext;
    bool ats;
    uint16_t lid;
    bool plain_copy;            /* for benchmarks: no TLPs */

    PCIeATC atc;

    /* BAR0 */
    MemoryRegion bar0;
    uint32_t cmdq_high;
    uint32_t cmdq_low;
    uint32_t nic_interface;

    /* command interface */
    uint32_t cmd_pending;
    QEMUBH *cmd_bh;
    uint64_t commands;
    uint64_t commands_failed;
    bool enabled;               /* ENABLE_HCA */
    bool initialized;           /* INIT_HCA */
    uint8_t caps_max[VHCA_CAP_GROUPS][VHCA_CAP_SIZE];
    uint8_t caps[VHCA_CAP_GROUPS][VHCA_CAP_SIZE];

    /* objects */
    VHCATable eqs;
    VHCATable cqs;
    VHCATable qps;
    VHCATable srqs;
    VHCATable pds;
    VHCATable uars;
    VHCATable xrcds;
    VHCATable mkeys;
    uint64_t tables_len;
    unsigned int uar_shift;

    uint8_t node_desc[NODE_DESC_SIZE];
    VerbsDevice *verbs;
    unsigned int busy;          /* requests being sent, one inside another */
    QEMUBH *reset_bh;
    Error *migration_blocker;
};

/**
 * vhca_dma_read(), vhca_dma_write(): the device's own requests, without a hint
 * and with default attributes; a read can fail
 */
bool vhca_dma_read(VHCAState *s, uint64_t addr, void *data, size_t len);
void vhca_dma_write(VHCAState *s, uint64_t addr, const void *data, size_t len);
/** vhca_interrupt(): send an MSI-X message; @vector is below VHCA_VECTORS */
void vhca_interrupt(VHCAState *s, unsigned int vector);

/** vhca_port_guid(): made from the LID, so that it differs as that does */
uint64_t vhca_port_guid(VHCAState *s);
/** vhca_caps_reset(): capabilities as before any SET_HCA_CAP */
void vhca_caps_reset(VHCAState *s);
/** vhca_objects_init(), vhca_objects_free(): the tables, with the device */
void vhca_objects_init(VHCAState *s);
void vhca_objects_free(VHCAState *s);
/** vhca_objects_clear(): destroy all, in the order in which they use others */
void vhca_objects_clear(VHCAState *s);

/** vhca_eq_destroy(), ...: for their tables; also for one made in part */
void vhca_eq_destroy(void *eq);
void vhca_cq_destroy(void *cq);
void vhca_qp_destroy(void *qp);
void vhca_srq_destroy(void *srq);

enum {      /* enum mlx5_event of the driver */
    VHCA_EVENT_COMPLETION = 0x00,
    VHCA_EVENT_CQ_ERROR   = 0x04,
    VHCA_EVENT_QP_FATAL   = 0x05,
    VHCA_EVENT_COMMAND    = 0x0a,
    VHCA_EVENT_QP_REQUEST = 0x10,
    VHCA_EVENT_QP_ACCESS  = 0x11,
    VHCA_EVENT_LAST_WQE   = 0x13,
    VHCA_EVENT_SRQ_LIMIT  = 0x14,
};

#define VHCA_EQE_DATA  28

/** vhca_eq_for_event(): who asked for events of @type; NULL: nobody */
VHCAEq *vhca_eq_for_event(VHCAState *s, uint8_t type);
/** vhca_eq_post(): @data: VHCA_EQE_DATA bytes; lost if the queue is full */
void vhca_eq_post(VHCAState *s, VHCAEq *eq, uint8_t type, const uint8_t *data);
/** vhca_eq_doorbell(): consumer index in @value; @arm: interrupt when behind */
void vhca_eq_doorbell(VHCAState *s, uint32_t uar, uint32_t value, bool arm);

/**
 * vhca_cq_post()
 * @cqe: VHCA_CQE_SIZE bytes, without the owner bit
 *
 * False: the queue has overrun; this entry is lost, and so will be all more.
 */
bool vhca_cq_post(VHCAState *s, VHCACq *cq, uint8_t *cqe, bool solicited);
/** vhca_cq_doorbell(): raise an event at the next, or next solicited, entry */
void vhca_cq_doorbell(VHCAState *s, uint32_t uar, uint64_t value);

/** vhca_qp_update(): tell the engine what it must know, out of the context */
void vhca_qp_update(VHCAQp *qp);
/** vhca_qp_doorbell(): there may be new send requests */
void vhca_qp_doorbell(VHCAState *s, uint32_t uar, uint64_t value);

/** vhca_event_affiliated(): @number is that of a QP or an SRQ */
void vhca_event_affiliated(VHCAState *s, uint8_t type, uint32_t number);

/**
 * vhca_queue_waiting(): entries from @head to *@tail
 * @record: where the guest keeps the tail; it costs a read to look there, so
 *          only when there is no entry left
 *
 * Returns -1 if the tail is out of bounds or out of reach.
 */
int vhca_queue_waiting(VHCAState *s, uint64_t record, uint16_t *tail,
                       uint16_t head, uint32_t entries);

#define VHCA_RECV_STRIDE_MAX  2048

/** vhca_srq_peek(), vhca_srq_retire(): as VerbsOps.peek_recv, .retire_recv */
int vhca_srq_peek(VHCAState *s, VHCASrq *srq, VerbsRecvWR *wr);
void vhca_srq_retire(VHCAState *s, VHCASrq *srq);

/** vhca_wqe_len(), vhca_wqe_opcode(): of the entry that begins with @wqe */
size_t vhca_wqe_len(const uint8_t *wqe);
uint8_t vhca_wqe_opcode(const uint8_t *wqe);
/**
 * vhca_wqe_parse_send(): from the snapshot in @qp->wqe
 * vhca_wqe_parse_recv(): from @len bytes of segments at @wqe
 *
 * False: malformed.
 */
bool vhca_wqe_parse_send(VHCAQp *qp, VerbsSendWR *wr);
bool vhca_wqe_parse_recv(const uint8_t *wqe, size_t len, VerbsRecvWR *wr);

/** vhca_mkey_page_size_ok(): false: pages below VERBS_PAGE_SHIFT_MIN */
bool vhca_mkey_page_size_ok(const uint8_t *mkc);
/** vhca_mkey_get(): NULL if there is no such key; bits 31:8 of it are @index */
VHCAMkey *vhca_mkey_get(VHCAState *s, uint32_t index);
/** vhca_mkey_update(): bring the engine's view in line with @mkey->context */
void vhca_mkey_update(VHCAMkey *mkey);
/** vhca_mkey_invalidate(): VerbsOps.invalidate, in the context that rules */
void vhca_mkey_invalidate(void *opaque, VerbsMR *mr);
/** vhca_mkey_free(): also for one that was made in part */
void vhca_mkey_free(VHCAState *s, VHCAMkey *mkey);
/**
 * vhca_mkey_load(): overwrite a part of the translation table
 * @mtt: @len bytes of MTTs in mlx5's format
 *
 * False: it is not all in the table; nothing was changed.
 */
bool vhca_mkey_load(VHCAMkey *mkey, uint64_t offset, const uint8_t *mtt,
                    size_t len);

/** vhca_umr_run(): VerbsOps.run_private */
VerbsStatus vhca_umr_run(VerbsQP *qp, const VerbsSendWR *wr);

/** vhca_verbs_ops: the engine's way back to us; the functions are its ops */
extern const VerbsOps vhca_verbs_ops;
int vhca_peek_send(VerbsQP *qp, VerbsSendWR *wr);
void vhca_retire_send(VerbsQP *qp);
int vhca_peek_recv(VerbsQP *qp, VerbsRecvWR *wr);
void vhca_retire_recv(VerbsQP *qp);
void vhca_complete(VerbsQP *qp, const VerbsWC *wc);
void vhca_qp_error(VerbsQP *qp);

#endif
