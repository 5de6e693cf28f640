/*
 * Tests of the TLP codec
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The golden bytes are written by hand from the places that the PCI Express
 * Base Specification 6.x gives (sections 2.2.1, 2.2.7, 2.2.7.1.1, 2.2.9.1),
 * not made with the encoder. The random parts rely on the sanitizers that
 * the Makefile builds with.
 */
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pcie_tlp.h"
#include "tap.h"

typedef struct Golden {
    const char *name;
    size_t len;
    uint8_t bytes[PCIE_TLP_MAX_HEADER];
    PCIeTLP tlp;
} Golden;

static const Golden golden[] = {
    {
        "MWr, 3 DW, relaxed ordering", 12,
        { 0x40, 0x00, 0x20, 0x10, 0x01, 0x00, 0x05, 0xff,
          0xfe, 0x00, 0x10, 0x00 },
        { .type = PCIE_TLP_MWR, .attr = PCIE_ATTR_RELAXED,
          .requester_id = 0x0100, .tag = 5, .length_dw = 16,
          .addr = 0xfe001000, .first_be = 0xf, .last_be = 0xf },
    }, {
        "MWr, 4 DW, TH, 8-bit tag in place of the tag", 16,
        { 0x60, 0x01, 0x00, 0x01, 0x01, 0x00, 0x5a, 0x0f,
          0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x10, 0x02 },
        { .type = PCIE_TLP_MWR, .requester_id = 0x0100, .length_dw = 1,
          .addr = 0x3800001000, .first_be = 0xf, .th = true,
          .ph = PCIE_PH_TARGET, .st = 0x5a },
    }, {
        "MWr, 3 DW, TH, 16-bit tag in prefix and tag field", 16,
        { 0x90, 0xbe, 0x00, 0x00, 0x40, 0x01, 0x00, 0x02,
          0x02, 0x08, 0xef, 0xff, 0xe0, 0x00, 0x00, 0x03 },
        { .type = PCIE_TLP_MWR, .requester_id = 0x0208, .length_dw = 2,
          .addr = 0xe0000000, .first_be = 0xf, .last_be = 0xf, .th = true,
          .ph = PCIE_PH_TARGET_PRIORITY, .st = 0xbeef, .st_ext = true },
    }, {
        "MWr, 4 DW, TH, 16-bit tag whose upper half is 0", 20,
        { 0x90, 0x00, 0x00, 0x00, 0x60, 0x01, 0x00, 0x01,
          0x01, 0x00, 0x21, 0x0f, 0x00, 0x00, 0x00, 0x01,
          0x00, 0x00, 0x00, 0x01 },
        { .type = PCIE_TLP_MWR, .requester_id = 0x0100, .length_dw = 1,
          .addr = 0x100000000, .first_be = 0xf, .th = true,
          .ph = PCIE_PH_REQUESTER, .st = 0x21, .st_ext = true },
    }, {
        "MWr, 3 DW, TC 5, poisoned, translated, no snoop", 12,
        { 0x40, 0x50, 0x58, 0x01, 0x01, 0x00, 0x00, 0x06,
          0xc0, 0x00, 0x00, 0x00 },
        { .type = PCIE_TLP_MWR, .tc = 5, .attr = PCIE_ATTR_NO_SNOOP,
          .at = PCIE_AT_TRANSLATED, .ep = true, .requester_id = 0x0100,
          .length_dw = 1, .addr = 0xc0000000, .first_be = 0x6 },
    }, {
        "MRd, 3 DW, 10-bit tag, 1024 DW", 12,
        { 0x00, 0x88, 0x00, 0x00, 0x00, 0x10, 0xa5, 0xff,
          0x80, 0x00, 0x00, 0x00 },
        { .type = PCIE_TLP_MRD, .requester_id = 0x0010, .tag = 0x3a5,
          .length_dw = 1024, .addr = 0x80000000, .first_be = 0xf,
          .last_be = 0xf },
    }, {
        "MRd, 3 DW, tag bit 8 alone, byte enables", 12,
        { 0x00, 0x08, 0x00, 0x02, 0x00, 0x10, 0x00, 0x7c,
          0x80, 0x00, 0x00, 0x04 },
        { .type = PCIE_TLP_MRD, .requester_id = 0x0010, .tag = 0x100,
          .length_dw = 2, .addr = 0x80000004, .first_be = 0xc,
          .last_be = 0x7 },
    }, {
        "MRd, 4 DW, TH, tag in place of the byte enables", 16,
        { 0x20, 0x01, 0x00, 0x04, 0x03, 0x00, 0x12, 0x7f,
          0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x41 },
        { .type = PCIE_TLP_MRD, .requester_id = 0x0300, .tag = 0x12,
          .length_dw = 4, .addr = 0x100000040, .first_be = 0xf,
          .last_be = 0xf, .th = true, .ph = PCIE_PH_REQUESTER, .st = 0x7f },
    }, {
        "MRd of 1 DW with TH implies first enables only", 12,
        { 0x00, 0x01, 0x00, 0x01, 0x03, 0x00, 0x12, 0x7f,
          0x00, 0x00, 0x00, 0x40 },
        { .type = PCIE_TLP_MRD, .requester_id = 0x0300, .tag = 0x12,
          .length_dw = 1, .addr = 0x40, .first_be = 0xf, .th = true,
          .st = 0x7f },
    }, {
        "MRd of no bytes", 12,
        { 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00,
          0xc0, 0x00, 0x00, 0x00 },
        { .type = PCIE_TLP_MRD, .requester_id = 0x0100, .length_dw = 1,
          .addr = 0xc0000000 },
    }, {
        "translation request", 12,
        { 0x00, 0x00, 0x04, 0x02, 0x01, 0x00, 0x31, 0xff,
          0x00, 0x01, 0x00, 0x00 },
        { .type = PCIE_TLP_MRD, .at = PCIE_AT_TRANSLATION_REQUEST,
          .requester_id = 0x0100, .tag = 0x31, .length_dw = 2,
          .addr = 0x10000, .first_be = 0xf, .last_be = 0xf },
    }, {
        "FetchAdd, 3 DW, TH, tag in place of the byte enables", 12,
        { 0x4c, 0x01, 0x00, 0x01, 0x01, 0x00, 0x01, 0x80,
          0xf0, 0x00, 0x00, 0x10 },
        { .type = PCIE_TLP_FETCH_ADD, .requester_id = 0x0100, .tag = 1,
          .length_dw = 1, .addr = 0xf0000010, .first_be = 0xf, .th = true,
          .st = 0x80 },
    }, {
        "Swap, 4 DW", 16,
        { 0x6d, 0x00, 0x00, 0x02, 0x01, 0x00, 0x02, 0xff,
          0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x08 },
        { .type = PCIE_TLP_SWAP, .requester_id = 0x0100, .tag = 2,
          .length_dw = 2, .addr = 0x200000008, .first_be = 0xf,
          .last_be = 0xf },
    }, {
        "CAS, 3 DW, TH, 16-bit tag", 16,
        { 0x90, 0x12, 0x00, 0x00, 0x4e, 0x01, 0x00, 0x04,
          0x01, 0x00, 0x03, 0x34, 0xf0, 0x00, 0x00, 0x0a },
        { .type = PCIE_TLP_CAS, .requester_id = 0x0100, .tag = 3,
          .length_dw = 4, .addr = 0xf0000008, .first_be = 0xf,
          .last_be = 0xf, .th = true, .ph = PCIE_PH_TARGET, .st = 0x1234,
          .st_ext = true },
    }, {
        "Cpl, unsupported request", 12,
        { 0x0a, 0x00, 0x00, 0x00, 0x02, 0x00, 0x20, 0x04,
          0x01, 0x00, 0x07, 0x00 },
        { .type = PCIE_TLP_CPL, .completer_id = 0x0200,
          .status = PCIE_CPL_UR, .byte_count = 4, .requester_id = 0x0100,
          .tag = 7 },
    }, {
        "Cpl, completer abort, 10-bit tag", 12,
        { 0x0a, 0x80, 0x00, 0x00, 0x02, 0x00, 0x80, 0x08,
          0x01, 0x00, 0x07, 0x10 },
        { .type = PCIE_TLP_CPL, .completer_id = 0x0200,
          .status = PCIE_CPL_CA, .byte_count = 8, .requester_id = 0x0100,
          .tag = 0x207, .lower_addr = 0x10 },
    }, {
        "CplD, ID-based ordering, lower address", 12,
        { 0x4a, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x04,
          0x01, 0x00, 0x09, 0x7c },
        { .type = PCIE_TLP_CPLD, .attr = PCIE_ATTR_ID_BASED,
          .completer_id = 0x0200, .byte_count = 4, .length_dw = 1,
          .requester_id = 0x0100, .tag = 9, .lower_addr = 0x7c },
    }, {
        "CplD, byte count 4096", 12,
        { 0x4a, 0x00, 0x00, 0x40, 0x02, 0x00, 0x00, 0x00,
          0x01, 0x00, 0x0a, 0x00 },
        { .type = PCIE_TLP_CPLD, .completer_id = 0x0200, .byte_count = 4096,
          .length_dw = 64, .requester_id = 0x0100, .tag = 10 },
    }, {
        "CplD, byte count 2048", 12,
        { 0x4a, 0x00, 0x02, 0x00, 0x02, 0x00, 0x08, 0x00,
          0x01, 0x00, 0x0a, 0x00 },
        { .type = PCIE_TLP_CPLD, .completer_id = 0x0200, .byte_count = 2048,
          .length_dw = 512, .requester_id = 0x0100, .tag = 10 },
    },
};

