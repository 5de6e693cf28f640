/*
 * Tests of the pcapng writer and reader
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * usage: pcapng-test DIRECTORY, for scratch files
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci/pcapng.h"
#include "nettlp.h"
#include "pcapng_read.h"
#include "tap.h"

static char path[4096];

/* Files as bytes */

typedef struct Bytes {
    uint8_t *p;
    size_t len;
} Bytes;

static Bytes load(void)
{
    FILE *f = fopen(path, "rb");
    Bytes b = { .p = malloc(1 << 20) };

    if (f && b.p) {
        b.len = fread(b.p, 1, 1 << 20, f);
        fclose(f);
    }
    return b;
}

static void store(const void *p, size_t len)
{
    FILE *f;

    remove(path);   /* some file systems sync a file that is overwritten */
    f = fopen(path, "wb");
    if (!f || fwrite(p, 1, len, f) != len || fclose(f)) {
        perror(path);
        exit(2);
    }
}

/* Read all packets. Returns their number; *@ret is how it ended */
static int read_all(int *ret, char *error, size_t size)
{
    PcapngReader *r = pcapng_read_open(path);
    const uint8_t *tlp;
    size_t captured, length;
    PcapngPacket p;
    int n = 0;

    while ((*ret = pcapng_read_next(r, &p)) > 0) {
        nettlp_unwrap(&p, &tlp, &captured, &length);
        n++;
    }
    snprintf(error, size, "%s", pcapng_read_error(r));
    pcapng_read_close(r);
    return n;
}

/* Writer to reader */

typedef struct Sent {
    int port;
    bool ingress;
    uint64_t time_ns;
    size_t header_len;
    size_t payload_len;
    uint8_t bytes[20 + 4096];
} Sent;

#define PACKETS 2000

static const char *const port_name[] = { "nic", "sw0-dsp1", "headers" };

static void random_packet(Sent *s)
{
    s->port = tap_random() % 3;
    s->ingress = tap_random() & 1;
    s->time_ns = tap_random() >> tap_random() % 40;
    s->header_len = 12 + tap_random() % 3 * 4;
    s->payload_len = tap_random() % 8 ? tap_random() % 65 :
                                        tap_random() % 4097;
    for (size_t i = 0; i < s->header_len + s->payload_len; i++) {
        s->bytes[i] = tap_random();
    }
}

static int write_random(Sent *sent)
{
    PcapngWriter *w = pcapng_open(path, "pcapng-test", NULL);
    int ret = 0;

    for (int i = 0; i < 3; i++) {
        ret |= pcapng_add_port(w, port_name[i],
                               i == 2 ? PCAPNG_SNAPLEN_HEADERS :
                                        PCAPNG_SNAPLEN_ALL) != i;
    }
    for (int i = 0; i < PACKETS; i++) {
        Sent *s = &sent[i];

        random_packet(s);
        ret |= pcapng_write_tlp(w, s->port, s->ingress, s->time_ns, s->bytes,
                                s->header_len, s->bytes + s->header_len,
                                s->payload_len);
    }
    return ret | pcapng_close(w);
}

static bool same_packet(const Sent *s, const PcapngPacket *p)
{
    size_t len = s->header_len + s->payload_len, captured, length;
    size_t want = s->port == 2 && len > 20 ? 20 : len;
    const uint8_t *tlp;

    return nettlp_unwrap(p, &tlp, &captured, &length) && length == len &&
           captured == want && !memcmp(tlp, s->bytes, want) &&
           p->orig_len == PCAPNG_FRAME_OVERHEAD + len &&
           p->len == PCAPNG_FRAME_OVERHEAD + want &&
           p->time_ns == s->time_ns && !strcmp(p->port, port_name[s->port]) &&
           p->direction == (s->ingress ? PCAPNG_IN : PCAPNG_OUT) &&
           p->linktype == PCAPNG_LINKTYPE_ETHERNET;
}

