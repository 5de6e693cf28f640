/*
 * Virtual ConnectX: work requests in mlx5's format
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A work queue entry is a sequence of 16-byte segments, in big endian: control
 * (struct mlx5_wqe_ctrl_seg of the driver's qp.h), then what the opcode needs,
 * then data. It is parsed from a snapshot, since the guest can change it.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"

/* Control segment */
#define CTRL_OPCODE         3
#define CTRL_DS             7
#define CTRL_DS_MASK        0x3f
#define CTRL_FLAGS          11
#define CTRL_FLAG_SOLICITED 0x02
#define CTRL_FLAG_CE_MASK   0x0c
#define CTRL_FLAG_CE_ALWAYS 0x08
#define CTRL_IMM            12

/* Remote address and atomic segments */
#define RADDR_KEY           8
#define ATOMIC_COMPARE      8

/* Address vector of a datagram: struct mlx5_av */
#define AV_QKEY             0
#define AV_DEST_QPN         8
#define AV_EXTENDED         (1u << 31)
#define AV_RLID             14
#define AV_SIZE             48
#define AV_SIZE_COMPACT     16
#define QKEY_OF_QP          (1u << 31)  /* IBA: use the QP's own Q_Key */

/* Data segment: struct mlx5_wqe_data_seg */
#define DATA_KEY            4
#define DATA_ADDR           8
#define INLINE_LEN_MASK     0x3ff
#define INVALID_LKEY        0x100       /* ends a receive entry's list */

#define LOG_MAX_MESSAGE     30

typedef struct Cursor {
    const uint8_t *pos;
    const uint8_t *end;
} Cursor;

/* The next @len bytes, or NULL */
static const uint8_t *take(Cursor *cursor, size_t len)
{
    const uint8_t *segment = cursor->pos;

    if (len > cursor->end - cursor->pos) {
        return NULL;
    }
    cursor->pos += len;
    return segment;
}

static bool add_sge(VerbsSGE *sge, unsigned int *n, const uint8_t *segment)
{
    uint32_t length = ldl_be_p(segment);

    if (!length) {
        return true;
    }
    if (*n == VERBS_MAX_SGE) {
        return false;
    }
    sge[*n].length = length;
    sge[*n].key = ldl_be_p(segment + DATA_KEY);
    sge[*n].addr = ldq_be_p(segment + DATA_ADDR);
    ++*n;
    return true;
}

static bool parse_inline(VerbsSendWR *wr, Cursor *cursor)
{
    const uint8_t *head = take(cursor, 4);
    uint32_t len = ldl_be_p(head) & INLINE_LEN_MASK;
    const uint8_t *data = take(cursor, len);

    if (!data || len > VERBS_MAX_INLINE - wr->inline_length) {
        return false;
    }
    memcpy(wr->inline_data + wr->inline_length, data, len);
    wr->inline_length += len;
    /* Padded to a whole segment; the last one may stop at the end */
    take(cursor, MIN(ROUND_UP(len + 4, VHCA_WQE_SEGMENT) - (len + 4),
                     cursor->end - cursor->pos));
    return true;
}

static bool parse_data(VerbsSendWR *wr, Cursor *cursor)
{
    uint64_t total = 0;

    while (cursor->end - cursor->pos >= VHCA_WQE_SEGMENT) {
        if (ldl_be_p(cursor->pos) & VHCA_WQE_INLINE) {
            if (!parse_inline(wr, cursor)) {
                return false;
            }
        } else if (!add_sge(wr->sge, &wr->nr_sge, take(cursor, VHCA_WQE_SEGMENT))) {
            return false;
        }
    }
    for (unsigned int i = 0; i < wr->nr_sge; i++) {
        total += wr->sge[i].length;
    }
    /* The engine takes either inline data or a list */
    return total <= 1ull << LOG_MAX_MESSAGE &&
           !(wr->inline_length && wr->nr_sge);
}

static bool parse_remote_address(VerbsSendWR *wr, Cursor *cursor)
{
    const uint8_t *segment = take(cursor, VHCA_WQE_SEGMENT);

    if (!segment) {
        return false;
    }
    wr->remote_addr = ldq_be_p(segment);
    wr->remote_key = ldl_be_p(segment + RADDR_KEY);
    return true;
}

static bool parse_atomic(VerbsSendWR *wr, Cursor *cursor)
{
    const uint8_t *segment;

    if (!parse_remote_address(wr, cursor)) {
        return false;
    }
    segment = take(cursor, VHCA_WQE_SEGMENT);
    if (!segment) {
        return false;
    }
    wr->atomic_operand = ldq_be_p(segment);
    wr->atomic_compare = ldq_be_p(segment + ATOMIC_COMPARE);
    return true;
}

