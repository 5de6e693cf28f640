/*
 * Which TLPs of a capture are meant
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TLP_FILTER_H
#define TLP_FILTER_H

#include "tlp_record.h"

#define TLP_FILTER_ANY (-1)

/**
 * struct TLPFilter: all conditions have to hold
 *
 * Conditions on fields hold only for TLPs that have the field: TH for
 * requests; PH, ST and namespace for TH=1; an address for requests.
 *
 * @types: bit mask of PCIeTLPType, 0 is any
 * @addr_first, @addr_last: touches this range, both inclusive
 * @bad: only what cannot be decoded or breaks a rule
 */
typedef struct TLPFilter {
    const char *port;
    int direction;
    unsigned int types;
    bool by_addr;
    uint64_t addr_first, addr_last;
    int th;
    int ph;
    int st;
    int ns;
    int requester;
    bool bad;
} TLPFilter;

#define TLP_FILTER_INIT { \
        .direction = TLP_FILTER_ANY, .th = TLP_FILTER_ANY, \
        .ph = TLP_FILTER_ANY, .st = TLP_FILTER_ANY, .ns = TLP_FILTER_ANY, \
        .requester = TLP_FILTER_ANY, \
    }

/*
 * Set one condition from an option's text. Return NULL, or what is wrong
 * with the text.
 */
const char *tlp_filter_direction(TLPFilter *f, const char *text);
const char *tlp_filter_type(TLPFilter *f, const char *text);
const char *tlp_filter_addr(TLPFilter *f, const char *text);
const char *tlp_filter_th(TLPFilter *f, const char *text);
const char *tlp_filter_ph(TLPFilter *f, const char *text);
const char *tlp_filter_st(TLPFilter *f, const char *text);
const char *tlp_filter_ns(TLPFilter *f, const char *text);
const char *tlp_filter_requester(TLPFilter *f, const char *text);

bool tlp_filter_match(const TLPFilter *f, const TLPRecord *rec);

/**
 * tlp_parse_number(): the whole of @text as a number up to @max
 * @base: as for strtoull(); no sign and no white space
 */
bool tlp_parse_number(const char *text, int base, uint64_t max,
                      uint64_t *value);

#endif
