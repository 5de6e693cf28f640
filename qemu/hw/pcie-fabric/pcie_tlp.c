/*
 * PCI Express TLPs: codec between plain values and wire bytes
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Non-Flit Mode. Section and table numbers are those of the PCI Express Base
 * Specification 6.x. "Byte N" is the N-th byte of the header as there, not
 * counting a prefix.
 *
 * The decoder refuses what it does not know by format and type. Reserved
 * bits inside a known header are ignored, as receivers have to (2.2.1).
 */
#include "hw/pci/pcie_tlp.h"

/* Fmt[2:0] in bits [7:5] of byte 0 (Table 2-2) */
#define FMT_MASK        0xe0
#define FMT_4DW         0x20
#define FMT_DATA        0x40
#define FMT_PREFIX      0x80

/* Byte 0 of a prefix: Fmt 100b, bit 4 End-End, bits [3:0] which (2.2.10) */
#define PREFIX_SIZE     4
#define PREFIX_END_END  0x10
#define PREFIX_TPH      0x90
#define PREFIX_TPH_AV   0x10    /* byte 2: address modification, not a tag */

/* Byte 0 of 3 DW headers (Table 2-3) */
#define BYTE0_MRD       0x00
#define BYTE0_MWR       0x40
#define BYTE0_FETCH_ADD 0x4c
#define BYTE0_SWAP      0x4d
#define BYTE0_CAS       0x4e
#define BYTE0_CPL       0x0a
#define BYTE0_CPLD      0x4a

/* Byte 1 */
#define BYTE1_T9        0x80
#define BYTE1_TC_SHIFT  4
#define BYTE1_T8        0x08
#define BYTE1_ATTR2     0x04
#define BYTE1_TH        0x01

/* Byte 2 */
#define BYTE2_EP         0x40
#define BYTE2_ATTR_SHIFT 4
#define BYTE2_AT_SHIFT   2

#define PH_MASK         0x3
#define PAGE_BYTES      4096u

static uint16_t get_be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

static bool is_completion(PCIeTLPType type)
{
    return type == PCIE_TLP_CPL || type == PCIE_TLP_CPLD;
}

static bool is_atomic(PCIeTLPType type)
{
    return type == PCIE_TLP_FETCH_ADD || type == PCIE_TLP_SWAP ||
           type == PCIE_TLP_CAS;
}

bool pcie_tlp_has_payload(const PCIeTLP *tlp)
{
    return tlp->type != PCIE_TLP_MRD && tlp->type != PCIE_TLP_CPL;
}

bool pcie_tlp_is_request(const PCIeTLP *tlp)
{
    return !is_completion(tlp->type);
}

const char *pcie_tlp_type_name(PCIeTLPType type)
{
    switch (type) {
    case PCIE_TLP_MRD:
        return "MRd";
    case PCIE_TLP_MWR:
        return "MWr";
    case PCIE_TLP_FETCH_ADD:
        return "FetchAdd";
    case PCIE_TLP_SWAP:
        return "Swap";
    case PCIE_TLP_CAS:
        return "CAS";
    case PCIE_TLP_CPL:
        return "Cpl";
    case PCIE_TLP_CPLD:
        return "CplD";
    }
    return "?";
}

const char *pcie_ph_name(uint8_t ph)
{
    switch (ph) {
    case PCIE_PH_BIDIRECTIONAL:
        return "bi-directional";
    case PCIE_PH_REQUESTER:
        return "requester";
    case PCIE_PH_TARGET:
        return "target";
    case PCIE_PH_TARGET_PRIORITY:
        return "target with priority";
    }
    return "?";
}

/* Encoding */

static uint8_t type_to_byte0(PCIeTLPType type)
{
    switch (type) {
    case PCIE_TLP_MRD:
        return BYTE0_MRD;
    case PCIE_TLP_MWR:
        return BYTE0_MWR;
    case PCIE_TLP_FETCH_ADD:
        return BYTE0_FETCH_ADD;
    case PCIE_TLP_SWAP:
        return BYTE0_SWAP;
    case PCIE_TLP_CAS:
        return BYTE0_CAS;
    case PCIE_TLP_CPL:
        return BYTE0_CPL;
    case PCIE_TLP_CPLD:
        return BYTE0_CPLD;
    }
    return FMT_MASK;    /* no such format: a decoder refuses it */
}

