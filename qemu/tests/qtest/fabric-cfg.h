/*
 * Configuration space of functions and ports, as the tests of the fabric
 * find their way in it
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_QTEST_FABRIC_CFG_H
#define TESTS_QTEST_FABRIC_CFG_H

#include "libqtest.h"
#include "hw/pci/pci_regs.h"

#define ECAM            0xb0000000ull
#define PCIEXBAR        0x60    /* of q35's host bridge */

/* A list has no more, and one behind fuzzed bus numbers may not end */
#define CFG_MAX_CAPS    48

static inline void cfg_enable_ecam(QTestState *qts)
{
    qtest_outl(qts, 0xcf8, 0x80000000 | PCIEXBAR);
    qtest_outl(qts, 0xcfc, ECAM | 1);
}

/* Offset of the capability, or 0 */
static inline unsigned int cfg_find_cap(QTestState *qts, uint64_t cfg,
                                        uint8_t id)
{
    unsigned int pos = qtest_readb(qts, cfg + PCI_CAPABILITY_LIST);

    for (int i = 0; pos && pos != 0xff && i < CFG_MAX_CAPS; i++) {
        if (qtest_readb(qts, cfg + pos) == id) {
            return pos;
        }
        pos = qtest_readb(qts, cfg + pos + PCI_CAP_LIST_NEXT);
    }
    return 0;
}

/* Offset of the extended capability, or 0 */
static inline unsigned int cfg_find_ext_cap(QTestState *qts, uint64_t cfg,
                                            uint16_t id)
{
    unsigned int pos = PCI_CFG_SPACE_SIZE;

    for (int i = 0; pos && i < CFG_MAX_CAPS; i++) {
        uint32_t header = qtest_readl(qts, cfg + pos);

        if (PCI_EXT_CAP_ID(header) == id) {
            return pos;
        }
        pos = PCI_EXT_CAP_NEXT(header);
    }
    return 0;
}

static inline void cfg_set_devctl(QTestState *qts, uint64_t cfg, uint16_t val)
{
    qtest_writew(qts, cfg + cfg_find_cap(qts, cfg, PCI_CAP_ID_EXP) +
                      PCI_EXP_DEVCTL, val);
}

#endif
