/*
 * How many TLPs of which kind: port, direction, type, hint
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A hash table, since a capture may hold all 65536 tags on many ports.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tlp_stat.h"

#define FIRST_SIZE 256          /* a power of 2 */
#define NO_HINT    UINT32_MAX   /* above all real hints */

typedef struct Row {
    const char *port;           /* lives in the reader; NULL: unused */
    const char *type;           /* a static string, one per type */
    PcapngDirection direction;
    uint32_t hint;              /* namespace, PH and ST, or NO_HINT */
    uint64_t count;
    uint64_t bytes;
} Row;

struct TLPStat {
    Row *row;
    size_t size;
    size_t used;
};

static uint32_t pack_hint(const TLPRecord *rec)
{
    return tlp_record_has_hint(rec) ?
           (uint32_t)rec->tlp.st_ext << 18 | rec->tlp.ph << 16 | rec->tlp.st :
           NO_HINT;
}

static size_t hash(const Row *key)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (const char *p = key->port; *p; p++) {
        h = (h ^ (uint8_t)*p) * 0x100000001b3u;
    }
    h = (h ^ (uint8_t)key->type[0] ^ (uint8_t)key->type[1] << 8 ^
         (uint64_t)key->direction << 16) * 0x100000001b3u;
    h = (h ^ key->hint) * 0x100000001b3u;
    return h ^ h >> 29;
}

static bool same_key(const Row *a, const Row *b)
{
    return a->hint == b->hint && a->direction == b->direction &&
           !strcmp(a->type, b->type) && !strcmp(a->port, b->port);
}

/* The key's row, or the unused one where it belongs */
static Row *find(Row *row, size_t size, const Row *key)
{
    size_t i = hash(key) & (size - 1);

    while (row[i].port && !same_key(&row[i], key)) {
        i = (i + 1) & (size - 1);
    }
    return &row[i];
}

static bool grow(TLPStat *s)
{
    size_t size = s->size * 2;
    Row *row = calloc(size, sizeof(*row));

    if (!row) {
        return false;
    }
    for (size_t i = 0; i < s->size; i++) {
        if (s->row[i].port) {
            *find(row, size, &s->row[i]) = s->row[i];
        }
    }
    free(s->row);
    s->row = row;
    s->size = size;
    return true;
}

TLPStat *tlp_stat_new(void)
{
    TLPStat *s = calloc(1, sizeof(*s));

    if (!s) {
        return NULL;
    }
    s->size = FIRST_SIZE;
    s->row = calloc(s->size, sizeof(*s->row));
    if (!s->row) {
        free(s);
        return NULL;
    }
    return s;
}

bool tlp_stat_add(TLPStat *s, const TLPRecord *rec)
{
    Row key = {
        .port = rec->port,
        .type = tlp_type_text(rec),
        .direction = rec->direction,
        .hint = pack_hint(rec),
    };
    Row *row = find(s->row, s->size, &key);

    if (!row->port) {
        if (s->used >= s->size / 2) {
            if (!grow(s)) {
                return false;
            }
            row = find(s->row, s->size, &key);
        }
        *row = key;
        s->used++;
    }
    row->count++;
    row->bytes += tlp_record_data_bytes(rec);
    return true;
}

static int compare(const void *pa, const void *pb)
{
    const Row *a = pa, *b = pb;
    int order = strcmp(a->port, b->port);

    if (!order) {
        order = (int)a->direction - (int)b->direction;
    }
    if (!order) {
        order = strcmp(a->type, b->type);
    }
    if (!order) {
        order = a->hint < b->hint ? -1 : a->hint > b->hint;
    }
    return order;
}

static void print_row(FILE *out, const Row *row)
{
    char hint[32] = "-";

    if (row->hint != NO_HINT) {
        bool ext = row->hint >> 18;

        snprintf(hint, sizeof(hint), "ph=%u st=0x%0*x ns=%s",
                 row->hint >> 16 & 3, ext ? 4 : 2, row->hint & 0xffff,
                 ext ? "16" : "8");
    }
    fprintf(out, "%-16s %-3s  %-9s  %-20s  %10" PRIu64 "  %14" PRIu64 "\n",
            row->port, tlp_direction_text(row->direction), row->type, hint,
            row->count, row->bytes);
}

void tlp_stat_print(TLPStat *s, FILE *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->size; i++) {
        if (s->row[i].port) {
            s->row[n++] = s->row[i];
        }
    }
    qsort(s->row, n, sizeof(*s->row), compare);
    fprintf(out, "%-16s %-3s  %-9s  %-20s  %10s  %14s\n", "port", "dir",
            "type", "hint", "TLPs", "bytes");
    for (size_t i = 0; i < n; i++) {
        print_row(out, &s->row[i]);
    }
}

void tlp_stat_free(TLPStat *s)
{
    if (s) {
        free(s->row);
        free(s);
    }
}