/* DW0 but TH, the 4 DW format and AT, which are for requests only (2.2.1.1) */
static void encode_dw0(const PCIeTLP *tlp, uint8_t *h)
{
    /* No data and none asked for: Length is Reserved. 1024 DW encodes as 0. */
    uint16_t length = tlp->type == PCIE_TLP_CPL ? 0 : tlp->length_dw & 0x3ff;

    h[0] = type_to_byte0(tlp->type);
    h[1] = (tlp->tc & 0x7) << BYTE1_TC_SHIFT;
    if (tlp->attr & PCIE_ATTR_ID_BASED) {
        h[1] |= BYTE1_ATTR2;
    }
    h[2] = (tlp->attr & 0x3) << BYTE2_ATTR_SHIFT | length >> 8;
    if (tlp->ep) {
        h[2] |= BYTE2_EP;
    }
    h[3] = length;
}

/* Tag[9:8] lie in byte 1; reserved in posted requests (2.2.6.2) */
static void encode_tag_high(const PCIeTLP *tlp, uint8_t *h)
{
    if (tlp->tag & 0x100) {
        h[1] |= BYTE1_T8;
    }
    if (tlp->tag & 0x200) {
        h[1] |= BYTE1_T9;
    }
}

/* Bytes 6 and 7: tag and byte enables, one of them the steering tag if TH */
static void encode_tag_and_enables(const PCIeTLP *tlp, uint8_t *h)
{
    h[6] = tlp->tag;
    h[7] = (tlp->last_be & 0xf) << 4 | (tlp->first_be & 0xf);
    if (tlp->type != PCIE_TLP_MWR) {
        encode_tag_high(tlp, h);
    }
    if (!tlp->th) {
        return;
    }
    h[1] |= BYTE1_TH;
    if (tlp->type == PCIE_TLP_MWR) {
        h[6] = tlp->st;
    } else {
        h[7] = tlp->st;
    }
}

/* The address, and PH in its two low bits (Table 2-17). Returns header size. */
static size_t encode_address(const PCIeTLP *tlp, uint8_t *h)
{
    uint32_t low = (uint32_t)tlp->addr & ~(uint32_t)PH_MASK;

    if (tlp->th) {
        low |= tlp->ph & PH_MASK;
    }
    if (tlp->addr >> 32) {
        h[0] |= FMT_4DW;
        put_be32(h + 8, tlp->addr >> 32);
        put_be32(h + 12, low);
        return 16;
    }
    put_be32(h + 8, low);
    return 12;
}

static size_t encode_request(const PCIeTLP *tlp, uint8_t *h)
{
    h[2] |= (tlp->at & 0x3) << BYTE2_AT_SHIFT;
    put_be16(h + 4, tlp->requester_id);
    encode_tag_and_enables(tlp, h);
    return encode_address(tlp, h);
}

/* Section 2.2.9.1 */
static size_t encode_completion(const PCIeTLP *tlp, uint8_t *h)
{
    uint16_t count = tlp->byte_count & 0xfff;   /* 4096 encodes as 0 */

    encode_tag_high(tlp, h);
    put_be16(h + 4, tlp->completer_id);
    h[6] = (tlp->status & 0x7) << 5 | count >> 8;
    h[7] = count;
    put_be16(h + 8, tlp->requester_id);
    h[10] = tlp->tag;
    h[11] = tlp->lower_addr & 0x7f;
    return 12;
}

/* Section 2.2.7.1.1: the prefix carries the upper half of the tag */
static size_t encode_prefix(const PCIeTLP *tlp, uint8_t *buf)
{
    buf[0] = PREFIX_TPH;
    buf[1] = tlp->st >> 8;
    buf[2] = 0;
    buf[3] = 0;
    return PREFIX_SIZE;
}

size_t pcie_tlp_encode(const PCIeTLP *tlp, uint8_t *buf)
{
    size_t prefix;

    if (is_completion(tlp->type)) {
        encode_dw0(tlp, buf);
        return encode_completion(tlp, buf);
    }
    prefix = tlp->th && tlp->st_ext ? encode_prefix(tlp, buf) : 0;
    encode_dw0(tlp, buf + prefix);
    return prefix + encode_request(tlp, buf + prefix);
}

/* Decoding */

