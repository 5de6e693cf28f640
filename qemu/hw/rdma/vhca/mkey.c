/*
 * Virtual ConnectX: memory keys
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The context (struct mlx5_ifc_mkc_bits) is kept as the driver wrote it and
 * is the truth; the engine's VerbsMR follows it. What the key says of the
 * requests on the bus (TPH, ordering, translation) has no place in the engine:
 * each DMA looks at it, in dma.c.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"
#include "qemu/units.h"
#include "trace.h"

#define ACCESS_MODE_PA      0
#define ACCESS_MODE_MTT     1

#define TRANSLATION_ATS     1   /* ma_translation_mode */

#define OCTOWORD            16
#define MTT_SIZE            8
#define MTT_PRESENT         3   /* either of read and write */
#define MTT_FLAGS           7

/* UMR moves tables in pieces of 64 bytes, also for shorter ones */
#define TABLE_GRANULE       64
#define TABLE_MAX           (64 * MiB)

VHCAMkey *vhca_mkey_get(VHCAState *s, uint32_t index)
{
    return vhca_table_get(&s->mkeys, index);
}

void vhca_mkey_free(VHCAState *s, VHCAMkey *mkey)
{
    verbs_mr_remove(s->verbs, &mkey->mr);
    s->tables_len -= mkey->table_len;
    g_free(mkey->mr.pages);
    g_free(mkey);
}

static uint32_t access_mode(const uint8_t *mkc)
{
    return ifc_get(mkc, MKC_ACCESS_MODE_4_2) << 2 |
           ifc_get(mkc, MKC_ACCESS_MODE_1_0);
}

bool vhca_mkey_page_size_ok(const uint8_t *mkc)
{
    return access_mode(mkc) != ACCESS_MODE_MTT ||
           ifc_get(mkc, MKC_LOG_PAGE_SIZE) >= VERBS_PAGE_SHIFT_MIN;
}

static uint32_t verbs_access(const uint8_t *mkc)
{
    static const struct {
        uint32_t field;
        uint32_t access;
    } rights[] = {
        { MKC_LR, VERBS_ACCESS_LOCAL_READ },
        { MKC_LW, VERBS_ACCESS_LOCAL_WRITE },
        { MKC_RR, VERBS_ACCESS_REMOTE_READ },
        { MKC_RW, VERBS_ACCESS_REMOTE_WRITE },
        { MKC_A, VERBS_ACCESS_REMOTE_ATOMIC },
    };
    uint32_t access = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
        if (ifc_get(mkc, rights[i].field)) {
            access |= rights[i].access;
        }
    }
    return access;
}

void vhca_mkey_update(VHCAMkey *mkey)
{
    const uint8_t *mkc = mkey->context;
    VerbsMR *mr = &mkey->mr;

    mr->key = mkey->index << 8 | ifc_get(mkc, MKC_MKEY_7_0);
    mr->enabled = !ifc_get(mkc, MKC_FREE);
    mr->physical = access_mode(mkc) == ACCESS_MODE_PA;
    mr->remote_invalidate = ifc_get(mkc, MKC_EN_RINVAL);
    mr->pd = ifc_get(mkc, MKC_PD);
    mr->access = verbs_access(mkc);
    mr->start = ldq_be_p(mkc + MKC_START_ADDR);
    mr->length = ldq_be_p(mkc + MKC_LEN);
    mr->page_shift = ifc_get(mkc, MKC_LOG_PAGE_SIZE);
    /* The driver keeps address and page offset congruent */
    mr->first_offset = mr->start & ((1ull << mr->page_shift) - 1);
}

void vhca_mkey_invalidate(void *opaque, VerbsMR *mr)
{
    VHCAMkey *mkey = mr->dma;

    ifc_set(mkey->context, MKC_FREE, 1);
    vhca_mkey_update(mkey);
}

bool vhca_mkey_load(VHCAMkey *mkey, uint64_t offset, const uint8_t *mtt,
                    size_t len)
{
    size_t first = offset / MTT_SIZE;

    if (offset % MTT_SIZE || offset > mkey->table_len ||
        len > mkey->table_len - offset) {
        return false;
    }
    for (size_t i = 0; i < len / MTT_SIZE; i++) {
        uint64_t entry = ldq_be_p(mtt + i * MTT_SIZE);

        mkey->mr.pages[first + i] = (entry & ~(uint64_t)MTT_FLAGS) |
                                    !!(entry & MTT_PRESENT);
    }
    return true;
}

