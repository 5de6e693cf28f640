/*
 * tph-accel: the ingress block, which acts on the tag of a write
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "tph-accel.h"
#include "trace.h"

#define RULE_STRIDE (TPH_ACCEL_RULE(1) - TPH_ACCEL_RULE(0))

void tph_accel_ingress_init(TPHAccelIngress *in, AddressSpace *mem,
                            PCIeTPHCompleter completer)
{
    in->mem = mem;
    in->completer = completer;
    tph_accel_ingress_reset(in);
}

static void clear_counters(TPHAccelIngress *in)
{
    in->plain = in->other = in->read = in->atomic = (TPHAccelTraffic) {};
    in->last_write = in->last_read = 0;
    for (int i = 0; i < TPH_ACCEL_NR_RULES; i++) {
        in->rules[i].hits = (TPHAccelTraffic) {};
        in->rules[i].unaligned = 0;
    }
}

void tph_accel_ingress_reset(TPHAccelIngress *in)
{
    memset(in->rules, 0, sizeof(in->rules));
    clear_counters(in);
}

/*
 * A run is one TLP or several equal ones, but the last may be shorter, and the
 * first may start in the middle of a DW.
 */
static void count(TPHAccelTraffic *traffic, const PCIeTLP *tlp,
                  uint64_t offset, size_t len)
{
    size_t tlp_bytes = MAX(tlp->length_dw, 1) * 4;

    traffic->tlps += DIV_ROUND_UP((offset & 3) + len, tlp_bytes);
    traffic->bytes += len;
}

/* A function that is no TPH completer ignores the hint: there is none. */
static bool has_hint(const TPHAccelIngress *in, const PCIeTLP *tlp)
{
    return tlp->th && in->completer != PCIE_TPH_COMPLETER_NONE;
}

static uint32_t last_hint(const TPHAccelIngress *in, const PCIeTLP *tlp)
{
    if (!has_hint(in, tlp)) {
        return 0;
    }
    return TPH_ACCEL_LAST_TH | (tlp->st_ext ? TPH_ACCEL_LAST_EXT : 0) |
           (tlp->ph << TPH_ACCEL_LAST_PH_SHIFT & TPH_ACCEL_LAST_PH_MASK) |
           (tlp->st & TPH_ACCEL_LAST_ST_MASK);
}

/*
 * Without 16-bit tags the function takes no TLP prefix. The ports in front of
 * it keep such a TLP away; should one come, nothing of it may take effect.
 */
static bool understands(const TPHAccelIngress *in, const PCIeTLP *tlp)
{
    return !(tlp->th && tlp->st_ext) ||
           in->completer == PCIE_TPH_COMPLETER_EXT;
}

/*
 * The memory itself: in->mem has nothing but RAM in it, so this is never a
 * bounce buffer, and unmapping does what a changed page needs (dirty bitmaps,
 * translated code). NULL if the range is not in the memory.
 */
static void *map(TPHAccelIngress *in, uint64_t offset, size_t len)
{
    hwaddr mapped = len;
    void *ptr = address_space_map(in->mem, offset, &mapped, true,
                                  MEMTXATTRS_UNSPECIFIED);

    if (ptr && mapped < len) {
        address_space_unmap(in->mem, ptr, mapped, true, 0);
        return NULL;
    }
    return ptr;
}

static void unmap(TPHAccelIngress *in, void *ptr, size_t len)
{
    address_space_unmap(in->mem, ptr, len, true, len);
}

/* Host byte order in and out; returns what was there. */
static uint64_t lane_cmpxchg(void *lane, unsigned int size, uint64_t old,
                             uint64_t new)
{
    switch (size) {
    case 1:
        return qatomic_cmpxchg((uint8_t *)lane, old, new);
    case 2:
        return le16_to_cpu(qatomic_cmpxchg((uint16_t *)lane, cpu_to_le16(old),
                                           cpu_to_le16(new)));
    case 4:
        return le32_to_cpu(qatomic_cmpxchg((uint32_t *)lane, cpu_to_le32(old),
                                           cpu_to_le32(new)));
    case 8:
        return le64_to_cpu(qatomic_cmpxchg((uint64_t *)lane, cpu_to_le64(old),
                                           cpu_to_le64(new)));
    default:
        g_assert_not_reached();
    }
}

static uint64_t combine(unsigned int op, uint64_t old, uint64_t operand)
{
    switch (op) {
    case TPH_ACCEL_OP_ADD:
        return old + operand;
    case TPH_ACCEL_OP_MIN:
        return MIN(old, operand);
    case TPH_ACCEL_OP_MAX:
        return MAX(old, operand);
    case TPH_ACCEL_OP_XOR:
        return old ^ operand;
    default:
        return operand;
    }
}