/* Returns NULL and the type, or why this is no TLP for us */
static const char *type_from_byte0(uint8_t byte0, PCIeTLPType *type)
{
    if (byte0 & FMT_PREFIX) {
        return "reserved header format";
    }
    if ((byte0 & ~FMT_DATA) == (BYTE0_CPL | FMT_4DW)) {
        return "completion with a 4 DW header";
    }
    switch (byte0 & ~FMT_4DW) {
    case BYTE0_MRD:
        *type = PCIE_TLP_MRD;
        return NULL;
    case BYTE0_MWR:
        *type = PCIE_TLP_MWR;
        return NULL;
    case BYTE0_FETCH_ADD:
        *type = PCIE_TLP_FETCH_ADD;
        return NULL;
    case BYTE0_SWAP:
        *type = PCIE_TLP_SWAP;
        return NULL;
    case BYTE0_CAS:
        *type = PCIE_TLP_CAS;
        return NULL;
    case BYTE0_CPL:
        *type = PCIE_TLP_CPL;
        return NULL;
    case BYTE0_CPLD:
        *type = PCIE_TLP_CPLD;
        return NULL;
    }
    return "unknown or unsupported TLP type";
}

/*
 * Returns NULL and the prefix's size (0 if there is none), or what is wrong.
 * A steering tag needs exactly one prefix, of the TPH kind.
 */
static const char *decode_prefix(const uint8_t *buf, size_t len, size_t *size)
{
    *size = 0;
    if (len == 0) {
        return "no bytes";
    }
    if ((buf[0] & FMT_MASK) != FMT_PREFIX) {
        return NULL;
    }
    if (!(buf[0] & PREFIX_END_END)) {
        return "unsupported Local TLP Prefix";
    }
    if (buf[0] != PREFIX_TPH) {
        return "unsupported End-End TLP Prefix";
    }
    if (len <= PREFIX_SIZE) {
        return "nothing after the TPH TLP Prefix";
    }
    if ((buf[PREFIX_SIZE] & FMT_MASK) == FMT_PREFIX) {
        return "more than one TLP Prefix";
    }
    *size = PREFIX_SIZE;
    return NULL;
}

static void decode_dw0(PCIeTLP *tlp, const uint8_t *h)
{
    uint16_t length = (h[2] & 0x3) << 8 | h[3];

    tlp->tc = h[1] >> BYTE1_TC_SHIFT & 0x7;
    tlp->attr = h[2] >> BYTE2_ATTR_SHIFT & 0x3;
    if (h[1] & BYTE1_ATTR2) {
        tlp->attr |= PCIE_ATTR_ID_BASED;
    }
    tlp->ep = h[2] & BYTE2_EP;
    if (tlp->type != PCIE_TLP_CPL) {
        tlp->length_dw = length ? length : 1024;
    }
}

static uint16_t decode_tag_high(const uint8_t *h)
{
    return (h[1] & BYTE1_T8 ? 0x100 : 0) | (h[1] & BYTE1_T9 ? 0x200 : 0);
}

static const char *decode_completion(PCIeTLP *tlp, const uint8_t *h)
{
    uint16_t count = (h[6] & 0xf) << 8 | h[7];

    tlp->completer_id = get_be16(h + 4);
    tlp->status = h[6] >> 5;
    tlp->byte_count = count ? count : 4096;
    tlp->requester_id = get_be16(h + 8);
    tlp->tag = decode_tag_high(h) | h[10];
    tlp->lower_addr = h[11] & 0x7f;
    return NULL;
}

static void imply_all_bytes(PCIeTLP *tlp)
{
    tlp->first_be = 0xf;
    tlp->last_be = tlp->length_dw > 1 ? 0xf : 0;
}

/* The counterpart of encode_tag_and_enables() */
static void decode_tag_and_enables(PCIeTLP *tlp, const uint8_t *h)
{
    bool posted = tlp->type == PCIE_TLP_MWR;

    tlp->first_be = h[7] & 0xf;
    tlp->last_be = h[7] >> 4;
    if (is_atomic(tlp->type) || (tlp->th && !posted)) {
        /* An atomic's operands are always whole, whatever is in the field */
        imply_all_bytes(tlp);
    }
    if (!posted) {
        tlp->tag = decode_tag_high(h) | h[6];
    } else if (!tlp->th) {
        tlp->tag = h[6];
    }
    if (tlp->th) {
        tlp->st = posted ? h[6] : h[7];
    }
}

