/*
 * Verbs engine: memory regions
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Access to memory is by key, page by page (IBA 10.6). Every number that is
 * looked at here comes from a guest.
 */
#include "qemu/osdep.h"
#include "verbs_internal.h"

/* The lower 8 bits of a key are its owner's to vary (IBA 10.6). */
static gpointer mr_hash_key(uint32_t key)
{
    return GUINT_TO_POINTER(key >> 8);
}

void verbs_mr_add(VerbsDevice *dev, VerbsMR *mr)
{
    gpointer hash_key = mr_hash_key(mr->key);

    assert(!g_hash_table_contains(dev->mrs, hash_key));
    g_hash_table_insert(dev->mrs, hash_key, mr);
}

void verbs_mr_remove(VerbsDevice *dev, VerbsMR *mr)
{
    gpointer hash_key = mr_hash_key(mr->key);

    if (g_hash_table_lookup(dev->mrs, hash_key) == mr) {
        g_hash_table_remove(dev->mrs, hash_key);
    }
}

VerbsMR *verbs_mr_find(VerbsDevice *dev, uint32_t key)
{
    return g_hash_table_lookup(dev->mrs, mr_hash_key(key));
}

/* No address range here may wrap around, not even by its last byte. */
static bool mr_covers(const VerbsMR *mr, uint64_t addr, uint64_t len)
{
    uint64_t offset = addr - mr->start;

    if (len && addr + (len - 1) < addr) {
        return false;
    }
    if (mr->physical) {
        return true;
    }
    return addr >= mr->start && offset <= mr->length &&
           len <= mr->length - offset;
}

static VerbsMR *mr_get(VerbsDevice *dev, uint32_t key, uint32_t pd,
                       uint32_t need, uint64_t addr, uint64_t len)
{
    VerbsMR *mr = verbs_mr_find(dev, key);

    if (!mr || mr->key != key || !mr->enabled) {
        return NULL;
    }
    if (pd != VERBS_ANY_PD && mr->pd != pd) {
        return NULL;
    }
    if ((mr->access & need) != need || !mr_covers(mr, addr, len)) {
        return NULL;
    }
    return mr;
}

bool verbs_mr_check(VerbsDevice *dev, uint32_t key, uint32_t pd,
                    uint32_t need, uint64_t addr, uint64_t len)
{
    return mr_get(dev, key, pd, need, addr, len) != NULL;
}

/* DMA address of the page that @pos, an offset from the first page, is in */
static bool mr_page(const VerbsMR *mr, uint64_t pos, uint64_t *base)
{
    uint64_t index = pos >> mr->page_shift;

    if (index >= mr->nr_pages || !(mr->pages[index] & 1)) {
        return false;
    }
    *base = mr->pages[index] >> mr->page_shift << mr->page_shift & ~1ull;
    return true;
}

/**
 * mr_run(): translate the beginning of a range that mr_get() has accepted
 *
 * Returns how many bytes of @len are contiguous for DMA from *@dma on; 0 if
 * the page of @addr is absent.
 */
static uint64_t mr_run(const VerbsMR *mr, uint64_t addr, uint64_t len,
                       uint64_t *dma)
{
    uint64_t pos = addr - mr->start + mr->first_offset;
    uint64_t page_size, base, next, run;

    if (mr->physical) {
        *dma = addr;
        return len;
    }
    if (mr->page_shift < VERBS_PAGE_SHIFT_MIN || mr->page_shift > 63 ||
        pos < mr->first_offset || !mr_page(mr, pos, &base)) {
        return 0;
    }
    page_size = 1ull << mr->page_shift;
    *dma = base + (pos & (page_size - 1));
    run = page_size - (pos & (page_size - 1));
    /* One large DMA gives the platform larger packets than many small ones. */
    while (run < len && pos + run > pos && mr_page(mr, pos + run, &next) &&
           next > base && next - base == page_size) {
        base = next;
        run += page_size;
    }
    return MIN(run, len);
}

