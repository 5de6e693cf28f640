/*
 * QTest testcase for tph-accel: what it does with what it is sent, and the way of
 * a hint through the fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "tph-accel-pair.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"

#define DROP_PORT       "fabric-root-port,peer=drop"

/* Of everybody on the way */
static void set_payload(Lab *lab, uint16_t devctl)
{
    cfg_set_devctl(lab->qts, lab->a.port, devctl);
    cfg_set_devctl(lab->qts, lab->b.port, devctl);
    set_devctl(&lab->a, devctl);
    set_devctl(&lab->b, devctl);
}

/* A's engine writes @data to B's memory */
static void write_peer(Lab *lab, uint32_t offset, const void *data,
                       uint32_t len, uint32_t hint_reg)
{
    qtest_memwrite(lab->qts, RAM_SRC, data, len);
    dma(&lab->a, RAM_SRC, lab->b.mem + offset, len, hint_reg);
}

static void test_identity(void)
{
    Lab lab = lab_start("", ",mem-size=1M");
    Accel *a = &lab.a;

    g_assert_cmphex(qtest_readl(lab.qts, a->cfg), ==,
                    TPH_ACCEL_DEVICE_ID << 16 | TPH_ACCEL_VENDOR_ID);
    g_assert_cmphex(qtest_readw(lab.qts, a->cfg + PCI_CLASS_DEVICE), ==,
                    0x1200);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_ID), ==, TPH_ACCEL_ID);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_VERSION), ==, TPH_ACCEL_VERSION);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_MEM_SIZE), ==, 64 << 20);
    g_assert_cmphex(reg64(&lab.b, TPH_ACCEL_REG_MEM_SIZE), ==, 1 << 20);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_RULES), ==, TPH_ACCEL_NR_RULES);
    g_assert_cmphex(reg(a, 0xff8), ==, 0);

    /* 64-bit and prefetchable, 64 MiB */
    set_bar(a, TPH_ACCEL_MEM_BAR, UINT32_MAX);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg + PCI_BASE_ADDRESS_2), ==,
                    0xfc00000c);
    lab_end(&lab);
}

static void test_capabilities(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;
    uint32_t devcap2 = exp_reg(a, PCI_EXP_DEVCAP2);
    unsigned int tph = find_ext_cap(a, PCI_EXT_CAP_ID_TPH);

    g_assert_cmphex(extract32(devcap2, 12, 2), ==, 3);
    g_assert_true(devcap2 & PCI_EXP_DEVCAP2_EE_PREFIX);
    g_assert_true(exp_reg(a, PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
    g_assert_cmpuint(tph, !=, 0);
    g_assert_cmpuint(find_ext_cap(a, PCI_EXT_CAP_ID_ERR), !=, 0);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg + tph + PCI_TPH_CAP), ==,
                    PCI_TPH_CAP_ST_NS | PCI_TPH_CAP_ST_DS |
                    PCI_TPH_CAP_EXT_TPH);
    g_assert_cmphex(qtest_readw(lab.qts, a->cfg + PCI_MSIX_FLAGS +
                                find_cap(a, a->cfg, PCI_CAP_ID_MSIX)), ==,
                    TPH_ACCEL_NR_VECTORS - 1);
    lab_end(&lab);
}

static void expect_rule_ctrl(Accel *d, uint32_t wrote, uint32_t reads)
{
    unsigned int offset = TPH_ACCEL_RULE(15) + TPH_ACCEL_RULE_CTRL;

    set_reg(d, offset, wrote);
    g_assert_cmphex(reg(d, offset), ==, reads);
}

static void test_registers(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    expect_rule_ctrl(a, 0x343, 0x343);
    expect_rule_ctrl(a, 0xfffff001, 0x001);
    expect_rule_ctrl(a, 0x051, 0x050);      /* no such operation */
    expect_rule_ctrl(a, 0x401, 0x400);      /* no such lane */
    set_reg(a, TPH_ACCEL_RULE(15) + TPH_ACCEL_RULE_TAG, 0x1234abcd);
    g_assert_cmphex(reg(a, TPH_ACCEL_RULE(15) + TPH_ACCEL_RULE_TAG), ==,
                    0xabcd);
    g_assert_cmphex(reg64(a, TPH_ACCEL_RULE(15)), ==, 0xabcd00000400);
    g_assert_cmphex(reg64(a, TPH_ACCEL_RULE(14)), ==, 0);

    set_reg(a, TPH_ACCEL_REG_DMA_SRC, 0x9abcdef0);
    set_reg(a, TPH_ACCEL_REG_DMA_SRC + 4, 0x12345678);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_DMA_SRC), ==, 0x123456789abcdef0);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_SRC + 4), ==, 0x12345678);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_COUNT), ==, 1);
    set_reg64(a, TPH_ACCEL_REG_DMA_LEN, 0x0000000700000009);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_LEN), ==, 9);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_COUNT), ==, 7);
    set_reg(a, TPH_ACCEL_REG_DMA_HINT, UINT32_MAX);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_HINT), ==, 0x0063ffff);
    lab_end(&lab);
}

