/*
 * QTest testcase for the TLPs of a request, as they are on the wire
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * An accelerator copies and counts; the analyzer listens at the port above it,
 * and the test reads the capture. PCI Express Base Specification 6.x, sections
 * 2.2.5 (byte enables), 2.2.7 (sizes and boundaries of requests) and 2.3.1.1
 * (Read Completion Boundary).
 */
#include "qemu/osdep.h"
#include "fabric-lab.h"
#include "hw/pci/pcapng.h"
#include "hw/pci/pcie_tlp.h"
#include "qemu/bswap.h"
#include "qemu/host-utils.h"
#include "qemu/units.h"
#include "tph-accel-lab.h"

#define TAG             0x5a
#define PH              2
#define BOUNDARY        128     /* of completions; allowed is 64, too */

/* What a block of the capture has in front of its packet */
#define PACKET_BLOCK    6
#define PACKET_CAPTURED 20
#define PACKET_DATA     28

#define MAX_TLPS        4096

typedef struct Lab {
    QTestState *qts;
    char *capture;
    LabPCI pci;
    Accel a;
    Accel b;
    PCIeTLP tlp[MAX_TLPS];
    unsigned int header_len[MAX_TLPS];
    unsigned int nr;
} Lab;

static void accel_init(Lab *lab, Accel *d, int n)
{
    LabFunction *f = lab_find(&lab->pci, TPH_ACCEL_DEVICE_ID, n);

    g_assert_nonnull(f);
    *d = (Accel) {
        .qts = lab->qts,
        .cfg = f->cfg,
        .regs = f->bar[TPH_ACCEL_REGS_BAR],
        .mem = f->bar[TPH_ACCEL_MEM_BAR],
    };
}

