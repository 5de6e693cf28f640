/*
 * Virtual ConnectX: port, vport and register commands
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * One InfiniBand port that is always up. Its LID is a property of the device;
 * the subnet manager that would have assigned it does not exist.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"

/* InfiniBand Architecture Specification, PortInfo */
#define PORT_STATE_ACTIVE       4
#define PHYSICAL_STATE_LINK_UP  5
#define CAP_MASK_CM_SUPPORTED   0x10000
#define SUBNET_TIMEOUT          18
#define LINK_LOCAL_PREFIX       0xfe80000000000000ull
#define PKEY_DEFAULT            0xffff

#define GIDS                    8       /* gid_table_size 0 */
#define PKEYS                   128     /* pkey_table_size 0 */
#define INDEX_ALL               0xffff

/* enum MLX5_REG_* of the driver */
#define REG_PMTU                0x5003
#define REG_PTYS                0x5004
#define REG_PVLC                0x500f
#define REG_NODE_DESC           0x6001
#define REG_HOST_ENDIANNESS     0x7004

#define ACCESS_REG_WRITE        0       /* op_mod; 1 reads */

#define PTYS_PROTO_IB           1
#define LINK_WIDTH_4X           4
#define LINK_SPEED_NDR          0x80
#define MTU_BYTES               4096
#define VLS                     4

void vhca_query_vport_context(VHCAState *s, VHCACmd *cmd)
{
    uint8_t *ctx = cmd->out + CMD_CONTEXT;

    ifc_set(ctx, VPORT_PHYSICAL_STATE, PHYSICAL_STATE_LINK_UP);
    ifc_set(ctx, VPORT_PORT_STATE, PORT_STATE_ACTIVE);
    ifc_set(ctx, VPORT_VPORT_STATE, PORT_STATE_ACTIVE);
    stq_be_p(ctx + VPORT_SYSTEM_IMAGE_GUID, vhca_port_guid(s));
    stq_be_p(ctx + VPORT_PORT_GUID, vhca_port_guid(s));
    stq_be_p(ctx + VPORT_NODE_GUID, vhca_port_guid(s));
    ifc_set(ctx, VPORT_CAP_MASK1, CAP_MASK_CM_SUPPORTED);
    ifc_set(ctx, VPORT_CAP_MASK1_SELECT, CAP_MASK_CM_SUPPORTED);
    ifc_set(ctx, VPORT_LID, s->lid);
    ifc_set(ctx, VPORT_SUBNET_TIMEOUT, SUBNET_TIMEOUT);
    ifc_set(ctx, VPORT_SM_LID, s->lid);
}

void vhca_modify_vport_context(VHCAState *s, VHCACmd *cmd)
{
    /* ib_cm announces itself in cap_mask1, where it always is */
}

void vhca_query_vport_gid(VHCAState *s, VHCACmd *cmd)
{
    uint32_t index = ifc_get(cmd->in, VPORT_QUERY_INDEX);
    uint8_t *gid = cmd->out + CMD_CONTEXT;

    if (index >= GIDS && index != INDEX_ALL) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
        return;
    }
    ifc_set(cmd->out, VPORT_GIDS_NUM, index == INDEX_ALL ? GIDS : 1);
    if (index == 0 || index == INDEX_ALL) {
        stq_be_p(gid, LINK_LOCAL_PREFIX);
        stq_be_p(gid + 8, vhca_port_guid(s));
    }
}

void vhca_query_vport_pkey(VHCAState *s, VHCACmd *cmd)
{
    uint32_t index = ifc_get(cmd->in, VPORT_QUERY_INDEX);

    if (index >= PKEYS && index != INDEX_ALL) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
        return;
    }
    if (index == 0 || index == INDEX_ALL) {
        stl_be_p(cmd->out + CMD_CONTEXT, PKEY_DEFAULT);
    }
}

void vhca_query_vport_counter(VHCAState *s, VHCACmd *cmd)
{
    /* All zero: an outbox starts so */
}

static void read_ptys(uint8_t *reg)
{
    ifc_set(reg, PTYS_LOCAL_PORT, 1);
    ifc_set(reg, PTYS_PROTO_MASK, PTYS_PROTO_IB);
    ifc_set(reg, PTYS_WIDTH_CAPABILITY, LINK_WIDTH_4X);
    ifc_set(reg, PTYS_PROTO_CAPABILITY, LINK_SPEED_NDR);
    ifc_set(reg, PTYS_WIDTH_ADMIN, LINK_WIDTH_4X);
    ifc_set(reg, PTYS_PROTO_ADMIN, LINK_SPEED_NDR);
    ifc_set(reg, PTYS_WIDTH_OPER, LINK_WIDTH_4X);
    ifc_set(reg, PTYS_PROTO_OPER, LINK_SPEED_NDR);
}

static void read_pmtu(uint8_t *reg)
{
    ifc_set(reg, PTYS_LOCAL_PORT, 1);
    ifc_set(reg, PMTU_MAX, MTU_BYTES);
    ifc_set(reg, PMTU_ADMIN, MTU_BYTES);
    ifc_set(reg, PMTU_OPER, MTU_BYTES);
}

static void read_pvlc(uint8_t *reg)
{
    ifc_set(reg, PTYS_LOCAL_PORT, 1);
    ifc_set(reg, PVLC_VL_HW_CAP, VLS);
    ifc_set(reg, PVLC_VL_ADMIN, VLS);
    ifc_set(reg, PVLC_VL_OPERATIONAL, VLS);
}

static void read_register(VHCAState *s, VHCACmd *cmd, uint32_t id)
{
    uint8_t *reg = cmd->out + CMD_CONTEXT;

    switch (id) {
    case REG_PTYS:
        read_ptys(reg);
        break;
    case REG_PMTU:
        read_pmtu(reg);
        break;
    case REG_PVLC:
        read_pvlc(reg);
        break;
    case REG_NODE_DESC:
        memcpy(reg, s->node_desc, NODE_DESC_SIZE);
        break;
    default:
        vhca_cmd_fail(cmd, VHCA_BAD_OP, 1);
    }
}

static void write_register(VHCAState *s, VHCACmd *cmd, uint32_t id)
{
    switch (id) {
    case REG_NODE_DESC:
        memcpy(s->node_desc, cmd->in + CMD_CONTEXT, NODE_DESC_SIZE);
        break;
    case REG_HOST_ENDIANNESS:
        break;      /* what it would change are formats that we do not have */
    default:
        vhca_cmd_fail(cmd, VHCA_BAD_OP, 2);
    }
}

void vhca_access_register(VHCAState *s, VHCACmd *cmd)
{
    uint32_t id = ifc_get(cmd->in, ACCESS_REG_ID);

    if (ifc_get(cmd->in, CMD_IN_OP_MOD) == ACCESS_REG_WRITE) {
        write_register(s, cmd, id);
    } else {
        read_register(s, cmd, id);
    }
}
