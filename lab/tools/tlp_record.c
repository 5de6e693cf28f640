/*
 * One TLP of a capture
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include <stdio.h>

#include "nettlp.h"
#include "tlp_record.h"

#define PREFIX_FMT_MASK  0xe0
#define PREFIX_FMT       0x80
#define BYTE2_TD         0x80

/* Is what follows the header as long as the header says? (2.2.2, 2.7.1) */
static const char *check_length(const TLPRecord *rec)
{
    size_t prefix = (rec->bytes[0] & PREFIX_FMT_MASK) == PREFIX_FMT ? 4 : 0;
    size_t want = rec->header_len;

    if (pcie_tlp_has_payload(&rec->tlp)) {
        want += rec->tlp.length_dw * 4u;
    }
    if (rec->bytes[prefix + 2] & BYTE2_TD) {
        want += 4;
    }
    return rec->length == want ? NULL : "data does not match the Length field";
}

bool tlp_record_from_packet(TLPRecord *rec, const PcapngPacket *packet)
{
    if (!nettlp_unwrap(packet, &rec->bytes, &rec->captured, &rec->length)) {
        return false;
    }
    rec->time_ns = packet->time_ns;
    rec->port = packet->port;
    rec->direction = packet->direction;
    rec->wrong = NULL;
    rec->header_len = pcie_tlp_decode(&rec->tlp, rec->bytes, rec->captured,
                                      &rec->wrong);
    if (rec->header_len) {
        rec->wrong = pcie_tlp_check(&rec->tlp);
        if (!rec->wrong) {
            rec->wrong = check_length(rec);
        }
    }
    return true;
}

bool tlp_record_has_hint(const TLPRecord *rec)
{
    return rec->header_len && pcie_tlp_is_request(&rec->tlp) && rec->tlp.th;
}

unsigned int tlp_record_data_bytes(const TLPRecord *rec)
{
    return rec->header_len ? rec->tlp.length_dw * 4u : 0;
}

const char *tlp_type_text(const TLPRecord *rec)
{
    return rec->header_len ? pcie_tlp_type_name(rec->tlp.type) :
                             TLP_MALFORMED;
}

const char *tlp_direction_text(PcapngDirection direction)
{
    switch (direction) {
    case PCAPNG_IN:
        return "in";
    case PCAPNG_OUT:
        return "out";
    case PCAPNG_UNKNOWN:
        break;
    }
    return "?";
}

const char *tlp_status_text(uint8_t status)
{
    switch (status) {
    case PCIE_CPL_SC:
        return "SC";
    case PCIE_CPL_UR:
        return "UR";
    case PCIE_CPL_CRS:
        return "CRS";
    case PCIE_CPL_CA:
        return "CA";
    }
    return "reserved";
}

const char *tlp_at_text(uint8_t at)
{
    switch (at) {
    case PCIE_AT_UNTRANSLATED:
        return "untranslated";
    case PCIE_AT_TRANSLATION_REQUEST:
        return "translation-request";
    case PCIE_AT_TRANSLATED:
        return "translated";
    }
    return "reserved";
}

char *tlp_bdf_text(char *buf, uint16_t id)
{
    snprintf(buf, 8, "%02x:%02x.%x", id >> 8, id >> 3 & 0x1f, id & 7);
    return buf;
}