/* The counterpart of encode_address() */
static const char *decode_address(PCIeTLP *tlp, const uint8_t *h)
{
    uint32_t low;

    if (h[0] & FMT_4DW) {
        tlp->addr = (uint64_t)get_be32(h + 8) << 32;
        if (!tlp->addr) {
            /* Receivers may do as they like (2.2.4.1): not for us to guess */
            return "4 DW header for an address below 4 GiB";
        }
        low = get_be32(h + 12);
    } else {
        low = get_be32(h + 8);
    }
    tlp->addr |= low & ~(uint32_t)PH_MASK;
    if (tlp->th) {
        tlp->ph = low & PH_MASK;
    }
    return NULL;
}

static const char *decode_request(PCIeTLP *tlp, const uint8_t *h)
{
    tlp->at = h[2] >> BYTE2_AT_SHIFT & 0x3;
    if (tlp->at > PCIE_AT_TRANSLATED) {
        return "reserved address type";
    }
    tlp->requester_id = get_be16(h + 4);
    tlp->th = h[1] & BYTE1_TH;
    decode_tag_and_enables(tlp, h);
    return decode_address(tlp, h);
}

/* The prefix's part, once it is known what it stands before */
static const char *apply_prefix(PCIeTLP *tlp, const uint8_t *prefix)
{
    if (is_completion(tlp->type)) {
        return "TPH TLP Prefix on a completion";
    }
    if (tlp->th) {
        tlp->st_ext = true;
        tlp->st |= prefix[1] << 8;
        return NULL;
    }
    /* Without TH there is no tag; only address modification may be meant */
    return prefix[2] & PREFIX_TPH_AV ? NULL : "TPH TLP Prefix without TH";
}

static const char *decode_header(PCIeTLP *tlp, const uint8_t *h, size_t len,
                                 size_t *size)
{
    const char *error = type_from_byte0(h[0], &tlp->type);

    if (error) {
        return error;
    }
    *size = h[0] & FMT_4DW ? 16 : 12;
    if (len < *size) {
        return "truncated header";
    }
    decode_dw0(tlp, h);
    return is_completion(tlp->type) ? decode_completion(tlp, h) :
                                      decode_request(tlp, h);
}

size_t pcie_tlp_decode(PCIeTLP *tlp, const uint8_t *buf, size_t len,
                       const char **error)
{
    PCIeTLP found = { 0 };
    size_t prefix, size = 0;
    const char *wrong = decode_prefix(buf, len, &prefix);

    if (!wrong) {
        wrong = decode_header(&found, buf + prefix, len - prefix, &size);
    }
    if (!wrong && prefix) {
        wrong = apply_prefix(&found, buf);
    }
    if (wrong) {
        if (error) {
            *error = wrong;
        }
        return 0;
    }
    *tlp = found;
    return prefix + size;
}

/* Rules */

/* No hole between the first enabled byte and the end of the DW */
static bool reaches_end(uint8_t be)
{
    return be == 0xf || be == 0xe || be == 0xc || be == 0x8;
}

/* No hole between the start of the DW and the last enabled byte */
static bool reaches_start(uint8_t be)
{
    return be == 0x1 || be == 0x3 || be == 0x7 || be == 0xf;
}

/* Section 2.2.5.1 */
static const char *check_byte_enables(const PCIeTLP *tlp)
{
    if (tlp->first_be > 0xf || tlp->last_be > 0xf) {
        return "byte enables are 4 bits";
    }
    if (tlp->length_dw == 1) {
        return tlp->last_be ? "last byte enables on a single DW" : NULL;
    }
    if (!tlp->first_be || !tlp->last_be) {
        return "no byte enabled in the first or last of several DWs";
    }
    if (tlp->length_dw == 2 && !(tlp->addr & 7)) {
        return NULL;    /* one aligned quadword may have holes */
    }
    return reaches_end(tlp->first_be) && reaches_start(tlp->last_be) ?
           NULL : "byte enables with holes";
}