static void test_round_trip(void)
{
    Sent *sent = calloc(PACKETS, sizeof(*sent));
    int wrong = 0, n = 0, ret;
    PcapngReader *r;
    PcapngPacket p;

    ok(!write_random(sent), "write %d packets on three ports", PACKETS);
    r = pcapng_read_open(path);
    while ((ret = pcapng_read_next(r, &p)) > 0 && n < PACKETS) {
        wrong += !same_packet(&sent[n++], &p);
    }
    ok(!ret && n == PACKETS && !wrong,
       "%d packets come back: bytes, lengths, time, port, direction "
       "(%d wrong) %s", n, wrong, pcapng_read_error(r));
    pcapng_read_close(r);
    free(sent);
}

/* The bytes of the file, from the format's description */

static const uint8_t tlp12[12] = { 0x40, 0, 0, 1, 1, 0, 0, 0xf, 0xe0 };
static const uint8_t data4[4] = { 0xde, 0xad, 0xbe, 0xef };

static void write_small(uint32_t snaplen)
{
    PcapngWriter *w = pcapng_open(path, "me", NULL);

    pcapng_add_port(w, "p0", snaplen);
    pcapng_write_tlp(w, 0, true, 0x1122334455667788, tlp12, 12, data4, 4);
    pcapng_close(w);
}

static void test_bytes(void)
{
    static const uint8_t head[] = {
        0x0a, 0x0d, 0x0d, 0x0a, 40, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a,
        1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        4, 0, 2, 0, 'm', 'e', 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 96, 0, 0, 0,
        2, 0, 2, 0, 'p', '0', 0, 0, 9, 0, 1, 0, 9, 0, 0, 0,
        0, 0, 0, 0, 40, 0, 0, 0,
        6, 0, 0, 0, 108, 0, 0, 0, 0, 0, 0, 0,
        0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55,
        64, 0, 0, 0, 64, 0, 0, 0,
        /* Ethernet */
        2, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 8, 0,
        /* IPv4; the checksum was worked out by hand */
        0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 17, 0xae, 0x95,
        198, 19, 0, 0, 198, 18, 0, 0,
        /* UDP, NetTLP */
        0x30, 0, 0x30, 0, 0, 30, 0, 0, 0, 0, 0x55, 0x66, 0x77, 0x88,
    };
    static const uint8_t tail[] = {
        2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 108, 0, 0, 0,
    };
    Bytes b;

    write_small(96);
    b = load();
    ok(b.len == sizeof(head) + 16 + sizeof(tail) &&
       !memcmp(b.p, head, sizeof(head)) &&
       !memcmp(b.p + sizeof(head), tlp12, 12) &&
       !memcmp(b.p + sizeof(head) + 12, data4, 4) &&
       !memcmp(b.p + b.len - sizeof(tail), tail, sizeof(tail)),
       "a small capture, byte for byte");
    for (size_t i = 0; i < sizeof(head) && i < b.len; i++) {
        if (b.p[i] != head[i]) {
            printf("# byte %zu: 0x%02x, expected 0x%02x\n", i, b.p[i],
                   head[i]);
        }
    }
    free(b.p);
}

/* Errors reach the caller */

