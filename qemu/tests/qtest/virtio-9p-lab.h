/*
 * A virtio-9p device with an open directory: to reset it takes a thread that
 * closes the directory, and meanwhile QEMU's main loop runs
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_VIRTIO_9P_LAB_H
#define TESTS_VIRTIO_9P_LAB_H

#include "libqtest.h"
#include "hw/pci/pci_regs.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"

#define SHARE_ARGS \
    "-fsdev local,id=fs,path=/,security_model=none " \
    "-device virtio-9p-pci,fsdev=fs,mount_tag=fs,disable-legacy=on,addr="

#define SHARE_BAR       0xe0000000ull
#define SHARE_RING      0x300000ull
#define SHARE_AVAIL     (SHARE_RING + 0x1000)
#define SHARE_USED      (SHARE_RING + 0x2000)
#define SHARE_REQUEST   (SHARE_RING + 0x3000)
#define SHARE_REPLY     (SHARE_RING + 0x4000)

/**
 * struct Share
 * @cfg: configuration space
 * @common, @notify: places in BAR 4
 * @pci_cfg: the capability through which configuration space leads to the BAR
 * @sent: requests so far
 */
typedef struct Share {
    QTestState *qts;
    uint64_t cfg;
    uint32_t common;
    uint32_t notify;
    unsigned int pci_cfg;
    uint16_t sent;
} Share;

static inline void share_find_caps(Share *share)
{
    QTestState *qts = share->qts;
    unsigned int pos = qtest_readb(qts, share->cfg + PCI_CAPABILITY_LIST);

    for (; pos; pos = qtest_readb(qts, share->cfg + pos + 1)) {
        uint64_t cap = share->cfg + pos;
        uint32_t offset = qtest_readl(qts, cap + VIRTIO_PCI_CAP_OFFSET);

        if (qtest_readb(qts, cap) != PCI_CAP_ID_VNDR) {
            continue;
        }
        switch (qtest_readb(qts, cap + VIRTIO_PCI_CAP_CFG_TYPE)) {
        case VIRTIO_PCI_CAP_COMMON_CFG:
            share->common = offset;
            break;
        case VIRTIO_PCI_CAP_NOTIFY_CFG:
            share->notify = offset;
            break;
        case VIRTIO_PCI_CAP_PCI_CFG:
            share->pci_cfg = pos;
            break;
        }
    }
}

static inline uint64_t share_common(Share *share, unsigned int reg)
{
    return SHARE_BAR + share->common + reg;
}

static inline void share_driver(Share *share)
{
    uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                     VIRTIO_CONFIG_S_FEATURES_OK;
    QTestState *qts = share->qts;

    qtest_writel(qts, share_common(share, VIRTIO_PCI_COMMON_GFSELECT), 1);
    qtest_writel(qts, share_common(share, VIRTIO_PCI_COMMON_GF),
                 1u << (VIRTIO_F_VERSION_1 - 32));
    qtest_writeb(qts, share_common(share, VIRTIO_PCI_COMMON_STATUS), status);
    qtest_writel(qts, share_common(share, VIRTIO_PCI_COMMON_Q_DESCLO),
                 SHARE_RING);
    qtest_writel(qts, share_common(share, VIRTIO_PCI_COMMON_Q_AVAILLO),
                 SHARE_AVAIL);
    qtest_writel(qts, share_common(share, VIRTIO_PCI_COMMON_Q_USEDLO),
                 SHARE_USED);
    qtest_writew(qts, share_common(share, VIRTIO_PCI_COMMON_Q_ENABLE), 1);
    qtest_writeb(qts, share_common(share, VIRTIO_PCI_COMMON_STATUS),
                 status | VIRTIO_CONFIG_S_DRIVER_OK);
}

static inline void share_descriptor(Share *share, int n, uint64_t addr,
                                    uint32_t len, uint16_t flags)
{
    uint64_t desc = SHARE_RING + n * sizeof(struct vring_desc);

    qtest_writeq(share->qts, desc, addr);
    qtest_writel(share->qts, desc + 8, len);
    qtest_writel(share->qts, desc + 12, flags | (n + 1) << 16);
}

/* Send a 9P message and wait for the answer, whose type is one above */
static inline void share_send(Share *share, const void *message, size_t len)
{
    gint64 end = g_get_monotonic_time() + 60 * G_TIME_SPAN_SECOND;
    QTestState *qts = share->qts;

    qtest_memwrite(qts, SHARE_REQUEST, message, len);
    share_descriptor(share, 0, SHARE_REQUEST, len, VRING_DESC_F_NEXT);
    share_descriptor(share, 1, SHARE_REPLY, 4096, VRING_DESC_F_WRITE);
    share->sent++;
    qtest_writew(qts, SHARE_AVAIL + 2, share->sent);
    qtest_writew(qts, SHARE_BAR + share->notify, 0);
    while (qtest_readw(qts, SHARE_USED + 2) != share->sent) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    g_assert_cmpuint(qtest_readb(qts, SHARE_REPLY + 4), ==,
                     ((const uint8_t *)message)[4] + 1);
}

/* Length, type, tag; then what the type needs */
#define SHARE_VERSION "\x15\0\0\0" "\x64" "\xff\xff" \
    "\0\x10\0\0" "\x08\0" "9P2000.L"
#define SHARE_ATTACH "\x17\0\0\0" "\x68" "\0\0" \
    "\0\0\0\0" "\xff\xff\xff\xff" "\0\0" "\0\0" "\0\0\0\0"
#define SHARE_OPEN "\x0f\0\0\0" "\x0c" "\0\0" "\0\0\0\0" "\0\0\0\0"

/* From then on, a byte 0 in the capability's data resets the device */
static inline void share_aim_at_status(Share *share)
{
    uint64_t cap = share->cfg + share->pci_cfg;

    qtest_writeb(share->qts, cap + VIRTIO_PCI_CAP_BAR, 4);
    qtest_writel(share->qts, cap + VIRTIO_PCI_CAP_OFFSET,
                 share->common + VIRTIO_PCI_COMMON_STATUS);
    qtest_writel(share->qts, cap + VIRTIO_PCI_CAP_LENGTH, 1);
}

static inline void share_start(Share *share, QTestState *qts, uint64_t cfg)
{
    *share = (Share) { .qts = qts, .cfg = cfg };
    share_find_caps(share);
    qtest_writel(qts, cfg + PCI_BASE_ADDRESS_4, SHARE_BAR);
    qtest_writel(qts, cfg + PCI_BASE_ADDRESS_5, 0);
    qtest_writew(qts, cfg + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    share_driver(share);
    share_send(share, SHARE_VERSION, sizeof(SHARE_VERSION) - 1);
    share_send(share, SHARE_ATTACH, sizeof(SHARE_ATTACH) - 1);
    share_send(share, SHARE_OPEN, sizeof(SHARE_OPEN) - 1);
    share_aim_at_status(share);
}

#endif
