/*
 * QTest testcase for tph-accel, and for the way of a hint through the fabric
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Two accelerators, each below a root port of its own: the first one's DMA
 * engine is the requester, the second one's memory the target.
 */
#include "qemu/osdep.h"
#include "tph-accel-lab.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"

#define KEEP_PORT       "fabric-root-port,peer=keep"
#define DROP_PORT       "fabric-root-port,peer=drop"

#define RAM_MSI         0x800000

#define WINDOW          0x08000000ull
#define REGS            0xc0000000ull
#define MEM             0x800000000ull

typedef struct Lab {
    QTestState *qts;
    Accel a;
    Accel b;
} Lab;

static void set_port(Accel *d, int bus)
{
    QTestState *qts = d->qts;
    uint64_t limit = d->mem + WINDOW - 1;

    qtest_writel(qts, d->port + PCI_PRIMARY_BUS, bus << 16 | bus << 8);
    qtest_writew(qts, d->port + PCI_MEMORY_BASE, d->regs >> 16);
    qtest_writew(qts, d->port + PCI_MEMORY_LIMIT, d->msix >> 16);
    qtest_writew(qts, d->port + PCI_PREF_MEMORY_BASE, (uint32_t)d->mem >> 16);
    qtest_writew(qts, d->port + PCI_PREF_MEMORY_LIMIT, (uint32_t)limit >> 16);
    qtest_writel(qts, d->port + PCI_PREF_BASE_UPPER32, d->mem >> 32);
    qtest_writel(qts, d->port + PCI_PREF_LIMIT_UPPER32, limit >> 32);
    qtest_writew(qts, d->port + PCI_COMMAND,
                 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void accel_init(Accel *d, QTestState *qts, int n)
{
    d->qts = qts;
    d->port = ECAM + ((2 + n) << 15);
    d->cfg = ECAM + ((1 + n) << 20);
    d->regs = REGS + n * WINDOW;
    d->msix = d->regs + 0x10000;
    d->mem = MEM + n * WINDOW;
    set_port(d, 1 + n);
    set_bars(d);
}

/* @a, @b: properties of the accelerators */
static Lab lab_start_machine(const char *machine, const char *port,
                             const char *a, const char *b)
{
    Lab lab;

    lab.qts = qtest_initf(
        "-machine q35 -m 16M -nodefaults %s "
        "-device %s,id=p0,chassis=1,addr=2 -device tph-accel,bus=p0%s "
        "-device %s,id=p1,chassis=2,addr=3 -device tph-accel,bus=p1%s",
        machine, port, a, port, b);
    cfg_enable_ecam(lab.qts);
    accel_init(&lab.a, lab.qts, 0);
    accel_init(&lab.b, lab.qts, 1);
    return lab;
}

static Lab lab_start_ports(const char *port, const char *a, const char *b)
{
    return lab_start_machine("", port, a, b);
}

static Lab lab_start(const char *a, const char *b)
{
    return lab_start_ports(KEEP_PORT, a, b);
}

/* Of everybody on the way */
static void set_payload(Lab *lab, uint16_t devctl)
{
    cfg_set_devctl(lab->qts, lab->a.port, devctl);
    cfg_set_devctl(lab->qts, lab->b.port, devctl);
    set_devctl(&lab->a, devctl);
    set_devctl(&lab->b, devctl);
}

static void lab_end(Lab *lab)
{
    qtest_quit(lab->qts);
}

/* A's engine writes @data to B's memory */
static void write_peer(Lab *lab, uint32_t offset, const void *data,
                       uint32_t len, uint32_t hint_reg)
{
    qtest_memwrite(lab->qts, RAM_SRC, data, len);
    dma(&lab->a, RAM_SRC, lab->b.mem + offset, len, hint_reg);
}

/* Tests */

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

static void test_copies(void)
{
    Lab lab = lab_start("", "");
    g_autofree uint8_t *data = g_malloc(TPH_ACCEL_DMA_MAX_LEN);
    g_autofree uint8_t *back = g_malloc(TPH_ACCEL_DMA_MAX_LEN);
    uint32_t len = TPH_ACCEL_DMA_MAX_LEN;
    uint64_t sum = 0x10;

    fill(data, len, 0x31);
    qtest_bufwrite(lab.qts, RAM_SRC, data, len);
    dma(&lab.a, RAM_SRC, RAM_DST, len, 0);
    qtest_bufread(lab.qts, RAM_DST, back, len);
    g_assert_cmpmem(back, len, data, len);

    /* COUNT copies of one number, added */
    set_requester(&lab.a, REQ_TPH);
    set_rule(&lab.b, 0, 1, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 3);
    qtest_writeq(lab.qts, lab.b.mem + 8, sum);
    qtest_writeq(lab.qts, RAM_SRC, 3);
    dma_start(&lab.a, RAM_SRC, lab.b.mem + 8, 8, 1000, hint(1, 0));
    g_assert_cmphex(dma_wait(&lab.a), ==, TPH_ACCEL_DMA_DONE);
    g_assert_cmphex(qtest_readq(lab.qts, lab.b.mem + 8), ==, sum + 3000);
    g_assert_cmpuint(reg64(&lab.a, TPH_ACCEL_REG_DMA_BYTES), ==, 8000);
    g_assert_cmpuint(rule_tlps(&lab.b, 0), ==, 1000);
    lab_end(&lab);
}

static uint64_t fetch(Lab *lab, uint32_t op, uint32_t offset, uint32_t len,
                      uint64_t operand, uint64_t compare)
{
    Accel *a = &lab->a;

    set_reg64(a, TPH_ACCEL_REG_DMA_DST, lab->b.mem + offset);
    set_reg(a, TPH_ACCEL_REG_DMA_LEN, len);
    set_reg64(a, TPH_ACCEL_REG_DMA_OPERAND, operand);
    set_reg64(a, TPH_ACCEL_REG_DMA_COMPARE, compare);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL,
            TPH_ACCEL_DMA_START | op << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_wait(a), ==, TPH_ACCEL_DMA_DONE);
    return reg64(a, TPH_ACCEL_REG_DMA_RESULT);
}

static void test_atomic_ops(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;
    uint64_t mem = lab.b.mem;
    uint64_t devctl2 = a->cfg + find_cap(a, a->cfg, PCI_CAP_ID_EXP) +
                       PCI_EXP_DEVCTL2;

    dma_start(a, 0, mem, 4, 1, 0);
    dma_wait(a);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START |
            TPH_ACCEL_DMA_SWAP << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);

    qtest_writew(lab.qts, devctl2, PCI_EXP_DEVCTL2_ATOMIC_REQ);
    qtest_writeq(lab.qts, mem + 8, 0xffffffff00000007);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_FETCH_ADD, 8, 4, -8, 0), ==, 7);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, UINT64_MAX);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_FETCH_ADD, 8, 8, 3, 0), ==,
                    UINT64_MAX);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_SWAP, 8, 8, 1ull << 40, 0), ==,
                    2);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_CAS, 8, 8, 5, 6), ==,
                    1ull << 40);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, 1ull << 40);
    g_assert_cmphex(fetch(&lab, TPH_ACCEL_DMA_CAS, 8, 8, 5, 1ull << 40), ==,
                    1ull << 40);
    g_assert_cmphex(qtest_readq(lab.qts, mem + 8), ==, 5);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_ATOMIC_TLPS), ==, 5);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_ATOMIC_BYTES), ==, 36);

    set_reg64(a, TPH_ACCEL_REG_DMA_DST, mem + 4);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START |
            TPH_ACCEL_DMA_SWAP << TPH_ACCEL_DMA_OP_SHIFT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);
    flr(a);
    g_assert_cmphex(qtest_readw(lab.qts, devctl2), ==, 0);
    lab_end(&lab);
}