/* Where the byte enables are not on the wire, the struct must not lie */
static const char *check_implied_enables(const PCIeTLP *tlp)
{
    bool carried = tlp->type == PCIE_TLP_MWR ||
                   (tlp->type == PCIE_TLP_MRD && !tlp->th);

    if (carried) {
        return NULL;
    }
    return tlp->first_be == 0xf &&
           tlp->last_be == (tlp->length_dw > 1 ? 0xf : 0) ?
           NULL : "partial byte enables on an atomic or a read with TH";
}

/* Section 2.2.7: operand sizes of AtomicOps, and their alignment */
static const char *check_atomic(const PCIeTLP *tlp)
{
    unsigned int operands = tlp->type == PCIE_TLP_CAS ? 2 : 1;
    unsigned int max_dw = tlp->type == PCIE_TLP_CAS ? 8 : 2;
    unsigned int dw = tlp->length_dw;

    if (dw < operands || dw > max_dw || (dw & (dw - 1))) {
        return "atomic with an impossible operand size";
    }
    return tlp->addr % (dw / operands * 4) ? "atomic is not aligned" : NULL;
}

/* Section 2.2.7.1.1 */
static const char *check_hint(const PCIeTLP *tlp)
{
    if (!tlp->th) {
        return tlp->ph || tlp->st || tlp->st_ext ? "hint without TH" : NULL;
    }
    if (tlp->ph > PCIE_PH_TARGET_PRIORITY) {
        return "processing hint is 2 bits";
    }
    return !tlp->st_ext && tlp->st > 0xff ?
           "8-bit steering tag is wider than that" : NULL;
}

static const char *check_address(const PCIeTLP *tlp)
{
    if (tlp->addr & 3) {
        return "address is not DW-aligned";
    }
    if ((tlp->addr & (PAGE_BYTES - 1)) + tlp->length_dw * 4u > PAGE_BYTES) {
        return "request crosses a 4 KiB boundary";
    }
    if (tlp->at > PCIE_AT_TRANSLATED) {
        return "reserved address type";
    }
    if (tlp->at == PCIE_AT_TRANSLATION_REQUEST && tlp->type != PCIE_TLP_MRD) {
        return "translation request is not a read";
    }
    return NULL;
}

static const char *check_request(const PCIeTLP *tlp)
{
    const char *error = check_address(tlp);

    if (!error) {
        error = check_hint(tlp);
    }
    if (!error && is_atomic(tlp->type)) {
        error = check_atomic(tlp);
    }
    if (!error) {
        error = check_implied_enables(tlp);
    }
    if (!error) {
        error = check_byte_enables(tlp);
    }
    if (!error && tlp->type == PCIE_TLP_MWR && tlp->tag > 0xff) {
        error = "tag of a posted request is 8 bits";
    }
    return error;
}

/* Sections 2.2.9.1 and 2.3.1.1 */
static const char *check_completion(const PCIeTLP *tlp)
{
    unsigned int wanted;

    if (tlp->th || tlp->st || tlp->ph || tlp->st_ext) {
        return "hint on a completion";
    }
    if (tlp->status > PCIE_CPL_CA || tlp->status == 3) {
        return "reserved completion status";
    }
    if (tlp->byte_count < 1 || tlp->byte_count > 4096) {
        return "byte count is not 1..4096";
    }
    if (tlp->lower_addr > 0x7f) {
        return "lower address is 7 bits";
    }
    if (tlp->type == PCIE_TLP_CPL) {
        return NULL;
    }
    if (tlp->status != PCIE_CPL_SC) {
        return "data with an unsuccessful completion";
    }
    wanted = ((tlp->lower_addr & 3) + tlp->byte_count + 3) / 4;
    return tlp->length_dw > wanted ? "more data than the byte count" : NULL;
}

const char *pcie_tlp_check(const PCIeTLP *tlp)
{
    if ((unsigned int)tlp->type > PCIE_TLP_CPLD) {
        return "no such type";
    }
    if (tlp->tc > 7) {
        return "traffic class is 3 bits";
    }
    if (tlp->attr > 7) {
        return "attributes are 3 bits";
    }
    if (tlp->tag > 0x3ff) {
        return "tag is 10 bits";
    }
    if (tlp->type != PCIE_TLP_CPL &&
        (tlp->length_dw < 1 || tlp->length_dw > 1024)) {
        return "length is not 1..1024 DW";
    }
    return is_completion(tlp->type) ? check_completion(tlp) :
                                      check_request(tlp);
}
