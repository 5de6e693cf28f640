/*
 * Virtual ConnectX: where the fields of mlx5's structures are
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Everything that mlx5 and its driver exchange is a sequence of big-endian
 * 32-bit words. A field is named by the byte offset of its word, by its most
 * significant bit in that word (31 is the leftmost) and by its width. Linux
 * publishes the same facts as struct mlx5_ifc_NAME_bits in
 * include/linux/mlx5/mlx5_ifc.h; the prefixes below follow those names.
 */
#ifndef HW_RDMA_VHCA_IFC_H
#define HW_RDMA_VHCA_IFC_H

#include "qemu/bswap.h"

#define IFC(byte, msb, width)  ((byte) << 16 | (msb) << 8 | (width))
#define IFC_BYTE(field)        ((field) >> 16)
#define IFC_SHIFT(field)       (((field) >> 8 & 0xff) + 1 - ((field) & 0xff))
#define IFC_MASK(field)        ((uint32_t)((1ull << ((field) & 0xff)) - 1))

static inline uint32_t ifc_get(const void *base, uint32_t field)
{
    const uint8_t *word = (const uint8_t *)base + IFC_BYTE(field);

    return ldl_be_p(word) >> IFC_SHIFT(field) & IFC_MASK(field);
}

static inline void ifc_set(void *base, uint32_t field, uint32_t value)
{
    uint8_t *word = (uint8_t *)base + IFC_BYTE(field);
    uint32_t mask = IFC_MASK(field) << IFC_SHIFT(field);

    stl_be_p(word, (ldl_be_p(word) & ~mask) |
                   (value << IFC_SHIFT(field) & mask));
}

static inline void ifc_copy(void *to, const void *from, uint32_t field)
{
    ifc_set(to, field, ifc_get(from, field));
}

/* Every command: inbox and outbox */
#define CMD_IN_OPCODE               IFC(0x00, 31, 16)
#define CMD_IN_OP_MOD               IFC(0x04, 15, 16)
#define CMD_IN_ID                   IFC(0x08, 23, 24)   /* QPN, CQN, EQN... */
#define CMD_OUT_ID                  IFC(0x08, 23, 24)
#define CMD_CONTEXT                 0x10    /* eqc, cqc, mkc, srqc, caps... */
#define CMD_PAS                     0x110   /* page addresses, MTTs */

/* eqc */
#define EQC_SIZE                    64
#define EQC_PAGE_OFFSET             IFC(0x08, 11, 6)
#define EQC_LOG_EQ_SIZE             IFC(0x0c, 28, 5)
#define EQC_UAR_PAGE                IFC(0x0c, 23, 24)
#define EQC_INTR                    IFC(0x14, 11, 12)
#define EQC_LOG_PAGE_SIZE           IFC(0x18, 28, 5)
#define EQC_CONSUMER                IFC(0x28, 23, 24)
#define EQC_PRODUCER                IFC(0x2c, 23, 24)
#define CREATE_EQ_EVENT_MASK        0x58    /* be64: event types 0..63 */

/* cqc */
#define CQC_SIZE                    64
#define CQC_STATUS                  IFC(0x00, 31, 4)
#define CQC_CQE_SZ                  IFC(0x00, 23, 3)
#define CQC_OI                      IFC(0x00, 17, 1)
#define CQC_PAGE_OFFSET             IFC(0x08, 11, 6)
#define CQC_LOG_CQ_SIZE             IFC(0x0c, 28, 5)
#define CQC_UAR_PAGE                IFC(0x0c, 23, 24)
#define CQC_EQN                     IFC(0x14, 31, 32)
#define CQC_LOG_PAGE_SIZE           IFC(0x18, 28, 5)
#define CQC_CONSUMER                IFC(0x28, 23, 24)
#define CQC_PRODUCER                IFC(0x2c, 23, 24)
#define CQC_DBR_ADDR                0x38    /* be64 */
#define CREATE_CQ_UMEM_VALID        IFC(0x5c, 31, 1)

