/*
 * NetTLP framing: a TLP in a UDP datagram
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef NETTLP_H
#define NETTLP_H

#include "pcapng_read.h"

/**
 * nettlp_unwrap(): find the TLP in an Ethernet frame
 * @tlp: receives where it begins
 * @captured: receives how much of it the file has
 * @length: receives how long it was on the wire
 *
 * Returns false if this is something else, or cut off before the TLP.
 */
bool nettlp_unwrap(const PcapngPacket *packet, const uint8_t **tlp,
                   size_t *captured, size_t *length);

#endif