static bool allocate_table(VHCAState *s, VHCAMkey *mkey)
{
    uint64_t len = (uint64_t)ifc_get(mkey->context, MKC_TRANSLATIONS) *
                   OCTOWORD;

    len = ROUND_UP(len, TABLE_GRANULE);
    if (len > TABLE_MAX || len > VHCA_TABLES_MAX - s->tables_len) {
        return false;
    }
    mkey->mr.pages = g_try_malloc0(len);
    if (len && !mkey->mr.pages) {
        return false;
    }
    mkey->mr.nr_pages = len / MTT_SIZE;
    mkey->table_len = len;
    s->tables_len += len;
    return true;
}

static bool load_inbox_table(VHCAMkey *mkey, const VHCACmd *cmd)
{
    uint64_t len = (uint64_t)ifc_get(cmd->in, CREATE_MKEY_ACTUAL_OCTOS) *
                   OCTOWORD;

    return !len ||
           (len <= cmd->in_len - CMD_PAS &&
            vhca_mkey_load(mkey, 0, cmd->in + CMD_PAS, len));
}

/* What no UMR can change */
static void read_requester(VHCAMkey *mkey)
{
    mkey->ats = ifc_get(mkey->context, MKC_MA_TRANSLATION_MODE) ==
                TRANSLATION_ATS;
    mkey->tph_en = ifc_get(mkey->context, MKC_TPH_EN);
    mkey->ph = ifc_get(mkey->context, MKC_TPH_PH);
    mkey->st_index = ifc_get(mkey->context, MKC_TPH_ST_INDEX);
}

static bool parse_context(VHCAState *s, VHCACmd *cmd, VHCAMkey *mkey)
{
    memcpy(mkey->context, cmd->in + CMD_CONTEXT, MKC_SIZE);
    if (access_mode(mkey->context) > ACCESS_MODE_MTT) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 1);
    } else if (access_mode(mkey->context) == ACCESS_MODE_PA &&
               !ifc_get(mkey->context, MKC_LENGTH64)) {
        /* A physical key with a range: nothing of the driver's needs it */
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 2);
    } else if (ifc_get(cmd->in, CREATE_MKEY_UMEM_VALID)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 3);
    } else if (ifc_get(mkey->context, MKC_MA_TRANSLATION_MODE) >
               (s->ats ? TRANSLATION_ATS : 0)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 7);
    } else if (!vhca_mkey_page_size_ok(mkey->context)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 8);
    } else if (!allocate_table(s, mkey)) {
        vhca_cmd_fail(cmd, VHCA_LIMIT, 4);
    } else if (!load_inbox_table(mkey, cmd)) {
        vhca_cmd_fail(cmd, VHCA_BAD_PARAM, 5);
    }
    return cmd->status == VHCA_OK;
}

void vhca_create_mkey(VHCAState *s, VHCACmd *cmd)
{
    VHCAMkey *mkey = g_new0(VHCAMkey, 1);

    if (!parse_context(s, cmd, mkey)) {
        vhca_mkey_free(s, mkey);
        return;
    }
    if (!vhca_table_add(&s->mkeys, mkey, &mkey->index)) {
        vhca_mkey_free(s, mkey);
        vhca_cmd_fail(cmd, VHCA_LIMIT, 6);
        return;
    }
    mkey->mr.dma = mkey;
    read_requester(mkey);
    vhca_mkey_update(mkey);
    verbs_mr_add(s->verbs, &mkey->mr);
    ifc_set(cmd->out, CMD_OUT_ID, mkey->index);
    trace_vhca_mkey_create(mkey->mr.key, mkey->tph_en, mkey->ph,
                           mkey->st_index);
    if (mkey->ats) {
        trace_vhca_mkey_ats(mkey->mr.key);
    }
}

void vhca_destroy_mkey(VHCAState *s, VHCACmd *cmd)
{
    VHCAMkey *mkey = vhca_object_find(&s->mkeys, cmd);

    if (mkey) {
        trace_vhca_mkey_destroy(mkey->mr.key);
        vhca_table_remove(&s->mkeys, mkey->index);
        vhca_mkey_free(s, mkey);
    }
}

void vhca_query_mkey(VHCAState *s, VHCACmd *cmd)
{
    VHCAMkey *mkey = vhca_object_find(&s->mkeys, cmd);

    if (mkey) {
        memcpy(cmd->out + CMD_CONTEXT, mkey->context, MKC_SIZE);
    }
}
