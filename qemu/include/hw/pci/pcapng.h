/*
 * pcapng writer for PCI Express TLPs
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * No QEMU types: the same code runs in the analyzer and in host unit tests.
 *
 * Each TLP is wrapped as the NetTLP tools do it: Ethernet, IPv4, UDP to a
 * port from 0x3000 on, a 6-byte header, then the TLP in wire order. So a
 * dissector that we did not write can read the captures.
 *
 * All functions that can fail return a negative errno value. The file is
 * buffered: an error of the disk may show up in a later call, at the latest
 * in pcapng_close(). After one write error the writer stays failed: each
 * later call returns that error and adds nothing.
 */
#ifndef HW_PCI_PCAPNG_H
#define HW_PCI_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_LINKTYPE_ETHERNET  1

/* UDP destination ports that mean NetTLP; one per port of the fabric */
#define PCAPNG_NETTLP_PORT_MIN    0x3000
#define PCAPNG_NETTLP_PORT_MAX    0x4fff
#define PCAPNG_MAX_PORTS  (PCAPNG_NETTLP_PORT_MAX - PCAPNG_NETTLP_PORT_MIN + 1)

#define PCAPNG_NETTLP_HEADER      6
/* What stands before the TLP: Ethernet, IPv4, UDP, NetTLP */
#define PCAPNG_FRAME_OVERHEAD     (14 + 20 + 8 + PCAPNG_NETTLP_HEADER)

/* Snap lengths: everything; or just enough for the longest TLP header */
#define PCAPNG_SNAPLEN_ALL        0
#define PCAPNG_SNAPLEN_HEADERS    (PCAPNG_FRAME_OVERHEAD + 20)

typedef struct PcapngWriter PcapngWriter;

/**
 * pcapng_open(): create @path and begin a section
 * @path: an existing file is overwritten
 * @app: who writes, for the section header; may be NULL
 * @err: receives a negative errno value on failure; may be NULL
 *
 * Returns the writer, or NULL.
 */
PcapngWriter *pcapng_open(const char *path, const char *app, int *err);

/**
 * pcapng_add_port(): describe a port, as an interface of the capture
 * @name: at most 255 bytes
 * @snaplen: bytes kept of each frame, PCAPNG_FRAME_OVERHEAD included: one of
 *      PCAPNG_SNAPLEN_*, or any value from PCAPNG_SNAPLEN_HEADERS on
 *
 * Possible at any time. Returns the port's number (0, 1, 2...) for
 * pcapng_write_tlp(), or a negative errno value; -ENOSPC: too many ports.
 */
int pcapng_add_port(PcapngWriter *w, const char *name, uint32_t snaplen);

/**
 * pcapng_write_tlp(): add one TLP
 * @port: what pcapng_add_port() returned
 * @ingress: the TLP comes into the port from its link ("inbound")
 * @time_ns: since the Unix epoch, or since whatever the caller counts from
 * @header, @header_len: prefix and header in wire order, 12..20 bytes
 * @payload, @payload_len: at most 4096 bytes; NULL and 0 if there is none
 *
 * Returns 0 or a negative errno value.
 */
int pcapng_write_tlp(PcapngWriter *w, int port, bool ingress,
                     uint64_t time_ns, const void *header, size_t header_len,
                     const void *payload, size_t payload_len);

/**
 * pcapng_flush(): hand all that was written to the operating system
 *
 * After it a reader of the file sees whole blocks only. Returns 0 or a
 * negative errno value.
 */
int pcapng_flush(PcapngWriter *w);

/**
 * pcapng_close(): write what is left, close the file, free the writer
 *
 * Returns 0, or the first error that this writer ever had. @w may be NULL.
 */
int pcapng_close(PcapngWriter *w);

#endif