/* qpc, at CMD_QPC of each command that has one */
#define CMD_QPC                     0x18
#define CMD_QP_OPT_PARAM_MASK       IFC(0x10, 31, 32)
#define CREATE_QP_UMEM_VALID        IFC(0x10c, 31, 1)
#define QPC_SIZE                    232
#define QPC_STATE                   IFC(0x00, 31, 4)
#define QPC_ST                      IFC(0x00, 23, 8)
#define QPC_PM_STATE                IFC(0x00, 12, 2)
#define QPC_WQ_SIGNATURE            IFC(0x04, 31, 1)
#define QPC_PD                      IFC(0x04, 23, 24)
#define QPC_MTU                     IFC(0x08, 31, 3)
#define QPC_LOG_MSG_MAX             IFC(0x08, 28, 5)
#define QPC_LOG_RQ_SIZE             IFC(0x08, 22, 4)
#define QPC_LOG_RQ_STRIDE           IFC(0x08, 18, 3)
#define QPC_NO_SQ                   IFC(0x08, 15, 1)
#define QPC_LOG_SQ_SIZE             IFC(0x08, 14, 4)
#define QPC_UAR_PAGE                IFC(0x0c, 23, 24)
#define QPC_USER_INDEX              IFC(0x10, 23, 24)
#define QPC_LOG_PAGE_SIZE           IFC(0x14, 28, 5)
#define QPC_REMOTE_QPN              IFC(0x14, 23, 24)
#define QPC_PKEY_INDEX              IFC(0x18, 15, 16)   /* primary ads */
#define QPC_RLID                    IFC(0x1c, 15, 16)
#define QPC_ACK_TIMEOUT             IFC(0x20, 31, 5)
#define QPC_PORT                    IFC(0x3c, 23, 8)
#define QPC_PATH                    0x18
#define QPC_PATH_SIZE               44
#define QPC_LOG_SRA_MAX             IFC(0x70, 23, 3)
#define QPC_RETRY_COUNT             IFC(0x70, 18, 3)
#define QPC_RNR_RETRY               IFC(0x70, 15, 3)
#define QPC_NEXT_SEND_PSN           IFC(0x78, 23, 24)
#define QPC_CQN_SND                 IFC(0x7c, 23, 24)
#define QPC_LOG_RRA_MAX             IFC(0x90, 23, 3)
#define QPC_ATOMIC_MODE             IFC(0x90, 19, 4)
#define QPC_RRE                     IFC(0x90, 15, 1)
#define QPC_RWE                     IFC(0x90, 14, 1)
#define QPC_RAE                     IFC(0x90, 13, 1)
#define QPC_PAGE_OFFSET             IFC(0x90, 11, 6)
#define QPC_MIN_RNR_NAK             IFC(0x94, 28, 5)
#define QPC_NEXT_RCV_PSN            IFC(0x94, 23, 24)
#define QPC_CQN_RCV                 IFC(0x9c, 23, 24)
#define QPC_DBR_ADDR                0xa0    /* be64 */
#define QPC_Q_KEY                   IFC(0xa8, 31, 32)
#define QPC_RQ_TYPE                 IFC(0xac, 26, 3)
#define QPC_SRQN                    IFC(0xac, 23, 24)
#define QPC_HW_SQ_COUNTER           IFC(0xb4, 31, 16)
#define QPC_SW_SQ_COUNTER           IFC(0xb4, 15, 16)
#define QPC_HW_RQ_COUNTER           IFC(0xb8, 31, 32)
#define QPC_SW_RQ_COUNTER           IFC(0xbc, 31, 32)

/* srqc */
#define SRQC_SIZE                   64
#define SRQC_LOG_SRQ_SIZE           IFC(0x00, 27, 4)
#define SRQC_WQ_SIGNATURE           IFC(0x04, 31, 1)
#define SRQC_LOG_STRIDE             IFC(0x04, 26, 3)
#define SRQC_PAGE_OFFSET            IFC(0x08, 31, 6)
#define SRQC_LOG_PAGE_SIZE          IFC(0x10, 29, 6)
#define SRQC_PD                     IFC(0x18, 23, 24)
#define SRQC_LWM                    IFC(0x1c, 31, 16)
#define SRQC_WQE_CNT                IFC(0x1c, 15, 16)
#define SRQC_DBR_ADDR               0x28    /* be64 */
#define ARM_RQ_LWM                  IFC(0x0c, 15, 16)