static bool same(const PCIeTLP *a, const PCIeTLP *b)
{
    return a->type == b->type && a->tc == b->tc && a->attr == b->attr &&
           a->at == b->at && a->ep == b->ep &&
           a->requester_id == b->requester_id && a->tag == b->tag &&
           a->length_dw == b->length_dw && a->addr == b->addr &&
           a->first_be == b->first_be && a->last_be == b->last_be &&
           a->th == b->th && a->ph == b->ph && a->st == b->st &&
           a->st_ext == b->st_ext && a->completer_id == b->completer_id &&
           a->status == b->status && a->byte_count == b->byte_count &&
           a->lower_addr == b->lower_addr;
}

static void test_golden(void)
{
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        const Golden *g = &golden[i];
        uint8_t buf[PCIE_TLP_MAX_HEADER];
        const char *error = NULL;
        PCIeTLP tlp;
        size_t len;

        error = pcie_tlp_check(&g->tlp);
        ok(!error, "keeps the rules: %s%s%s", g->name, error ? ": " : "",
           error ? error : "");
        memset(buf, 0xcc, sizeof(buf));
        len = pcie_tlp_encode(&g->tlp, buf);
        ok(len == g->len && !memcmp(buf, g->bytes, len), "encode: %s",
           g->name);
        len = pcie_tlp_decode(&tlp, g->bytes, g->len, &error);
        ok(len == g->len && same(&tlp, &g->tlp), "decode: %s%s%s", g->name,
           len ? "" : ": ", len ? "" : error);
    }
}

