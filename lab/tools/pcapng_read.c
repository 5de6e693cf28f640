/*
 * pcapng reader
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Reads block after block through one buffer, so that pipes work as well as
 * files. Sections of both byte orders; Enhanced and Simple Packet Blocks.
 * Other blocks are skipped. Nothing in the file is believed: each length is
 * held against what contains it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcapng_read.h"

#define BLOCK_SHB         0x0a0d0d0au
#define BLOCK_IDB         1u
#define BLOCK_SPB         3u
#define BLOCK_EPB         6u
#define BYTE_ORDER_MAGIC  0x1a2b3c4du

#define OPT_END           0
#define OPT_IF_NAME       2
#define OPT_IF_TSRESOL    9
#define OPT_IF_TSOFFSET   14
#define OPT_EPB_FLAGS     2

#define BLOCK_OVERHEAD    12u           /* type, length, length again */
#define MAX_BLOCK         (16u << 20)
#define BUFFER            (1u << 20)

#define NS_PER_S          1000000000u

typedef struct Interface {
    uint16_t linktype;
    uint32_t snaplen;
    uint8_t tsresol;
    uint64_t tsoffset;          /* seconds, two's complement */
    char *name;
} Interface;

struct PcapngReader {
    int fd;
    bool big_endian;            /* this section */
    bool in_section;
    bool failed;
    uint8_t *buf;
    size_t cap, start, end;     /* buf[start..end) is not consumed yet */
    uint64_t offset;            /* of buf[start] in the file */
    /* All interfaces of the file, since names outlive their section */
    Interface *interface;
    size_t interfaces;
    size_t first_interface;     /* of this section */
    char error[200];
};

typedef struct Block {
    uint32_t type;
    const uint8_t *body;
    uint32_t len;
    uint64_t offset;
} Block;

typedef struct Option {
    uint16_t code;
    uint16_t len;
    const uint8_t *value;
} Option;

__attribute__((format(printf, 3, 4)))
static int fail(PcapngReader *r, uint64_t offset, const char *format, ...)
{
    va_list ap;
    int n;

    r->failed = true;
    n = snprintf(r->error, sizeof(r->error), "offset %llu: ",
                 (unsigned long long)offset);
    va_start(ap, format);
    vsnprintf(r->error + n, sizeof(r->error) - n, format, ap);
    va_end(ap);
    return -1;
}

static uint16_t get16(const PcapngReader *r, const uint8_t *p)
{
    return r->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
}

static uint32_t get32(const PcapngReader *r, const uint8_t *p)
{
    return r->big_endian ?
           (uint32_t)get16(r, p) << 16 | get16(r, p + 2) :
           (uint32_t)get16(r, p + 2) << 16 | get16(r, p);
}

static uint64_t get64(const PcapngReader *r, const uint8_t *p)
{
    return r->big_endian ?
           (uint64_t)get32(r, p) << 32 | get32(r, p + 4) :
           (uint64_t)get32(r, p + 4) << 32 | get32(r, p);
}

/* The buffer */