/* Ports that do not say that they route or complete them */
static void test_atomic_stock(void)
{
    Lab lab = lab_start_ports("pcie-root-port", "", "");
    Accel *a = &lab.a;
    const uint64_t to[] = { lab.b.mem, RAM_DST };

    enable_atomics(a);
    set_reg64(a, TPH_ACCEL_REG_DMA_OPERAND, 1);
    for (int i = 0; i < ARRAY_SIZE(to); i++) {
        qtest_writel(lab.qts, to[i], 7);
        dma_fetch_add(a, to[i], 4);
        g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
        g_assert_cmphex(qtest_readl(lab.qts, to[i]), ==, 7);
    }
    lab_end(&lab);
}

static void expect_bad_descriptor(Accel *d, uint64_t src, uint64_t dst,
                                  uint32_t len, uint32_t count)
{
    dma_start(d, src, dst, len, count, 0);
    g_assert_cmphex(dma_error(d), ==, TPH_ACCEL_DMA_CODE_DESCRIPTOR);
}

static void test_errors(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 0, 1);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 1, 0);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, TPH_ACCEL_DMA_MAX_LEN + 1, 1);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, UINT32_MAX, UINT32_MAX);
    expect_bad_descriptor(a, UINT64_MAX, RAM_DST, 2, 1);
    expect_bad_descriptor(a, RAM_SRC, UINT64_MAX - 2, 4, 1);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, TPH_ACCEL_NR_VECTORS);
    expect_bad_descriptor(a, RAM_SRC, RAM_DST, 4, 1);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, 0);

    /* Nobody there to read from; nobody to write to is no error */
    dma_start(a, MEM + 16 * WINDOW, RAM_DST, 4, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    dma(a, RAM_SRC, MEM + 16 * WINDOW, 4, 0);

    qtest_writel(lab.qts, RAM_SRC, 0x600df00d);
    enable(a, PCI_COMMAND_MEMORY);
    dma_start(a, RAM_SRC, RAM_DST, 4, 1, 0);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_UR);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_DST), ==, 0);
    enable(a, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_DST), ==, 0x600df00d);
    lab_end(&lab);
}

