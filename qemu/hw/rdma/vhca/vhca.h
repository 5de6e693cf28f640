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

/*
 * Answer with an error. @check numbers the failing checks of one opcode; the
 * driver prints the syndrome, opcode << 8 | check.
 */
void vhca_cmd_fail(VHCACmd *cmd, uint8_t status, uint8_t check);

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

void vhca_cmd_init(VHCAState *s);
void vhca_cmd_exit(VHCAState *s);
void vhca_cmd_doorbell(VHCAState *s, uint32_t slots);
void vhca_cmd_reset(VHCAState *s);

/*
 * ---------------------------------------------------------------- objects
 */

/*
 * Objects by number. Numbers are handed out in turn, so that one that was
 * just freed does not come back at once.
 */
typedef struct VHCATable {
    GHashTable *objects;
    uint32_t first;
    uint32_t last;
    uint32_t next;
} VHCATable;

void vhca_table_init(VHCATable *table, uint32_t first, uint32_t last,
                     GDestroyNotify destroy);
void vhca_table_free(VHCATable *table);
/* Forget all objects, and that any number was handed out */
void vhca_table_clear(VHCATable *table);
/* False: no number is left; @object stays the caller's */
bool vhca_table_add(VHCATable *table, void *object, uint32_t *id);
void *vhca_table_get(const VHCATable *table, uint32_t id);
void vhca_table_remove(VHCATable *table, uint32_t id);

/* A queue in guest memory: pages of equal size, the first one used in part */
typedef struct VHCABuffer {
    uint64_t *pages;
    size_t nr_pages;
    unsigned int page_shift;
    uint64_t offset;
    uint64_t size;
} VHCABuffer;

/*
 * Take the page list at CMD_PAS of @cmd. @log_page_size and @page_offset are
 * the context's fields: log2 of 4 KiB units, and 64ths of a page. False: the
 * list does not cover @size bytes.
 */
bool vhca_buffer_init(VHCABuffer *buffer, const VHCACmd *cmd,
                      unsigned int log_page_size, unsigned int page_offset,
                      uint64_t size);
void vhca_buffer_free(VHCABuffer *buffer);
bool vhca_buffer_read(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                      void *data, size_t len);
bool vhca_buffer_write(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                       const void *data, size_t len);

typedef struct VHCAId {     /* an object that is nothing but its number */
    uint32_t id;
    unsigned int users;
} VHCAId;

typedef struct VHCAUar {    /* and a doorbell's first half, of 32-bit programs */
    VHCAId base;
    hwaddr half_offset;
    uint32_t half_value;
} VHCAUar;

/* Count a user of number @id; NULL: there is no such object */
VHCAId *vhca_id_take(const VHCATable *table, uint32_t id);
/* @object may be NULL */
void vhca_id_put(VHCAId *object);

typedef struct VHCAEq {
    uint32_t eqn;
    uint8_t context[EQC_SIZE];
    VHCABuffer buffer;
    unsigned int log_size;
    uint64_t events;        /* bit per event type */
    VHCAId *uar;
    unsigned int vector;
    uint32_t producer;
    uint32_t consumer;
    bool armed;
    unsigned int users;
} VHCAEq;

typedef enum VHCACqArm {
    VHCA_CQ_NOT_ARMED,
    VHCA_CQ_ARMED_SOLICITED,
    VHCA_CQ_ARMED,
} VHCACqArm;

typedef struct VHCACq {
    uint32_t cqn;
    uint8_t context[CQC_SIZE];
    VHCABuffer buffer;
    unsigned int log_size;
    unsigned int cqe_size;
    uint64_t doorbell_record;
    VHCAId *uar;
    VHCAEq *eq;
    bool ignore_overrun;
    bool overrun;
    VHCACqArm arm;
    uint32_t producer;
    uint32_t consumer;      /* as last read from the doorbell record */
    uint32_t solicited;     /* producer after the last solicited CQE */
    unsigned int users;
} VHCACq;

typedef struct VHCASrq {
    uint32_t srqn;
    uint8_t context[SRQC_SIZE];
    VHCABuffer buffer;
    uint64_t doorbell_record;
    VHCAId *pd;
    uint32_t entries;
    unsigned int stride;
    uint16_t index;         /* entry to take next: they form a list */
    uint16_t following;     /* the one after it, as last peeked */
    uint16_t taken;
    uint16_t posted;        /* as last read from the doorbell record */
    uint16_t limit;         /* raise an event below it; 0: no */
    unsigned int users;
} VHCASrq;

typedef struct VHCAWq {     /* one direction of a queue pair */
    bool present;
    uint32_t entries;       /* a power of two; WQEBBs for the send queue */
    unsigned int stride;
    uint64_t offset;        /* in the queue pair's buffer */
    uint16_t head;          /* next entry to run */
    uint16_t tail;          /* producer, as last read */
} VHCAWq;

