/*
 * Virtual ConnectX: bring-up and capability commands
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A capability bit that is clear takes a whole path of the driver away; what
 * is set here is what an InfiniBand port with verbs, dma-buf regions and TPH
 * needs.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "qemu/units.h"

enum {      /* index in VHCAState.caps */
    GROUP_GENERAL,
    GROUP_ATOMIC,
};

/* enum mlx5_cap_type of the driver */
#define CAP_TYPE_GENERAL        0
#define CAP_TYPE_ATOMIC         3

#define QUERY_CAP_REPLY_SIZE    4096
#define TRANSPORT_ALL           0xf     /* mlx5_ib insists on XRC */
#define IEEE_VENDOR_ID          0x0002c9

/* At most 64 KiB pages: log2 in 4 KiB units */
#define LOG_UAR_PAGE_MAX        4

typedef struct CapValue {
    uint32_t field;
    uint32_t value;
} CapValue;

static const CapValue general_caps[] = {
    { CAP_PAGE_REQUEST_DISABLE, 1 },    /* firmware pages: none needed */
    { CAP_HCA_CAP_2, 1 },
    { CAP_LOG_MAX_SRQ_SZ, 15 },
    { CAP_LOG_MAX_QP_SZ, 15 },
    { CAP_LOG_MAX_QP, 10 },
    { CAP_LOG_MAX_SRQ, 10 },
    { CAP_LOG_MAX_CQ_SZ, 20 },
    { CAP_RELAXED_WRITE_UMR, 1 },
    { CAP_RELAXED_READ_UMR, 1 },
    { CAP_LOG_MAX_CQ, 10 },
    { CAP_LOG_MAX_EQ_SZ, 20 },
    { CAP_RELAXED_WRITE, 1 },
    { CAP_RELAXED_READ_PCI, 1 },        /* as Device Control says */
    { CAP_LOG_MAX_MKEY, 20 },
    { CAP_LOG_MAX_EQ, 5 },
    { CAP_LOG_MAX_MRW_SZ, 40 },
    { CAP_UMR_EXT_XLT_OFFSET, 1 },      /* every MR can go through UMR */
    { CAP_LOG_MAX_KLM_LIST_SIZE, 16 },
    { CAP_LOG_MAX_RA_REQ_QP, 4 },
    { CAP_LOG_MAX_RA_RES_QP, 4 },
    { CAP_VPORT_COUNTERS, 1 },
    { CAP_IB_VIRT, 1 },                 /* vport commands, not MAD_IFC */
    { CAP_LOCAL_CA_ACK_DELAY, 15 },
    { CAP_NUM_PORTS, 1 },
    { CAP_LOG_MAX_MSG, 30 },
    { CAP_CQE_VERSION, 1 },
    { CAP_ATOMIC, 1 },
    { CAP_PG, 1 },                      /* gates dma-buf MRs */
    { CAP_TRANSPORTS, TRANSPORT_ALL },
    { CAP_UAR_SZ, 4 },
    { CAP_LOG_PG_SZ, 12 },
    { CAP_LOG_BF_REG_SIZE, 9 },         /* doorbell spacing; no BlueFlame */
    { CAP_MAX_WQE_SZ_SQ, 1024 },
    { CAP_MAX_WQE_SZ_RQ, 512 },
    { CAP_MKEY_PCIE_TPH, 1 },
    { CAP_LOG_MAX_PD, 16 },
    { CAP_LOG_MAX_XRCD, 10 },
};

static const CapValue atomic_caps[] = {
    { ATOMIC_SUPPORTED_MODE_1, 1 },     /* operands in host byte order */
    { ATOMIC_OPERATIONS, 3 },           /* compare-and-swap, fetch-and-add */
    { ATOMIC_SIZE_QP, 8 },
};

static void set_caps(uint8_t *caps, const CapValue *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ifc_set(caps, values[i].field, values[i].value);
    }
}

/* The size of a UAR depends on the guest's page size */
static void set_uar_size(VHCAState *s, unsigned int log_page)
{
    s->uar_shift = 12 + log_page;
    s->uars.last = (VHCA_BAR_SIZE >> s->uar_shift) - 1;
}