/* A posted request's tag is not on the wire with TH */
static void test_encode_ignores(void)
{
    PCIeTLP tlp = golden[1].tlp;
    uint8_t buf[PCIE_TLP_MAX_HEADER];

    tlp.tag = 0x377;
    ok(pcie_tlp_encode(&tlp, buf) == 16 && !memcmp(buf, golden[1].bytes, 16),
       "encode: a posted request with TH carries no transaction tag");

    tlp = golden[14].tlp;
    tlp.length_dw = 5;
    ok(pcie_tlp_encode(&tlp, buf) == 12 && !memcmp(buf, golden[14].bytes, 12),
       "encode: a completion without data has Length 0");
}

/* Bits that receivers have to ignore */
typedef struct Ignored {
    const char *name;
    unsigned int golden;    /* the vector that is changed... */
    unsigned int byte;      /* ...here... */
    uint8_t bits;           /* ...by turning these on */
} Ignored;

static void test_decode_ignores(void)
{
    static const Ignored ignored[] = {
        { "byte 1 bit 1, which is reserved", 0, 1, 0x02 },
        { "T9 and T8 of a posted request", 0, 1, 0x88 },
        { "PH bits without TH", 0, 11, 0x03 },
        { "T9 and T8 of a posted request with TH", 1, 1, 0x88 },
        { "reserved bytes of the prefix", 2, 3, 0xff },
        { "AMA and reserved bits of the prefix", 2, 2, 0xff },
        { "digest bit", 0, 2, 0x80 },
        { "TH of a completion", 14, 1, 0x01 },
        { "AT of a completion", 16, 2, 0x0c },
        { "Length of a completion without data", 14, 3, 0x11 },
        { "byte count modified bit", 14, 6, 0x10 },
        { "top bit beside the lower address", 16, 11, 0x80 },
    };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        const Golden *g = &golden[ignored[i].golden];
        uint8_t bytes[PCIE_TLP_MAX_HEADER];
        PCIeTLP tlp;

        memcpy(bytes, g->bytes, sizeof(bytes));
        bytes[ignored[i].byte] |= ignored[i].bits;
        ok(pcie_tlp_decode(&tlp, bytes, g->len, NULL) == g->len &&
           same(&tlp, &g->tlp), "decode ignores: %s", ignored[i].name);
    }
}