/* @devctl: of everybody */
static Lab *lab_start(uint16_t devctl)
{
    Lab *lab = g_new0(Lab, 1);
    int fd = g_file_open_tmp("pcie-wire-XXXXXX", &lab->capture, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    lab->qts = qtest_initf(
        "-machine q35 -m 16M -nodefaults "
        "-device fabric-root-port,id=p0,chassis=1,addr=2,peer=keep "
        "-device fabric-root-port,id=p1,chassis=2,addr=3,peer=keep "
        "-device tph-accel,bus=p0 -device tph-accel,bus=p1 "
        "-object pcie-analyzer,id=an,ports=p0,file=%s", lab->capture);
    lab_enumerate(&lab->pci, lab->qts);
    for (unsigned int i = 0; i < lab->pci.nr; i++) {
        cfg_set_devctl(lab->qts, lab->pci.function[i].cfg, devctl);
    }
    accel_init(lab, &lab->a, 0);
    accel_init(lab, &lab->b, 1);
    return lab;
}

static void read_block(Lab *lab, const uint8_t *block)
{
    size_t captured = ldl_le_p(block + PACKET_CAPTURED);
    const char *error = NULL;
    unsigned int n = lab->nr++;

    g_assert_cmpuint(n, <, MAX_TLPS);
    g_assert_cmpuint(captured, >, PCAPNG_FRAME_OVERHEAD);
    lab->header_len[n] = pcie_tlp_decode(
        &lab->tlp[n], block + PACKET_DATA + PCAPNG_FRAME_OVERHEAD,
        captured - PCAPNG_FRAME_OVERHEAD, &error);
    g_assert_cmpstr(error, ==, NULL);
    g_assert_cmpstr(pcie_tlp_check(&lab->tlp[n]), ==, NULL);
}

/* Ends the guest, and reads what it has sent */
static void read_capture(Lab *lab)
{
    g_autofree char *content = NULL;
    gsize len;

    qtest_quit(lab->qts);
    g_assert_true(g_file_get_contents(lab->capture, &content, &len, NULL));
    for (gsize pos = 0; pos < len; pos += ldl_le_p(content + pos + 4)) {
        if (ldl_le_p(content + pos) == PACKET_BLOCK) {
            read_block(lab, (uint8_t *)content + pos);
        }
    }
    unlink(lab->capture);
}

static void lab_end(Lab *lab)
{
    g_free(lab->capture);
    g_free(lab);
}

/* The bytes that a request is for */

static uint64_t first_byte(const PCIeTLP *tlp)
{
    return tlp->addr + ctz32(tlp->first_be);
}

static uint64_t end_byte(const PCIeTLP *tlp)
{
    uint8_t last = tlp->length_dw > 1 ? tlp->last_be : tlp->first_be;

    return tlp->addr + 4 * (tlp->length_dw - 1) + 32 - clz32(last);
}

/*
 * The requests of this type are for @len bytes at @addr, in order, and end at
 * multiples of @unit: so none crosses 4 KiB, and none could be longer.
 */
static void expect_requests(Lab *lab, PCIeTLPType type, uint64_t addr,
                            size_t len, unsigned int unit)
{
    uint64_t end = addr + len;

    for (unsigned int i = 0; i < lab->nr; i++) {
        const PCIeTLP *tlp = &lab->tlp[i];

        if (tlp->type != type) {
            continue;
        }
        g_assert_cmphex(first_byte(tlp), ==, addr);
        addr = MIN(QEMU_ALIGN_DOWN(addr, unit) + unit, end);
        g_assert_cmphex(end_byte(tlp), ==, addr);
        g_assert_cmpuint(lab->header_len[i], ==,
                         tlp->addr < 4 * GiB ? 12 : 16);
    }
    g_assert_cmphex(addr, ==, end);
}

/* Those of one read: whole, in order, cut where they may be */
static void expect_completions(Lab *lab, const PCIeTLP *read,
                               unsigned int payload)
{
    uint64_t addr = first_byte(read), end = end_byte(read);

    for (unsigned int i = 0; i < lab->nr; i++) {
        const PCIeTLP *cpl = &lab->tlp[i];

        if (cpl->type != PCIE_TLP_CPLD || cpl->tag != read->tag) {
            continue;
        }
        g_assert_cmphex(cpl->requester_id, ==, read->requester_id);
        g_assert_cmpuint(cpl->byte_count, ==, end - addr);
        g_assert_cmphex(cpl->lower_addr, ==, addr & 0x7f);
        g_assert_cmpuint(cpl->length_dw * 4, <=, payload);
        addr = MIN(QEMU_ALIGN_DOWN(addr, 4) + cpl->length_dw * 4, end);
        g_assert_true(addr == end || addr % BOUNDARY == 0);
    }
    g_assert_cmphex(addr, ==, end);
}

static void expect_all_completions(Lab *lab, unsigned int payload)
{
    for (unsigned int i = 0; i < lab->nr; i++) {
        if (lab->tlp[i].type == PCIE_TLP_MRD) {
            expect_completions(lab, &lab->tlp[i], payload);
        }
    }
}

/* A copy is one chunk of 4 KiB of the engine's at most: each tag comes once */
static void test_copy(uint64_t src, uint64_t dst, uint32_t len,
                      unsigned int payload, unsigned int request)
{
    Lab *lab = lab_start(ctz32(payload / 128) << 5 |
                         ctz32(request / 128) << 12);

    dma(&lab->a, src, dst, len, 0);
    read_capture(lab);
    expect_requests(lab, PCIE_TLP_MRD, src, len, request);
    expect_requests(lab, PCIE_TLP_MWR, dst, len, payload);
    expect_all_completions(lab, payload);
    lab_end(lab);
}

static void test_sizes(void)
{
    test_copy(RAM_SRC, RAM_DST, 4096, 128, 128);
    test_copy(RAM_SRC, RAM_DST, 4096, 512, 4096);
    test_copy(RAM_SRC, RAM_DST, 4096, 256, 512);
}

static void test_boundaries(void)
{
    test_copy(RAM_SRC + 4000, RAM_DST, 4000, 512, 4096);
    test_copy(RAM_SRC + 60, RAM_DST + 4, 2000, 256, 1024);
    test_copy(RAM_SRC + 0x7c, RAM_DST + 0xffc - 2048, 2048, 512, 512);
}

static void test_byte_enables(void)
{
    test_copy(RAM_SRC + 1, RAM_DST + 2, 1, 128, 128);
    test_copy(RAM_SRC + 1, RAM_DST + 1, 2, 128, 128);
    test_copy(RAM_SRC + 3, RAM_DST + 2, 4, 128, 128);
    test_copy(RAM_SRC + 127, RAM_DST + 129, 300, 128, 256);
}

/* The highest transaction tag of 64 reads */
static unsigned int highest_tag(uint16_t devctl)
{
    Lab *lab = lab_start(devctl);
    unsigned int highest = 0;

    dma(&lab->a, RAM_SRC, RAM_DST, 8192, 0);
    read_capture(lab);
    for (unsigned int i = 0; i < lab->nr; i++) {
        if (lab->tlp[i].type == PCIE_TLP_MRD) {
            highest = MAX(highest, lab->tlp[i].tag);
        }
    }
    lab_end(lab);
    return highest;
}

static void test_tags(void)
{
    g_assert_cmpuint(highest_tag(0), ==, 31);
    g_assert_cmpuint(highest_tag(PCI_EXP_DEVCTL_EXT_TAG), ==, 63);
}

/* To the other accelerator's memory, which is above 4 GiB */
static void test_long_addresses(void)
{
    Lab *lab = lab_start(0);
    uint64_t mem = lab->b.mem;

    g_assert_cmphex(mem, >=, 4 * GiB);
    dma(&lab->a, RAM_SRC, mem + 3, 300, 0);
    read_capture(lab);
    expect_requests(lab, PCIE_TLP_MWR, mem + 3, 300, 128);
    lab_end(lab);
}

/* Requests of each type carry the tag; completions never do */
static void expect_hints(uint32_t requester, uint16_t tag, bool is_16_bit)
{
    Lab *lab = lab_start(0);
    unsigned int seen[PCIE_TLP_CPLD + 1] = {};

    set_requester(&lab->a, requester);
    dma(&lab->a, lab->b.mem, lab->b.mem + 4096, 256,
        hint(tag, PH) | TPH_ACCEL_HINT_READS);
    enable_atomics(&lab->a);
    g_assert_cmphex(dma_fetch_add(&lab->a, lab->b.mem, 8), ==,
                    TPH_ACCEL_DMA_DONE);
    read_capture(lab);
    for (unsigned int i = 0; i < lab->nr; i++) {
        const PCIeTLP *tlp = &lab->tlp[i];

        seen[tlp->type]++;
        g_assert_cmpint(tlp->th, ==, pcie_tlp_is_request(tlp));
        if (tlp->th) {
            g_assert_cmphex(tlp->st, ==, tag);
            g_assert_cmphex(tlp->ph, ==, PH);
            g_assert_cmpint(tlp->st_ext, ==, is_16_bit);
        }
    }
    g_assert_cmpuint(seen[PCIE_TLP_MWR], ==, 2);
    g_assert_cmpuint(seen[PCIE_TLP_MRD], ==, 2);
    g_assert_cmpuint(seen[PCIE_TLP_FETCH_ADD], ==, 1);
    g_assert_cmpuint(seen[PCIE_TLP_CPLD], ==, 3);
    lab_end(lab);
}

static void test_hints(void)
{
    expect_hints(REQ_TPH, TAG, false);
    expect_hints(REQ_EXT, 0x1234, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/pcie-wire/sizes", test_sizes);
    qtest_add_func("/pcie-wire/boundaries", test_boundaries);
    qtest_add_func("/pcie-wire/byte-enables", test_byte_enables);
    qtest_add_func("/pcie-wire/tags", test_tags);
    qtest_add_func("/pcie-wire/long-addresses", test_long_addresses);
    qtest_add_func("/pcie-wire/hints", test_hints);
    return g_test_run();
}
