/*
 * Virtual ConnectX: completion queues
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Entries are 64 bytes, or 128 with the entry in the second half (struct
 * mlx5_cqe64 of the driver's device.h). The consumer index is in a doorbell
 * record in guest memory.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

#define CQE_SIZE            VHCA_CQE_SIZE
#define CQE_LAST_DW         60
#define CQE_OWNER           63
#define CQE_SZ_128          1

#define CQ_INDEX_MASK       0xffffff
#define LOG_CQ_SIZE_MAX     20
#define CQ_STATUS_OVERRUN   9           /* MLX5_CQC_STATUS_CQ_OVERFLOW */
#define CQ_ERROR_OVERRUN    1           /* syndrome of the event */

/* Event data, from byte 0x20 of the entry */
#define EVENT_COMP_CQN      0x18
#define EVENT_ERROR_CQN     0x00
#define EVENT_ERROR_SYNDROME 0x0b

/* High word of the arm doorbell */
#define ARM_SOLICITED       (1u << 24)

void vhca_cq_destroy(void *opaque)
{
    VHCACq *cq = opaque;

    vhca_object_put(cq->eq);
    vhca_object_put(cq->uar);
    vhca_buffer_free(&cq->buffer);
    g_free(cq);
}

static void parse_context(VHCAState *s, VHCACmd *cmd, VHCACq *cq)
{
    const uint8_t *ctx = cmd->in + CMD_CONTEXT;
    uint32_t cqe_sz = ifc_get(ctx, CQC_CQE_SZ);

    memcpy(cq->context, ctx, CQC_SIZE);
    cq->log_size = ifc_get(ctx, CQC_LOG_CQ_SIZE);
    cq->cqe_size = cqe_sz == CQE_SZ_128 ? 2 * CQE_SIZE : CQE_SIZE;
    cq->uar = vhca_object_take(&s->uars, ifc_get(ctx, CQC_UAR_PAGE));
    cq->eq = vhca_object_take(&s->eqs, ifc_get(ctx, CQC_EQN));
    cq->ignore_overrun = ifc_get(ctx, CQC_OI);
    cq->doorbell_record = ldq_be_p(ctx + CQC_DBR_ADDR);
    if (cqe_sz > CQE_SZ_128 || cq->log_size > LOG_CQ_SIZE_MAX) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (ifc_get(cmd->in, CREATE_CQ_UMEM_VALID)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
    } else if (!cq->uar) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 3);
    } else if (!cq->eq) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 4);
    } else if (!vhca_buffer_init(&cq->buffer, cmd,
                                 ifc_get(ctx, CQC_LOG_PAGE_SIZE),
                                 ifc_get(ctx, CQC_PAGE_OFFSET),
                                 (uint64_t)cq->cqe_size << cq->log_size)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 5);
    }
}

void vhca_create_cq(VHCAState *s, VHCACmd *cmd)
{
    VHCACq *cq = g_new0(VHCACq, 1);

    parse_context(s, cmd, cq);
    vhca_object_create(&s->cqs, cq, cmd);
}

void vhca_destroy_cq(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->cqs, cmd);
}

void vhca_query_cq(VHCAState *s, VHCACmd *cmd)
{
    VHCACq *cq = vhca_object_find(&s->cqs, cmd);

    if (cq) {
        ifc_set(cq->context, CQC_PRODUCER, cq->producer);
        ifc_set(cq->context, CQC_CONSUMER, cq->consumer);
        memcpy(cmd->out + CMD_CONTEXT, cq->context, CQC_SIZE);
    }
}

static void notify(VHCAState *s, VHCACq *cq)
{
    uint8_t data[VHCA_EQE_DATA] = {};

    cq->arm = VHCA_CQ_NOT_ARMED;
    stl_be_p(data + EVENT_COMP_CQN, cq->base.id);
    vhca_eq_post(s, cq->eq, VHCA_EVENT_COMPLETION, data);
}

static void overrun(VHCAState *s, VHCACq *cq)
{
    VHCAEq *eq = vhca_eq_for_event(s, VHCA_EVENT_CQ_ERROR);
    uint8_t data[VHCA_EQE_DATA] = {};

    cq->overrun = true;
    ifc_set(cq->context, CQC_STATUS, CQ_STATUS_OVERRUN);
    trace_vhca_cq_overrun(cq->base.id);
    if (eq) {
        stl_be_p(data + EVENT_ERROR_CQN, cq->base.id);
        data[EVENT_ERROR_SYNDROME] = CQ_ERROR_OVERRUN;
        vhca_eq_post(s, eq, VHCA_EVENT_CQ_ERROR, data);
    }
}

/* The consumer index costs a read: only when the queue looks full */
static bool has_room(VHCAState *s, VHCACq *cq)
{
    uint32_t size = 1u << cq->log_size;
    uint8_t record[4];

    if (((cq->producer - cq->consumer) & CQ_INDEX_MASK) < size) {
        return true;
    }
    if (!vhca_dma_read(s, cq->doorbell_record, record, sizeof(record))) {
        return false;
    }
    cq->consumer = ldl_be_p(record) & CQ_INDEX_MASK;
    return ((cq->producer - cq->consumer) & CQ_INDEX_MASK) < size;
}

bool vhca_cq_post(VHCAState *s, VHCACq *cq, uint8_t *cqe, bool solicited)
{
    uint32_t index = cq->producer & ((1u << cq->log_size) - 1);
    uint64_t offset = (uint64_t)(index + 1) * cq->cqe_size - CQE_SIZE;

    if (cq->overrun) {
        return false;
    }
    if (!cq->ignore_overrun && !has_room(s, cq)) {
        overrun(s, cq);
        return false;
    }
    cqe[CQE_OWNER] |= cq->producer >> cq->log_size & 1;
    /* The owner bit goes last: a CPU may be polling for it */
    vhca_buffer_write(s, &cq->buffer, offset, cqe, CQE_LAST_DW);
    vhca_buffer_write(s, &cq->buffer, offset + CQE_LAST_DW,
                      cqe + CQE_LAST_DW, CQE_SIZE - CQE_LAST_DW);
    cq->producer = (cq->producer + 1) & CQ_INDEX_MASK;
    if (solicited) {
        cq->solicited = cq->producer;
    }
    if (cq->arm == VHCA_CQ_ARMED ||
        (cq->arm == VHCA_CQ_ARMED_SOLICITED && solicited)) {
        notify(s, cq);
    }
    return true;
}

/* Is index @a after @b? Both count modulo 2^24, less than half of it apart */
static bool after(uint32_t a, uint32_t b)
{
    uint32_t distance = (a - b) & CQ_INDEX_MASK;

    return distance && distance <= CQ_INDEX_MASK / 2;
}

/* @value: sequence number, kind and consumer index above, CQ number below */
void vhca_cq_doorbell(VHCAState *s, uint32_t uar, uint64_t value)
{
    uint32_t high = value >> 32;
    VHCACq *cq = vhca_table_get(&s->cqs, value & 0xffffff);
    bool solicited = high & ARM_SOLICITED;

    if (!cq || cq->uar->id != uar) {
        trace_vhca_bad_doorbell(uar, 0x20, value);
        return;
    }
    cq->arm = solicited ? VHCA_CQ_ARMED_SOLICITED : VHCA_CQ_ARMED;
    /* What came between the last poll and now must not be missed */
    if (after(solicited ? cq->solicited : cq->producer,
              high & CQ_INDEX_MASK)) {
        notify(s, cq);
    }
}
