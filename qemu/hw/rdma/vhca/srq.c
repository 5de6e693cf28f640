/*
 * Virtual ConnectX: shared receive queues
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The entries form a list: each begins with a segment that names the next one
 * (struct mlx5_wqe_srq_next_seg of the driver's device.h). The driver keeps
 * free entries on the same list, in the order in which it will post them, so
 * that the device only follows it. The doorbell record counts what was posted.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

#define NEXT_INDEX          2
#define NEXT_SIZE           16

void vhca_srq_destroy(void *opaque)
{
    VHCASrq *srq = opaque;

    vhca_id_put(srq->pd);
    vhca_buffer_free(&srq->buffer);
    g_free(srq);
}

static bool parse_context(VHCAState *s, VHCACmd *cmd, VHCASrq *srq)
{
    const uint8_t *ctx = cmd->in + CMD_CONTEXT;

    memcpy(srq->context, ctx, SRQC_SIZE);
    srq->pd = vhca_id_take(&s->pds, ifc_get(ctx, SRQC_PD));
    srq->entries = 1u << ifc_get(ctx, SRQC_LOG_SRQ_SIZE);
    srq->stride = NEXT_SIZE << ifc_get(ctx, SRQC_LOG_STRIDE);
    srq->doorbell_record = ldq_be_p(ctx + SRQC_DBR_ADDR);
    if (ifc_get(ctx, SRQC_WQ_SIGNATURE)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (!vhca_buffer_init(&srq->buffer, cmd,
                                 ifc_get(ctx, SRQC_LOG_PAGE_SIZE),
                                 ifc_get(ctx, SRQC_PAGE_OFFSET),
                                 (uint64_t)srq->entries * srq->stride)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
    } else if (!srq->pd) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 3);
    }
    return cmd->status == VHCA_OK;
}

void vhca_create_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = g_new0(VHCASrq, 1);

    if (!parse_context(s, cmd, srq)) {
        vhca_srq_destroy(srq);
        return;
    }
    if (!vhca_table_add(&s->srqs, srq, &srq->srqn)) {
        vhca_srq_destroy(srq);
        vhca_cmd_fail(cmd, VHCA_LIMIT, 4);
        return;
    }
    ifc_set(cmd->out, CMD_OUT_ID, srq->srqn);
}

static VHCASrq *find_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = vhca_table_get(&s->srqs, ifc_get(cmd->in, CMD_IN_ID));

    if (!srq) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 1);
    }
    return srq;
}

void vhca_destroy_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = find_srq(s, cmd);

    if (!srq) {
        return;
    }
    if (srq->users) {
        vhca_cmd_fail(cmd, VHCA_RESOURCE_BUSY, 2);
        return;
    }
    vhca_table_remove(&s->srqs, srq->srqn);
}

void vhca_query_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = find_srq(s, cmd);

    if (srq) {
        ifc_set(srq->context, SRQC_LWM, srq->limit);
        ifc_set(srq->context, SRQC_WQE_CNT, srq->posted - srq->taken);
        memcpy(cmd->out + CMD_CONTEXT, srq->context, SRQC_SIZE);
    }
}

void vhca_arm_rq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = find_srq(s, cmd);

    if (srq) {
        srq->limit = ifc_get(cmd->in, ARM_RQ_LWM);
    }
}

/* Entries that wait; -1: the count is out of bounds or out of reach */
static int waiting(VHCAState *s, VHCASrq *srq)
{
    uint8_t record[4];
    uint16_t count;

    if (srq->posted == srq->taken) {
        if (!vhca_dma_read(s, srq->doorbell_record, record, sizeof(record))) {
            return -1;
        }
        srq->posted = ldl_be_p(record);
    }
    count = srq->posted - srq->taken;
    return count <= srq->entries ? count : -1;
}

int vhca_srq_peek(VHCAState *s, VHCASrq *srq, VerbsRecvWR *wr)
{
    uint8_t wqe[VHCA_RECV_STRIDE_MAX];
    int available = waiting(s, srq);

    wr->id = srq->index;
    if (available <= 0) {
        return available;
    }
    if (!vhca_buffer_read(s, &srq->buffer, (uint64_t)srq->index * srq->stride,
                          wqe, srq->stride) ||
        !vhca_wqe_parse_recv(wqe + NEXT_SIZE, srq->stride - NEXT_SIZE, wr)) {
        trace_vhca_bad_wqe(srq->srqn, "srq", srq->index);
        srq->following = srq->index;
        return -1;
    }
    srq->following = lduw_be_p(wqe + NEXT_INDEX) & (srq->entries - 1);
    return 1;
}

static void check_limit(VHCAState *s, VHCASrq *srq)
{
    uint8_t record[4];

    if (!srq->limit) {
        return;
    }
    if (vhca_dma_read(s, srq->doorbell_record, record, sizeof(record))) {
        srq->posted = ldl_be_p(record);
    }
    if ((uint16_t)(srq->posted - srq->taken) < srq->limit) {
        srq->limit = 0;
        vhca_event_affiliated(s, VHCA_EVENT_SRQ_LIMIT, srq->srqn);
    }
}

void vhca_srq_retire(VHCAState *s, VHCASrq *srq)
{
    srq->index = srq->following;
    srq->taken++;
    check_limit(s, srq);
}