void vhca_caps_reset(VHCAState *s)
{
    memset(s->caps_max, 0, sizeof(s->caps_max));
    set_caps(s->caps_max[GROUP_GENERAL], general_caps,
             ARRAY_SIZE(general_caps));
    ifc_set(s->caps_max[GROUP_GENERAL], CAP_VHCA_ID, s->lid);
    ifc_set(s->caps_max[GROUP_GENERAL], CAP_ATS, s->ats);
    set_caps(s->caps_max[GROUP_ATOMIC], atomic_caps, ARRAY_SIZE(atomic_caps));
    memcpy(s->caps, s->caps_max, sizeof(s->caps));
    set_uar_size(s, 0);
    s->enabled = false;
    s->initialized = false;
}

void vhca_enable_hca(VHCAState *s, VHCACmd *cmd)
{
    vhca_objects_clear(s);
    vhca_caps_reset(s);
    s->enabled = true;
}

void vhca_disable_hca(VHCAState *s, VHCACmd *cmd)
{
    vhca_objects_clear(s);
    vhca_caps_reset(s);
}

void vhca_init_hca(VHCAState *s, VHCACmd *cmd)
{
    if (s->initialized) {
        vhca_cmd_fail(cmd, VHCA_BAD_SYS_STATE, 1);
        return;
    }
    s->initialized = true;
}

void vhca_teardown_hca(VHCAState *s, VHCACmd *cmd)
{
    vhca_objects_clear(s);
    s->initialized = false;
}

void vhca_query_issi(VHCAState *s, VHCACmd *cmd)
{
    /* ISSI 0 alone: InfiniBand needs nothing newer */
    ifc_set(cmd->out, QUERY_ISSI_SUPPORTED_DW0, 1);
}

void vhca_query_pages(VHCAState *s, VHCACmd *cmd)
{
    ifc_set(cmd->out, QUERY_PAGES_NUM, 0);
}

void vhca_query_adapter(VHCAState *s, VHCACmd *cmd)
{
    static const char psid[16] = "P2P0000000001";
    uint8_t *block = cmd->out + CMD_CONTEXT;

    ifc_set(block, ADAPTER_IEEE_VENDOR_ID, IEEE_VENDOR_ID);
    memcpy(block + ADAPTER_PSID, psid, sizeof(psid));
}

static int cap_group(const VHCACmd *cmd)
{
    switch (ifc_get(cmd->in, CMD_IN_OP_MOD) >> 1) {
    case CAP_TYPE_GENERAL:
        return GROUP_GENERAL;
    case CAP_TYPE_ATOMIC:
        return GROUP_ATOMIC;
    default:
        return -1;
    }
}

void vhca_query_hca_cap(VHCAState *s, VHCACmd *cmd)
{
    bool current = ifc_get(cmd->in, CMD_IN_OP_MOD) & 1;
    int group = cap_group(cmd);

    /* A group that we do not know has no capabilities, and is no error */
    QEMU_BUILD_BUG_ON(CMD_CONTEXT + QUERY_CAP_REPLY_SIZE > VHCA_CMD_MIN_BOX);
    if (group >= 0) {
        memcpy(cmd->out + CMD_CONTEXT,
               current ? s->caps[group] : s->caps_max[group], VHCA_CAP_SIZE);
    }
}

static void set_general_caps(VHCAState *s, VHCACmd *cmd)
{
    const uint8_t *caps = cmd->in + CMD_CONTEXT;
    uint32_t log_uar = ifc_get(caps, CAP_LOG_UAR_PAGE_SZ);

    if (cmd->in_len < CMD_CONTEXT + VHCA_CAP_SIZE) {
        vhca_cmd_fail(cmd, VHCA_BAD_INPUT_LEN, 1);
        return;
    }
    if (log_uar > LOG_UAR_PAGE_MAX) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
        return;
    }
    memcpy(s->caps[GROUP_GENERAL], caps, VHCA_CAP_SIZE);
    set_uar_size(s, log_uar);
}

/* The driver fills in this one field and leaves the others zero */
static void set_atomic_caps(VHCAState *s, VHCACmd *cmd)
{
    ifc_copy(s->caps[GROUP_ATOMIC], cmd->in + CMD_CONTEXT, ATOMIC_REQ_8B_MODE);
}

void vhca_set_hca_cap(VHCAState *s, VHCACmd *cmd)
{
    if (s->initialized) {
        vhca_cmd_fail(cmd, VHCA_BAD_SYS_STATE, 3);
        return;
    }
    switch (cap_group(cmd)) {
    case GROUP_GENERAL:
        set_general_caps(s, cmd);
        break;
    case GROUP_ATOMIC:
        set_atomic_caps(s, cmd);
        break;
    default:
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 4);
    }
}
