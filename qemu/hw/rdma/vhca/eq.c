/*
 * Virtual ConnectX: event queues
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * An entry is 64 bytes (struct mlx5_eqe of the driver's device.h); its last
 * byte is the owner bit, which changes with each lap. An interrupt is sent
 * once per arming.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

#define EQE_SIZE        64
#define EQE_TYPE        1
#define EQE_DATA        0x20
#define EQE_LAST_DW     60
#define EQE_OWNER       63

#define AFFILIATED_NUMBER 0x18  /* struct mlx5_eqe_qp_srq, in the data */

#define EQ_INDEX_MASK   0xffffff
#define LOG_EQ_SIZE_MAX 20

void vhca_eq_destroy(void *opaque)
{
    VHCAEq *eq = opaque;

    vhca_object_put(eq->uar);
    vhca_buffer_free(&eq->buffer);
    g_free(eq);
}

static void parse_context(VHCAState *s, VHCACmd *cmd, VHCAEq *eq)
{
    const uint8_t *ctx = cmd->in + CMD_CONTEXT;

    memcpy(eq->context, ctx, EQC_SIZE);
    eq->log_size = ifc_get(ctx, EQC_LOG_EQ_SIZE);
    eq->uar = vhca_object_take(&s->uars, ifc_get(ctx, EQC_UAR_PAGE));
    eq->vector = ifc_get(ctx, EQC_INTR);
    eq->events = ldq_be_p(cmd->in + CREATE_EQ_EVENT_MASK);
    if (eq->log_size > LOG_EQ_SIZE_MAX) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (!eq->uar) {
        vhca_cmd_fail(cmd, VHCA_BAD_RESOURCE, 2);
    } else if (eq->vector >= VHCA_VECTORS) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 3);
    } else if (!vhca_buffer_init(&eq->buffer, cmd,
                                 ifc_get(ctx, EQC_LOG_PAGE_SIZE),
                                 ifc_get(ctx, EQC_PAGE_OFFSET),
                                 (uint64_t)EQE_SIZE << eq->log_size)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 4);
    }
}

void vhca_create_eq(VHCAState *s, VHCACmd *cmd)
{
    VHCAEq *eq = g_new0(VHCAEq, 1);

    parse_context(s, cmd, eq);
    vhca_object_create(&s->eqs, eq, cmd);
}

void vhca_destroy_eq(VHCAState *s, VHCACmd *cmd)
{
    vhca_object_destroy(&s->eqs, cmd);
}

void vhca_query_eq(VHCAState *s, VHCACmd *cmd)
{
    VHCAEq *eq = vhca_object_find(&s->eqs, cmd);

    if (eq) {
        ifc_set(eq->context, EQC_PRODUCER, eq->producer);
        ifc_set(eq->context, EQC_CONSUMER, eq->consumer);
        memcpy(cmd->out + CMD_CONTEXT, eq->context, EQC_SIZE);
    }
}

/* Completion events name their EQ; others go where the mask asks for them */
VHCAEq *vhca_eq_for_event(VHCAState *s, uint8_t type)
{
    for (uint32_t eqn = s->eqs.first; eqn <= s->eqs.last; eqn++) {
        VHCAEq *eq = vhca_table_get(&s->eqs, eqn);

        if (eq && type < 64 && eq->events >> type & 1) {
            return eq;
        }
    }
    return NULL;
}

static void interrupt(VHCAState *s, VHCAEq *eq)
{
    eq->armed = false;
    vhca_interrupt(s, eq->vector);
}

void vhca_eq_post(VHCAState *s, VHCAEq *eq, uint8_t type, const uint8_t *data)
{
    uint32_t size = 1u << eq->log_size;
    uint64_t offset = (uint64_t)(eq->producer & (size - 1)) * EQE_SIZE;
    uint8_t eqe[EQE_SIZE] = {};

    if (((eq->producer - eq->consumer) & EQ_INDEX_MASK) >= size) {
        trace_vhca_eq_overrun(eq->base.id, type);
        return;
    }
    eqe[EQE_TYPE] = type;
    memcpy(eqe + EQE_DATA, data, VHCA_EQE_DATA);
    eqe[EQE_OWNER] = eq->producer >> eq->log_size & 1;
    /* The owner bit goes last: a CPU may be polling for it */
    vhca_buffer_write(s, &eq->buffer, offset, eqe, EQE_LAST_DW);
    vhca_buffer_write(s, &eq->buffer, offset + EQE_LAST_DW,
                      eqe + EQE_LAST_DW, EQE_SIZE - EQE_LAST_DW);
    eq->producer = (eq->producer + 1) & EQ_INDEX_MASK;
    trace_vhca_event(eq->base.id, type);
    if (eq->armed) {
        interrupt(s, eq);
    }
}

void vhca_event_affiliated(VHCAState *s, uint8_t type, uint32_t number)
{
    VHCAEq *eq = vhca_eq_for_event(s, type);
    uint8_t data[VHCA_EQE_DATA] = {};

    if (eq) {
        stl_be_p(data + AFFILIATED_NUMBER, number);
        vhca_eq_post(s, eq, type, data);
    }
}

/* @value: EQ number and consumer index */
void vhca_eq_doorbell(VHCAState *s, uint32_t uar, uint32_t value, bool arm)
{
    VHCAEq *eq = vhca_table_get(&s->eqs, value >> 24);

    if (!eq || eq->uar->id != uar) {
        trace_vhca_bad_doorbell(uar, 0x40, value);
        return;
    }
    eq->consumer = value & EQ_INDEX_MASK;
    if (!arm) {
        return;
    }
    eq->armed = true;
    /* The driver stops after some entries and wants to be called again */
    if (eq->consumer != eq->producer) {
        interrupt(s, eq);
    }
}