/* 64 GiB: returns when it is on its way. */
static void start_endless(Lab *lab)
{
    dma_start(&lab->a, RAM_SRC, lab->b.mem, TPH_ACCEL_DMA_MAX_LEN,
              TPH_ACCEL_DMA_MAX_COUNT, 0);
    wait_nonzero(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS);
    g_assert_cmphex(reg(&lab->a, TPH_ACCEL_REG_DMA_STATUS), ==,
                    TPH_ACCEL_DMA_BUSY);
}

static void expect_stopped(Lab *lab)
{
    uint64_t tlps = reg64(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS);

    g_usleep(20000);
    g_assert_cmpuint(reg64(&lab->b, TPH_ACCEL_REG_PLAIN_TLPS), ==, tlps);
}

static void test_abort(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    start_endless(&lab);
    set_reg(a, TPH_ACCEL_REG_DMA_LEN, 5);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_LEN), ==, TPH_ACCEL_DMA_MAX_LEN);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_START);
    set_reg(a, TPH_ACCEL_REG_DMA_CTRL, TPH_ACCEL_DMA_ABORT);
    g_assert_cmphex(dma_error(a), ==, TPH_ACCEL_DMA_CODE_ABORTED);
    expect_stopped(&lab);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    lab_end(&lab);
}

static void test_flr(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    set_requester(a, REQ_EXT);
    set_rule(a, 2, 0x77, TPH_ACCEL_RULE_VALID, TPH_ACCEL_OP_ADD, 0);
    qtest_writeq(lab.qts, a->mem + 0x100, 0x1122334455667788);
    start_endless(&lab);
    flr(a);
    expect_stopped(&lab);

    set_bars(a);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_STATUS), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_DMA_SRC), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_RULE(2)), ==, 0);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg + PCI_TPH_CTRL +
                                find_ext_cap(a, PCI_EXT_CAP_ID_TPH)), ==, 0);
    g_assert_cmphex(qtest_readq(lab.qts, a->mem + 0x100), ==,
                    0x1122334455667788);
    dma(a, RAM_SRC, RAM_DST, 4, 0);

    /* The target's counters */
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), !=, 0);
    flr(&lab.b);
    set_bars(&lab.b);
    g_assert_cmpuint(reg64(&lab.b, TPH_ACCEL_REG_PLAIN_TLPS), ==, 0);
    lab_end(&lab);
}

