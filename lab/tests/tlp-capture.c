/*
 * Make captures for the tests of tlpdump
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * usage: tlp-capture FILE [COUNT]
 *
 * Without COUNT the few TLPs that tlpdump-test.sh knows by heart; else COUNT
 * TLPs of 64 bytes, every other one with a hint, for measurements.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pcapng.h"
#include "hw/pci/pcie_tlp.h"

enum { NIC, ACCEL, HDR };

typedef struct Sample {
    int port;
    bool ingress;
    PCIeTLP tlp;
} Sample;

#define NIC_ID    0x0100
#define ACCEL_ID  0x0208

static const Sample samples[] = {
    /* 1: 8-bit tag */
    { NIC, true,
      { .type = PCIE_TLP_MWR, .requester_id = NIC_ID, .length_dw = 16,
        .addr = 0xfe000000, .first_be = 0xf, .last_be = 0xf, .th = true,
        .ph = PCIE_PH_TARGET, .st = 0x5a } },
    /* 2: no hint, and a transaction tag that looks like that steering tag */
    { NIC, true,
      { .type = PCIE_TLP_MWR, .requester_id = NIC_ID, .tag = 0x5a,
        .length_dw = 16, .addr = 0xfe000040, .first_be = 0xf,
        .last_be = 0xf } },
    /* 3: 16-bit tag, 4 DW */
    { ACCEL, false,
      { .type = PCIE_TLP_MWR, .requester_id = ACCEL_ID, .length_dw = 16,
        .addr = 0x3800000000, .first_be = 0xf, .last_be = 0xf, .th = true,
        .ph = PCIE_PH_TARGET_PRIORITY, .st = 0xbeef, .st_ext = true } },
    /* 4, 5: read with a hint, its completion */
    { ACCEL, false,
      { .type = PCIE_TLP_MRD, .requester_id = ACCEL_ID, .tag = 0x12,
        .length_dw = 4, .addr = 0x3800000000, .first_be = 0xf,
        .last_be = 0xf, .th = true, .ph = PCIE_PH_REQUESTER, .st = 0x7f } },
    { ACCEL, true,
      { .type = PCIE_TLP_CPLD, .requester_id = ACCEL_ID, .tag = 0x12,
        .completer_id = NIC_ID, .byte_count = 16, .length_dw = 4 } },
    /* 6, 7: read without a hint, unsupported */
    { NIC, true,
      { .type = PCIE_TLP_MRD, .requester_id = NIC_ID, .tag = 0x3a5,
        .length_dw = 64, .addr = 0xfe001000, .first_be = 0xf,
        .last_be = 0xf } },
    { NIC, false,
      { .type = PCIE_TLP_CPL, .requester_id = NIC_ID, .tag = 0x3a5,
        .completer_id = ACCEL_ID, .status = PCIE_CPL_UR,
        .byte_count = 256 } },
    /* 8, 9: a port that keeps headers only; "no preference" is a hint too */
    { HDR, true,
      { .type = PCIE_TLP_FETCH_ADD, .requester_id = NIC_ID, .tag = 1,
        .length_dw = 2, .addr = 0xfe002008, .first_be = 0xf, .last_be = 0xf,
        .th = true } },
    { HDR, true,
      { .type = PCIE_TLP_MWR, .requester_id = NIC_ID,
        .attr = PCIE_ATTR_RELAXED, .at = PCIE_AT_TRANSLATED,
        .length_dw = 64, .addr = 0xfe003000, .first_be = 0xf,
        .last_be = 0xf, .th = true, .ph = PCIE_PH_TARGET, .st = 0x5a } },
    /* 10: breaks a rule */
    { NIC, true,
      { .type = PCIE_TLP_MWR, .requester_id = NIC_ID, .length_dw = 16,
        .addr = 0xfe000ff0, .first_be = 0xf, .last_be = 0xf } },
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static int write_sample(PcapngWriter *w, const Sample *s, uint64_t time_ns)
{
    static const uint8_t payload[PCIE_TLP_MAX_PAYLOAD];
    uint8_t header[PCIE_TLP_MAX_HEADER];
    size_t len = pcie_tlp_encode(&s->tlp, header);

    return pcapng_write_tlp(w, s->port, s->ingress, time_ns, header, len,
                            payload, pcie_tlp_has_payload(&s->tlp) ?
                            s->tlp.length_dw * 4u : 0);
}

static int write_samples(PcapngWriter *w)
{
    /* 11: a message, which the codec does not know */
    static const uint8_t message[16] = { 0x34, 0, 0, 0, 1, 0, 0, 0x20 };
    uint64_t time_ns = 1000000000;
    int ret = 0;

    for (size_t i = 0; i < SAMPLES; i++, time_ns += 1000) {
        ret |= write_sample(w, &samples[i], time_ns);
    }
    return ret | pcapng_write_tlp(w, NIC, true, time_ns, message,
                                  sizeof(message), NULL, 0);
}

static int write_many(PcapngWriter *w, unsigned long count)
{
    int ret = 0;

    for (unsigned long i = 0; i < count && !ret; i++) {
        Sample s = samples[i % 2];

        if (s.tlp.th) {
            s.tlp.st = i / 2 % 255 + 1;
        }
        ret = write_sample(w, &s, i * 10);
    }
    return ret;
}

int main(int argc, char **argv)
{
    PcapngWriter *w;
    int ret = 0;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: tlp-capture FILE [COUNT]\n");
        return 2;
    }
    w = pcapng_open(argv[1], "tlp-capture", &ret);
    if (w) {
        pcapng_add_port(w, "nic", PCAPNG_SNAPLEN_ALL);
        pcapng_add_port(w, "accel", PCAPNG_SNAPLEN_ALL);
        pcapng_add_port(w, "hdr", PCAPNG_SNAPLEN_HEADERS);
        ret = argc == 3 ? write_many(w, strtoul(argv[2], NULL, 0)) :
                          write_samples(w);
        ret |= pcapng_close(w);
    }
    if (ret) {
        fprintf(stderr, "tlp-capture: %s: %s\n", argv[1], strerror(-ret));
    }
    return ret != 0;
}