static void test_decode_special(void)
{
    static const uint8_t write[] = {
        0x40, 0x00, 0x00, 0x01, 0x01, 0x00, 0x5a, 0x0f,
        0xe0, 0x00, 0x00, 0x03,
    };
    static const uint8_t atomic[] = {
        0x4c, 0x00, 0x00, 0x02, 0x01, 0x00, 0x01, 0x00,
        0xf0, 0x00, 0x00, 0x10,
    };
    static const uint8_t ama[] = {
        0x90, 0x5a, 0x30, 0x00, 0x40, 0x00, 0x00, 0x01,
        0x01, 0x00, 0x5a, 0x0f, 0xe0, 0x00, 0x00, 0x00,
    };
    PCIeTLP tlp;

    ok(pcie_tlp_decode(&tlp, write, sizeof(write), NULL) == 12 && !tlp.th &&
       !tlp.st && !tlp.ph && tlp.addr == 0xe0000000,
       "decode: TH=0 never gives a steering tag or a hint");
    ok(pcie_tlp_decode(&tlp, atomic, sizeof(atomic), NULL) == 12 &&
       tlp.first_be == 0xf && tlp.last_be == 0xf,
       "decode: an atomic's operand is whole, whatever its byte enables");
    ok(pcie_tlp_decode(&tlp, ama, sizeof(ama), NULL) == 16 && !tlp.th &&
       !tlp.st && !tlp.st_ext,
       "decode: a prefix for address modification gives no steering tag");
}

typedef struct Reject {
    const char *error;
    size_t len;
    uint8_t bytes[PCIE_TLP_MAX_HEADER];
} Reject;

static void test_decode_rejects(void)
{
    static const Reject reject[] = {
        { "no bytes", 0, { 0 } },
        { "truncated header", 1, { 0x40 } },
        { "truncated header", 11, { 0x40, 0, 0, 1 } },
        { "truncated header", 15, { 0x60, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 } },
        { "truncated header", 15, { 0x90, 0, 0, 0, 0x40, 1, 0, 1 } },
        { "nothing after the TPH TLP Prefix", 4, { 0x90 } },
        { "more than one TLP Prefix", 20,
          { 0x90, 0, 0, 0, 0x90, 0, 0, 0, 0x40, 1, 0, 1 } },
        { "more than one TLP Prefix", 20,
          { 0x90, 0, 0, 0, 0x91, 0, 0, 0, 0x40, 1, 0, 1 } },
        { "unsupported Local TLP Prefix", 16, { 0x80, 0, 0, 0, 0x40 } },
        { "unsupported Local TLP Prefix", 16, { 0x8e, 0, 0, 0, 0x40 } },
        { "unsupported End-End TLP Prefix", 16, { 0x91, 0, 0, 0, 0x40 } },
        { "unsupported End-End TLP Prefix", 16, { 0x9e, 0, 0, 0, 0x40 } },
        { "TPH TLP Prefix without TH", 16,
          { 0x90, 0x5a, 0, 0, 0x40, 0, 0, 1 } },
        { "TPH TLP Prefix on a completion", 16,
          { 0x90, 0x5a, 0, 0, 0x4a, 1, 0, 1 } },
        { "reserved header format", 16, { 0xa0, 0, 0, 1 } },
        { "reserved header format", 16, { 0xc0, 0, 0, 1 } },
        { "reserved header format", 16, { 0xe0, 0, 0, 1 } },
        { "reserved header format", 20, { 0x90, 0, 0, 0, 0xa0, 1, 0, 1 } },
        { "completion with a 4 DW header", 16, { 0x2a, 0, 0, 0 } },
        { "completion with a 4 DW header", 16, { 0x6a, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x01, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x02, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x44, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x34, 0, 0, 0 } },
        { "unknown or unsupported TLP type", 16, { 0x0c, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x5b, 0, 0, 1 } },
        { "unknown or unsupported TLP type", 16, { 0x0b, 0, 0, 0 } },
        { "reserved address type", 12, { 0x40, 0, 0x0c, 1 } },
        { "4 DW header for an address below 4 GiB", 16,
          { 0x60, 0, 0, 1, 1, 0, 0, 0xf, 0, 0, 0, 0, 0xe0, 0, 0, 0 } },
    };

    for (size_t i = 0; i < sizeof(reject) / sizeof(reject[0]); i++) {
        const Reject *r = &reject[i];
        const char *error = "(none)";
        PCIeTLP tlp, before;
        size_t len;

        memset(&tlp, 0xa5, sizeof(tlp));
        memset(&before, 0xa5, sizeof(before));
        len = pcie_tlp_decode(&tlp, r->bytes, r->len, &error);
        ok(!len && !strcmp(error, r->error) &&
           !memcmp(&tlp, &before, sizeof(tlp)),
           "decode refuses %02x.. (%zu bytes): %s", r->bytes[0], r->len,
           error);
    }
}