/* Messages go to RAM here, where the test can see them. */
static void set_vector(Accel *d, int n, uint32_t data, bool masked)
{
    uint64_t entry = d->msix + n * PCI_MSIX_ENTRY_SIZE;

    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_LOWER_ADDR, RAM_MSI + n * 4);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_DATA, data);
    qtest_writel(d->qts, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

static void enable_msix(Accel *d)
{
    qtest_writew(d->qts, d->cfg + find_cap(d, d->cfg, PCI_CAP_ID_MSIX) +
                         PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

static uint32_t pending(Accel *d)
{
    unsigned int pos = find_cap(d, d->cfg, PCI_CAP_ID_MSIX);
    uint32_t pba = qtest_readl(d->qts, d->cfg + pos + PCI_MSIX_PBA);

    g_assert_cmpuint(pba & PCI_MSIX_PBA_BIR, ==, TPH_ACCEL_MSIX_BAR);
    return qtest_readl(d->qts, d->msix + (pba & PCI_MSIX_PBA_OFFSET));
}

static void wait_ram(Lab *lab, uint64_t addr, uint32_t want)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (qtest_readl(lab->qts, addr) != want) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void test_msix(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a;

    enable_msix(a);
    set_vector(a, 0, 0xaaaa0000, false);
    set_vector(a, 3, 0xaaaa0003, true);
    set_vector(a, 7, 0xaaaa0007, false);

    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 7);
    wait_ram(&lab, RAM_MSI + 7 * 4, 0xaaaa0007);
    g_assert_cmphex(pending(a), ==, 0);
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, TPH_ACCEL_NR_VECTORS);
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, UINT32_MAX);

    /* Masked: pending, until it is not masked any more */
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 3);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(pending(a), ==, 1 << 3);
    g_assert_cmphex(qtest_readl(lab.qts, RAM_MSI + 3 * 4), ==, 0);
    set_vector(a, 3, 0xaaaa0003, false);
    wait_ram(&lab, RAM_MSI + 3 * 4, 0xaaaa0003);
    g_assert_cmphex(pending(a), ==, 0);

    /* At the end of a copy, and after an error; only if asked for */
    g_assert_cmphex(qtest_readl(lab.qts, RAM_MSI), ==, 0);
    set_reg(a, TPH_ACCEL_REG_DMA_VECTOR, TPH_ACCEL_VECTOR_ENABLE);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    wait_ram(&lab, RAM_MSI, 0xaaaa0000);
    qtest_writel(lab.qts, RAM_MSI, 0);
    dma_start(a, RAM_SRC, RAM_DST, 0, 1, 0);
    wait_ram(&lab, RAM_MSI, 0xaaaa0000);
    lab_end(&lab);
}

/* A guest may aim the engine, and its interrupt, at the engine itself. */
static void test_own_registers(void)
{
    /* With ACS, such requests end at the port unless it forwards them */
    Lab lab = lab_start_ports(KEEP_PORT ",acs=off", "", "");
    Accel *a = &lab.a;
    uint64_t entry = a->msix;

    qtest_writel(lab.qts, RAM_SRC, TPH_ACCEL_DMA_START);
    dma_start(a, RAM_SRC, a->regs + TPH_ACCEL_REG_DMA_CTRL, 4, 1000, 0);
    dma_wait(a);
    dma_start(a, a->regs, a->regs, TPH_ACCEL_REGS_SIZE, 10, 0);
    dma_wait(a);
    dma_start(a, RAM_SRC, a->msix, 4096, 10, 0);
    dma_wait(a);
    dma_start(a, a->mem, a->mem + 64, 8192, 10, 0);
    dma_wait(a);

    enable_msix(a);
    for (int n = 0; n < TPH_ACCEL_NR_VECTORS; n++, entry += 16) {
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 0);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_LOWER_ADDR,
                     a->regs + TPH_ACCEL_REG_MSI_SEND);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_DATA, n ^ 1);
        qtest_writel(lab.qts, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
    }
    set_reg(a, TPH_ACCEL_REG_MSI_SEND, 0);
    dma(a, RAM_SRC, RAM_DST, 4, 0);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_ID), ==, TPH_ACCEL_ID);
    lab_end(&lab);
}

