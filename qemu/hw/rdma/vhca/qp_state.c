/*
 * Virtual ConnectX: the states of a queue pair
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A transition command carries a whole context, of which only some fields
 * mean what they say: those that belong to the transition, and those that an
 * option bit names.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

/* The fields that belong to a transition */
static const uint32_t init_fields[] = {
    QPC_PKEY_INDEX, QPC_PORT, QPC_Q_KEY, QPC_PM_STATE,
    QPC_RRE, QPC_RWE, QPC_RAE, QPC_ATOMIC_MODE, 0
};
static const uint32_t rtr_fields[] = {
    QPC_MTU, QPC_LOG_MSG_MAX, QPC_REMOTE_QPN, QPC_NEXT_RCV_PSN,
    QPC_LOG_RRA_MAX, QPC_MIN_RNR_NAK, 0
};
static const uint32_t rts_fields[] = {
    QPC_RETRY_COUNT, QPC_RNR_RETRY, QPC_NEXT_SEND_PSN, QPC_LOG_SRA_MAX,
    QPC_ACK_TIMEOUT, 0
};
static const uint32_t no_fields[] = { 0 };

#define ANY_STATE  (~0u)

typedef struct Transition {
    uint16_t opcode;
    uint32_t from;              /* bit per VerbsQPState */
    VerbsQPState to;
    const uint32_t *fields;
    bool path;                  /* and the primary path */
} Transition;

static const Transition transitions[] = {
    { VHCA_OP_RST2INIT_QP, 1 << VERBS_QPS_RESET, VERBS_QPS_INIT,
      init_fields, false },
    { VHCA_OP_INIT2RTR_QP, 1 << VERBS_QPS_INIT, VERBS_QPS_RTR,
      rtr_fields, true },
    { VHCA_OP_RTR2RTS_QP, 1 << VERBS_QPS_RTR, VERBS_QPS_RTS,
      rts_fields, false },
    { VHCA_OP_RTS2RTS_QP, 1 << VERBS_QPS_RTS, VERBS_QPS_RTS,
      no_fields, false },
    { VHCA_OP_2ERR_QP, ANY_STATE, VERBS_QPS_ERR,
      no_fields, false },
    { VHCA_OP_2RST_QP, ANY_STATE, VERBS_QPS_RESET,
      no_fields, false },
    { VHCA_OP_INIT2INIT_QP, 1 << VERBS_QPS_INIT, VERBS_QPS_INIT,
      init_fields, false },
};

/* enum mlx5_qp_optpar of the driver: fields that may come with any of them */
typedef struct OptionalField {
    unsigned int bit;
    uint32_t field;
} OptionalField;

#define OPT_PATH_BIT  7

static const OptionalField optional_fields[] = {
    { 1, QPC_RRE },
    { 2, QPC_RAE },
    { 2, QPC_ATOMIC_MODE },
    { 3, QPC_RWE },
    { 4, QPC_PKEY_INDEX },
    { 5, QPC_Q_KEY },
    { 6, QPC_MIN_RNR_NAK },
    { 8, QPC_LOG_SRA_MAX },
    { 9, QPC_LOG_RRA_MAX },
    { 12, QPC_RETRY_COUNT },
    { 13, QPC_RNR_RETRY },
    { 14, QPC_ACK_TIMEOUT },
    { 16, QPC_PORT },
};

static const Transition *find_transition(uint16_t opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(transitions); i++) {
        if (transitions[i].opcode == opcode) {
            return &transitions[i];
        }
    }
    return NULL;
}

/* P_Key index, port and timeout are in the path, but set on their own */
static void merge_path(uint8_t *ctx, const uint8_t *from)
{
    uint32_t pkey_index = ifc_get(ctx, QPC_PKEY_INDEX);
    uint32_t port = ifc_get(ctx, QPC_PORT);
    uint32_t ack_timeout = ifc_get(ctx, QPC_ACK_TIMEOUT);

    memcpy(ctx + QPC_PATH, from + QPC_PATH, QPC_PATH_SIZE);
    ifc_set(ctx, QPC_PKEY_INDEX, pkey_index);
    ifc_set(ctx, QPC_PORT, port);
    ifc_set(ctx, QPC_ACK_TIMEOUT, ack_timeout);
}

static void merge_context(uint8_t *ctx, const VHCACmd *cmd,
                          const Transition *transition)
{
    const uint8_t *from = cmd->in + CMD_QPC;
    uint32_t optional = ifc_get(cmd->in, CMD_QP_OPT_PARAM_MASK);

    for (const uint32_t *field = transition->fields; *field; field++) {
        ifc_copy(ctx, from, *field);
    }
    if (transition->path || optional >> OPT_PATH_BIT & 1) {
        merge_path(ctx, from);
    }
    for (size_t i = 0; i < ARRAY_SIZE(optional_fields); i++) {
        if (optional >> optional_fields[i].bit & 1) {
            ifc_copy(ctx, from, optional_fields[i].field);
        }
    }
}

/* No receive entry will be taken any more: who shares them wants to know */
static void last_wqe(VHCAQp *qp)
{
    if (qp->srq) {
        vhca_event_affiliated(qp->hca, VHCA_EVENT_LAST_WQE, qp->base.id);
    }
}

static bool has_context(const Transition *transition)
{
    return transition->to != VERBS_QPS_ERR &&
           transition->to != VERBS_QPS_RESET;
}

void vhca_modify_qp(VHCAState *s, VHCACmd *cmd)
{
    const Transition *transition =
        find_transition(ifc_get(cmd->in, CMD_IN_OPCODE));
    VHCAQp *qp = vhca_object_find(&s->qps, cmd);

    if (!qp) {
        return;
    }
    if (!(transition->from >> verbs_qp_state(qp->verbs) & 1)) {
        vhca_cmd_fail(cmd, VHCA_BAD_QP_STATE, 2);
        return;
    }
    if (has_context(transition)) {
        merge_context(qp->context, cmd, transition);
        vhca_qp_update(qp);
    }
    if (transition->to == VERBS_QPS_RESET) {
        qp->sq.head = qp->sq.tail = 0;
        qp->rq.head = qp->rq.tail = 0;
    }
    if (transition->to != verbs_qp_state(qp->verbs)) {
        verbs_qp_set_state(qp->verbs, transition->to);
        trace_vhca_qp_state(qp->base.id, transition->to);
        if (transition->to == VERBS_QPS_ERR) {
            last_wqe(qp);
        }
    }
}

static int event_type(VerbsQPEvent event)
{
    switch (event) {
    case VERBS_QPE_REQUEST:
        return VHCA_EVENT_QP_REQUEST;
    case VERBS_QPE_ACCESS:
        return VHCA_EVENT_QP_ACCESS;
    case VERBS_QPE_FATAL:
        return VHCA_EVENT_QP_FATAL;
    default:
        return -1;
    }
}

/* As responder there is no completion to tell the owner: raise the event */
void vhca_qp_error(VerbsQP *verbs)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    int type = event_type(verbs_qp_event(verbs));

    trace_vhca_qp_state(qp->base.id, VERBS_QPS_ERR);
    if (type >= 0) {
        vhca_event_affiliated(qp->hca, type, qp->base.id);
    }
    last_wqe(qp);
}
