/*
 * One TLP, field by field, with each field's place in the bytes
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The places are those of the PCI Express Base Specification 6.x, Non-Flit
 * Mode: sections 2.2.1 (DW0), 2.2.7 (requests), 2.2.7.1.1 (TPH), 2.2.9.1
 * (completions). Byte numbers count from the first byte of the TLP as it is
 * shown, so a prefix moves the header by 4.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "tlp_print.h"

#define PREFIX_BYTES  4
#define SHOWN_DATA    64
#define ROW           16

typedef struct Fields {
    FILE *out;
    const TLPRecord *rec;
    size_t header;      /* where the header begins: behind the prefix */
} Fields;

static void hexdump(FILE *out, const uint8_t *p, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++) {
        if (i % ROW == 0) {
            fprintf(out, "%s    %04zx ", i ? "\n" : "", offset + i);
        }
        fprintf(out, "%s%02x", i % 4 ? " " : "  ", p[i]);
    }
    putc('\n', out);
}

/* @byte: its number; @bits: which of it, if not all, or what belongs to it */
__attribute__((format(printf, 5, 6)))
static void field(const Fields *f, size_t byte, const char *bits,
                  const char *name, const char *format, ...)
{
    char where[24];
    va_list ap;

    snprintf(where, sizeof(where), "byte %zu%s", byte, bits);
    fprintf(f->out, "  %-19s %-14s ", where, name);
    va_start(ap, format);
    vfprintf(f->out, format, ap);
    va_end(ap);
    putc('\n', f->out);
}

static const char *format_text(uint8_t byte0)
{
    static const char *const text[4] = {
        "3 DW header, no data", "4 DW header, no data",
        "3 DW header, with data", "4 DW header, with data",
    };

    return text[byte0 >> 5 & 3];
}

static const uint8_t *header_bytes(const Fields *f)
{
    return f->rec->bytes + f->header;
}

static void prefix_fields(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;

    field(f, 0, "", "TLP Prefix", "0x%02x  End-End, TPH", f->rec->bytes[0]);
    if (tlp->th) {
        field(f, 1, "", "ST[15:8]", "0x%02x  <== steering tag, upper half",
              tlp->st >> 8);
    }
}

static void dw0_fields(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;
    const uint8_t *h = header_bytes(f);
    size_t at = f->header;

    field(f, at, " [7:5]", "Fmt", "%u  %s", h[0] >> 5, format_text(h[0]));
    field(f, at, " [4:0]", "Type", "0x%02x  %s", h[0] & 0x1f,
          pcie_tlp_type_name(tlp->type));
    field(f, at + 1, " [6:4]", "TC", "%u", tlp->tc);
    field(f, at + 1, " [2]", "Attr[2]", "%u  ID-based ordering",
          !!(tlp->attr & PCIE_ATTR_ID_BASED));
    if (pcie_tlp_is_request(tlp)) {
        field(f, at + 1, " [0]", "TH", "%u  %s", tlp->th,
              tlp->th ? "<== a hint is present" : "no hint");
    }
    field(f, at + 2, " [7]", "TD", "%u", h[2] >> 7);
    field(f, at + 2, " [6]", "EP", "%u%s", tlp->ep,
          tlp->ep ? "  poisoned" : "");
    field(f, at + 2, " [5]", "Attr[1]", "%u  relaxed ordering",
          !!(tlp->attr & PCIE_ATTR_RELAXED));
    field(f, at + 2, " [4]", "Attr[0]", "%u  no snoop",
          !!(tlp->attr & PCIE_ATTR_NO_SNOOP));
    if (pcie_tlp_is_request(tlp)) {
        field(f, at + 2, " [3:2]", "AT", "%u  %s", tlp->at,
              tlp_at_text(tlp->at));
    }
    if (tlp->type != PCIE_TLP_CPL) {
        field(f, at + 2, " [1:0], next", "Length", "%u DW, %u bytes",
              tlp->length_dw, tlp->length_dw * 4u);
    }
}

static void steering_tag_field(const Fields *f, size_t byte,
                               const char *instead)
{
    const PCIeTLP *tlp = &f->rec->tlp;

    field(f, byte, "", "ST[7:0]", "0x%02x  <== steering tag%s, in place of %s",
          tlp->st & 0xff, tlp->st_ext ? ", lower half" : " (8 bits)", instead);
}

static void tag_field(const Fields *f, size_t byte)
{
    field(f, byte, "", "Tag[7:0]", "0x%02x  whole tag with T9, T8: 0x%03x",
          f->rec->tlp.tag & 0xff, f->rec->tlp.tag);
}

