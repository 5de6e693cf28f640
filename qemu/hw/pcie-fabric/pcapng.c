/*
 * pcapng writer for PCI Express TLPs, in NetTLP framing
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The file format is the IETF draft "PCAP Now Generic" (draft-ietf-opsawg-
 * pcapng): one section, little endian on every host so that equal runs make
 * equal files; an Interface Description Block per port; an Enhanced Packet
 * Block per TLP.
 *
 * The addresses around a TLP are synthetic, none of them exists:
 *
 *   Ethernet   02:00:00:00:hh:ll   port number hhll (locally administered)
 *              02:00:00:01:hh:ll   what is at the other end of its link
 *   IPv4       198.18.hh.ll        the port (a range for benchmarks, RFC 2544)
 *              198.19.hh.ll        the other end
 *   UDP        0x3000 + port number, both as source and as destination
 *
 * A TLP that comes into the port (ingress, "inbound" for pcapng) goes from
 * the other end to the port; egress is the reverse. So the direction is in
 * the addresses too, for tools that do not show epb_flags.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pcapng.h"

#define BLOCK_SHB            0x0a0d0d0au
#define BLOCK_IDB            1u
#define BLOCK_EPB            6u
#define BYTE_ORDER_MAGIC     0x1a2b3c4du

#define OPT_END              0
#define OPT_SHB_USERAPPL     4
#define OPT_IF_NAME          2
#define OPT_IF_TSRESOL       9
#define OPT_EPB_FLAGS        2

#define TSRESOL_NANOSECONDS  9
#define EPB_INBOUND          1
#define EPB_OUTBOUND         2

#define MAX_TEXT             255
#define MAX_TLP              (20 + 4096)
#define MAX_FRAME            (PCAPNG_FRAME_OVERHEAD + MAX_TLP)
#define MAX_BLOCK            (MAX_FRAME + 64)

#define FILE_BUFFER          (1u << 20)

typedef struct PcapngPort {
    uint32_t snaplen;           /* 0: everything */
    uint16_t sequence;          /* of the NetTLP header */
} PcapngPort;

struct PcapngWriter {
    FILE *file;
    int error;                  /* the first one, negative errno; 0: none */
    size_t pending;             /* bytes that stdio still holds */
    size_t ports;
    PcapngPort *port;
    size_t used;                /* bytes in @block */
    uint8_t block[MAX_BLOCK];
    char buffer[FILE_BUFFER];   /* stdio's */
};

static void fail(PcapngWriter *w, int error)
{
    if (!w->error) {
        /* stdio need not set errno: an error must never look like success */
        w->error = error ? -error : -EIO;
    }
}

/* Network byte order, for what is inside a frame */

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

/* Blocks are put together in w->block, which holds the largest possible one */

static void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = v;
    p[1] = v >> 8;
}

static void put_le32(uint8_t *p, uint32_t v)
{
    put_le16(p, v);
    put_le16(p + 2, v >> 16);
}

static void add_u16(PcapngWriter *w, uint16_t v)
{
    put_le16(w->block + w->used, v);
    w->used += 2;
}

static void add_u32(PcapngWriter *w, uint32_t v)
{
    put_le32(w->block + w->used, v);
    w->used += 4;
}

static void add_bytes(PcapngWriter *w, const void *data, size_t len)
{
    if (len) {
        memcpy(w->block + w->used, data, len);
        w->used += len;
    }
}

static void add_padding(PcapngWriter *w)
{
    while (w->used % 4) {
        w->block[w->used++] = 0;
    }
}

static void add_option(PcapngWriter *w, uint16_t code, const void *value,
                       size_t len)
{
    add_u16(w, code);
    add_u16(w, len);
    add_bytes(w, value, len);
    add_padding(w);
}

static void begin_block(PcapngWriter *w, uint32_t type)
{
    w->used = 0;
    add_u32(w, type);
    add_u32(w, 0);      /* the length, when it is known */
}

