/*
 * Virtual ConnectX: changing a memory key by work request
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The driver registers memory by posting UMR requests on a queue pair of its
 * own: a control part (struct mlx5_wqe_umr_ctrl_seg of the driver's qp.h), an
 * image of the key's context with a mask of the fields that count, and part
 * of the translation table, from memory or inline.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "trace.h"

/* Places in the work request */
#define WQE_MKEY            12
#define WQE_FLAGS           16
#define WQE_OCTOWORDS       20
#define WQE_OFFSET_LOW      22
#define WQE_MASK            24
#define WQE_OFFSET_HIGH     32
#define WQE_CONTEXT         64
#define WQE_DATA            128
#define DATA_KEY            (WQE_DATA + 4)
#define DATA_ADDR           (WQE_DATA + 8)
#define DATA_SIZE           16

#define OCTOWORD            16

/* Flags */
#define UMR_INLINE          0x80
#define UMR_CHECK           0x60
#define UMR_FAIL_UNLESS_FREE 0x20
#define UMR_FAIL_IF_FREE    0x40
#define UMR_OFFSET_EN       0x10

/* MLX5_MKEY_MASK_* of the driver's device.h */
typedef struct MaskField {
    unsigned int bit;
    uint32_t field;
} MaskField;

static const MaskField mask_fields[] = {
    { 0, MKC_LENGTH64 },
    { 1, MKC_LOG_PAGE_SIZE_LOW },
    { 7, MKC_PD },
    { 8, MKC_EN_RINVAL },
    { 13, MKC_MKEY_7_0 },
    { 14, MKC_QPN },
    { 17, MKC_LR },
    { 18, MKC_LW },
    { 19, MKC_RR },
    { 20, MKC_RW },
    { 21, MKC_A },
    { 25, MKC_RELAXED_WRITE },
    { 29, MKC_FREE },
    { 42, MKC_LOG_PAGE_SIZE_HIGH },
    { 47, MKC_RELAXED_READ },
};

#define MASK_LEN_BIT        0
#define MASK_START_BIT      6

static void merge_context(uint8_t *mkc, const uint8_t *from, uint64_t mask)
{
    if (mask >> MASK_LEN_BIT & 1) {
        memcpy(mkc + MKC_LEN, from + MKC_LEN, 8);
    }
    if (mask >> MASK_START_BIT & 1) {
        memcpy(mkc + MKC_START_ADDR, from + MKC_START_ADDR, 8);
    }
    for (size_t i = 0; i < ARRAY_SIZE(mask_fields); i++) {
        if (mask >> mask_fields[i].bit & 1) {
            ifc_copy(mkc, from, mask_fields[i].field);
        }
    }
}

static uint64_t table_offset(const uint8_t *wqe)
{
    uint64_t octowords;

    if (!(wqe[WQE_FLAGS] & UMR_OFFSET_EN)) {
        return 0;
    }
    octowords = (uint64_t)ldl_be_p(wqe + WQE_OFFSET_HIGH) << 16 |
                lduw_be_p(wqe + WQE_OFFSET_LOW);
    return octowords * OCTOWORD;
}

/* The driver's data key is of another PD than this queue pair: any will do */
static VerbsStatus load_from_memory(VHCAState *s, const uint8_t *wqe,
                                    VHCAMkey *mkey, size_t len)
{
    g_autofree uint8_t *mtt = g_malloc(len);
    VerbsStatus status;

    status = verbs_mr_access(s->verbs, ldl_be_p(wqe + DATA_KEY), VERBS_ANY_PD,
                             VERBS_ACCESS_LOCAL_READ,
                             ldq_be_p(wqe + DATA_ADDR), mtt, len, false);
    if (status != VERBS_WC_SUCCESS) {
        return status;
    }
    return vhca_mkey_load(mkey, table_offset(wqe), mtt, len) ?
           VERBS_WC_SUCCESS : VERBS_WC_LOCAL_QP_OP;
}

static VerbsStatus load_table(VHCAState *s, const uint8_t *wqe, VHCAMkey *mkey)
{
    size_t len = lduw_be_p(wqe + WQE_OCTOWORDS) * OCTOWORD;
    size_t wqe_len = vhca_wqe_len(wqe);

    if (!len) {
        return VERBS_WC_SUCCESS;
    }
    if (wqe[WQE_FLAGS] & UMR_INLINE) {
        return len <= wqe_len - WQE_DATA &&
               vhca_mkey_load(mkey, table_offset(wqe), wqe + WQE_DATA, len) ?
               VERBS_WC_SUCCESS : VERBS_WC_LOCAL_QP_OP;
    }
    if (wqe_len < WQE_DATA + DATA_SIZE) {
        return VERBS_WC_LOCAL_QP_OP;
    }
    return load_from_memory(s, wqe, mkey, len);
}

static bool allowed(const uint8_t *wqe, const VHCAMkey *mkey)
{
    bool is_free = ifc_get(mkey->context, MKC_FREE);

    switch (wqe[WQE_FLAGS] & UMR_CHECK) {
    case UMR_FAIL_UNLESS_FREE:
        return is_free;
    case UMR_FAIL_IF_FREE:
        return !is_free;
    default:
        return true;
    }
}

static VerbsStatus run(VHCAState *s, const uint8_t *wqe)
{
    VHCAMkey *mkey = vhca_mkey_get(s, ldl_be_p(wqe + WQE_MKEY) >> 8);
    uint8_t mkc[MKC_SIZE];
    VerbsStatus status;

    if (vhca_wqe_len(wqe) < WQE_DATA) {
        return VERBS_WC_LOCAL_QP_OP;
    }
    if (!mkey || !ifc_get(mkey->context, MKC_UMR_EN) || !allowed(wqe, mkey)) {
        return VERBS_WC_LOCAL_PROTECTION;
    }
    memcpy(mkc, mkey->context, MKC_SIZE);
    merge_context(mkc, wqe + WQE_CONTEXT, ldq_be_p(wqe + WQE_MASK));
    if (!vhca_mkey_page_size_ok(mkc)) {
        return VERBS_WC_LOCAL_QP_OP;
    }
    status = load_table(s, wqe, mkey);
    if (status == VERBS_WC_SUCCESS) {
        memcpy(mkey->context, mkc, MKC_SIZE);
        vhca_mkey_update(mkey);
    }
    return status;
}

VerbsStatus vhca_umr_run(VerbsQP *verbs, const VerbsSendWR *wr)
{
    VHCAQp *qp = verbs_qp_opaque(verbs);
    VerbsStatus status = run(qp->hca, qp->wqe);

    trace_vhca_umr(ldl_be_p(qp->wqe + WQE_MKEY), qp->wqe[WQE_FLAGS],
                   lduw_be_p(qp->wqe + WQE_OCTOWORDS),
                   ldq_be_p(qp->wqe + WQE_MASK), status);
    return status;
}
