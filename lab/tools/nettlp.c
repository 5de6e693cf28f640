/*
 * NetTLP framing: a TLP in a UDP datagram
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Ethernet, IPv4 without fragments, UDP to one of NetTLP's ports, then a
 * sequence number (2 bytes) and a time stamp (4 bytes), then the TLP.
 */
#include "hw/pci/pcapng.h"
#include "nettlp.h"

#define ETHERNET_HEADER  14
#define ETHERTYPE_IPV4   0x0800
#define IPV4_MIN_HEADER  20
#define IPV4_FRAGMENT    0x3fff     /* More Fragments, and the offset */
#define PROTOCOL_UDP     17
#define UDP_HEADER       8

static uint16_t get_be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

/* Returns where UDP begins in the frame, and where IPv4 says it ends; or 0 */
static size_t find_udp(const PcapngPacket *packet, size_t *end)
{
    const uint8_t *ip = packet->data + ETHERNET_HEADER;
    size_t header, total;

    if (packet->linktype != PCAPNG_LINKTYPE_ETHERNET ||
        packet->len < ETHERNET_HEADER + IPV4_MIN_HEADER ||
        get_be16(packet->data + 12) != ETHERTYPE_IPV4) {
        return 0;
    }
    header = (ip[0] & 0xf) * 4;
    total = get_be16(ip + 2);
    if (ip[0] >> 4 != 4 || header < IPV4_MIN_HEADER || total < header ||
        ip[9] != PROTOCOL_UDP || (get_be16(ip + 6) & IPV4_FRAGMENT)) {
        return 0;
    }
    *end = ETHERNET_HEADER + total;
    return ETHERNET_HEADER + header;
}

bool nettlp_unwrap(const PcapngPacket *packet, const uint8_t **tlp,
                   size_t *captured, size_t *length)
{
    const size_t headers = UDP_HEADER + PCAPNG_NETTLP_HEADER;
    size_t end, udp = find_udp(packet, &end);
    size_t udp_len, start = udp + headers;
    uint16_t port;

    if (!udp || packet->len < start) {
        return false;
    }
    port = get_be16(packet->data + udp + 2);
    udp_len = get_be16(packet->data + udp + 4);
    if (port < PCAPNG_NETTLP_PORT_MIN || port > PCAPNG_NETTLP_PORT_MAX ||
        udp_len < headers || udp_len > end - udp) {
        return false;
    }
    /* Not what is left of the frame: Ethernet pads short ones */
    *length = udp_len - headers;
    *captured = packet->len - start;
    if (*captured > *length) {
        *captured = *length;
    }
    *tlp = packet->data + start;
    return true;
}
