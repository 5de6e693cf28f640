/*
 * Virtual ConnectX: the command queue
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The driver fills a 64-byte entry, gives it to the device with the ownership
 * bit and rings its bit in the initialization segment. 16 bytes of input and
 * of output are in the entry; the rest is in chains of 512-byte mailboxes.
 * (struct mlx5_cmd_layout and mlx5_cmd_prot_block in the driver's device.h.)
 *
 * Commands run inside the doorbell's write, since the driver polls for them,
 * until they have moved so much that the guest's CPU has waited long enough:
 * the rest runs in a bottom half.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "trace.h"

#define COMMAND_MAX_LEN     (1 * MiB)

/* Bytes of input and output in one go */
#define COMMAND_BUDGET      (256 * KiB)

typedef enum Delivery {     /* MLX5_CMD_DELIVERY_STAT_* of the driver */
    DELIVERY_OK             = 0x00,
    DELIVERY_BAD_TOKEN      = 0x02,
    DELIVERY_BAD_BLOCK      = 0x03,
    DELIVERY_BAD_IN_LENGTH  = 0x07,
    DELIVERY_BAD_OUT_LENGTH = 0x08,
    DELIVERY_BAD_DESCRIPTOR = 0x10,
} Delivery;

typedef struct CommandInfo {
    uint16_t opcode;
    bool early;             /* allowed before INIT_HCA */
    uint16_t in_len;
    uint16_t out_len;
    const char *name;
    VHCACmdFn *run;
} CommandInfo;

#define COMMAND(_name, _early, _in_len, _out_len, _run) \
    { VHCA_OP_##_name, _early, _in_len, _out_len, #_name, _run }

static const CommandInfo commands[] = {
    COMMAND(QUERY_HCA_CAP, true, 12, 16, vhca_query_hca_cap),
    COMMAND(QUERY_ADAPTER, false, 12, 16, vhca_query_adapter),
    COMMAND(INIT_HCA, true, 12, 8, vhca_init_hca),
    COMMAND(TEARDOWN_HCA, true, 12, 8, vhca_teardown_hca),
    COMMAND(ENABLE_HCA, true, 12, 8, vhca_enable_hca),
    COMMAND(DISABLE_HCA, true, 12, 8, vhca_disable_hca),
    COMMAND(QUERY_PAGES, true, 12, 16, vhca_query_pages),
    COMMAND(SET_HCA_CAP, true, 16, 8, vhca_set_hca_cap),
    COMMAND(QUERY_ISSI, true, 12, 112, vhca_query_issi),
    COMMAND(CREATE_MKEY, false, 272, 16, vhca_create_mkey),
    COMMAND(QUERY_MKEY, false, 12, 80, vhca_query_mkey),
    COMMAND(DESTROY_MKEY, false, 12, 8, vhca_destroy_mkey),
    COMMAND(CREATE_EQ, false, 272, 16, vhca_create_eq),
    COMMAND(DESTROY_EQ, false, 12, 8, vhca_destroy_eq),
    COMMAND(QUERY_EQ, false, 12, 80, vhca_query_eq),
    COMMAND(CREATE_CQ, false, 272, 16, vhca_create_cq),
    COMMAND(DESTROY_CQ, false, 12, 8, vhca_destroy_cq),
    COMMAND(QUERY_CQ, false, 12, 80, vhca_query_cq),
    COMMAND(CREATE_QP, false, 272, 16, vhca_create_qp),
    COMMAND(DESTROY_QP, false, 12, 8, vhca_destroy_qp),
    COMMAND(RST2INIT_QP, false, 256, 8, vhca_modify_qp),
    COMMAND(INIT2RTR_QP, false, 256, 8, vhca_modify_qp),
    COMMAND(RTR2RTS_QP, false, 256, 8, vhca_modify_qp),
    COMMAND(RTS2RTS_QP, false, 256, 8, vhca_modify_qp),
    COMMAND(2ERR_QP, false, 12, 8, vhca_modify_qp),
    COMMAND(2RST_QP, false, 12, 8, vhca_modify_qp),
    COMMAND(QUERY_QP, false, 12, 256, vhca_query_qp),
    COMMAND(INIT2INIT_QP, false, 256, 8, vhca_modify_qp),
    COMMAND(CREATE_SRQ, false, 80, 16, vhca_create_srq),
    COMMAND(DESTROY_SRQ, false, 12, 8, vhca_destroy_srq),
    COMMAND(QUERY_SRQ, false, 12, 80, vhca_query_srq),
    COMMAND(ARM_RQ, false, 16, 8, vhca_arm_rq),
    COMMAND(QUERY_HCA_VPORT_CONTEXT, false, 12, 16, vhca_query_vport_context),
    COMMAND(MODIFY_HCA_VPORT_CONTEXT, false, 16, 8, vhca_modify_vport_context),
    COMMAND(QUERY_HCA_VPORT_GID, false, 16, 16, vhca_query_vport_gid),
    COMMAND(QUERY_HCA_VPORT_PKEY, false, 16, 16, vhca_query_vport_pkey),
    COMMAND(QUERY_VPORT_COUNTER, false, 12, 16, vhca_query_vport_counter),
    COMMAND(ALLOC_PD, false, 8, 12, vhca_alloc_pd),
    COMMAND(DEALLOC_PD, false, 12, 8, vhca_dealloc_pd),
    COMMAND(ALLOC_UAR, false, 8, 12, vhca_alloc_uar),
    COMMAND(DEALLOC_UAR, false, 12, 8, vhca_dealloc_uar),
    COMMAND(ACCESS_REG, true, 16, 16, vhca_access_register),
    COMMAND(ALLOC_XRCD, false, 8, 12, vhca_alloc_xrcd),
    COMMAND(DEALLOC_XRCD, false, 12, 8, vhca_dealloc_xrcd),
};

void vhca_cmd_fail(VHCACmd *cmd, uint8_t status, uint8_t check)
{
    cmd->status = status;
    cmd->syndrome = ifc_get(cmd->in, CMD_IN_OPCODE) << 8 | check;
}

static const CommandInfo *find_command(uint16_t opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].opcode == opcode) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Checks that all commands share; their syndromes count down from 0xff */
static void dispatch(VHCAState *s, const CommandInfo *info, VHCACmd *cmd,
                     uint32_t out_len)
{
    if (!info) {
        vhca_cmd_fail(cmd, VHCA_BAD_OP, 0xff);
    } else if (!s->enabled && info->opcode != VHCA_OP_ENABLE_HCA) {
        vhca_cmd_fail(cmd, VHCA_BAD_SYS_STATE, 0xfe);
    } else if (!s->initialized && !info->early) {
        vhca_cmd_fail(cmd, VHCA_BAD_SYS_STATE, 0xfd);
    } else if (cmd->in_len < info->in_len) {
        vhca_cmd_fail(cmd, VHCA_BAD_INPUT_LEN, 0xfc);
    } else if (out_len < info->out_len) {
        vhca_cmd_fail(cmd, VHCA_BAD_OUTPUT_LEN, 0xfb);
    } else {
        info->run(s, cmd);
    }
}