static bool make_room(PcapngReader *r, size_t want)
{
    size_t cap = r->cap;
    uint8_t *buf;

    if (want > r->cap) {
        while (cap < want) {
            cap *= 2;
        }
        buf = realloc(r->buf, cap);
        if (!buf) {
            fail(r, r->offset, "no memory for a block of %zu bytes", want);
            return false;
        }
        r->buf = buf;
        r->cap = cap;
    }
    if (r->start) {
        memmove(r->buf, r->buf + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    return true;
}

/* Returns how many bytes there are, at most @want unless more are buffered */
static size_t fill(PcapngReader *r, size_t want)
{
    ssize_t n = 1;

    if (r->end - r->start >= want || !make_room(r, want)) {
        return r->end - r->start;
    }
    while (r->end < want && n) {
        n = read(r->fd, r->buf + r->end, r->cap - r->end);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            fail(r, r->offset, "cannot read: %s", strerror(errno));
            break;
        }
        r->end += n;
    }
    return r->end - r->start;
}

/* Blocks */

static bool is_classic_pcap(const uint8_t *p)
{
    static const uint8_t magic[4][4] = {
        { 0xa1, 0xb2, 0xc3, 0xd4 }, { 0xd4, 0xc3, 0xb2, 0xa1 },
        { 0xa1, 0xb2, 0x3c, 0x4d }, { 0x4d, 0x3c, 0xb2, 0xa1 },
    };

    for (int i = 0; i < 4; i++) {
        if (!memcmp(p, magic[i], 4)) {
            return true;
        }
    }
    return false;
}

/* A section header has to be looked into first, to know its byte order */
static int detect_byte_order(PcapngReader *r)
{
    const uint8_t *p;

    if (fill(r, 12) < 12) {
        return r->failed ? -1 :
               fail(r, r->offset, "section header is cut short");
    }
    p = r->buf + r->start + 8;
    r->big_endian = true;
    if (get32(r, p) == BYTE_ORDER_MAGIC) {
        return 0;
    }
    r->big_endian = false;
    return get32(r, p) == BYTE_ORDER_MAGIC ? 0 :
           fail(r, r->offset, "section header without byte-order magic");
}

static int check_file_type(PcapngReader *r, size_t have)
{
    static const uint8_t shb[4] = { 0x0a, 0x0d, 0x0d, 0x0a };
    const uint8_t *p = r->buf + r->start;

    if (have >= 4 && is_classic_pcap(p)) {
        return fail(r, 0, "a pcap file, not pcapng: convert it with "
                    "'editcap -F pcapng'");
    }
    return have >= 4 && !memcmp(p, shb, 4) ? 0 :
           fail(r, 0, have ? "not a pcapng file" : "empty file");
}

/* The next block, whole: 1; 0 at the end; -1 */
static int next_block(PcapngReader *r, Block *b)
{
    size_t have = fill(r, 8);
    uint32_t total;

    if (r->failed || (!r->in_section && check_file_type(r, have))) {
        return -1;
    }
    if (!have) {
        return 0;
    }
    if (have < 8) {
        return fail(r, r->offset, "block header is cut short");
    }
    b->type = get32(r, r->buf + r->start);
    if (b->type == BLOCK_SHB && detect_byte_order(r)) {
        return -1;
    }
    total = get32(r, r->buf + r->start + 4);
    if (total < BLOCK_OVERHEAD || total % 4 || total > MAX_BLOCK) {
        return fail(r, r->offset, "impossible block length %u", total);
    }
    have = fill(r, total);
    if (r->failed) {
        return -1;
    }
    if (have < total) {
        return fail(r, r->offset, "block is cut short: %zu of %u bytes",
                    have, total);
    }
    b->body = r->buf + r->start + 8;
    b->len = total - BLOCK_OVERHEAD;
    b->offset = r->offset;
    if (get32(r, b->body + b->len) != total) {
        return fail(r, r->offset, "the block's two lengths differ");
    }
    r->start += total;
    r->offset += total;
    return 1;
}

/*
 * The option at *@pos of the block's body: 1, and *@pos is behind it; 0 at
 * the end; -1
 */
static int next_option(PcapngReader *r, const Block *b, uint32_t *pos,
                       Option *o)
{
    uint32_t left = b->len - *pos, padded;

    if (!left) {
        return 0;
    }
    if (left < 4) {
        return fail(r, b->offset, "option is cut short");
    }
    o->code = get16(r, b->body + *pos);
    o->len = get16(r, b->body + *pos + 2);
    o->value = b->body + *pos + 4;
    if (o->code == OPT_END) {
        return 0;
    }
    padded = (o->len + 3u) & ~3u;
    if (padded > left - 4) {
        return fail(r, b->offset, "option %u reaches out of its block",
                    o->code);
    }
    *pos += 4 + padded;
    return 1;
}

static int read_section(PcapngReader *r, const Block *b)
{
    if (b->len < 16) {
        return fail(r, b->offset, "section header is too short");
    }
    if (get16(r, b->body + 4) != 1) {
        return fail(r, b->offset, "pcapng version %u is not known",
                    get16(r, b->body + 4));
    }
    r->in_section = true;
    r->first_interface = r->interfaces;
    return 0;
}

/* A name comes from who knows where, and goes to terminals */
static char *printable(const uint8_t *text, size_t len)
{
    char *s = malloc(len + 1);
    size_t i;

    if (!s) {
        return NULL;
    }
    for (i = 0; i < len && text[i]; i++) {
        s[i] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
    }
    s[i] = 0;
    return s;
}

static int read_interface_options(PcapngReader *r, const Block *b,
                                  Interface *i)
{
    uint32_t pos = 8;
    Option o;
    int ret;

    while ((ret = next_option(r, b, &pos, &o)) > 0) {
        if (o.code == OPT_IF_NAME && !i->name && o.len) {
            i->name = printable(o.value, o.len);
        } else if (o.code == OPT_IF_TSRESOL && o.len >= 1) {
            i->tsresol = o.value[0];
        } else if (o.code == OPT_IF_TSOFFSET && o.len >= 8) {
            i->tsoffset = get64(r, o.value);
        }
    }
    return ret;
}

static int read_interface(PcapngReader *r, const Block *b)
{
    Interface i = { .tsresol = 6 }, *all;
    char name[32];

    if (b->len < 8) {
        return fail(r, b->offset, "interface description is too short");
    }
    i.linktype = get16(r, b->body);
    i.snaplen = get32(r, b->body + 4);
    if (read_interface_options(r, b, &i)) {
        free(i.name);
        return -1;
    }
    if (!i.name) {
        snprintf(name, sizeof(name), "if%zu",
                 r->interfaces - r->first_interface);
        i.name = strdup(name);
    }
    all = realloc(r->interface, (r->interfaces + 1) * sizeof(*all));
    if (all) {
        r->interface = all;
    }
    if (!all || !i.name) {
        free(i.name);
        return fail(r, b->offset, "no memory for an interface");
    }
    all[r->interfaces++] = i;
    return 0;
}

/* if_tsresol: units of 10^-n s, or of 2^-n s with the top bit set */
static uint64_t to_ns(const Interface *i, uint64_t t)
{
    unsigned int n = i->tsresol & 0x7f;
    uint64_t ns = t;

    if (i->tsresol & 0x80) {
        ns = (unsigned __int128)t * NS_PER_S >> n;
    } else {
        for (; n < 9; n++) {
            ns *= 10;
        }
        for (; n > 9 && ns; n--) {
            ns /= 10;
        }
    }
    return ns + i->tsoffset * NS_PER_S;
}

static const Interface *find_interface(PcapngReader *r, const Block *b,
                                       uint32_t id)
{
    if (id >= r->interfaces - r->first_interface) {
        fail(r, b->offset, "packet of interface %u, which is not described",
             id);
        return NULL;
    }
    return &r->interface[r->first_interface + id];
}

static int read_packet_options(PcapngReader *r, const Block *b, uint32_t pos,
                               PcapngPacket *p)
{
    Option o;
    int ret;

    while ((ret = next_option(r, b, &pos, &o)) > 0) {
        if (o.code == OPT_EPB_FLAGS && o.len >= 4) {
            uint32_t direction = get32(r, o.value) & 3;

            p->direction = direction == 3 ? PCAPNG_UNKNOWN : direction;
        }
    }
    return ret;
}

static int read_enhanced_packet(PcapngReader *r, const Block *b,
                                PcapngPacket *p)
{
    const Interface *i;
    uint32_t len;

    if (b->len < 20) {
        return fail(r, b->offset, "packet block is too short");
    }
    i = find_interface(r, b, get32(r, b->body));
    if (!i) {
        return -1;
    }
    len = get32(r, b->body + 12);
    if (len > b->len - 20) {
        return fail(r, b->offset, "packet of %u bytes in a block of %u",
                    len, b->len + BLOCK_OVERHEAD);
    }
    *p = (PcapngPacket) {
        .time_ns = to_ns(i, (uint64_t)get32(r, b->body + 4) << 32 |
                            get32(r, b->body + 8)),
        .port = i->name,
        .linktype = i->linktype,
        .data = b->body + 20,
        .len = len,
        .orig_len = get32(r, b->body + 16),
        .offset = b->offset,
    };
    /* The padding is inside the block, since its length is a multiple of 4 */
    return read_packet_options(r, b, 20 + ((len + 3) & ~3u), p);
}

/* No time, no direction, and always interface 0 */
static int read_simple_packet(PcapngReader *r, const Block *b,
                              PcapngPacket *p)
{
    const Interface *i;
    uint32_t len;

    if (b->len < 4) {
        return fail(r, b->offset, "packet block is too short");
    }
    i = find_interface(r, b, 0);
    if (!i) {
        return -1;
    }
    len = get32(r, b->body);
    *p = (PcapngPacket) {
        .port = i->name,
        .linktype = i->linktype,
        .data = b->body + 4,
        .len = len,
        .orig_len = len,
        .offset = b->offset,
    };
    if (i->snaplen && p->len > i->snaplen) {
        p->len = i->snaplen;
    }
    return p->len > b->len - 4 ?
           fail(r, b->offset, "packet of %u bytes in a block of %u", p->len,
                b->len + BLOCK_OVERHEAD) : 0;
}

int pcapng_read_next(PcapngReader *r, PcapngPacket *packet)
{
    Block b;
    int ret = -1;

    while (!r->failed && (ret = next_block(r, &b)) > 0) {
        switch (b.type) {
        case BLOCK_SHB:
            ret = read_section(r, &b);
            break;
        case BLOCK_IDB:
            ret = read_interface(r, &b);
            break;
        case BLOCK_EPB:
            return read_enhanced_packet(r, &b, packet) ? -1 : 1;
        case BLOCK_SPB:
            return read_simple_packet(r, &b, packet) ? -1 : 1;
        }
        if (ret < 0) {
            break;
        }
    }
    return r->failed ? -1 : ret;
}

PcapngReader *pcapng_read_open(const char *path)
{
    PcapngReader *r = calloc(1, sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->cap = BUFFER;
    r->buf = malloc(r->cap);
    if (!r->buf) {
        free(r);
        return NULL;
    }
    r->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
                                STDIN_FILENO;
    if (r->fd < 0) {
        r->failed = true;
        snprintf(r->error, sizeof(r->error), "cannot open: %s",
                 strerror(errno));
    }
    return r;
}

const char *pcapng_read_error(const PcapngReader *r)
{
    return r->error;
}

void pcapng_read_close(PcapngReader *r)
{
    if (!r) {
        return;
    }
    if (r->fd > STDIN_FILENO) {
        close(r->fd);
    }
    for (size_t i = 0; i < r->interfaces; i++) {
        free(r->interface[i].name);
    }
    free(r->interface);
    free(r->buf);
    free(r);
}