static int flush(PcapngWriter *w)
{
    errno = 0;
    if (!w->error && fflush(w->file)) {
        fail(w, errno);
    }
    w->pending = 0;
    return w->error;
}

/*
 * Close the block and give it to stdio, after what is pending if both would
 * not fit into its buffer: so the file grows by whole blocks.
 */
static int end_block(PcapngWriter *w)
{
    uint32_t total = w->used + 4;

    add_u32(w, total);
    put_le32(w->block + 4, total);
    if (w->pending + total > FILE_BUFFER) {
        flush(w);
    }
    if (w->error) {
        return w->error;
    }
    errno = 0;
    if (fwrite(w->block, 1, total, w->file) != total) {
        fail(w, errno);
    }
    w->pending += total;
    return w->error;
}

static int write_section_header(PcapngWriter *w, const char *app)
{
    size_t len = app ? strnlen(app, MAX_TEXT) : 0;

    begin_block(w, BLOCK_SHB);
    add_u32(w, BYTE_ORDER_MAGIC);
    add_u16(w, 1);              /* version 1.0 */
    add_u16(w, 0);
    add_u32(w, UINT32_MAX);     /* section length: not given */
    add_u32(w, UINT32_MAX);
    if (len) {
        add_option(w, OPT_SHB_USERAPPL, app, len);
        add_option(w, OPT_END, NULL, 0);
    }
    return end_block(w);
}

PcapngWriter *pcapng_open(const char *path, const char *app, int *err)
{
    PcapngWriter *w = calloc(1, sizeof(*w));
    int error = -ENOMEM;

    if (!w) {
        goto out;
    }
    w->file = fopen(path, "wb");
    if (!w->file) {
        error = -errno;
        goto out;
    }
    /* stdio may choose another size for a buffer of its own */
    if (setvbuf(w->file, w->buffer, _IOFBF, sizeof(w->buffer))) {
        error = -EINVAL;
        goto close;
    }
    error = write_section_header(w, app);
    if (!error) {
        return w;
    }
close:
    fclose(w->file);
out:
    free(w);
    if (err) {
        *err = error;
    }
    return NULL;
}

static int write_interface(PcapngWriter *w, const char *name, size_t name_len,
                           uint32_t snaplen)
{
    const uint8_t resolution = TSRESOL_NANOSECONDS;

    begin_block(w, BLOCK_IDB);
    add_u16(w, PCAPNG_LINKTYPE_ETHERNET);
    add_u16(w, 0);
    add_u32(w, snaplen);
    add_option(w, OPT_IF_NAME, name, name_len);
    add_option(w, OPT_IF_TSRESOL, &resolution, 1);
    add_option(w, OPT_END, NULL, 0);
    return end_block(w);
}

int pcapng_add_port(PcapngWriter *w, const char *name, uint32_t snaplen)
{
    size_t len = strlen(name);
    PcapngPort *port;

    if (w->error) {
        return w->error;
    }
    if (len > MAX_TEXT ||
        (snaplen != PCAPNG_SNAPLEN_ALL && snaplen < PCAPNG_SNAPLEN_HEADERS)) {
        return -EINVAL;
    }
    if (w->ports == PCAPNG_MAX_PORTS) {
        return -ENOSPC;
    }
    port = realloc(w->port, (w->ports + 1) * sizeof(*port));
    if (!port) {
        return -ENOMEM;
    }
    w->port = port;
    port[w->ports] = (PcapngPort) { .snaplen = snaplen };
    if (write_interface(w, name, len, snaplen)) {
        return w->error;
    }
    return w->ports++;
}

