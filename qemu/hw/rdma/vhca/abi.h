/*
 * Virtual ConnectX: the numbers that the device and its driver agree on
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the fields of commands and contexts are: ifc.h. These here Linux has in
 * its mlx5_ifc.h, too (opcodes of commands, as MLX5_CMD_OP_*), and in its
 * device.h and qp.h.
 */
#ifndef HW_RDMA_VHCA_ABI_H
#define HW_RDMA_VHCA_ABI_H

#define VHCA_DEVICE_ID      0x1021      /* ConnectX-7 */
#define VHCA_MSIX_BAR       4

/* Initialization segment, at the begin of BAR0 */
enum {
    VHCA_ISEG_FW_REV         = 0x0000,
    VHCA_ISEG_CMDIF_REV      = 0x0004,
    VHCA_ISEG_CMDQ_HIGH      = 0x0010,
    VHCA_ISEG_CMDQ_LOW       = 0x0014,
    VHCA_ISEG_CMD_DOORBELL   = 0x0018,
    VHCA_ISEG_HEALTH_FW_VER  = 0x0230,
    VHCA_ISEG_TIMER_HIGH     = 0x1000,
    VHCA_ISEG_TIMER_LOW      = 0x1004,
    VHCA_ISEG_HEALTH_COUNTER = 0x1010,
};

/* Bits 10:8 of VHCA_ISEG_CMDQ_LOW */
enum {
    VHCA_NIC_FULL_DRIVER = 0,
    VHCA_NIC_DISABLED    = 1,
    VHCA_NIC_SW_RESET    = 7,
};

/* Doorbells: offsets in a UAR page */
enum {
    VHCA_UAR_CQ_ARM          = 0x020,
    VHCA_UAR_EQ_ARM          = 0x040,
    VHCA_UAR_EQ_CONSUME      = 0x048,
    VHCA_UAR_SEND            = 0x800,   /* two alternating ones, see bf_reg */
    VHCA_UAR_SIZE            = 0x1000,
};

/* An entry of the command queue */
#define VHCA_ENTRY_SIZE         64
#define VHCA_ENTRY_TYPE         0
#define VHCA_ENTRY_TYPE_PCIE    7
#define VHCA_ENTRY_IN_LEN       4
#define VHCA_ENTRY_IN_MAILBOX   8
#define VHCA_ENTRY_IN           16
#define VHCA_ENTRY_OUT          32
#define VHCA_ENTRY_OUT_MAILBOX  48
#define VHCA_ENTRY_OUT_LEN      56
#define VHCA_ENTRY_TOKEN        60
#define VHCA_ENTRY_STATUS       63
#define VHCA_ENTRY_OWNER_HW     1
#define VHCA_ENTRY_INLINE       16

/* What of a command does not fit into the entry */
#define VHCA_MAILBOX_DATA       512
#define VHCA_MAILBOX_NEXT       560
#define VHCA_MAILBOX_NUMBER     568
#define VHCA_MAILBOX_TOKEN      573
#define VHCA_MAILBOX_USED       574

/* Commands */
enum {
    VHCA_OP_QUERY_HCA_CAP = 0x100,
    VHCA_OP_QUERY_ADAPTER = 0x101,
    VHCA_OP_INIT_HCA = 0x102,
    VHCA_OP_TEARDOWN_HCA = 0x103,
    VHCA_OP_ENABLE_HCA = 0x104,
    VHCA_OP_DISABLE_HCA = 0x105,
    VHCA_OP_QUERY_PAGES = 0x107,
    VHCA_OP_SET_HCA_CAP = 0x109,
    VHCA_OP_QUERY_ISSI = 0x10a,
    VHCA_OP_CREATE_MKEY = 0x200,
    VHCA_OP_QUERY_MKEY = 0x201,
    VHCA_OP_DESTROY_MKEY = 0x202,
    VHCA_OP_CREATE_EQ = 0x301,
    VHCA_OP_DESTROY_EQ = 0x302,
    VHCA_OP_QUERY_EQ = 0x303,
    VHCA_OP_CREATE_CQ = 0x400,
    VHCA_OP_DESTROY_CQ = 0x401,
    VHCA_OP_QUERY_CQ = 0x402,
    VHCA_OP_CREATE_QP = 0x500,
    VHCA_OP_DESTROY_QP = 0x501,
    VHCA_OP_RST2INIT_QP = 0x502,
    VHCA_OP_INIT2RTR_QP = 0x503,
    VHCA_OP_RTR2RTS_QP = 0x504,
    VHCA_OP_RTS2RTS_QP = 0x505,
    VHCA_OP_2ERR_QP = 0x507,
    VHCA_OP_2RST_QP = 0x50a,
    VHCA_OP_QUERY_QP = 0x50b,
    VHCA_OP_INIT2INIT_QP = 0x50e,
    VHCA_OP_CREATE_SRQ = 0x700,
    VHCA_OP_DESTROY_SRQ = 0x701,
    VHCA_OP_QUERY_SRQ = 0x702,
    VHCA_OP_ARM_RQ = 0x703,
    VHCA_OP_QUERY_HCA_VPORT_CONTEXT = 0x762,
    VHCA_OP_MODIFY_HCA_VPORT_CONTEXT = 0x763,
    VHCA_OP_QUERY_HCA_VPORT_GID = 0x764,
    VHCA_OP_QUERY_HCA_VPORT_PKEY = 0x765,
    VHCA_OP_QUERY_VPORT_COUNTER = 0x770,
    VHCA_OP_ALLOC_PD = 0x800,
    VHCA_OP_DEALLOC_PD = 0x801,
    VHCA_OP_ALLOC_UAR = 0x802,
    VHCA_OP_DEALLOC_UAR = 0x803,
    VHCA_OP_ACCESS_REG = 0x805,
    VHCA_OP_ALLOC_XRCD = 0x80e,
    VHCA_OP_DEALLOC_XRCD = 0x80f,
};

