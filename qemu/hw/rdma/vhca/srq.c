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

    vhca_object_put(srq->pd);
    vhca_buffer_free(&srq->buffer);
    g_free(srq);
}

static void parse_context(VHCAState *s, VHCACmd *cmd, VHCASrq *srq)
{
    const uint8_t *ctx = cmd->in + CMD_CONTEXT;

    memcpy(srq->context, ctx, SRQC_SIZE);
    srq->pd = vhca_object_take(&s->pds, ifc_get(ctx, SRQC_PD));
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
}

void vhca_create_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = g_new0(VHCASrq, 1);

    parse_context(s, cmd, srq);
    vhca_object_create(&s->srqs, srq, cmd);
}

void vhca_destroy_srq(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->srqs, cmd);
}

void vhca_query_srq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = vhca_object_find(&s->srqs, cmd);

    if (srq) {
        ifc_set(srq->context, SRQC_LWM, srq->limit);
        ifc_set(srq->context, SRQC_WQE_CNT, srq->posted - srq->taken);
        memcpy(cmd->out + CMD_CONTEXT, srq->context, SRQC_SIZE);
    }
}

void vhca_arm_rq(VHCAState *s, VHCACmd *cmd)
{
    VHCASrq *srq = vhca_object_find(&s->srqs, cmd);

    if (srq) {
        srq->limit = ifc_get(cmd->in, ARM_RQ_LWM);
    }
}

int vhca_srq_peek(VHCAState *s, VHCASrq *srq, VerbsRecvWR *wr)
{
    uint8_t wqe[VHCA_RECV_STRIDE_MAX];
    int available = vhca_queue_waiting(s, srq->doorbell_record, &srq->posted,
                                       srq->taken, srq->entries);

    wr->id = srq->index;
    if (available <= 0) {
        return available;
    }
    if (!vhca_buffer_read(s, &srq->buffer, (uint64_t)srq->index * srq->stride,
                          wqe, srq->stride) ||
        !vhca_wqe_parse_recv(wqe + NEXT_SIZE, srq->stride - NEXT_SIZE, wr)) {
        trace_vhca_bad_wqe(srq->base.id, "srq", srq->index);
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
        vhca_event_affiliated(s, VHCA_EVENT_SRQ_LIMIT, srq->base.id);
    }
}

void vhca_srq_retire(VHCAState *s, VHCASrq *srq)
{
    srq->index = srq->following;
    srq->taken++;
    check_limit(s, srq);
}