/* Writes and reads without a hint; a CPU's accesses are no TLPs. */
static void test_plain(void)
{
    Lab lab = lab_start("", "");
    Accel *b = &lab.b;
    uint8_t data[1024], back[1024];

    fill(data, sizeof(data), 1);
    qtest_memwrite(lab.qts, b->mem + 0x10001, data, sizeof(data));
    expect_mem(b, 0x10001, data, sizeof(data));
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_TLPS), ==, 0);

    set_rule(b, 0, 0, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 0);
    write_peer(&lab, 0x20000, data, sizeof(data), 0);
    expect_mem(b, 0x20000, data, sizeof(data));
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 8);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_BYTES), ==, 1024);
    g_assert_cmphex(reg(b, TPH_ACCEL_REG_LAST), ==, 0);
    g_assert_cmpuint(rule_tlps(b, 0), ==, 0);

    /* Cut at multiples of 128, the Max_Payload_Size after reset */
    write_peer(&lab, 0x30043, data, 300, 0);
    expect_mem(b, 0x30043, data, 300);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 8 + 3);
    set_payload(&lab, PCI_EXP_DEVCTL_PAYLOAD_512B);
    write_peer(&lab, 0x30080, data, sizeof(data), 0);
    expect_mem(b, 0x30080, data, sizeof(data));
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 11 + 3);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_BYTES), ==, 2348);

    dma(&lab.a, b->mem + 0x20000, RAM_DST, sizeof(data), 0);
    qtest_memread(lab.qts, RAM_DST, back, sizeof(back));
    g_assert_cmpmem(back, sizeof(back), data, sizeof(data));
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_TLPS), >=, 2);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_BYTES), ==, 1024);

    set_reg(b, TPH_ACCEL_REG_CTRL, TPH_ACCEL_CTRL_CLEAR);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_READ_BYTES), ==, 0);
    lab_end(&lab);
}

/* What the operation is by definition, on numbers of @bytes bytes */
static uint64_t expected_lane(unsigned int op, uint64_t old, uint64_t val)
{
    switch (op) {
    case TPH_ACCEL_OP_STORE:
        return val;
    case TPH_ACCEL_OP_ADD:
        return old + val;
    case TPH_ACCEL_OP_MIN:
        return val < old ? val : old;
    case TPH_ACCEL_OP_MAX:
        return val > old ? val : old;
    default:
        return old ^ val;
    }
}

static void expected(uint8_t *mem, const uint8_t *data, size_t len,
                     unsigned int op, unsigned int lane)
{
    unsigned int size = 1 << lane;

    for (size_t i = 0; i < len; i += size) {
        stn_le_p(mem + i, size, expected_lane(op, ldn_le_p(mem + i, size),
                                              ldn_le_p(data + i, size)));
    }
}

static void check_op(Lab *lab, unsigned int op, unsigned int lane)
{
    uint8_t mem[1024], data[1024];
    uint32_t offset = 0x4000 + op * 0x1000 + lane * 0x400;

    fill(mem, sizeof(mem), 3);
    fill(data, sizeof(data), 0xb5 + op);
    qtest_memwrite(lab->qts, lab->b.mem + offset, mem, sizeof(mem));
    set_rule(&lab->b, 0, 0x5a, TPH_ACCEL_RULE_VALID, op, lane);
    set_reg(&lab->b, TPH_ACCEL_REG_CTRL, TPH_ACCEL_CTRL_CLEAR);
    write_peer(lab, offset, data, sizeof(data), hint(0x5a, 2));
    expected(mem, data, sizeof(data), op, lane);
    expect_mem(&lab->b, offset, mem, sizeof(mem));
    g_assert_cmpuint(rule_tlps(&lab->b, 0), ==, 8);
    g_assert_cmpuint(rule_bytes(&lab->b, 0), ==, sizeof(data));
    g_assert_cmpuint(rule_unaligned(&lab->b, 0), ==, 0);
}

