/*
 * Which TLPs of a capture are meant
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tlp_filter.h"

bool tlp_parse_number(const char *text, int base, uint64_t max,
                      uint64_t *value)
{
    unsigned long long v;
    char *end;

    if (!isxdigit((unsigned char)text[0])) {
        return false;   /* strtoull() would take blanks and signs */
    }
    errno = 0;
    v = strtoull(text, &end, base);
    if (errno || *end || v > max) {
        return false;
    }
    *value = v;
    return true;
}

const char *tlp_filter_direction(TLPFilter *f, const char *text)
{
    if (!strcmp(text, "in")) {
        f->direction = PCAPNG_IN;
    } else if (!strcmp(text, "out")) {
        f->direction = PCAPNG_OUT;
    } else {
        return "must be 'in' or 'out'";
    }
    return NULL;
}

const char *tlp_filter_type(TLPFilter *f, const char *text)
{
    for (int type = PCIE_TLP_MRD; type <= PCIE_TLP_CPLD; type++) {
        if (!strcasecmp(text, pcie_tlp_type_name(type))) {
            f->types |= 1u << type;
            return NULL;
        }
    }
    return "must be MRd, MWr, FetchAdd, Swap, CAS, Cpl or CplD";
}

/* LO-HI is half-open; LO+LEN */
const char *tlp_filter_addr(TLPFilter *f, const char *text)
{
    static const char usage[] = "must be LO-HI or LO+LEN, in hex";
    const char *sep = strpbrk(text, "-+");
    uint64_t low, second;
    char low_text[32];

    if (!sep || (size_t)(sep - text) >= sizeof(low_text)) {
        return usage;
    }
    snprintf(low_text, sizeof(low_text), "%.*s", (int)(sep - text), text);
    if (!tlp_parse_number(low_text, 16, UINT64_MAX, &low) ||
        !tlp_parse_number(sep + 1, 16, UINT64_MAX, &second)) {
        return usage;
    }
    if (*sep == '-' ? second <= low : !second || second - 1 > ~low) {
        return "must be a range that is not empty";
    }
    f->by_addr = true;
    f->addr_first = low;
    f->addr_last = *sep == '-' ? second - 1 : low + (second - 1);
    return NULL;
}

static const char *set_number(int *where, const char *text, uint64_t max,
                              const char *usage)
{
    uint64_t v;

    if (!tlp_parse_number(text, 0, max, &v)) {
        return usage;
    }
    *where = v;
    return NULL;
}

const char *tlp_filter_th(TLPFilter *f, const char *text)
{
    return set_number(&f->th, text, 1, "must be 0 or 1");
}

const char *tlp_filter_ph(TLPFilter *f, const char *text)
{
    return set_number(&f->ph, text, 3, "must be 0..3");
}

const char *tlp_filter_st(TLPFilter *f, const char *text)
{
    return set_number(&f->st, text, 0xffff, "must be 0..0xffff");
}

const char *tlp_filter_ns(TLPFilter *f, const char *text)
{
    const char *error = set_number(&f->ns, text, 16, "must be 8 or 16");

    return error || f->ns == 8 || f->ns == 16 ? error : "must be 8 or 16";
}

const char *tlp_filter_requester(TLPFilter *f, const char *text)
{
    unsigned int bus, dev, fn;
    int used = 0;

    if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) ||
        sscanf(text, "%2x:%2x.%1x%n", &bus, &dev, &fn, &used) != 3 ||
        text[used] || dev > 31 || fn > 7) {
        return "must be BB:DD.F, in hex";
    }
    f->requester = bus << 8 | dev << 3 | fn;
    return NULL;
}

static bool match_hint(const TLPFilter *f, const TLPRecord *rec)
{
    if (f->ph == TLP_FILTER_ANY && f->st == TLP_FILTER_ANY &&
        f->ns == TLP_FILTER_ANY) {
        return true;
    }
    /* With TH=0 the bits are there, and mean something else */
    return tlp_record_has_hint(rec) &&
           (f->ph == TLP_FILTER_ANY || f->ph == rec->tlp.ph) &&
           (f->st == TLP_FILTER_ANY || f->st == rec->tlp.st) &&
           (f->ns == TLP_FILTER_ANY || (f->ns == 16) == rec->tlp.st_ext);
}

static bool match_request(const TLPFilter *f, const PCIeTLP *tlp)
{
    uint64_t last = tlp->addr + (tlp->length_dw * 4u - 1);

    if (f->th != TLP_FILTER_ANY && f->th != tlp->th) {
        return false;
    }
    return !f->by_addr ||
           (tlp->addr <= f->addr_last && last >= f->addr_first);
}

static bool match_fields(const TLPFilter *f, const TLPRecord *rec)
{
    bool any_request = f->th == TLP_FILTER_ANY && !f->by_addr;

    if (f->types && !(f->types & 1u << rec->tlp.type)) {
        return false;
    }
    if (f->requester != TLP_FILTER_ANY &&
        f->requester != rec->tlp.requester_id) {
        return false;
    }
    if (!(pcie_tlp_is_request(&rec->tlp) ? match_request(f, &rec->tlp) :
                                           any_request)) {
        return false;
    }
    return match_hint(f, rec);
}

static bool wants_fields(const TLPFilter *f)
{
    return f->types || f->by_addr || f->th != TLP_FILTER_ANY ||
           f->ph != TLP_FILTER_ANY || f->st != TLP_FILTER_ANY ||
           f->ns != TLP_FILTER_ANY || f->requester != TLP_FILTER_ANY;
}

bool tlp_filter_match(const TLPFilter *f, const TLPRecord *rec)
{
    if (f->port && strcmp(f->port, rec->port)) {
        return false;
    }
    if (f->direction != TLP_FILTER_ANY &&
        f->direction != (int)rec->direction) {
        return false;
    }
    if (f->bad && !rec->wrong) {
        return false;
    }
    return !wants_fields(f) || (rec->header_len && match_fields(f, rec));
}