/* Golden vectors with one thing made wrong */
static void test_check(void)
{
#define BROKEN(vector, change, message) do { \
        PCIeTLP t = golden[vector].tlp; \
        const char *error; \
        change; \
        error = pcie_tlp_check(&t); \
        ok(error && !strcmp(error, message), "check: %s (" #change ")", \
           error ? error : "nothing found"); \
    } while (0)
#define FINE(vector, change) do { \
        PCIeTLP t = golden[vector].tlp; \
        const char *error; \
        change; \
        error = pcie_tlp_check(&t); \
        ok(!error, "check: %s (" #change ")", error ? error : "fine"); \
    } while (0)

    BROKEN(0, t.type = 99, "no such type");
    BROKEN(0, t.tc = 8, "traffic class is 3 bits");
    BROKEN(0, t.attr = 8, "attributes are 3 bits");
    BROKEN(5, t.tag = 0x400, "tag is 10 bits");
    BROKEN(0, t.tag = 0x100, "tag of a posted request is 8 bits");
    BROKEN(0, t.length_dw = 0, "length is not 1..1024 DW");
    BROKEN(0, t.length_dw = 1025, "length is not 1..1024 DW");
    BROKEN(0, t.addr += 2, "address is not DW-aligned");
    BROKEN(0, t.addr = 0xfe001fc4, "request crosses a 4 KiB boundary");
    FINE(0, t.addr = 0xfe001fc0);
    BROKEN(0, t.addr = 0xfffffffffffffffc, "request crosses a 4 KiB boundary");
    BROKEN(0, t.at = 3, "reserved address type");
    BROKEN(0, t.at = 1, "translation request is not a read");
    BROKEN(0, t.first_be = 0x10, "byte enables are 4 bits");
    BROKEN(4, t.last_be = 1, "last byte enables on a single DW");
    BROKEN(0, t.first_be = 0,
           "no byte enabled in the first or last of several DWs");
    BROKEN(0, t.last_be = 0,
           "no byte enabled in the first or last of several DWs");
    BROKEN(0, t.first_be = 0x3, "byte enables with holes");
    BROKEN(0, t.last_be = 0xc, "byte enables with holes");
    FINE(0, t.first_be = 0x8);
    FINE(0, t.last_be = 0x1);
    FINE(4, t.first_be = 0x9);
    FINE(2, t.first_be = 0x5; t.last_be = 0xa);
    BROKEN(2, t.addr += 4; t.first_be = 0x5, "byte enables with holes");
    BROKEN(0, t.st = 1, "hint without TH");
    BROKEN(0, t.ph = 1, "hint without TH");
    BROKEN(0, t.st_ext = true, "hint without TH");
    BROKEN(1, t.ph = 4, "processing hint is 2 bits");
    BROKEN(1, t.st = 0x100, "8-bit steering tag is wider than that");
    FINE(1, t.st = 0x100; t.st_ext = true);
    FINE(1, t.st = 0);
    BROKEN(7, t.first_be = 0xe,
           "partial byte enables on an atomic or a read with TH");
    BROKEN(12, t.last_be = 0x7,
           "partial byte enables on an atomic or a read with TH");
    BROKEN(11, t.length_dw = 4; t.last_be = 0xf,
           "atomic with an impossible operand size");
    BROKEN(13, t.length_dw = 1; t.last_be = 0,
           "atomic with an impossible operand size");
    BROKEN(13, t.length_dw = 6, "atomic with an impossible operand size");
    BROKEN(12, t.addr += 4, "atomic is not aligned");
    BROKEN(13, t.length_dw = 8, "atomic is not aligned");
    FINE(13, t.length_dw = 8; t.addr = 0xf0000010);
    BROKEN(16, t.th = true, "hint on a completion");
    BROKEN(16, t.st = 1, "hint on a completion");
    BROKEN(14, t.status = 3, "reserved completion status");
    BROKEN(14, t.status = 5, "reserved completion status");
    BROKEN(14, t.byte_count = 0, "byte count is not 1..4096");
    BROKEN(14, t.byte_count = 4097, "byte count is not 1..4096");
    BROKEN(14, t.lower_addr = 0x80, "lower address is 7 bits");
    BROKEN(16, t.status = PCIE_CPL_CA, "data with an unsuccessful completion");
    BROKEN(16, t.length_dw = 2, "more data than the byte count");
    FINE(16, t.length_dw = 2; t.lower_addr = 0x7e);