static void test_operations(void)
{
    Lab lab = lab_start("", "");

    set_requester(&lab.a, REQ_TPH);
    for (unsigned int op = 0; op <= TPH_ACCEL_OP_XOR; op++) {
        for (unsigned int lane = 0; lane <= TPH_ACCEL_LANE_U64; lane++) {
            check_op(&lab, op, lane);
        }
    }
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    lab_end(&lab);
}

static void check_unaligned(Lab *lab, unsigned int lane, uint32_t start,
                            uint32_t len)
{
    uint32_t size = 1 << lane;
    uint8_t mem[64], data[64], want[64];
    uint64_t count = 0;

    fill(mem, sizeof(mem), 9);
    fill(data, sizeof(data), 0x77);
    memcpy(want, mem, sizeof(mem));
    for (uint32_t i = 0; i < sizeof(mem); i++) {
        uint32_t first = i & ~(size - 1);
        bool whole = first >= start && first + size <= start + len;

        if (i >= start && i < start + len && !whole) {
            want[i] = data[i];
            count++;
        } else if (whole && i == first) {
            expected(want + i, data + i, size, TPH_ACCEL_OP_ADD, lane);
        }
    }
    qtest_memwrite(lab->qts, lab->b.mem, mem, sizeof(mem));
    set_rule(&lab->b, 7, 0x11, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, lane);
    set_reg(&lab->b, TPH_ACCEL_REG_CTRL, TPH_ACCEL_CTRL_CLEAR);
    write_peer(lab, start, data + start, len, hint(0x11, 0));
    expect_mem(&lab->b, 0, want, sizeof(want));
    g_assert_cmpuint(rule_bytes(&lab->b, 7), ==, len);
    g_assert_cmpuint(rule_unaligned(&lab->b, 7), ==, count);
}

/* Every place of a short write, each lane: a lane hit in part is stored. */
static void test_unaligned(void)
{
    Lab lab = lab_start("", "");

    set_requester(&lab.a, REQ_TPH);
    for (unsigned int lane = 0; lane <= TPH_ACCEL_LANE_U64; lane++) {
        for (uint32_t start = 0; start < 9; start += lane == 3 ? 1 : 3) {
            check_unaligned(&lab, lane, start, 1);
            check_unaligned(&lab, lane, start, 6);
            check_unaligned(&lab, lane, start, 27);
        }
    }
    lab_end(&lab);
}

static uint32_t add_one(Lab *lab, uint32_t requester, uint16_t tag)
{
    uint32_t one = cpu_to_le32(1);

    set_requester(&lab->a, requester);
    qtest_writel(lab->qts, lab->b.mem, 0x10);
    write_peer(lab, 0, &one, sizeof(one), hint(tag, 1));
    return qtest_readl(lab->qts, lab->b.mem);
}

/* 0x5a is another tag as an 8-bit one than as a 16-bit one. */
static void test_namespaces(void)
{
    Lab lab = lab_start("", "");
    Accel *b = &lab.b;

    set_rule(b, 0, 0x5a, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x5a), ==, 0x11);
    g_assert_cmphex(reg(b, TPH_ACCEL_REG_LAST), ==, 0x0021005a);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x5a), ==, 0x1);
    g_assert_cmphex(reg(b, TPH_ACCEL_REG_LAST), ==, 0x0031005a);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_OTHER_TLPS), ==, 1);

    set_rule(b, 0, 0x5a, TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT,
             TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x5a), ==, 0x1);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x5a), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x5b), ==, 0x1);

    /* Not cut to 8 bits, on neither side */
    set_rule(b, 0, 0xc05a, TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT,
             TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0xc05a), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x5a), ==, 0x1);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x5a), ==, 0x1);
    g_assert_cmpuint(rule_tlps(b, 0), ==, 3);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_OTHER_TLPS), ==, 5);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_OTHER_BYTES), ==, 20);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    lab_end(&lab);
}