#define VHCA_CQE_SIZE   64
#define VHCA_WQEBB      64
#define VHCA_WQE_MAX    1024    /* 63 segments of 16 bytes, and rounding */

typedef struct VHCAQp {
    VHCAState *hca;
    uint32_t qpn;
    VerbsQP *verbs;
    uint8_t context[QPC_SIZE];
    VHCABuffer buffer;
    uint64_t doorbell_record;
    VHCAId *uar;
    uint32_t user_index;
    VHCAId *pd;
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
#define VHCA_CMD_SLOTS      32
#define VHCA_CAP_GROUPS     2
#define VHCA_CAP_SIZE       256
/* All translation tables together: a guest cannot exhaust the host */
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

/* The device's own requests: no hint, default attributes */
bool vhca_dma_read(VHCAState *s, uint64_t addr, void *data, size_t len);
void vhca_dma_write(VHCAState *s, uint64_t addr, const void *data, size_t len);
void vhca_interrupt(VHCAState *s, unsigned int vector);

uint64_t vhca_port_guid(VHCAState *s);
void vhca_caps_reset(VHCAState *s);
void vhca_objects_init(VHCAState *s);
void vhca_objects_free(VHCAState *s);
/* Destroy all objects in the order in which they use one another */
void vhca_objects_clear(VHCAState *s);

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

enum {      /* qpc.st */
    VHCA_QP_ST_RC      = 0x0,
    VHCA_QP_ST_UC      = 0x1,
    VHCA_QP_ST_UD      = 0x2,
    VHCA_QP_ST_QP0     = 0x7,
    VHCA_QP_ST_QP1     = 0x8,
    VHCA_QP_ST_REG_UMR = 0xc,
};

#define VHCA_EQE_DATA  28

VHCAEq *vhca_eq_for_event(VHCAState *s, uint8_t type);
/* @data: VHCA_EQE_DATA bytes */
void vhca_eq_post(VHCAState *s, VHCAEq *eq, uint8_t type, const uint8_t *data);
void vhca_eq_doorbell(VHCAState *s, uint32_t uar, uint32_t value, bool arm);

/* @cqe: 64 bytes without the owner bit. False: lost, and so will be all more */
bool vhca_cq_post(VHCAState *s, VHCACq *cq, uint8_t *cqe, bool solicited);
void vhca_cq_doorbell(VHCAState *s, uint32_t uar, uint64_t value);

VHCAQp *vhca_qp_find(VHCAState *s, VHCACmd *cmd);
/* Tell the engine what it must know, out of the context */
void vhca_qp_update(VHCAQp *qp);
void vhca_qp_doorbell(VHCAState *s, uint32_t uar, uint64_t value);

/* An affiliated event: @number is of a QP or an SRQ */
void vhca_event_affiliated(VHCAState *s, uint8_t type, uint32_t number);

#define VHCA_RECV_STRIDE_MAX  2048

/* As VerbsOps.peek_recv and .retire_recv */
int vhca_srq_peek(VHCAState *s, VHCASrq *srq, VerbsRecvWR *wr);
void vhca_srq_retire(VHCAState *s, VHCASrq *srq);

/* Bytes and opcode of the entry that begins with @wqe */
size_t vhca_wqe_len(const uint8_t *wqe);
uint8_t vhca_wqe_opcode(const uint8_t *wqe);
/* Fill @wr from the snapshot in @qp->wqe; false: malformed */
bool vhca_wqe_parse_send(VHCAQp *qp, VerbsSendWR *wr);
bool vhca_wqe_parse_recv(const uint8_t *wqe, size_t len, VerbsRecvWR *wr);

/* Pages smaller than ConnectX' own would make a little data many requests */
bool vhca_mkey_page_size_ok(const uint8_t *mkc);
VHCAMkey *vhca_mkey_get(VHCAState *s, uint32_t index);
/* Bring the engine's view up to date with @mkey->context */
void vhca_mkey_update(VHCAMkey *mkey);
/* VerbsOps.invalidate: in the context, which later changes start from */
void vhca_mkey_invalidate(void *opaque, VerbsMR *mr);
void vhca_mkey_free(VHCAState *s, VHCAMkey *mkey);
/* Overwrite part of the translation table with @len bytes of MTTs */
bool vhca_mkey_load(VHCAMkey *mkey, uint64_t offset, const uint8_t *mtt,
                    size_t len);

VerbsStatus vhca_umr_run(VerbsQP *qp, const VerbsSendWR *wr);

/* The engine's way back to us */
extern const VerbsOps vhca_verbs_ops;
int vhca_peek_send(VerbsQP *qp, VerbsSendWR *wr);
void vhca_retire_send(VerbsQP *qp);
int vhca_peek_recv(VerbsQP *qp, VerbsRecvWR *wr);
void vhca_retire_recv(VerbsQP *qp);
void vhca_complete(VerbsQP *qp, const VerbsWC *wc);
void vhca_qp_error(VerbsQP *qp);

#endif