/* Two engines that ring each other's doorbell, for ever */
static void test_peer_doorbell(void)
{
    Lab lab = lab_start("", "");
    Accel *a = &lab.a, *b = &lab.b;

    qtest_writel(lab.qts, RAM_SRC, TPH_ACCEL_DMA_START);
    set_reg64(b, TPH_ACCEL_REG_DMA_SRC, RAM_SRC);
    set_reg64(b, TPH_ACCEL_REG_DMA_DST, a->regs + TPH_ACCEL_REG_DMA_CTRL);
    set_reg(b, TPH_ACCEL_REG_DMA_LEN, 4);
    dma_start(a, RAM_SRC, b->regs + TPH_ACCEL_REG_DMA_CTRL, 4, 1, 0);
    wait_nonzero(b, TPH_ACCEL_REG_DMA_STATUS);

    /* Break the ring: whoever reads this rings no more */
    qtest_writel(lab.qts, RAM_SRC, 0);
    g_assert_cmphex(dma_wait(b), ==, TPH_ACCEL_DMA_DONE);
    g_assert_cmphex(dma_wait(a), ==, TPH_ACCEL_DMA_DONE);
    lab_end(&lab);
}

/* A resets itself through its own configuration space, then loses power. */
static void test_suicide(void)
{
    /* A slot that software can switch off */
    Lab lab = lab_start_machine(
        "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
        "pcie-root-port", "", "");
    Accel *a = &lab.a;
    unsigned int pos = find_cap(a, a->cfg, PCI_CAP_ID_EXP);

    qtest_writew(lab.qts, RAM_SRC, PCI_EXP_DEVCTL_BCR_FLR);
    dma_start(a, RAM_SRC, a->cfg + pos + PCI_EXP_DEVCTL, 2, 1000, 0);
    set_bars(a);
    g_assert_cmphex(reg(a, TPH_ACCEL_REG_DMA_STATUS), ==, 0);
    g_assert_cmphex(reg64(a, TPH_ACCEL_REG_DMA_BYTES), ==, 0);

    pos = find_cap(a, a->port, PCI_CAP_ID_EXP);
    qtest_writew(lab.qts, RAM_SRC,
                 PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF);
    dma_start(a, RAM_SRC, a->port + pos + PCI_EXP_SLTCTL, 2, 1000, 0);
    g_assert_cmphex(qtest_readl(lab.qts, a->cfg), ==, UINT32_MAX);
    g_assert_cmphex(reg(&lab.b, TPH_ACCEL_REG_ID), ==, TPH_ACCEL_ID);
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
    qtest_add_func("/tph-accel/copies", test_copies);
    qtest_add_func("/tph-accel/atomic-ops", test_atomic_ops);
    qtest_add_func("/tph-accel/atomic-stock", test_atomic_stock);
    qtest_add_func("/tph-accel/errors", test_errors);
    qtest_add_func("/tph-accel/abort", test_abort);
    qtest_add_func("/tph-accel/flr", test_flr);
    qtest_add_func("/tph-accel/msix", test_msix);
    qtest_add_func("/tph-accel/own-registers", test_own_registers);
    qtest_add_func("/tph-accel/peer-doorbell", test_peer_doorbell);
    qtest_add_func("/tph-accel/suicide", test_suicide);
    if (qtest_has_accel("tcg")) {
        qtest_add_func("/tph-accel/atomic-against-cpu",
                       test_atomic_against_cpu);
    }
    return g_test_run();
}