static void test_writer_errors(void)
{
    char name[300];
    PcapngWriter *w;
    int err = 0, ret = 0;

    ok(!pcapng_open("/nonexistent/dir/file", NULL, &err) && err == -ENOENT,
       "open: the error is reported (%d)", err);

    w = pcapng_open(path, NULL, NULL);
    memset(name, 'x', sizeof(name));
    name[299] = 0;
    ok(pcapng_add_port(w, name, 0) == -EINVAL, "a name that is too long");
    ok(pcapng_add_port(w, "p", PCAPNG_SNAPLEN_HEADERS - 1) == -EINVAL,
       "a snap length that would cut headers");
    ok(pcapng_write_tlp(w, 0, true, 0, tlp12, 12, NULL, 0) == -EINVAL,
       "a port that does not exist");
    ok(pcapng_add_port(w, "p", PCAPNG_SNAPLEN_HEADERS) == 0, "a port");
    ok(pcapng_write_tlp(w, 1, true, 0, tlp12, 12, NULL, 0) == -EINVAL &&
       pcapng_write_tlp(w, -1, true, 0, tlp12, 12, NULL, 0) == -EINVAL,
       "other ports that do not exist");
    ok(pcapng_write_tlp(w, 0, true, 0, tlp12, 8, NULL, 0) == -EINVAL &&
       pcapng_write_tlp(w, 0, true, 0, tlp12, 24, NULL, 0) == -EINVAL &&
       pcapng_write_tlp(w, 0, true, 0, tlp12, 12, tlp12, 4097) == -EINVAL,
       "impossible lengths");
    ok(!pcapng_write_tlp(w, 0, true, 0, tlp12, 12, NULL, 0) &&
       !pcapng_close(w), "refused calls leave the writer in order");

    w = pcapng_open("/dev/full", NULL, NULL);
    if (w) {
        ok(pcapng_flush(w) == -ENOSPC &&
           pcapng_add_port(w, "p", 0) == -ENOSPC &&
           pcapng_close(w) == -ENOSPC, "a full disk, and it stays an error");
    }
    w = pcapng_open("/dev/full", NULL, NULL);
    if (w) {
        pcapng_add_port(w, "p", 0);
        for (int i = 0; i < 20000 && !ret; i++) {
            ret = pcapng_write_tlp(w, 0, true, 0, tlp12, 12, data4, 4);
        }
        ok(ret == -ENOSPC && pcapng_close(w) == -ENOSPC,
           "a full disk shows up while writing");
    }
    w = pcapng_open("/dev/full", NULL, NULL);
    ok(!w || pcapng_close(w) == -ENOSPC, "a full disk shows up in close");
    ok(!pcapng_close(NULL), "nothing to close");
}

static void test_flush(void)
{
    PcapngWriter *w = pcapng_open(path, NULL, NULL);
    char error[200];
    int ret, n;

    pcapng_add_port(w, "p", 0);
    for (int i = 0; i < 40000; i++) {
        pcapng_write_tlp(w, 0, false, i, tlp12, 12, data4, 4);
    }
    n = read_all(&ret, error, sizeof(error));
    ok(!ret && n > 0 && n < 40000,
       "a file that is still written to ends with a whole block (%d) %s", n,
       error);
    pcapng_flush(w);
    n = read_all(&ret, error, sizeof(error));
    ok(!ret && n == 40000, "after a flush all of it is there");
    pcapng_close(w);
}

/* Files of others */

typedef struct Builder {
    uint8_t p[1024];
    size_t len;
    bool big;
} Builder;

static void put(Builder *b, uint64_t v, int size)
{
    for (int i = 0; i < size; i++) {
        b->p[b->len++] = v >> 8 * (b->big ? size - 1 - i : i);
    }
}

static void section(Builder *b)
{
    put(b, 0x0a0d0d0a, 4);
    put(b, 28, 4);
    put(b, 0x1a2b3c4d, 4);
    put(b, 1, 2);
    put(b, 0, 2);
    put(b, UINT64_MAX, 8);
    put(b, 28, 4);
}

/* An interface with a time resolution and an offset in seconds */
static void interface(Builder *b, uint8_t tsresol, uint64_t offset)
{
    put(b, 1, 4);
    put(b, 44, 4);
    put(b, 1, 2);
    put(b, 0, 2);
    put(b, 0, 4);
    put(b, 9, 2);
    put(b, 1, 2);
    put(b, tsresol, 1);
    put(b, 0, 3);
    put(b, 14, 2);
    put(b, 8, 2);
    put(b, offset, 8);
    put(b, 0, 4);
    put(b, 44, 4);
}

