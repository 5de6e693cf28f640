/*
 * Virtual ConnectX: queue buffers in guest memory
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The driver hands over a list of DMA addresses of equally large pages. Only
 * the addresses are kept, never a host pointer: a vIOMMU may change what is
 * behind them at any time.
 */
#include "qemu/osdep.h"
#include "hw/rdma/vhca/vhca.h"

#define PAGE_SHIFT_BASE     12
#define PAGE_SHIFT_MAX      40
#define PAGE_OFFSET_SHIFT   6       /* the context counts in 64ths of a page */

bool vhca_buffer_init(VHCABuffer *buffer, const VHCACmd *cmd,
                      unsigned int log_page_size, unsigned int page_offset,
                      uint64_t size)
{
    unsigned int shift = PAGE_SHIFT_BASE + log_page_size;
    size_t given = cmd->in_len > CMD_PAS ? (cmd->in_len - CMD_PAS) / 8 : 0;
    uint64_t page, offset, needed;

    if (shift > PAGE_SHIFT_MAX) {
        return false;
    }
    page = 1ull << shift;
    offset = (uint64_t)page_offset << (shift - PAGE_OFFSET_SHIFT);
    needed = DIV_ROUND_UP(offset + size, page);
    if (needed > given) {
        return false;
    }
    buffer->pages = g_new(uint64_t, needed);
    for (size_t i = 0; i < needed; i++) {
        /* The low bits are flags or reserved */
        buffer->pages[i] = ldq_be_p(cmd->in + CMD_PAS + 8 * i) & -page;
    }
    buffer->nr_pages = needed;
    buffer->page_shift = shift;
    buffer->offset = offset;
    buffer->size = size;
    return true;
}

void vhca_buffer_free(VHCABuffer *buffer)
{
    g_clear_pointer(&buffer->pages, g_free);
    buffer->nr_pages = 0;
    buffer->size = 0;
}

/* The DMA address of @offset, and how many of @len bytes are on its page */
static uint64_t translate(const VHCABuffer *buffer, uint64_t offset,
                          size_t *len)
{
    uint64_t page = 1ull << buffer->page_shift;
    uint64_t at = buffer->offset + offset;
    uint64_t in_page = at & (page - 1);

    *len = MIN(*len, page - in_page);
    return buffer->pages[at >> buffer->page_shift] + in_page;
}

static bool in_bounds(const VHCABuffer *buffer, uint64_t offset, size_t len)
{
    return offset <= buffer->size && len <= buffer->size - offset;
}

bool vhca_buffer_read(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                      void *data, size_t len)
{
    if (!in_bounds(buffer, offset, len)) {
        return false;
    }
    for (size_t done = 0, n; done < len; done += n) {
        uint64_t addr;

        n = len - done;
        addr = translate(buffer, offset + done, &n);
        if (!vhca_dma_read(s, addr, (uint8_t *)data + done, n)) {
            return false;
        }
    }
    return true;
}

bool vhca_buffer_write(VHCAState *s, const VHCABuffer *buffer, uint64_t offset,
                       const void *data, size_t len)
{
    if (!in_bounds(buffer, offset, len)) {
        return false;
    }
    for (size_t done = 0, n; done < len; done += n) {
        uint64_t addr;

        n = len - done;
        addr = translate(buffer, offset + done, &n);
        vhca_dma_write(s, addr, (const uint8_t *)data + done, n);
    }
    return true;
}