#undef BROKEN
#undef FINE
}

static void test_names(void)
{
    static const char *const types[] = {
        "MRd", "MWr", "FetchAdd", "Swap", "CAS", "Cpl", "CplD",
    };
    static const bool payload[] = { 0, 1, 1, 1, 1, 0, 1 };
    static const bool request[] = { 1, 1, 1, 1, 1, 0, 0 };

    for (int i = PCIE_TLP_MRD; i <= PCIE_TLP_CPLD; i++) {
        PCIeTLP tlp = { .type = i };

        ok(!strcmp(pcie_tlp_type_name(i), types[i]) &&
           pcie_tlp_has_payload(&tlp) == payload[i] &&
           pcie_tlp_is_request(&tlp) == request[i],
           "%s: name, payload, request or completion", types[i]);
    }
    ok(!strcmp(pcie_tlp_type_name(99), "?"), "a type without a name");
    ok(!strcmp(pcie_ph_name(0), "bi-directional") &&
       !strcmp(pcie_ph_name(1), "requester") &&
       !strcmp(pcie_ph_name(2), "target") &&
       !strcmp(pcie_ph_name(3), "target with priority") &&
       !strcmp(pcie_ph_name(4), "?"), "names of the hints");
}

static void random_length(PCIeTLP *t)
{
    t->length_dw = tap_random() % 4 ? 1 + tap_random() % 8 :
                                      1 + tap_random() % 1024;
    if (t->type == PCIE_TLP_CAS) {
        t->length_dw = 2 << tap_random() % 3;
    } else if (t->type == PCIE_TLP_FETCH_ADD || t->type == PCIE_TLP_SWAP) {
        t->length_dw = 1 << tap_random() % 2;
    }
}

static void random_request(PCIeTLP *t)
{
    unsigned int room;

    random_length(t);
    room = 4096 - t->length_dw * 4;
    t->addr = tap_random() >> (tap_random() % 2 ? 32 : 0);
    t->addr &= ~0xfffull;
    t->addr |= room ? tap_random() % (room + 1) & ~0x1full : 0;
    t->first_be = 0xf;
    t->last_be = t->length_dw > 1 ? 0xf : 0;
    t->th = tap_random() & 1;
    if (t->th) {
        t->ph = tap_random() & 3;
        t->st_ext = tap_random() & 1;
        t->st = tap_random() & (t->st_ext ? 0xffff : 0xff);
    } else if (t->type <= PCIE_TLP_MWR && t->length_dw > 1) {
        t->first_be = 0xf << tap_random() % 4 & 0xf;
        t->last_be = 0xf >> tap_random() % 4;
    }
    if (t->type == PCIE_TLP_MWR) {
        t->tag = t->th ? 0 : t->tag & 0xff;
    }
    t->at = tap_random() % 2 ? PCIE_AT_TRANSLATED : PCIE_AT_UNTRANSLATED;
}