/* The first valid rule counts; 0 is a tag as any other, in each namespace. */
static void test_rule_order(void)
{
    Lab lab = lab_start("", "");
    Accel *b = &lab.b;

    set_rule(b, 3, 0x20, 0, TPH_ACCEL_OP_STORE, 2);
    set_rule(b, 4, 0x20, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_XOR, 2);
    set_rule(b, 5, 0x20, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_STORE, 2);
    set_rule(b, 6, 0, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    set_rule(b, 7, 0, TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT,
             TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x20), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0), ==, 0x11);
    g_assert_cmpuint(rule_tlps(b, 3), ==, 0);
    g_assert_cmpuint(rule_tlps(b, 4), ==, 1);
    g_assert_cmpuint(rule_tlps(b, 5), ==, 0);
    g_assert_cmpuint(rule_tlps(b, 6), ==, 1);
    g_assert_cmpuint(rule_tlps(b, 7), ==, 1);
    lab_end(&lab);
}

/* The guest's TPH control register decides whether a hint leaves. */
static void test_requester_off(void)
{
    Lab lab = lab_start("", "");
    Accel *b = &lab.b;

    set_rule(b, 0, 0x33, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_OFF, 0x33), ==, 1);
    g_assert_cmphex(reg(b, TPH_ACCEL_REG_LAST), ==, 0);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x33), ==, 0x11);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 1);
    g_assert_cmpuint(rule_tlps(b, 0), ==, 1);
    lab_end(&lab);
}

/* A root complex that takes the hint away leaves a plain write. */
static void test_hint_dropped(void)
{
    Lab lab = lab_start_ports(DROP_PORT, "", "");

    set_rule(&lab.b, 0, 0x33, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x33), ==, 1);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x1233), ==, 1);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 2);
    lab_end(&lab);
}

/* Reads carry the hint only if told so, and each PH arrives. */
static void test_hints(void)
{
    Lab lab = lab_start("", "");
    uint32_t data = 0;

    set_requester(&lab.a, REQ_TPH);
    for (uint32_t ph = 0; ph < 4; ph++) {
        write_peer(&lab, 0, &data, sizeof(data), hint(0xff, ph));
        g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_LAST), ==,
                        TPH_ACCEL_LAST_TH | ph << 16 | 0xff);
    }
    dma(&lab.a, lab.b.mem, RAM_DST, 64, hint(0x44, 1));
    g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_LAST_READ), ==, 0);
    dma(&lab.a, lab.b.mem, RAM_DST, 64, 0x44 | TPH_ACCEL_HINT_READS);
    g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_LAST_READ), ==,
                    TPH_ACCEL_LAST_TH | 0x44);
    lab_end(&lab);
}

/* With an ST table the engine's ST is an index. */
static void test_st_table(void)
{
    Lab lab = lab_start(",st-entries=4", "");
    uint64_t table = lab.a.cfg + find_ext_cap(&lab.a, PCI_EXT_CAP_ID_TPH) +
                     PCI_TPH_BASE_SIZEOF;

    set_rule(&lab.b, 0, 0x1203, TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT,
             TPH_ACCEL_OP_ADD, 2);
    qtest_writew(lab.qts, table + 2 * 2, 0x1203);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 2), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 3), ==, 1);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x1203), ==, 1);
    flr(&lab.a);
    g_assert_cmphex(qtest_readw(lab.qts, table + 2 * 2), ==, 0);
    lab_end(&lab);

    /* The upper half of an entry is reserved without Extended TPH */
    lab = lab_start(",st-entries=4,tph-ext=off", "");
    qtest_writew(lab.qts, table + 2 * 2, 0x1203);
    g_assert_cmphex(qtest_readw(lab.qts, table + 2 * 2), ==, 0x03);
    lab_end(&lab);
}

/*
 * A guest changes an entry as Linux does, requester off in between, while a
 * copy is running: from each write on the TLPs are what it says, and none ever
 * has a tag that was not in the table.
 */