/* RFC 1071, over a header whose checksum field is still zero */
static uint16_t ipv4_checksum(const uint8_t *header)
{
    uint32_t sum = 0;
    int i;

    for (i = 0; i < 20; i += 2) {
        sum += header[i] << 8 | header[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return ~sum;
}

static void fill_mac(uint8_t *p, bool other_end, uint16_t port)
{
    put_be32(p, 0x02000000u | other_end);
    put_be16(p + 4, port);
}

static void fill_ethernet(uint8_t *p, bool ingress, uint16_t port)
{
    fill_mac(p, !ingress, port);        /* destination */
    fill_mac(p + 6, ingress, port);
    put_be16(p + 12, 0x0800);
}

static void fill_ipv4(uint8_t *p, bool ingress, uint16_t port, size_t udp_len)
{
    uint32_t here = 198u << 24 | 18u << 16 | port;
    uint32_t there = 198u << 24 | 19u << 16 | port;

    put_be16(p, 0x4500);                /* version 4, 5 words of header */
    put_be16(p + 2, 20 + udp_len);
    put_be16(p + 4, 0);
    put_be16(p + 6, 0x4000);            /* don't fragment */
    put_be16(p + 8, 64 << 8 | 17);      /* TTL, UDP */
    put_be16(p + 10, 0);
    put_be32(p + 12, ingress ? there : here);
    put_be32(p + 16, ingress ? here : there);
    put_be16(p + 10, ipv4_checksum(p));
}

/* Checksum 0: none, as UDP over IPv4 permits */
static void fill_udp(uint8_t *p, uint16_t port, size_t udp_len)
{
    put_be16(p, PCAPNG_NETTLP_PORT_MIN + port);
    put_be16(p + 2, PCAPNG_NETTLP_PORT_MIN + port);
    put_be16(p + 4, udp_len);
    put_be16(p + 6, 0);
}

/* What goes in front of the TLP: PCAPNG_FRAME_OVERHEAD bytes at @p */
static void fill_overhead(PcapngWriter *w, uint8_t *p, int port, bool ingress,
                          uint64_t time_ns, size_t tlp_len)
{
    size_t udp_len = 8 + PCAPNG_NETTLP_HEADER + tlp_len;

    fill_ethernet(p, ingress, port);
    fill_ipv4(p + 14, ingress, port, udp_len);
    fill_udp(p + 34, port, udp_len);
    put_be16(p + 42, w->port[port].sequence++);
    put_be32(p + 44, time_ns);      /* NetTLP: a free-running counter */
}

int pcapng_write_tlp(PcapngWriter *w, int port, bool ingress,
                     uint64_t time_ns, const void *header, size_t header_len,
                     const void *payload, size_t payload_len)
{
    uint8_t overhead[PCAPNG_FRAME_OVERHEAD];
    size_t frame_len = sizeof(overhead) + header_len + payload_len;
    size_t kept = payload_len;
    uint8_t flags[4];

    if (w->error) {
        return w->error;
    }
    if (port < 0 || (size_t)port >= w->ports || header_len < 12 ||
        header_len > 20 || payload_len > 4096) {
        return -EINVAL;
    }
    /* A snap length never cuts the header: pcapng_add_port() saw to that */
    if (w->port[port].snaplen && frame_len > w->port[port].snaplen) {
        kept -= frame_len - w->port[port].snaplen;
    }
    fill_overhead(w, overhead, port, ingress, time_ns,
                  header_len + payload_len);
    put_le32(flags, ingress ? EPB_INBOUND : EPB_OUTBOUND);

    begin_block(w, BLOCK_EPB);
    add_u32(w, port);
    add_u32(w, time_ns >> 32);
    add_u32(w, time_ns);
    add_u32(w, sizeof(overhead) + header_len + kept);
    add_u32(w, frame_len);
    add_bytes(w, overhead, sizeof(overhead));
    add_bytes(w, header, header_len);
    add_bytes(w, payload, kept);
    add_padding(w);
    add_option(w, OPT_EPB_FLAGS, flags, sizeof(flags));
    add_option(w, OPT_END, NULL, 0);
    return end_block(w);
}

int pcapng_flush(PcapngWriter *w)
{
    return flush(w);
}

int pcapng_close(PcapngWriter *w)
{
    int error;

    if (!w) {
        return 0;
    }
    flush(w);
    errno = 0;
    if (fclose(w->file)) {
        fail(w, errno);
    }
    error = w->error;
    free(w->port);
    free(w);
    return error;
}