static void random_completion(PCIeTLP *t)
{
    static const uint8_t status[] = {
        PCIE_CPL_UR, PCIE_CPL_CRS, PCIE_CPL_CA, PCIE_CPL_SC,
    };

    t->completer_id = tap_random();
    t->lower_addr = tap_random() & 0x7f;
    t->byte_count = 1 + tap_random() % 4096;
    if (t->type == PCIE_TLP_CPL) {
        t->status = status[tap_random() % 4];
        return;
    }
    t->length_dw = ((t->lower_addr & 3) + t->byte_count + 3) / 4;
    if (t->length_dw > 1024) {
        t->length_dw = 1024;
    }
}

static PCIeTLP random_tlp(void)
{
    PCIeTLP t = { .type = tap_random() % (PCIE_TLP_CPLD + 1) };

    t.tc = tap_random() & 7;
    t.attr = tap_random() & 7;
    t.ep = tap_random() & 1;
    t.requester_id = tap_random();
    t.tag = tap_random() & 0x3ff;
    if (pcie_tlp_is_request(&t)) {
        random_request(&t);
    } else {
        random_completion(&t);
    }
    return t;
}

static void test_round_trip(void)
{
    const int runs = 300000;
    int lost = 0, illegal = 0;

    for (int i = 0; i < runs; i++) {
        PCIeTLP t = random_tlp(), back;
        uint8_t buf[PCIE_TLP_MAX_HEADER];
        size_t len = pcie_tlp_encode(&t, buf);

        illegal += pcie_tlp_check(&t) != NULL;
        lost += pcie_tlp_decode(&back, buf, len, NULL) != len ||
                !same(&t, &back);
    }
    ok(!illegal, "%d random TLPs keep the rules, %d do not", runs, illegal);
    ok(!lost, "%d random TLPs come back as they were, %d do not", runs, lost);
}

/* A header that decodes, and what it encodes to, mean the same */
static bool decodes_stably(const uint8_t *bytes, size_t len)
{
    PCIeTLP first, second;
    uint8_t buf[PCIE_TLP_MAX_HEADER];
    const char *error = NULL;
    size_t used = pcie_tlp_decode(&first, bytes, len, &error);

    if (!used) {
        return error != NULL;
    }
    pcie_tlp_check(&first);
    return used <= len &&
           pcie_tlp_decode(&second, buf, pcie_tlp_encode(&first, buf), NULL) &&
           same(&first, &second);
}

static void test_arbitrary_bytes(void)
{
    static const uint8_t begin[] = {
        0x00, 0x20, 0x40, 0x60, 0x4c, 0x6d, 0x4e, 0x0a, 0x4a, 0x90, 0x90,
    };
    const int runs = 300000;
    int unstable = 0;

    for (int i = 0; i < runs; i++) {
        size_t len = tap_random() % 24;
        uint8_t *bytes = malloc(len ? len : 1);     /* so ASan guards its end */

        for (size_t j = 0; j < len; j++) {
            bytes[j] = tap_random();
        }
        if (len && tap_random() % 4) {
            bytes[0] = begin[tap_random() % sizeof(begin)];
        }
        if (len > 4 && bytes[0] == 0x90) {
            bytes[4] = begin[tap_random() % sizeof(begin)];
        }
        unstable += !decodes_stably(bytes, len);
        free(bytes);
    }
    ok(!unstable, "%d headers of arbitrary bytes, %d decode to something "
       "else than their own encoding", runs, unstable);
}

int main(void)
{
    test_golden();
    test_encode_ignores();
    test_decode_ignores();
    test_decode_special();
    test_decode_rejects();
    test_check();
    test_names();
    test_round_trip();
    test_arbitrary_bytes();
    return tap_failed != 0;
}