static void test_st_table_in_flight(void)
{
    Lab lab = lab_start(",st-entries=4", "");
    Accel *a = &lab.a, *b = &lab.b;
    uint64_t table = a->cfg + find_ext_cap(a, PCI_EXT_CAP_ID_TPH) +
                     PCI_TPH_BASE_SIZEOF;
    uint64_t hinted;

    set_rule(b, 0, 5, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_STORE, 0);
    set_rule(b, 1, 6, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_STORE, 0);
    qtest_writew(lab.qts, table + 2 * 2, 5);
    set_requester(a, REQ_TPH);
    dma_start(a, RAM_SRC, b->mem, 4096, TPH_ACCEL_DMA_MAX_COUNT, hint(2, 0));
    wait_nonzero(b, TPH_ACCEL_RULE(0) + TPH_ACCEL_RULE_TLPS);

    set_requester(a, REQ_OFF);
    hinted = rule_tlps(b, 0);
    qtest_writew(lab.qts, table + 2 * 2, 6);
    wait_nonzero(b, TPH_ACCEL_REG_PLAIN_TLPS);
    set_requester(a, REQ_TPH);
    wait_nonzero(b, TPH_ACCEL_RULE(1) + TPH_ACCEL_RULE_TLPS);
    g_assert_cmpuint(rule_tlps(b, 0), ==, hinted);
    g_assert_cmpuint(reg64(b, TPH_ACCEL_REG_OTHER_TLPS), ==, 0);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_STATUS), ==, TPH_ACCEL_DMA_BUSY);
    lab_end(&lab);
}

static void test_completer_none(void)
{
    Lab lab = lab_start("", ",completer=none");
    uint32_t devcap2 = exp_reg(&lab.b, PCI_EXP_DEVCAP2);

    g_assert_cmphex(extract32(devcap2, 12, 2), ==, 0);
    g_assert_false(devcap2 & PCI_EXP_DEVCAP2_EE_PREFIX);
    set_rule(&lab.b, 0, 0x5a, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x5a), ==, 1);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 1);
    g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_LAST), ==, 0);
    lab_end(&lab);
}

/* A 16-bit tag is an error at an 8-bit completer: nothing is written. */
static void test_completer_tph(void)
{
    Lab lab = lab_start("", ",completer=tph");
    uint32_t devcap2 = exp_reg(&lab.b, PCI_EXP_DEVCAP2);
    unsigned int tph = find_ext_cap(&lab.b, PCI_EXT_CAP_ID_TPH);

    g_assert_cmphex(extract32(devcap2, 12, 2), ==, 1);
    g_assert_false(devcap2 & PCI_EXP_DEVCAP2_EE_PREFIX);
    g_assert_false(qtest_readl(lab.qts, lab.b.cfg + tph + PCI_TPH_CAP) &
                   PCI_TPH_CAP_EXT_TPH);
    set_rule(&lab.b, 0, 0x5a, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 2);
    g_assert_cmphex(add_one(&lab, REQ_TPH, 0x5a), ==, 0x11);
    g_assert_cmphex(add_one(&lab, REQ_EXT, 0x5a), ==, 0x10);
    lab_end(&lab);
}

static void test_migration(void)
{
    Lab lab = lab_start("", "");
    QDict *error = qtest_qmp_assert_failure_ref(lab.qts,
        "{ 'execute': 'migrate', 'arguments': { 'uri': 'exec:cat' } }");

    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), "tph-accel"));
    qobject_unref(error);
    lab_end(&lab);
}

/*
 * A program for a CPU in place of the firmware: as soon as RAM_GO is not 0, it
 * adds 1 to the number at CPU_TARGET, CPU_ADDS times, then sets RAM_DONE.
 */
#define CPU_TARGET      0xd0000000u
#define CPU_ADDS       30000000u
#define RAM_GO          0x1000u
#define RAM_DONE        0x2000u

#define LE32(x) (x) & 0xff, (x) >> 8 & 0xff, (x) >> 16 & 0xff, (x) >> 24

static const uint8_t rom_real_mode[] = {    /* at 0xffffff00 */
    0xfa,                                   /* cli */
    0x2e, 0x66, 0x0f, 0x01, 0x16, 0x80, 0xff, /* lgdtl %cs:0xff80 */
    0x0f, 0x20, 0xc0,                       /* mov %cr0,%eax */
    0x0c, 0x01,                             /* or $1,%al */
    0x0f, 0x22, 0xc0,                       /* mov %eax,%cr0 */
    0x66, 0xea, LE32(0xffffff20u), 0x08, 0x00, /* ljmpl $8,$0xffffff20 */
};

