/*
 * pcapng reader
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef PCAPNG_READ_H
#define PCAPNG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum PcapngDirection {
    PCAPNG_UNKNOWN = 0,
    PCAPNG_IN = 1,
    PCAPNG_OUT = 2,
} PcapngDirection;

/**
 * struct PcapngPacket: one packet; valid until the next pcapng_read_next()
 * @time_ns: 0 if the block has no time
 * @port: the interface's name, printable ASCII; valid until the reader closes
 * @data: @len bytes that the file has, of @orig_len
 * @offset: of the packet's block in the file
 */
typedef struct PcapngPacket {
    uint64_t time_ns;
    const char *port;
    PcapngDirection direction;
    uint16_t linktype;
    const uint8_t *data;
    uint32_t len;
    uint32_t orig_len;
    uint64_t offset;
} PcapngPacket;

typedef struct PcapngReader PcapngReader;

/**
 * pcapng_read_open(): open a capture; "-" is standard input
 *
 * Returns NULL if there is no memory; whatever else fails shows up in the
 * first pcapng_read_next().
 */
PcapngReader *pcapng_read_open(const char *path);

/**
 * pcapng_read_next(): the next packet, of any link type
 *
 * Returns 1; 0 at the end of the file; -1 on an error, which stays.
 */
int pcapng_read_next(PcapngReader *r, PcapngPacket *packet);

/** pcapng_read_error(): what was wrong, and where in the file */
const char *pcapng_read_error(const PcapngReader *r);

void pcapng_read_close(PcapngReader *r);

#endif
