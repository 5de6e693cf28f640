/*
 * PCI Express Transaction Layer Packets as plain values
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * No QEMU types: the same code runs in the device models, in the capture
 * tools and in host unit tests.
 *
 * Non-Flit Mode formats only (PCI Express Base Specification 6.x, section
 * 2.2.1). The steering tag's places: section 2.2.7.1.1.
 */
#ifndef HW_PCI_PCIE_TLP_H
#define HW_PCI_PCIE_TLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCIE_TLP_MAX_HEADER   20    /* TPH TLP Prefix and a 4 DW header */
#define PCIE_TLP_MAX_PAYLOAD  4096

typedef enum PCIeTLPType {
    PCIE_TLP_MRD,
    PCIE_TLP_MWR,
    PCIE_TLP_FETCH_ADD,
    PCIE_TLP_SWAP,
    PCIE_TLP_CAS,
    PCIE_TLP_CPL,
    PCIE_TLP_CPLD,
} PCIeTLPType;

typedef enum PCIeAddressType {
    PCIE_AT_UNTRANSLATED = 0,
    PCIE_AT_TRANSLATION_REQUEST = 1,
    PCIE_AT_TRANSLATED = 2,
} PCIeAddressType;

typedef enum PCIeCplStatus {
    PCIE_CPL_SC = 0,    /* successful completion */
    PCIE_CPL_UR = 1,    /* unsupported request */
    PCIE_CPL_CRS = 2,
    PCIE_CPL_CA = 4,    /* completer abort */
} PCIeCplStatus;

typedef enum PCIeProcessingHint {
    PCIE_PH_BIDIRECTIONAL = 0,
    PCIE_PH_REQUESTER = 1,
    PCIE_PH_TARGET = 2,
    PCIE_PH_TARGET_PRIORITY = 3,
} PCIeProcessingHint;

/* Attr[2:0] */
#define PCIE_ATTR_NO_SNOOP   0x1
#define PCIE_ATTR_RELAXED    0x2
#define PCIE_ATTR_ID_BASED   0x4

/**
 * struct PCIeTLP: the header of one TLP, prefix included; the payload is
 * kept apart.
 *
 * @type: what it is
 * @tc: traffic class, 0..7
 * @attr: PCIE_ATTR_*
 * @at: address type; requests only
 * @ep: poisoned payload
 * @requester_id: bus/device/function
 * @tag: transaction tag, 10 bits. Not carried by a posted request with @th,
 *       whose tag field holds the steering tag; decodes as 0 then
 * @length_dw: payload or requested length, 1..1024 DW; decodes as 0 for Cpl,
 *       which has neither
 *
 * Requests:
 * @addr: DW-aligned address; 3 DW header below 4 GiB, 4 DW from there on
 * @first_be, @last_be: byte enables. Not carried by a read or atomic with
 *       @th, whose byte-enable field holds the steering tag: implied to be
 *       all bytes, and decoded as that (an atomic's operands are whole anyway)
 * @th: TPH present
 * @ph: processing hint; only with @th
 * @st: steering tag, only with @th; 0 is "no preference"
 * @st_ext: the TPH TLP Prefix is there and carries @st[15:8]: the tag is of
 *       the 16-bit namespace. Without it @st is an 8-bit tag
 *
 * Completions:
 * @completer_id, @status, @byte_count (1..4096), @lower_addr (7 bits)
 */
typedef struct PCIeTLP {
    PCIeTLPType type;
    uint8_t tc;
    uint8_t attr;
    uint8_t at;
    bool ep;
    uint16_t requester_id;
    uint16_t tag;
    uint16_t length_dw;

    uint64_t addr;
    uint8_t first_be;
    uint8_t last_be;
    bool th;
    uint8_t ph;
    uint16_t st;
    bool st_ext;

    uint16_t completer_id;
    uint8_t status;
    uint16_t byte_count;
    uint8_t lower_addr;
} PCIeTLP;

/** pcie_tlp_has_payload(): true for writes, atomics and CplD */
bool pcie_tlp_has_payload(const PCIeTLP *tlp);

/** pcie_tlp_is_request(): true for all but completions */
bool pcie_tlp_is_request(const PCIeTLP *tlp);

/**
 * pcie_tlp_encode(): write prefix and header in wire order
 * @tlp: must be valid by pcie_tlp_check()
 * @buf: at least PCIE_TLP_MAX_HEADER bytes
 *
 * Returns the number of bytes written: 12, 16 or 20. The payload, if any,
 * follows on the wire as @tlp->length_dw DWs.
 */
size_t pcie_tlp_encode(const PCIeTLP *tlp, uint8_t *buf);

/**
 * pcie_tlp_decode(): read prefix and header
 * @tlp: filled in on success, untouched otherwise
 * @buf, @len: bytes in wire order, hostile
 * @error: on failure, a static string that says what is wrong
 *
 * Unknown types and prefixes, reserved formats, and a 4 DW header for an
 * address below 4 GiB are refused; reserved bits are ignored, and so is what
 * a TLP Digest would add behind the payload. pcie_tlp_check() tells whether
 * what was decoded also keeps the rules.
 *
 * Returns the header's length in bytes (where the payload starts), or 0. A
 * payload cut short by a capture's snap length is not an error here.
 */
size_t pcie_tlp_decode(PCIeTLP *tlp, const uint8_t *buf, size_t len,
                       const char **error);

/**
 * pcie_tlp_check(): is this a TLP that a requester or completer may send?
 *
 * Returns NULL or a static string that names the violated rule (4 KiB
 * crossing, byte enables, hint without TH, ST wider than its namespace...).
 * Byte enables that the wire does not carry have to be the implied ones.
 */
const char *pcie_tlp_check(const PCIeTLP *tlp);

/** pcie_tlp_type_name(): "MWr", "MRd", "FetchAdd", "Swap", "CAS", "Cpl", "CplD" */
const char *pcie_tlp_type_name(PCIeTLPType type);

/** pcie_ph_name(): "bi-directional", "requester", "target", "target with priority" */
const char *pcie_ph_name(uint8_t ph);

#endif