/* 6 bytes of packet */
static void packet(Builder *b, uint32_t id, uint64_t time)
{
    put(b, 6, 4);
    put(b, 40, 4);
    put(b, id, 4);
    put(b, time >> 32, 4);
    put(b, time, 4);
    put(b, 6, 4);
    put(b, 100, 4);
    memset(b->p + b->len, 0xab, 8);
    b->len += 8;
    put(b, 40, 4);
}

static void simple_packet(Builder *b)
{
    put(b, 3, 4);
    put(b, 24, 4);
    put(b, 6, 4);
    memset(b->p + b->len, 0xcd, 8);
    b->len += 8;
    put(b, 24, 4);
}

static bool next_time(PcapngReader *r, uint64_t time_ns, const char *port)
{
    PcapngPacket p;

    return pcapng_read_next(r, &p) == 1 && p.time_ns == time_ns &&
           !strcmp(p.port, port) && p.len == 6;
}

static void test_foreign(void)
{
    Builder b = { .big = true };
    PcapngReader *r;
    PcapngPacket p;

    section(&b);
    interface(&b, 6, 0);
    interface(&b, 9, 2);
    packet(&b, 1, 5);
    packet(&b, 0, 7);
    put(&b, 0x0bad, 4);     /* a block that nobody knows */
    put(&b, 16, 4);
    put(&b, 0, 4);
    put(&b, 16, 4);
    b.big = false;
    section(&b);
    interface(&b, 0x80 | 10, 0);
    packet(&b, 0, 512);
    interface(&b, 12, 0);
    packet(&b, 1, 5000);
    simple_packet(&b);
    store(b.p, b.len);

    r = pcapng_read_open(path);
    ok(next_time(r, 2000000005, "if1"), "big endian, ns, time offset");
    ok(next_time(r, 7000, "if0"), "microseconds");
    ok(next_time(r, 500000000, "if0"), "little endian section, 2^-10 s");
    ok(next_time(r, 5, "if1"), "picoseconds");
    ok(pcapng_read_next(r, &p) == 1 && p.len == 6 && p.data[0] == 0xcd &&
       !p.time_ns, "simple packet block");
    ok(pcapng_read_next(r, &p) == 0 && pcapng_read_next(r, &p) == 0, "end");
    pcapng_read_close(r);
}

/* Broken files */

static void expect_error(const char *what, const void *p, size_t len,
                         int packets, const char *message)
{
    char error[200];
    int ret, n;

    store(p, len);
    n = read_all(&ret, error, sizeof(error));
    ok(ret == -1 && n == packets && strstr(error, message),
       "%s: %s", what, error);
}

static void test_broken(void)
{
    static const uint8_t pcap[24] = { 0xd4, 0xc3, 0xb2, 0xa1 };
    Builder b = { .len = 0 };

    expect_error("empty", "", 0, 0, "empty file");
    expect_error("text", "hello world", 11, 0, "not a pcapng file");
    expect_error("pcap", pcap, sizeof(pcap), 0, "editcap");
    section(&b);
    interface(&b, 9, 0);
    packet(&b, 0, 1);
#define BROKEN(what, at, value, packets, message) do { \
        Builder t = b; \
        t.p[at] = value; \
        expect_error(what, t.p, t.len, packets, message); \
    } while (0)
    BROKEN("no byte-order magic", 8, 0, 0, "offset 0: section header");
    BROKEN("version 2", 12, 2, 0, "version 2");
    BROKEN("section length 29", 4, 29, 0, "impossible block length 29");
    BROKEN("section length 0", 4, 0, 0, "impossible block length 0");
    BROKEN("length of gigabytes", 35, 0x40, 0, "offset 28: impossible");
    BROKEN("two lengths", 28 + 40, 40, 0, "offset 28: the block's two");
    BROKEN("option too long", 28 + 18, 200, 0, "offset 28: option 9");
    BROKEN("unknown interface", 72 + 8, 1, 0, "offset 72: packet of inter");
    BROKEN("packet too long", 72 + 20, 9, 0, "offset 72: packet of 9");