static void execute(VHCAState *s, VHCACmd *cmd, uint32_t out_len)
{
    uint16_t opcode = ifc_get(cmd->in, CMD_IN_OPCODE);
    const CommandInfo *info = find_command(opcode);

    dispatch(s, info, cmd, out_len);
    if (cmd->status) {
        memset(cmd->out, 0, VHCA_CMD_MIN_BOX);
        s->commands_failed++;
    }
    cmd->out[0] = cmd->status;
    stl_be_p(cmd->out + 4, cmd->syndrome);
    s->commands++;
    trace_vhca_command(info ? info->name : "unknown", opcode,
                       ifc_get(cmd->in, CMD_IN_OP_MOD), cmd->status,
                       cmd->syndrome);
}

/* Collect the mailboxes of an inbox behind its inline part */
static Delivery read_inbox(VHCAState *s, const uint8_t *entry, VHCACmd *cmd)
{
    uint64_t mailbox = ldq_be_p(entry + VHCA_ENTRY_IN_MAILBOX);
    uint32_t done = MIN(cmd->in_len, VHCA_ENTRY_INLINE);
    uint8_t block[VHCA_MAILBOX_USED];

    memcpy(cmd->in, entry + VHCA_ENTRY_IN, done);
    for (uint32_t number = 0; done < cmd->in_len; number++) {
        uint32_t len = MIN(cmd->in_len - done, VHCA_MAILBOX_DATA);

        if (!mailbox || !vhca_dma_read(s, mailbox, block, sizeof(block))) {
            return DELIVERY_BAD_IN_LENGTH;
        }
        if (ldl_be_p(block + VHCA_MAILBOX_NUMBER) != number) {
            return DELIVERY_BAD_BLOCK;
        }
        if (block[VHCA_MAILBOX_TOKEN] != entry[VHCA_ENTRY_TOKEN]) {
            return DELIVERY_BAD_TOKEN;
        }
        memcpy(cmd->in + done, block, len);
        done += len;
        mailbox = ldq_be_p(block + VHCA_MAILBOX_NEXT);
    }
    return DELIVERY_OK;
}

/* Spread an outbox over the entry and its mailboxes */
static Delivery write_outbox(VHCAState *s, uint8_t *entry, const VHCACmd *cmd,
                             uint32_t out_len)
{
    uint64_t mailbox = ldq_be_p(entry + VHCA_ENTRY_OUT_MAILBOX);
    uint32_t done = MIN(out_len, VHCA_ENTRY_INLINE);

    memcpy(entry + VHCA_ENTRY_OUT, cmd->out, done);
    while (done < out_len) {
        uint32_t len = MIN(out_len - done, VHCA_MAILBOX_DATA);
        uint8_t next[8];

        if (!mailbox ||
            !vhca_dma_read(s, mailbox + VHCA_MAILBOX_NEXT, next,
                           sizeof(next))) {
            return DELIVERY_BAD_OUT_LENGTH;
        }
        vhca_dma_write(s, mailbox, cmd->out + done, len);
        done += len;
        mailbox = ldq_be_p(next);
    }
    return DELIVERY_OK;
}

