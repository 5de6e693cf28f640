/*
 * One TLP of a capture
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TLP_RECORD_H
#define TLP_RECORD_H

#include "hw/pci/pcie_tlp.h"
#include "pcapng_read.h"

/**
 * struct TLPRecord: valid as long as the packet it came from
 * @bytes: @captured bytes that the file has, of @length on the wire
 * @header_len: prefix and header; 0 if the TLP cannot be decoded
 * @tlp: only if @header_len
 * @wrong: NULL, why it cannot be decoded, or the rule that it breaks
 */
typedef struct TLPRecord {
    uint64_t time_ns;
    const char *port;
    PcapngDirection direction;
    const uint8_t *bytes;
    size_t captured;
    size_t length;
    size_t header_len;
    PCIeTLP tlp;
    const char *wrong;
} TLPRecord;

/**
 * tlp_record_from_packet(): decode and judge
 *
 * Returns false if the packet has no TLP.
 */
bool tlp_record_from_packet(TLPRecord *rec, const PcapngPacket *packet);

/** tlp_record_has_hint(): decoded, a request, and TH is set */
bool tlp_record_has_hint(const TLPRecord *rec);

/** tlp_record_data_bytes(): bytes written, asked for, or returned */
unsigned int tlp_record_data_bytes(const TLPRecord *rec);

/* The names that all outputs use */

#define TLP_MALFORMED "malformed"

/** tlp_type_text(): the type's name, or TLP_MALFORMED */
const char *tlp_type_text(const TLPRecord *rec);
const char *tlp_direction_text(PcapngDirection direction);
const char *tlp_status_text(uint8_t status);
const char *tlp_at_text(uint8_t at);

/** tlp_bdf_text(): "bb:dd.f" into @buf, 8 bytes. Returns @buf */
char *tlp_bdf_text(char *buf, uint16_t id);

#endif