/* mkc */
#define MKC_SIZE                    64
#define MKC_FREE                    IFC(0x00, 30, 1)
#define MKC_ACCESS_MODE_4_2         IFC(0x00, 28, 3)
#define MKC_RELAXED_WRITE           IFC(0x00, 18, 1)
#define MKC_UMR_EN                  IFC(0x00, 15, 1)
#define MKC_A                       IFC(0x00, 14, 1)
#define MKC_RW                      IFC(0x00, 13, 1)
#define MKC_RR                      IFC(0x00, 12, 1)
#define MKC_LW                      IFC(0x00, 11, 1)
#define MKC_LR                      IFC(0x00, 10, 1)
#define MKC_ACCESS_MODE_1_0         IFC(0x00, 9, 2)
#define MKC_MA_TRANSLATION_MODE     IFC(0x00, 5, 2)     /* 1: ATS */
#define MKC_QPN                     IFC(0x04, 31, 24)
#define MKC_MKEY_7_0                IFC(0x04, 7, 8)
#define MKC_LENGTH64                IFC(0x0c, 31, 1)
#define MKC_EN_RINVAL               IFC(0x0c, 24, 1)
#define MKC_PD                      IFC(0x0c, 23, 24)
#define MKC_START_ADDR              0x10    /* be64 */
#define MKC_LEN                     0x18    /* be64 */
#define MKC_TRANSLATIONS            IFC(0x34, 31, 32)   /* octowords */
#define MKC_RELAXED_READ            IFC(0x38, 6, 1)
#define MKC_LOG_PAGE_SIZE           IFC(0x38, 5, 6)
#define MKC_LOG_PAGE_SIZE_LOW       IFC(0x38, 4, 5)
#define MKC_LOG_PAGE_SIZE_HIGH      IFC(0x38, 5, 1)
#define MKC_TPH_EN                  IFC(0x3c, 26, 1)
#define MKC_TPH_PH                  IFC(0x3c, 25, 2)
#define MKC_TPH_ST_INDEX            IFC(0x3c, 23, 8)
#define CREATE_MKEY_UMEM_VALID      IFC(0x0c, 30, 1)
#define CREATE_MKEY_ACTUAL_OCTOS    IFC(0x60, 31, 32)

/* QUERY_ISSI, QUERY_PAGES */
#define QUERY_ISSI_SUPPORTED_DW0    IFC(0x6c, 31, 32)
#define QUERY_PAGES_NUM             IFC(0x0c, 31, 32)

/* cmd_hca_cap (general), atomic_caps */
#define CAP_PAGE_REQUEST_DISABLE    IFC(0x00, 25, 1)
#define CAP_HCA_CAP_2               IFC(0x04, 31, 1)
#define CAP_VHCA_ID                 IFC(0x04, 15, 16)
#define CAP_LOG_MAX_SRQ_SZ          IFC(0x10, 31, 8)
#define CAP_LOG_MAX_QP_SZ           IFC(0x10, 23, 8)
#define CAP_LOG_MAX_QP              IFC(0x10, 4, 5)
#define CAP_LOG_MAX_SRQ             IFC(0x14, 20, 5)
#define CAP_LOG_MAX_CQ_SZ           IFC(0x18, 23, 8)
#define CAP_RELAXED_WRITE_UMR       IFC(0x18, 15, 1)
#define CAP_RELAXED_READ_UMR        IFC(0x18, 14, 1)
#define CAP_LOG_MAX_CQ              IFC(0x18, 4, 5)
#define CAP_LOG_MAX_EQ_SZ           IFC(0x1c, 31, 8)
#define CAP_RELAXED_WRITE           IFC(0x1c, 23, 1)
#define CAP_RELAXED_READ_PCI        IFC(0x1c, 22, 1)
#define CAP_LOG_MAX_MKEY            IFC(0x1c, 21, 6)
#define CAP_LOG_MAX_EQ              IFC(0x1c, 3, 4)
#define CAP_LOG_MAX_MRW_SZ          IFC(0x20, 22, 7)
#define CAP_UMR_EXT_XLT_OFFSET      IFC(0x20, 7, 1)
#define CAP_LOG_MAX_KLM_LIST_SIZE   IFC(0x20, 5, 6)
#define CAP_LOG_MAX_RA_REQ_QP       IFC(0x28, 21, 6)
#define CAP_LOG_MAX_RA_RES_QP       IFC(0x28, 5, 6)
#define CAP_VPORT_COUNTERS          IFC(0x30, 30, 1)
#define CAP_IB_VIRT                 IFC(0x34, 29, 1)
#define CAP_LOCAL_CA_ACK_DELAY      IFC(0x34, 20, 5)
#define CAP_NUM_PORTS               IFC(0x34, 7, 8)
#define CAP_LOG_MAX_MSG             IFC(0x38, 28, 5)
#define CAP_CQE_VERSION             IFC(0x3c, 3, 4)
#define CAP_ATOMIC                  IFC(0x40, 1, 1)
#define CAP_PG                      IFC(0x44, 24, 1)
#define CAP_TRANSPORTS              IFC(0x44, 3, 4)     /* xrc, ud, uc, rc */
#define CAP_UAR_SZ                  IFC(0x48, 21, 6)
#define CAP_LOG_PG_SZ               IFC(0x48, 7, 8)
#define CAP_LOG_BF_REG_SIZE         IFC(0x4c, 20, 5)
#define CAP_MAX_WQE_SZ_SQ           IFC(0x50, 15, 16)
#define CAP_MKEY_PCIE_TPH           IFC(0x54, 24, 1)
#define CAP_MAX_WQE_SZ_RQ           IFC(0x54, 15, 16)
#define CAP_LOG_MAX_PD              IFC(0x64, 20, 5)
#define CAP_LOG_MAX_XRCD            IFC(0x64, 4, 5)
#define CAP_ATS                     IFC(0x8c, 30, 1)
#define CAP_LOG_UAR_PAGE_SZ         IFC(0x90, 15, 16)
#define ATOMIC_REQ_8B_MODE          IFC(0x08, 31, 2)
#define ATOMIC_SUPPORTED_MODE_1     IFC(0x08, 25, 1)
#define ATOMIC_OPERATIONS           IFC(0x10, 15, 16)
#define ATOMIC_SIZE_QP              IFC(0x14, 15, 16)