#undef BROKEN
}

/* Cut everywhere, and with bytes changed at random: never out of bounds */
static void test_damage(void)
{
    Builder b = { .big = true };
    int whole = 0, runs = 4000, hung = 0, ret;
    char error[200];

    section(&b);
    interface(&b, 6, 0);
    packet(&b, 0, 1);
    simple_packet(&b);
    b.big = false;
    section(&b);
    interface(&b, 9, 1);
    packet(&b, 0, 2);
    for (size_t len = 1; len < b.len; len++) {
        store(b.p, len);
        read_all(&ret, error, sizeof(error));
        whole += !ret;
        hung += ret == -1 && !strstr(error, "offset");
    }
    /* Ends between blocks: 6 blocks are followed by another */
    ok(whole == 6 && !hung, "cut anywhere: %d ends are between blocks", whole);
    for (int i = 0; i < runs; i++) {
        Builder t = b;

        for (int j = tap_random() % 4; j >= 0; j--) {
            t.p[tap_random() % t.len] = tap_random();
        }
        store(t.p, t.len);
        if (read_all(&ret, error, sizeof(error)) > 3) {
            hung++;
        }
    }
    ok(!hung, "%d damaged files give no more packets than there are", runs);
}

/* Frames that are no TLP, or only nearly */
static void test_unwrap(void)
{
    typedef struct Change {
        const char *name;
        size_t byte;
        uint8_t value;
    } Change;
    static const Change changes[] = {
        { "ARP", 13, 0x06 }, { "IPv6 in an IPv4 frame", 14, 0x65 },
        { "IPv4 header of 4 words", 14, 0x44 },
        { "IPv4 header of 15 words", 14, 0x4f },
        { "IPv4 shorter than its header", 17, 10 },
        { "a fragment", 20, 0x20 }, { "a later fragment", 21, 1 },
        { "TCP", 23, 6 }, { "UDP port 12287", 36, 0x2f },
        { "UDP port 20480", 36, 0x50 }, { "UDP longer than IPv4", 39, 200 },
        { "UDP shorter than its headers", 39, 13 },
    };
    PcapngReader *r;
    PcapngPacket p, q;
    const uint8_t *tlp;
    size_t captured, length;
    uint8_t frame[128];
    int cut = 0;

    write_small(0);
    r = pcapng_read_open(path);
    pcapng_read_next(r, &p);
    q = p;
    q.data = frame;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memcpy(frame, p.data, p.len);
        frame[changes[i].byte] = changes[i].value;
        ok(!nettlp_unwrap(&q, &tlp, &captured, &length), "no TLP: %s",
           changes[i].name);
    }
    memcpy(frame, p.data, p.len);
    frame[36] = 0x4f;
    frame[37] = 0xff;
    ok(nettlp_unwrap(&q, &tlp, &captured, &length) && length == 16,
       "UDP port 20479");
    memset(frame + p.len, 0, 8);
    q.len += 8;
    ok(nettlp_unwrap(&q, &tlp, &captured, &length) && captured == 16,
       "padding of the frame is not the TLP's");
    for (q.len = 0; q.len < PCAPNG_FRAME_OVERHEAD; q.len++) {
        uint8_t *exact = malloc(q.len + 1);     /* so ASan guards its end */

        memcpy(exact + 1, frame, q.len);
        q.data = exact + 1;
        cut += !nettlp_unwrap(&q, &tlp, &captured, &length);
        free(exact);
    }
    ok(cut == PCAPNG_FRAME_OVERHEAD, "frames that end before the TLP");
    pcapng_read_close(r);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: pcapng-test DIRECTORY\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/pcapng-test.pcapng", argv[1]);
    test_bytes();
    test_round_trip();
    test_writer_errors();
    test_flush();
    test_foreign();
    test_broken();
    test_damage();
    test_unwrap();
    remove(path);
    return tap_failed != 0;
}