/* Bytes 6 and 7 of the header */
static void tag_and_enable_fields(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;
    bool posted = tlp->type == PCIE_TLP_MWR;
    size_t at = f->header;

    if (!posted) {
        tag_field(f, at + 6);
    } else if (tlp->th) {
        steering_tag_field(f, at + 6, "the tag");
    } else {
        field(f, at + 6, "", "Tag[7:0]", "not used: posted, and TH=0");
    }
    if (tlp->th && !posted) {
        steering_tag_field(f, at + 7, "the byte enables");
        return;
    }
    field(f, at + 7, " [7:4]", "Last DW BE", "0x%x", tlp->last_be);
    field(f, at + 7, " [3:0]", "First DW BE", "0x%x", tlp->first_be);
}

static void request_fields(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;
    size_t end = f->rec->header_len - 1;
    char bdf[8], range[16];

    field(f, f->header + 4, ", next", "Requester ID", "%s",
          tlp_bdf_text(bdf, tlp->requester_id));
    tag_and_enable_fields(f);
    snprintf(range, sizeof(range), "..%zu", end);
    field(f, f->header + 8, range, "Address", "0x%" PRIx64, tlp->addr);
    if (tlp->th) {
        field(f, end, " [1:0]", "PH", "%u  <== %s", tlp->ph,
              pcie_ph_name(tlp->ph));
    }
}

static void completion_fields(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;
    size_t at = f->header;
    char bdf[8];

    field(f, at + 4, ", next", "Completer ID", "%s",
          tlp_bdf_text(bdf, tlp->completer_id));
    field(f, at + 6, " [7:5]", "Status", "%u  %s", tlp->status,
          tlp_status_text(tlp->status));
    field(f, at + 6, " [3:0], next", "Byte Count", "%u", tlp->byte_count);
    field(f, at + 8, ", next", "Requester ID", "%s",
          tlp_bdf_text(bdf, tlp->requester_id));
    tag_field(f, at + 10);
    field(f, at + 11, " [6:0]", "Lower Address", "0x%02x", tlp->lower_addr);
}

static void verdict(const Fields *f)
{
    const PCIeTLP *tlp = &f->rec->tlp;

    if (tlp_record_has_hint(f->rec)) {
        fprintf(f->out, "  Hint: steering tag 0x%0*x (%s-bit namespace)%s, "
                "PH %u (%s)\n", tlp->st_ext ? 4 : 2, tlp->st,
                tlp->st_ext ? "16" : "8",
                tlp->st ? "" : ", which is no preference", tlp->ph,
                pcie_ph_name(tlp->ph));
    } else if (pcie_tlp_is_request(tlp)) {
        fputs("  Hint: none\n", f->out);
    }
    if (f->rec->wrong) {
        fprintf(f->out, "  Wrong: %s\n", f->rec->wrong);
    }
}

static void print_data(FILE *out, const TLPRecord *rec)
{
    size_t data = rec->length - rec->header_len;
    size_t kept = rec->captured - rec->header_len;
    size_t shown = kept < SHOWN_DATA ? kept : SHOWN_DATA;

    if (data) {
        fprintf(out, "  Data: %zu bytes, %zu in the capture%s\n", data, kept,
                shown < kept ? "; the first:" : "");
    }
    if (shown) {
        hexdump(out, rec->bytes + rec->header_len, shown, rec->header_len);
    }
}

void tlp_print_fields(FILE *out, const TLPRecord *rec, uint64_t n)
{
    Fields f = { .out = out, .rec = rec };

    fprintf(out, "TLP %" PRIu64 ": %s on port %s, %s, at %" PRIu64
            ".%09" PRIu64 " s\n", n, tlp_type_text(rec), rec->port,
            tlp_direction_text(rec->direction), rec->time_ns / 1000000000,
            rec->time_ns % 1000000000);
    if (!rec->header_len) {
        fprintf(out, "  Wrong: %s\n", rec->wrong);
        print_data(out, rec);
        return;
    }
    fprintf(out, "  Header: %zu bytes\n", rec->header_len);
    hexdump(out, rec->bytes, rec->header_len, 0);
    if ((rec->bytes[0] & 0xe0) == 0x80) {
        f.header = PREFIX_BYTES;
        prefix_fields(&f);
    }
    dw0_fields(&f);
    if (pcie_tlp_is_request(&rec->tlp)) {
        request_fields(&f);
    } else {
        completion_fields(&f);
    }
    verdict(&f);
    print_data(out, rec);
}