static bool mr_pages_present(const VerbsMR *mr, uint64_t addr, uint64_t len)
{
    uint64_t dma, run;

    for (; len; addr += run, len -= run) {
        run = mr_run(mr, addr, len, &dma);
        if (!run) {
            return false;
        }
    }
    return true;
}

VerbsStatus verbs_mr_access(VerbsDevice *dev, uint32_t key, uint32_t pd,
                            uint32_t need, uint64_t addr, void *data,
                            size_t len, bool to_mr)
{
    const VerbsMR *mr = mr_get(dev, key, pd, need, addr, len);
    uint8_t *p = data;
    uint64_t dma, run;
    bool ok;

    if (!mr || !mr_pages_present(mr, addr, len)) {
        return VERBS_WC_LOCAL_PROTECTION;
    }
    while (len) {
        /* Looked up each time: DMA can end in a command that frees the key. */
        mr = mr_get(dev, key, pd, need, addr, len);
        run = mr ? mr_run(mr, addr, len, &dma) : 0;
        if (!run) {
            return VERBS_WC_LOCAL_PROTECTION;
        }
        dev->turn_cost += run + VERBS_REQUEST_COST;
        ok = to_mr ? dev->ops->dma_write(dev->opaque, mr, dma, p, run)
                   : dev->ops->dma_read(dev->opaque, mr, dma, p, run);
        if (!ok) {
            return VERBS_WC_LOCAL_ACCESS;
        }
        addr += run;
        p += run;
        len -= run;
    }
    return VERBS_WC_SUCCESS;
}

VerbsStatus verbs_mr_atomic(VerbsDevice *dev, const VerbsMsg *msg, uint32_t pd,
                            uint64_t *old)
{
    const VerbsMR *mr = mr_get(dev, msg->remote_key, pd,
                               VERBS_ACCESS_REMOTE_ATOMIC, msg->remote_addr,
                               sizeof(*old));
    uint64_t dma;

    /* The owner of the key chooses how addresses and pages are aligned. */
    if (!mr ||
        mr_run(mr, msg->remote_addr, sizeof(*old), &dma) < sizeof(*old) ||
        dma % sizeof(*old)) {
        return VERBS_WC_LOCAL_PROTECTION;
    }
    dev->turn_cost += VERBS_REQUEST_COST;
    if (!dev->ops->dma_atomic(dev->opaque, mr, dma, msg->opcode, msg->operand,
                              msg->compare, old)) {
        return VERBS_WC_LOCAL_ACCESS;
    }
    return VERBS_WC_SUCCESS;
}

uint64_t verbs_sgl_length(const VerbsSGE *sge, unsigned int nr_sge)
{
    uint64_t length = 0;

    for (unsigned int i = 0; i < nr_sge; i++) {
        length += sge[i].length;
    }
    return length;
}

/* An element without length is not looked at. */
bool verbs_sgl_check(VerbsDevice *dev, const VerbsSGE *sge,
                     unsigned int nr_sge, uint32_t pd, uint32_t need)
{
    for (unsigned int i = 0; i < nr_sge; i++) {
        if (sge[i].length && !verbs_mr_check(dev, sge[i].key, pd, need,
                                             sge[i].addr, sge[i].length)) {
            return false;
        }
    }
    return true;
}

VerbsStatus verbs_sgl_access(VerbsDevice *dev, const VerbsSGE *sge,
                             unsigned int nr_sge, uint32_t pd, uint32_t need,
                             uint64_t offset, void *data, size_t len,
                             bool to_mr)
{
    uint8_t *p = data;
    VerbsStatus status;
    size_t piece;

    for (unsigned int i = 0; i < nr_sge && len; i++) {
        if (offset >= sge[i].length) {
            offset -= sge[i].length;
            continue;
        }
        piece = MIN(len, sge[i].length - offset);
        status = verbs_mr_access(dev, sge[i].key, pd, need,
                                 sge[i].addr + offset, p, piece, to_mr);
        if (status != VERBS_WC_SUCCESS) {
            return status;
        }
        offset = 0;
        p += piece;
        len -= piece;
    }
    return len ? VERBS_WC_LOCAL_PROTECTION : VERBS_WC_SUCCESS;
}