enum {      /* qpc.st */
    VHCA_QP_ST_RC      = 0x0,
    VHCA_QP_ST_UC      = 0x1,
    VHCA_QP_ST_UD      = 0x2,
    VHCA_QP_ST_QP0     = 0x7,
    VHCA_QP_ST_QP1     = 0x8,
    VHCA_QP_ST_REG_UMR = 0xc,
};

/* Queues: blocks of a send queue, producer indices in the doorbell record */
#define VHCA_WQEBB          64
#define VHCA_CQE_SIZE       64
#define VHCA_RECORD_RECV    0
#define VHCA_RECORD_SEND    4

enum {      /* work requests: MLX5_OPCODE_* of the driver */
    VHCA_WQE_NOP        = 0x00,
    VHCA_WQE_SEND_INVAL = 0x01,
    VHCA_WQE_WRITE      = 0x08,
    VHCA_WQE_WRITE_IMM  = 0x09,
    VHCA_WQE_SEND       = 0x0a,
    VHCA_WQE_SEND_IMM   = 0x0b,
    VHCA_WQE_READ       = 0x10,
    VHCA_WQE_CMP_SWAP   = 0x11,
    VHCA_WQE_FETCH_ADD  = 0x12,
    VHCA_WQE_UMR        = 0x25,
};

/* Completions: opcode above and owner below, and why there was an error */
#define VHCA_CQE_SYNDROME   55
#define VHCA_CQE_OP_OWN     63

enum {      /* opcodes: MLX5_CQE_* of the driver */
    VHCA_CQE_REQ             = 0x0,
    VHCA_CQE_RESP_WRITE_IMM  = 0x1,
    VHCA_CQE_RESP_SEND       = 0x2,
    VHCA_CQE_RESP_SEND_IMM   = 0x3,
    VHCA_CQE_RESP_SEND_INVAL = 0x4,
    VHCA_CQE_REQ_ERR         = 0xd,
    VHCA_CQE_RESP_ERR        = 0xe,
};

enum {      /* syndromes: MLX5_CQE_SYNDROME_* of the driver */
    VHCA_SYNDROME_LOCAL_LENGTH           = 0x01,
    VHCA_SYNDROME_LOCAL_QP_OP            = 0x02,
    VHCA_SYNDROME_LOCAL_PROTECTION       = 0x04,
    VHCA_SYNDROME_FLUSHED                = 0x05,
    VHCA_SYNDROME_LOCAL_ACCESS           = 0x11,
    VHCA_SYNDROME_REMOTE_INVALID_REQUEST = 0x12,
    VHCA_SYNDROME_REMOTE_ACCESS          = 0x13,
    VHCA_SYNDROME_REMOTE_OPERATION       = 0x14,
    VHCA_SYNDROME_RETRY_EXCEEDED         = 0x15,
    VHCA_SYNDROME_RNR_RETRY_EXCEEDED     = 0x16,
};

/* Segments of a work request: 16 bytes, or several times that */
#define VHCA_WQE_SEGMENT    16
#define VHCA_WQE_INLINE     (1u << 31)  /* in a data segment's length */

#endif