/* One atomic read-modify-write; returns what was there. */
static uint64_t lane_update(void *lane, unsigned int size, unsigned int op,
                            uint64_t operand)
{
    uint64_t old = ldn_le_p(lane, size);    /* a guess: vCPUs write, too */

    for (;;) {
        uint64_t seen = lane_cmpxchg(lane, size, old,
                                     combine(op, old, operand));

        if (seen == old) {
            return old;
        }
        old = seen;
    }
}

static unsigned int rule_op(const TPHAccelRule *rule)
{
    return (rule->ctrl & TPH_ACCEL_RULE_OP_MASK) >> TPH_ACCEL_RULE_OP_SHIFT;
}

static unsigned int rule_lane(const TPHAccelRule *rule)
{
    return (rule->ctrl & TPH_ACCEL_RULE_LANE_MASK) >>
           TPH_ACCEL_RULE_LANE_SHIFT;
}

static TPHAccelRule *find_rule(TPHAccelIngress *in, const PCIeTLP *tlp)
{
    uint32_t want = TPH_ACCEL_RULE_VALID |
                    (tlp->st_ext ? TPH_ACCEL_RULE_EXT : 0);

    for (int i = 0; i < TPH_ACCEL_NR_RULES; i++) {
        TPHAccelRule *rule = &in->rules[i];

        if ((rule->ctrl & (TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT)) == want
            && rule->tag == tlp->st) {
            return rule;
        }
    }
    return NULL;
}

/* Whole lanes get the operation, the bytes before and after are stored. */
static void apply(TPHAccelRule *rule, uint8_t *mem, uint64_t offset,
                  const uint8_t *data, size_t len)
{
    unsigned int size = 1u << rule_lane(rule);
    size_t head = MIN(len, -offset & (size - 1));
    size_t tail = (len - head) & (size - 1);
    size_t pos;

    memcpy(mem, data, head);
    for (pos = head; pos < len - tail; pos += size) {
        lane_update(mem + pos, size, rule_op(rule), ldn_le_p(data + pos, size));
    }
    memcpy(mem + pos, data + pos, tail);
    rule->unaligned += head + tail;
}

static bool store(TPHAccelIngress *in, uint64_t offset, const void *data,
                  size_t len)
{
    return address_space_write(in->mem, offset, MEMTXATTRS_UNSPECIFIED, data,
                               len) == MEMTX_OK;
}

static bool apply_rule(TPHAccelIngress *in, TPHAccelRule *rule,
                       uint64_t offset, const void *data, size_t len)
{
    void *mem = map(in, offset, len);

    if (!mem) {
        return false;
    }
    apply(rule, mem, offset, data, len);
    unmap(in, mem, len);
    return true;
}

PCIeCplStatus tph_accel_ingress_write(TPHAccelIngress *in, const PCIeTLP *tlp,
                                      uint64_t offset, const void *data,
                                      size_t len)
{
    TPHAccelRule *rule = NULL;
    TPHAccelTraffic *traffic = &in->plain;
    bool done;

    if (!understands(in, tlp)) {
        trace_tph_accel_refused(tlp->st);
        return PCIE_CPL_UR;
    }
    if (has_hint(in, tlp)) {
        rule = find_rule(in, tlp);
        traffic = rule ? &rule->hits : &in->other;
    }
    trace_tph_accel_write(offset, len, tlp->th, tlp->st,
                          rule ? (int)(rule - in->rules) : -1);
    done = rule ? apply_rule(in, rule, offset, data, len) :
                  store(in, offset, data, len);
    if (!done) {
        return PCIE_CPL_CA;
    }
    count(traffic, tlp, offset, len);
    in->last_write = last_hint(in, tlp);
    return PCIE_CPL_SC;
}

PCIeCplStatus tph_accel_ingress_read(TPHAccelIngress *in, const PCIeTLP *tlp,
                                     uint64_t offset, void *data, size_t len)
{
    if (!understands(in, tlp)) {
        return PCIE_CPL_UR;
    }
    if (address_space_read(in->mem, offset, MEMTXATTRS_UNSPECIFIED, data,
                           len) != MEMTX_OK) {
        return PCIE_CPL_CA;
    }
    count(&in->read, tlp, offset, len);
    in->last_read = last_hint(in, tlp);
    return PCIE_CPL_SC;
}