static Delivery run_entry(VHCAState *s, uint8_t *entry)
{
    uint32_t in_len = ldl_be_p(entry + VHCA_ENTRY_IN_LEN);
    uint32_t out_len = ldl_be_p(entry + VHCA_ENTRY_OUT_LEN);
    g_autofree uint8_t *in = NULL, *out = NULL;
    VHCACmd cmd = { .in_len = in_len };
    Delivery delivery;

    if (entry[VHCA_ENTRY_TYPE] != VHCA_ENTRY_TYPE_PCIE) {
        return DELIVERY_BAD_DESCRIPTOR;
    }
    if (in_len < 8 || in_len > COMMAND_MAX_LEN) {
        return DELIVERY_BAD_IN_LENGTH;
    }
    if (out_len < 8 || out_len > COMMAND_MAX_LEN) {
        return DELIVERY_BAD_OUT_LENGTH;
    }
    cmd.in = in = g_malloc0(MAX(in_len, VHCA_CMD_MIN_BOX));
    cmd.out = out = g_malloc0(MAX(out_len, VHCA_CMD_MIN_BOX));
    delivery = read_inbox(s, entry, &cmd);
    if (delivery == DELIVERY_OK) {
        execute(s, &cmd, out_len);
        delivery = write_outbox(s, entry, &cmd, out_len);
    }
    return delivery;
}

static void post_completion_event(VHCAState *s, unsigned int slot)
{
    VHCAEq *eq = vhca_eq_for_event(s, VHCA_EVENT_COMMAND);
    uint8_t data[VHCA_EQE_DATA] = {};

    if (eq) {
        stl_be_p(data, 1u << slot);
        vhca_eq_post(s, eq, VHCA_EVENT_COMMAND, data);
    }
}

/* Returns the bytes that it asked to move */
static size_t run_slot(VHCAState *s, unsigned int slot)
{
    uint64_t queue = (uint64_t)s->cmdq_high << 32 | s->cmdq_low;
    uint64_t addr = queue + slot * VHCA_ENTRY_SIZE;
    /*
     * Asked before the command runs: the driver polls for the CREATE_EQ that
     * makes the command EQ, and for its DESTROY_EQ.
     */
    bool event = vhca_eq_for_event(s, VHCA_EVENT_COMMAND);
    uint8_t entry[VHCA_ENTRY_SIZE];
    Delivery delivery;

    if (!queue || !vhca_dma_read(s, addr, entry, sizeof(entry))) {
        trace_vhca_bad_command_slot(slot, addr);
        return 0;
    }
    if (!(entry[VHCA_ENTRY_STATUS] & VHCA_ENTRY_OWNER_HW)) {
        trace_vhca_bad_command_slot(slot, addr);
        return 0;
    }
    delivery = run_entry(s, entry);
    if (delivery != DELIVERY_OK) {
        trace_vhca_bad_delivery(slot, delivery);
    }
    vhca_dma_write(s, addr + VHCA_ENTRY_OUT, entry + VHCA_ENTRY_OUT,
                   VHCA_ENTRY_INLINE);
    /* Posted writes stay in order: the driver sees the outbox before this */
    entry[VHCA_ENTRY_STATUS] = delivery << 1;
    vhca_dma_write(s, addr + VHCA_ENTRY_TOKEN, entry + VHCA_ENTRY_TOKEN,
                   VHCA_ENTRY_SIZE - VHCA_ENTRY_TOKEN);
    if (event) {
        post_completion_event(s, slot);
    }
    return (size_t)ldl_be_p(entry + VHCA_ENTRY_IN_LEN) +
           ldl_be_p(entry + VHCA_ENTRY_OUT_LEN);
}

static void run_pending(VHCAState *s)
{
    size_t moved = 0;

    while (s->cmd_pending && moved < COMMAND_BUDGET) {
        unsigned int slot = ctz32(s->cmd_pending);

        s->cmd_pending &= ~(1u << slot);
        moved += run_slot(s, slot);
    }
    if (s->cmd_pending) {
        trace_vhca_commands_later(s->cmd_pending);
        qemu_bh_schedule(s->cmd_bh);
    }
}

/* A command may destroy what a request is for that we are below now */
static void run_pending_later(void *opaque)
{
    VHCAState *s = opaque;

    if (s->busy) {
        qemu_bh_schedule(s->cmd_bh);
        return;
    }
    run_pending(s);
}

void vhca_cmd_doorbell(VHCAState *s, uint32_t slots)
{
    s->cmd_pending |= slots;
    run_pending(s);
}

void vhca_cmd_reset(VHCAState *s)
{
    s->cmd_pending = 0;
    qemu_bh_cancel(s->cmd_bh);
}

void vhca_cmd_init(VHCAState *s)
{
    s->cmd_bh = qemu_bh_new_guarded(run_pending_later, s,
                                    &DEVICE(s)->mem_reentrancy_guard);
}

void vhca_cmd_exit(VHCAState *s)
{
    qemu_bh_delete(s->cmd_bh);
}
