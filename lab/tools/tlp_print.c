/*
 * One TLP as a line of text, or of JSON
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * What a TLP does not carry is not printed: no steering tag and no hint
 * where TH is 0, no transaction tag for posted requests, whose tag field may
 * hold anything then (2.2.6.2).
 */
#include <inttypes.h>

#include "tlp_print.h"

#define MALFORMED_BYTES 20

static void print_hex(FILE *out, const TLPRecord *rec)
{
    for (size_t i = 0; i < rec->captured && i < MALFORMED_BYTES; i++) {
        fprintf(out, "%02x", rec->bytes[i]);
    }
    if (rec->length > MALFORMED_BYTES) {
        fputs("...", out);
    }
}

/* "RO,NS,IDO"; "-" if none */
static const char *attr_text(uint8_t attr)
{
    static const char *const text[8] = {
        "-", "NS", "RO", "RO,NS", "IDO", "IDO,NS", "IDO,RO", "IDO,RO,NS",
    };

    return text[attr & 7];
}

static bool all_bytes(const PCIeTLP *tlp)
{
    return tlp->first_be == 0xf &&
           tlp->last_be == (tlp->length_dw > 1 ? 0xf : 0);
}

static void line_request(FILE *out, const PCIeTLP *tlp)
{
    if (tlp->type == PCIE_TLP_MWR) {
        fputs("tag=-     ", out);
    } else {
        fprintf(out, "tag=0x%03x ", tlp->tag);
    }
    fprintf(out, "addr=0x%010" PRIx64 " len=%-4u attr=%s at=%s", tlp->addr,
            tlp->length_dw * 4u, attr_text(tlp->attr), tlp_at_text(tlp->at));
    if (!all_bytes(tlp)) {
        fprintf(out, " be=%x..%x", tlp->first_be, tlp->last_be);
    }
    if (!tlp->th) {
        fputs(" th=0", out);
        return;
    }
    fprintf(out, " th=1 ph=%u st=0x%0*x ns=%s", tlp->ph,
            tlp->st_ext ? 4 : 2, tlp->st, tlp->st_ext ? "16" : "8");
}

static void line_completion(FILE *out, const PCIeTLP *tlp)
{
    char bdf[8];

    fprintf(out, "tag=0x%03x cpl=%s status=%s bytes=%u", tlp->tag,
            tlp_bdf_text(bdf, tlp->completer_id),
            tlp_status_text(tlp->status), tlp->byte_count);
    if (tlp->type == PCIE_TLP_CPLD) {
        fprintf(out, " len=%u lower=0x%02x", tlp->length_dw * 4u,
                tlp->lower_addr);
    }
    fprintf(out, " attr=%s", attr_text(tlp->attr));
}

void tlp_print_line(FILE *out, const TLPRecord *rec)
{
    const PCIeTLP *tlp = &rec->tlp;
    char bdf[8];

    fprintf(out, "%" PRIu64 ".%09" PRIu64 " %-12s %-3s %-8s ",
            rec->time_ns / 1000000000, rec->time_ns % 1000000000, rec->port,
            tlp_direction_text(rec->direction), tlp_type_text(rec));
    if (!rec->header_len) {
        print_hex(out, rec);
        fprintf(out, " (%s)\n", rec->wrong);
        return;
    }
    fprintf(out, "%s ", tlp_bdf_text(bdf, tlp->requester_id));
    if (pcie_tlp_is_request(tlp)) {
        line_request(out, tlp);
    } else {
        line_completion(out, tlp);
    }
    if (tlp->tc) {
        fprintf(out, " tc=%u", tlp->tc);
    }
    if (tlp->ep) {
        fputs(" poisoned", out);
    }
    if (rec->wrong) {
        fprintf(out, " (%s)", rec->wrong);
    }
    putc('\n', out);
}

/* Printable ASCII only: the reader sees to that for names */
static void json_string(FILE *out, const char *key, const char *s)
{
    fprintf(out, ",\"%s\":\"", key);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') {
            putc('\\', out);
        }
        putc(*s, out);
    }
    putc('"', out);
}

static void json_hint(FILE *out, const PCIeTLP *tlp)
{
    if (!tlp->th) {
        fputs(",\"th\":0", out);
        return;
    }
    fprintf(out, ",\"th\":1,\"ph\":%u,\"st\":%u,\"ns\":%u", tlp->ph, tlp->st,
            tlp->st_ext ? 16 : 8);
}

static void json_request(FILE *out, const PCIeTLP *tlp)
{
    fprintf(out, ",\"addr\":\"0x%" PRIx64 "\"", tlp->addr);
    json_string(out, "at", tlp_at_text(tlp->at));
    fprintf(out, ",\"first_be\":%u,\"last_be\":%u", tlp->first_be,
            tlp->last_be);
    json_hint(out, tlp);
}

static void json_completion(FILE *out, const PCIeTLP *tlp)
{
    char bdf[8];

    json_string(out, "completer", tlp_bdf_text(bdf, tlp->completer_id));
    json_string(out, "status", tlp_status_text(tlp->status));
    fprintf(out, ",\"byte_count\":%u,\"lower_addr\":%u", tlp->byte_count,
            tlp->lower_addr);
}

static void json_tlp(FILE *out, const PCIeTLP *tlp)
{
    char bdf[8];

    json_string(out, "requester", tlp_bdf_text(bdf, tlp->requester_id));
    if (tlp->type != PCIE_TLP_MWR) {
        fprintf(out, ",\"tag\":%u", tlp->tag);
    }
    fprintf(out, ",\"length\":%u,\"tc\":%u", tlp->length_dw * 4u, tlp->tc);
    json_string(out, "attr", attr_text(tlp->attr));
    fprintf(out, ",\"poisoned\":%s", tlp->ep ? "true" : "false");
    if (pcie_tlp_is_request(tlp)) {
        json_request(out, tlp);
    } else {
        json_completion(out, tlp);
    }
}

void tlp_print_json(FILE *out, const TLPRecord *rec, uint64_t n)
{
    fprintf(out, "{\"n\":%" PRIu64 ",\"time_ns\":%" PRIu64, n, rec->time_ns);
    json_string(out, "port", rec->port);
    json_string(out, "dir", tlp_direction_text(rec->direction));
    json_string(out, "type", tlp_type_text(rec));
    if (rec->header_len) {
        json_tlp(out, &rec->tlp);
    } else {
        fputs(",\"bytes\":\"", out);
        print_hex(out, rec);
        putc('"', out);
    }
    if (rec->wrong) {
        json_string(out, "wrong", rec->wrong);
    }
    fputs("}\n", out);
}