static bool parse_address_vector(VHCAQp *qp, VerbsSendWR *wr, Cursor *cursor)
{
    const uint8_t *av = take(cursor, AV_SIZE_COMPACT);
    uint32_t dest;

    if (!av) {
        return false;
    }
    dest = ldl_be_p(av + AV_DEST_QPN);
    if (dest & AV_EXTENDED && !take(cursor, AV_SIZE - AV_SIZE_COMPACT)) {
        return false;
    }
    wr->ud_dest_qpn = dest & 0xffffff;
    wr->ud_dest_lid = lduw_be_p(av + AV_RLID);
    wr->ud_qkey = ldl_be_p(av + AV_QKEY);
    if (wr->ud_qkey & QKEY_OF_QP) {
        wr->ud_qkey = ifc_get(qp->context, QPC_Q_KEY);
    }
    return true;
}

static bool is_datagram(const VHCAQp *qp)
{
    switch (ifc_get(qp->context, QPC_ST)) {
    case VHCA_QP_ST_UD:
    case VHCA_QP_ST_QP0:
    case VHCA_QP_ST_QP1:
        return true;
    default:
        return false;
    }
}

static bool parse_send(VHCAQp *qp, VerbsSendWR *wr, Cursor *cursor)
{
    if (is_datagram(qp) && !parse_address_vector(qp, wr, cursor)) {
        return false;
    }
    return parse_data(wr, cursor);
}

static bool parse_rdma(VerbsSendWR *wr, Cursor *cursor)
{
    return parse_remote_address(wr, cursor) && parse_data(wr, cursor);
}

static bool parse_opcode(VHCAQp *qp, VerbsSendWR *wr, Cursor *cursor)
{
    switch (qp->wqe[CTRL_OPCODE]) {
    case VHCA_WQE_NOP:
        wr->opcode = VERBS_WR_NOP;
        return true;
    case VHCA_WQE_SEND:
        wr->opcode = VERBS_WR_SEND;
        return parse_send(qp, wr, cursor);
    case VHCA_WQE_SEND_IMM:
        wr->opcode = VERBS_WR_SEND_IMM;
        return parse_send(qp, wr, cursor);
    case VHCA_WQE_SEND_INVAL:
        wr->opcode = VERBS_WR_SEND_INVAL;
        return parse_send(qp, wr, cursor);
    case VHCA_WQE_WRITE:
        wr->opcode = VERBS_WR_WRITE;
        return parse_rdma(wr, cursor);
    case VHCA_WQE_WRITE_IMM:
        wr->opcode = VERBS_WR_WRITE_IMM;
        return parse_rdma(wr, cursor);
    case VHCA_WQE_READ:
        wr->opcode = VERBS_WR_READ;
        return parse_rdma(wr, cursor);
    case VHCA_WQE_CMP_SWAP:
        wr->opcode = VERBS_WR_CMP_SWAP;
        return parse_atomic(wr, cursor) && parse_data(wr, cursor);
    case VHCA_WQE_FETCH_ADD:
        wr->opcode = VERBS_WR_FETCH_ADD;
        return parse_atomic(wr, cursor) && parse_data(wr, cursor);
    default:
        return false;
    }
}

/* The driver's own queue for memory keys carries nothing else */
static bool parse_private(VHCAQp *qp, VerbsSendWR *wr)
{
    uint8_t opcode = qp->wqe[CTRL_OPCODE];

    wr->opcode = opcode == VHCA_WQE_NOP ? VERBS_WR_NOP : VERBS_WR_PRIVATE;
    return opcode == VHCA_WQE_NOP || opcode == VHCA_WQE_UMR;
}

size_t vhca_wqe_len(const uint8_t *wqe)
{
    return (wqe[CTRL_DS] & CTRL_DS_MASK) * VHCA_WQE_SEGMENT;
}

uint8_t vhca_wqe_opcode(const uint8_t *wqe)
{
    return wqe[CTRL_OPCODE];
}

bool vhca_wqe_parse_send(VHCAQp *qp, VerbsSendWR *wr)
{
    Cursor cursor = { qp->wqe, qp->wqe + vhca_wqe_len(qp->wqe) };
    uint8_t flags = qp->wqe[CTRL_FLAGS];

    if (!take(&cursor, VHCA_WQE_SEGMENT)) {
        return false;
    }
    wr->signaled = (flags & CTRL_FLAG_CE_MASK) == CTRL_FLAG_CE_ALWAYS;
    wr->solicited = flags & CTRL_FLAG_SOLICITED;
    wr->imm = ldl_be_p(qp->wqe + CTRL_IMM);
    if (ifc_get(qp->context, QPC_ST) == VHCA_QP_ST_REG_UMR) {
        return parse_private(qp, wr);
    }
    return parse_opcode(qp, wr, &cursor);
}

bool vhca_wqe_parse_recv(const uint8_t *wqe, size_t len, VerbsRecvWR *wr)
{
    wr->nr_sge = 0;
    for (size_t i = 0; i + VHCA_WQE_SEGMENT <= len; i += VHCA_WQE_SEGMENT) {
        if (ldl_be_p(wqe + i + DATA_KEY) == INVALID_LKEY) {
            break;
        }
        if (!add_sge(wr->sge, &wr->nr_sge, wqe + i)) {
            return false;
        }
    }
    return true;
}