static const uint8_t rom_flat_mode[] = {    /* at 0xffffff20 */
    0x66, 0xb8, 0x10, 0x00,                 /* mov $0x10,%ax */
    0x8e, 0xd8,                             /* mov %eax,%ds */
    0xa1, LE32(RAM_GO),                     /* 1: mov RAM_GO,%eax */
    0x85, 0xc0,                             /* test %eax,%eax */
    0x74, 0xf7,                             /* jz 1b */
    0xb9, LE32(CPU_ADDS),                  /* mov $CPU_ADDS,%ecx */
    0xf0, 0xff, 0x05, LE32(CPU_TARGET),     /* 2: lock incl CPU_TARGET */
    0x49,                                   /* dec %ecx */
    0x75, 0xf6,                             /* jnz 2b */
    0xc7, 0x05, LE32(RAM_DONE), LE32(1u),   /* movl $1,RAM_DONE */
    0xf4,                                   /* 3: hlt */
    0xeb, 0xfd,                             /* jmp 3b */
};

static const uint8_t rom_gdt[] = {          /* at 0xffffff80 */
    0x17, 0x00, LE32(0xffffff88u), 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,
    0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0,
    0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0,
};

static const uint8_t rom_reset[] = {        /* at 0xfffffff0 */
    0xe9, 0x0d, 0xff,                       /* jmp 0xff00 */
};

static char *write_rom(void)
{
    g_autofree uint8_t *rom = g_malloc0(0x10000);
    char *name;
    int fd = g_file_open_tmp("tph-accel-XXXXXX", &name, NULL);

    memcpy(rom + 0xff00, rom_real_mode, sizeof(rom_real_mode));
    memcpy(rom + 0xff20, rom_flat_mode, sizeof(rom_flat_mode));
    memcpy(rom + 0xff80, rom_gdt, sizeof(rom_gdt));
    memcpy(rom + 0xfff0, rom_reset, sizeof(rom_reset));
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, rom, 0x10000), ==, 0x10000);
    close(fd);
    return name;
}

/* A CPU and a device count up the same number: not one may get lost. */
static void test_atomic_against_cpu(void)
{
    g_autofree char *rom = write_rom();
    /* With one CPU, TCG's atomic instructions are none for other threads. */
    g_autofree char *machine = g_strdup_printf("-accel tcg -smp 2 -bios %s",
                                               rom);
    Lab lab = lab_start_machine(machine, KEEP_PORT, "", "");
    Accel *a = &lab.a, *b = &lab.b;
    uint32_t sent = 0;

    b->mem = CPU_TARGET;
    set_port(b, 2);
    set_bars(b);
    set_requester(a, REQ_TPH);
    set_rule(b, 0, 9, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD,
             TPH_ACCEL_LANE_U32);
    qtest_writel(lab.qts, RAM_SRC, 1);
    qtest_writel(lab.qts, RAM_GO, 1);
    do {
        dma_start(a, RAM_SRC, b->mem, 4, 10000, hint(9, 0));
        g_assert_cmphex(dma_wait(a), ==, TPH_ACCEL_DMA_DONE);
        sent += 10000;
    } while (!qtest_readl(lab.qts, RAM_DONE));
    g_assert_cmpuint(qtest_readl(lab.qts, b->mem), ==, CPU_ADDS + sent);
    g_assert_cmpuint(sent, >, 100000);
    lab_end(&lab);
    unlink(rom);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/tph-accel/identity", test_identity);
    qtest_add_func("/tph-accel/capabilities", test_capabilities);
    qtest_add_func("/tph-accel/registers", test_registers);
    qtest_add_func("/tph-accel/plain", test_plain);
    qtest_add_func("/tph-accel/operations", test_operations);
    qtest_add_func("/tph-accel/unaligned", test_unaligned);
    qtest_add_func("/tph-accel/namespaces", test_namespaces);
    qtest_add_func("/tph-accel/rule-order", test_rule_order);
    qtest_add_func("/tph-accel/requester-off", test_requester_off);
    qtest_add_func("/tph-accel/hint-dropped", test_hint_dropped);
    qtest_add_func("/tph-accel/hints", test_hints);
    qtest_add_func("/tph-accel/st-table", test_st_table);
    qtest_add_func("/tph-accel/st-table-in-flight", test_st_table_in_flight);
    qtest_add_func("/tph-accel/completer-none", test_completer_none);
    qtest_add_func("/tph-accel/completer-tph", test_completer_tph);
    qtest_add_func("/tph-accel/migration", test_migration);
    if (qtest_has_accel("tcg")) {
        qtest_add_func("/tph-accel/atomic-against-cpu",
                       test_atomic_against_cpu);
    }
    return g_test_run();
}