/* query_adapter_param_block, at CMD_CONTEXT */
#define ADAPTER_IEEE_VENDOR_ID      IFC(0x18, 23, 24)
#define ADAPTER_PSID                0xf0

/* hca_vport_context, at CMD_CONTEXT */
#define VPORT_PHYSICAL_STATE        IFC(0x20, 15, 4)
#define VPORT_PORT_STATE            IFC(0x20, 7, 4)
#define VPORT_VPORT_STATE           IFC(0x20, 3, 4)
#define VPORT_SYSTEM_IMAGE_GUID     0x28    /* be64 */
#define VPORT_PORT_GUID             0x30    /* be64 */
#define VPORT_NODE_GUID             0x38    /* be64 */
#define VPORT_CAP_MASK1             IFC(0x40, 31, 32)
#define VPORT_CAP_MASK1_SELECT      IFC(0x44, 31, 32)
#define VPORT_LID                   IFC(0x60, 31, 16)
#define VPORT_SUBNET_TIMEOUT        IFC(0x60, 4, 5)
#define VPORT_SM_LID                IFC(0x64, 31, 16)
#define VPORT_QUERY_INDEX           IFC(0x0c, 15, 16)   /* GID, P_Key */
#define VPORT_GIDS_NUM              IFC(0x0c, 31, 16)

/* access_register and the registers behind it, at CMD_CONTEXT */
#define ACCESS_REG_ID               IFC(0x08, 15, 16)
#define PTYS_LOCAL_PORT             IFC(0x00, 23, 8)
#define PTYS_PROTO_MASK             IFC(0x00, 2, 3)
#define PTYS_WIDTH_CAPABILITY       IFC(0x10, 31, 16)
#define PTYS_PROTO_CAPABILITY       IFC(0x10, 15, 16)
#define PTYS_WIDTH_ADMIN            IFC(0x1c, 31, 16)
#define PTYS_PROTO_ADMIN            IFC(0x1c, 15, 16)
#define PTYS_WIDTH_OPER             IFC(0x28, 31, 16)
#define PTYS_PROTO_OPER             IFC(0x28, 15, 16)
#define PMTU_MAX                    IFC(0x04, 31, 16)
#define PMTU_ADMIN                  IFC(0x08, 31, 16)
#define PMTU_OPER                   IFC(0x0c, 31, 16)
#define PVLC_VL_HW_CAP              IFC(0x04, 3, 4)
#define PVLC_VL_ADMIN               IFC(0x08, 3, 4)
#define PVLC_VL_OPERATIONAL         IFC(0x0c, 3, 4)
#define NODE_DESC_SIZE              64

#endif