static uint64_t run_atomic(PCIeTLPType type, void *lane, unsigned int size,
                           uint64_t operand, uint64_t compare)
{
    switch (type) {
    case PCIE_TLP_FETCH_ADD:
        return lane_update(lane, size, TPH_ACCEL_OP_ADD, operand);
    case PCIE_TLP_SWAP:
        return lane_update(lane, size, TPH_ACCEL_OP_STORE, operand);
    default:
        return lane_cmpxchg(lane, size, compare, operand);
    }
}

PCIeCplStatus tph_accel_ingress_atomic(TPHAccelIngress *in, const PCIeTLP *tlp,
                                       uint64_t offset, size_t size,
                                       uint64_t operand, uint64_t compare,
                                       uint64_t *old)
{
    void *lane;

    if (!understands(in, tlp) || (size != 4 && size != 8) || offset % size) {
        return PCIE_CPL_UR;
    }
    lane = map(in, offset, size);
    if (!lane) {
        return PCIE_CPL_CA;
    }
    *old = run_atomic(tlp->type, lane, size, operand, compare);
    unmap(in, lane, size);
    in->atomic.tlps++;
    in->atomic.bytes += size;
    return PCIE_CPL_SC;
}

static uint64_t rule_reg_read(const TPHAccelRule *rule, hwaddr reg)
{
    switch (reg) {
    case TPH_ACCEL_RULE_CTRL:
        return rule->ctrl | (uint64_t)rule->tag << 32;
    case TPH_ACCEL_RULE_TLPS:
        return rule->hits.tlps;
    case TPH_ACCEL_RULE_BYTES:
        return rule->hits.bytes;
    default:
        return rule->unaligned;
    }
}

static bool is_rule_reg(hwaddr addr)
{
    return addr >= TPH_ACCEL_RULE(0) &&
           addr < TPH_ACCEL_RULE(TPH_ACCEL_NR_RULES);
}

uint64_t tph_accel_ingress_reg_read(const TPHAccelIngress *in, hwaddr addr)
{
    if (is_rule_reg(addr)) {
        addr -= TPH_ACCEL_RULE(0);
        return rule_reg_read(&in->rules[addr / RULE_STRIDE],
                             addr % RULE_STRIDE);
    }
    switch (addr) {
    case TPH_ACCEL_REG_RULES:
        return TPH_ACCEL_NR_RULES;
    case TPH_ACCEL_REG_PLAIN_TLPS:
        return in->plain.tlps;
    case TPH_ACCEL_REG_PLAIN_BYTES:
        return in->plain.bytes;
    case TPH_ACCEL_REG_OTHER_TLPS:
        return in->other.tlps;
    case TPH_ACCEL_REG_OTHER_BYTES:
        return in->other.bytes;
    case TPH_ACCEL_REG_READ_TLPS:
        return in->read.tlps;
    case TPH_ACCEL_REG_READ_BYTES:
        return in->read.bytes;
    case TPH_ACCEL_REG_LAST:
        return in->last_write | (uint64_t)in->last_read << 32;
    case TPH_ACCEL_REG_ATOMIC_TLPS:
        return in->atomic.tlps;
    case TPH_ACCEL_REG_ATOMIC_BYTES:
        return in->atomic.bytes;
    default:
        return 0;
    }
}

static void set_rule_ctrl(TPHAccelRule *rule, uint32_t val)
{
    rule->ctrl = val & (TPH_ACCEL_RULE_VALID | TPH_ACCEL_RULE_EXT |
                        TPH_ACCEL_RULE_OP_MASK | TPH_ACCEL_RULE_LANE_MASK);
    if (rule_op(rule) > TPH_ACCEL_OP_XOR ||
        rule_lane(rule) > TPH_ACCEL_LANE_U64) {
        rule->ctrl &= ~TPH_ACCEL_RULE_VALID;
    }
}

static void rule_reg_write(TPHAccelRule *rule, hwaddr reg, uint32_t val)
{
    switch (reg) {
    case TPH_ACCEL_RULE_CTRL:
        set_rule_ctrl(rule, val);
        break;
    case TPH_ACCEL_RULE_TAG:
        rule->tag = val;
        break;
    }
}

void tph_accel_ingress_reg_write(TPHAccelIngress *in, hwaddr addr,
                                 uint32_t val)
{
    if (is_rule_reg(addr)) {
        addr -= TPH_ACCEL_RULE(0);
        rule_reg_write(&in->rules[addr / RULE_STRIDE], addr % RULE_STRIDE,
                       val);
    } else if (addr == TPH_ACCEL_REG_CTRL && (val & TPH_ACCEL_CTRL_CLEAR)) {
        clear_counters(in);
    }
}
