/*
 * Fuzzer of the PCI Express fabric: the virtual ConnectX
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Commands and work requests are those of a driver, with a few bytes changed
 * now and then.
 */
#include "qemu/osdep.h"
#include "hw/misc/tph_accel_regs.h"
#include "qemu/units.h"
#include "fabric-fuzz.h"

static void remember(Fuzz *f, int kind, uint32_t id)
{
    f->id[kind][f->nr_ids[kind]++ % FUZZ_IDS] = id;
}

static uint32_t some_id(Fuzz *f, int kind)
{
    unsigned int n = MIN(f->nr_ids[kind], FUZZ_IDS);

    if (!n || fuzz_rarely(f, 16)) {
        return fuzz_value(f) & 0xffffff;
    }
    return f->id[kind][fuzz_pick(f, n)];
}

static FuzzKey some_key(Fuzz *f)
{
    unsigned int n = MIN(f->nr_ids[FUZZ_MKEY], FUZZ_IDS);

    if (!n || fuzz_rarely(f, 32)) {
        return (FuzzKey) { .key = fuzz_value(f) };
    }
    return f->key[fuzz_pick(f, n)];
}

/* Memory, or that of an accelerator */
static uint64_t usual_address(Fuzz *f)
{
    LabFunction *fn = lab_find(&f->pci, TPH_ACCEL_DEVICE_ID, fuzz_pick(f, 2));

    if (!fn || fuzz_rarely(f, 2)) {
        return FUZZ_DATA + fuzz_pick(f, 8 * MiB);
    }
    return fn->bar[TPH_ACCEL_MEM_BAR] +
           fuzz_pick(f, MAX(fn->bar_size[TPH_ACCEL_MEM_BAR], 1));
}

/* An address that the key has, most of the time; @len may become shorter */
static uint64_t key_address(Fuzz *f, const FuzzKey *key, uint32_t *len)
{
    uint64_t offset;

    if (fuzz_rarely(f, 16)) {
        return fuzz_address(f);
    }
    if (!key->length) {
        return usual_address(f);
    }
    offset = fuzz_next(f) % key->length;
    *len = MIN(*len, key->length - offset);
    return key->start + offset;
}

static void change_bytes(Fuzz *f, uint8_t *data, size_t len)
{
    if (!fuzz_rarely(f, 8)) {
        return;
    }
    for (unsigned int n = 1 + fuzz_pick(f, 4); n && len; n--) {
        data[fuzz_pick(f, len)] = fuzz_value(f);
    }
}

/* Run a command that may have got another length, and other bytes */
static bool run(Fuzz *f, VhcaCommand *cmd, uint32_t *id)
{
    uint16_t opcode = ifc_get(cmd->in, CMD_IN_OPCODE);
    bool ok;

    change_bytes(f, cmd->in + 2, MIN(cmd->in_len, VHCA_INBOX_MAX) - 2);
    if (fuzz_rarely(f, 32)) {
        cmd->in_len = fuzz_length(f);
    }
    if (fuzz_rarely(f, 32)) {
        cmd->out_len = fuzz_length(f);
    }
    ok = vhca_run(&f->vhca, cmd, id);
    fuzz_note(f, "vhca command 0x%x in 0x%x out 0x%x ok %d", opcode,
              cmd->in_len, cmd->out_len, ok);
    return ok;
}

static void fill_srq(Fuzz *f, VhcaCommand *cmd, unsigned int queue)
{
    uint8_t *ctx = cmd->in + CMD_CONTEXT;

    ifc_set(ctx, SRQC_LOG_SRQ_SIZE, fuzz_pick(f, 6));
    ifc_set(ctx, SRQC_LOG_STRIDE, fuzz_pick(f, 8));
    ifc_set(ctx, SRQC_LOG_PAGE_SIZE, VHCA_LOG_QUEUE_PAGE);
    ifc_set(ctx, SRQC_PD, some_id(f, FUZZ_PD));
    stq_be_p(ctx + SRQC_DBR_ADDR, vhca_record(queue));
    vhca_command_page(cmd, 0, vhca_queue(queue));
}

static void create_queue(Fuzz *f, uint16_t opcode, int kind)
{
    unsigned int queue = fuzz_pick(f, FUZZ_QUEUES);
    VhcaCommand cmd;
    uint32_t id;

    vhca_command_init(&cmd, opcode);
    if (kind == FUZZ_EQ) {
        vhca_fill_eq(&f->vhca, &cmd, queue);
        ifc_set(cmd.in + CMD_CONTEXT, EQC_INTR, fuzz_pick(f, 18));
    } else if (kind == FUZZ_CQ) {
        vhca_fill_cq(&f->vhca, &cmd, queue);
        ifc_set(cmd.in + CMD_CONTEXT, CQC_LOG_CQ_SIZE, fuzz_pick(f, 9));
        ifc_set(cmd.in + CMD_CONTEXT, CQC_OI, fuzz_pick(f, 2));
        ifc_set(cmd.in + CMD_CONTEXT, CQC_CQE_SZ, fuzz_pick(f, 2));
    } else {
        fill_srq(f, &cmd, queue);
    }
    /* A queue may be anywhere: on a BAR, on its own doorbell */
    if (fuzz_rarely(f, 4)) {
        vhca_command_page(&cmd, 0, fuzz_address(f));
    }
    if (run(f, &cmd, &id)) {
        remember(f, kind, id);
    }
}

static void allocate(Fuzz *f, uint16_t opcode, int kind)
{
    VhcaCommand cmd;
    uint32_t id;

    vhca_command_init(&cmd, opcode);
    cmd.in_len = 16;
    if (run(f, &cmd, &id)) {
        remember(f, kind, id);
    }
}

/* Commands that are a number and perhaps a few words more */
static void by_number(Fuzz *f, uint16_t opcode, int kind)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, opcode);
    ifc_set(cmd.in, CMD_IN_ID, some_id(f, kind));
    stl_be_p(cmd.in + 12, fuzz_value(f));
    run(f, &cmd, NULL);
}

static void any_command(Fuzz *f)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, 0x100 + fuzz_pick(f, 0x720));
    cmd.in_len = fuzz_pick(f, VHCA_INBOX_MAX);
    cmd.out_len = 4112;
    for (unsigned int i = 2; i < cmd.in_len; i++) {
        cmd.in[i] = fuzz_value(f);
    }
    run(f, &cmd, NULL);
}

/* Several commands with one doorbell; one changes while others run */
static void many_commands(Fuzz *f)
{
    VhcaCommand cmd;

    for (unsigned int slot = 0; slot < VHCA_SLOTS; slot++) {
        vhca_command_init(&cmd, fuzz_rarely(f, 2) ? VHCA_OP_QUERY_QP :
                                                    VHCA_OP_QUERY_HCA_CAP);
        ifc_set(cmd.in, CMD_IN_ID, some_id(f, FUZZ_QP));
        cmd.out_len = 4112;
        vhca_submit(&f->vhca, slot, &cmd);
    }
    if (fuzz_rarely(f, 2)) {
        /* The queue where the answer goes: a mailbox of slot 0 */
        qtest_writeq(f->qts, VHCA_CMDQ + 48, bswap64(fuzz_address(f)));
    }
    fuzz_note(f, "vhca commands in all slots");
    vhca_ring_commands(&f->vhca, fuzz_value(f) | 0xf);
}

static const struct {
    uint16_t opcode;
    int kind;
} numbered[] = {
    { VHCA_OP_DESTROY_MKEY, FUZZ_MKEY }, { VHCA_OP_QUERY_MKEY, FUZZ_MKEY },
    { VHCA_OP_DESTROY_EQ, FUZZ_EQ }, { VHCA_OP_QUERY_EQ, FUZZ_EQ },
    { VHCA_OP_DESTROY_CQ, FUZZ_CQ }, { VHCA_OP_QUERY_CQ, FUZZ_CQ },
    { VHCA_OP_DESTROY_QP, FUZZ_QP }, { VHCA_OP_QUERY_QP, FUZZ_QP },
    { VHCA_OP_2ERR_QP, FUZZ_QP }, { VHCA_OP_2RST_QP, FUZZ_QP },
    { VHCA_OP_DESTROY_SRQ, FUZZ_SRQ }, { VHCA_OP_QUERY_SRQ, FUZZ_SRQ },
    { VHCA_OP_ARM_RQ, FUZZ_SRQ }, { VHCA_OP_DEALLOC_PD, FUZZ_PD },
    { VHCA_OP_DEALLOC_UAR, FUZZ_UAR }, { VHCA_OP_DEALLOC_XRCD, FUZZ_XRCD },
};

static const struct {
    uint16_t opcode;
    int kind;
} allocated[] = {
    { VHCA_OP_ALLOC_PD, FUZZ_PD }, { VHCA_OP_ALLOC_UAR, FUZZ_UAR },
    { VHCA_OP_ALLOC_XRCD, FUZZ_XRCD },
};

static void bring_down(Fuzz *f)
{
    static const uint16_t opcodes[] = {
        VHCA_OP_TEARDOWN_HCA, VHCA_OP_DISABLE_HCA, VHCA_OP_ENABLE_HCA,
        VHCA_OP_INIT_HCA, VHCA_OP_SET_HCA_CAP,
    };

    by_number(f, opcodes[fuzz_pick(f, ARRAY_SIZE(opcodes))], FUZZ_PD);
    if (!fuzz_rarely(f, 4)) {
        fuzz_vhca_start(f);
    }
}

void fuzz_vhca_command(Fuzz *f)
{
    unsigned int n;

    switch (fuzz_pick(f, 16)) {
    case 0:
        bring_down(f);
        break;
    case 1:
        any_command(f);
        break;
    case 2:
        many_commands(f);
        break;
    case 3 ... 4:
        create_queue(f, VHCA_OP_CREATE_CQ, FUZZ_CQ);
        break;
    case 5:
        create_queue(f, VHCA_OP_CREATE_EQ, FUZZ_EQ);
        break;
    case 6 ... 7:
        create_queue(f, VHCA_OP_CREATE_SRQ, FUZZ_SRQ);
        break;
    case 8:
        n = fuzz_pick(f, ARRAY_SIZE(allocated));
        allocate(f, allocated[n].opcode, allocated[n].kind);
        break;
    default:
        n = fuzz_pick(f, ARRAY_SIZE(numbered));
        by_number(f, numbered[n].opcode, numbered[n].kind);
    }
}

void fuzz_vhca_create_qp(Fuzz *f)
{
    static const uint8_t types[] = {
        0, 0, 0, 0, VHCA_QP_ST_UC, VHCA_QP_ST_UD, VHCA_QP_ST_QP0,
        VHCA_QP_ST_QP1, VHCA_QP_ST_REG_UMR, VHCA_QP_ST_REG_UMR,
    };
    uint8_t type = types[fuzz_pick(f, ARRAY_SIZE(types))];
    unsigned int queue = 2 + fuzz_pick(f, FUZZ_QUEUES - 2);
    VhcaCommand cmd;
    uint8_t *ctx = cmd.in + CMD_QPC;
    uint32_t qpn;

    vhca_command_init(&cmd, VHCA_OP_CREATE_QP);
    vhca_fill_qp(&f->vhca, &cmd, queue);
    ifc_set(ctx, QPC_ST, type);
    if (fuzz_rarely(f, 3)) {
        ifc_set(ctx, QPC_RQ_TYPE, 1);
        ifc_set(ctx, QPC_SRQN, some_id(f, FUZZ_SRQ));
    }
    if (fuzz_rarely(f, 3)) {
        ifc_set(ctx, QPC_CQN_RCV, some_id(f, FUZZ_CQ));
    }
    if (fuzz_rarely(f, 8)) {
        vhca_command_page(&cmd, 0, fuzz_address(f));
    }
    if (run(f, &cmd, &qpn)) {
        remember(f, FUZZ_QP, qpn);
        f->queue[queue] = (FuzzQueue) { .qpn = qpn, .type = type };
        stq_be_p(cmd.in, 0);
        qtest_memwrite(f->qts, vhca_record(queue), cmd.in, 8);
    }
}

static FuzzQueue *queue_of(Fuzz *f, uint32_t qpn)
{
    for (int i = 0; i < FUZZ_QUEUES; i++) {
        if (f->queue[i].qpn == qpn) {
            return &f->queue[i];
        }
    }
    return NULL;
}

/* From whatever state it is in, and with empty queues */
static bool connect_one(Fuzz *f, uint32_t qpn, uint32_t peer)
{
    static const uint8_t nothing[8];
    FuzzQueue *q = queue_of(f, qpn);
    VhcaCommand cmd;

    vhca_command_init(&cmd, VHCA_OP_2RST_QP);
    ifc_set(cmd.in, CMD_IN_ID, qpn);
    cmd.in_len = 16;
    cmd.out_len = 16;
    vhca_run(&f->vhca, &cmd, NULL);
    if (q) {
        q->sq_tail = q->rq_tail = 0;
        qtest_memwrite(f->qts, vhca_record(q - f->queue), nothing,
                       sizeof(nothing));
    }
    return vhca_connect(&f->vhca, qpn, peer);
}

/* A queue pair to RTS; its peer is another one, or itself */
void fuzz_vhca_connect(Fuzz *f)
{
    uint32_t qpn = some_id(f, FUZZ_QP), peer = some_id(f, FUZZ_QP);
    bool there, back = true;

    if (fuzz_rarely(f, 2)) {
        peer = qpn;
    }
    there = connect_one(f, qpn, peer);
    if (peer != qpn) {
        back = connect_one(f, peer, qpn);
    }
    fuzz_note(f, "connect 0x%x and 0x%x: %d %d", qpn, peer, there, back);
}

/* A key for pages that are anywhere */
static void fill_pages(Fuzz *f, VhcaCommand *cmd)
{
    uint8_t *mkc = cmd->in + CMD_CONTEXT;
    unsigned int pages = 1 + fuzz_pick(f, 16);

    ifc_set(mkc, MKC_ACCESS_MODE_1_0, 1);
    ifc_set(mkc, MKC_LOG_PAGE_SIZE, fuzz_rarely(f, 8) ? fuzz_pick(f, 64) : 12);
    stq_be_p(mkc + MKC_START_ADDR, fuzz_rarely(f, 4) ? fuzz_value(f)
                                                     : FUZZ_DATA);
    stq_be_p(mkc + MKC_LEN, fuzz_rarely(f, 4) ? fuzz_value(f)
                                              : pages * 4 * KiB);
    ifc_set(mkc, MKC_TRANSLATIONS, fuzz_rarely(f, 8) ? fuzz_value(f)
                                                     : DIV_ROUND_UP(pages, 2));
    ifc_set(cmd->in, CREATE_MKEY_ACTUAL_OCTOS, DIV_ROUND_UP(pages, 2));
    for (unsigned int i = 0; i < pages; i++) {
        vhca_command_page(cmd, i, (fuzz_address(f) & ~0xfffull) | 3);
    }
    cmd->in_len = CMD_PAS + 16 * DIV_ROUND_UP(pages, 2);
}

static void create_mkey(Fuzz *f, bool pages)
{
    VhcaCommand cmd;
    uint8_t *mkc = cmd.in + CMD_CONTEXT;
    unsigned int n = f->nr_ids[FUZZ_MKEY] % FUZZ_IDS;
    uint32_t id;

    vhca_command_init(&cmd, VHCA_OP_CREATE_MKEY);
    vhca_fill_mkey(&f->vhca, &cmd);
    if (pages) {
        fill_pages(f, &cmd);
    }
    ifc_set(mkc, MKC_MKEY_7_0, fuzz_pick(f, 4));
    ifc_set(mkc, MKC_UMR_EN, 1);
    ifc_set(mkc, MKC_FREE, fuzz_rarely(f, 8));
    ifc_set(mkc, MKC_EN_RINVAL, fuzz_rarely(f, 2));
    ifc_set(mkc, MKC_RELAXED_WRITE, fuzz_pick(f, 2));
    ifc_set(mkc, MKC_TPH_EN, fuzz_pick(f, 2));
    ifc_set(mkc, MKC_TPH_PH, fuzz_pick(f, 4));
    ifc_set(mkc, MKC_TPH_ST_INDEX, fuzz_value(f));
    ifc_set(mkc, MKC_MA_TRANSLATION_MODE, fuzz_rarely(f, 8) ? fuzz_pick(f, 4) :
                                                              fuzz_pick(f, 2));
    if (run(f, &cmd, &id)) {
        f->key[n] = (FuzzKey) {
            .key = id << 8 | ifc_get(mkc, MKC_MKEY_7_0),
            .start = ldq_be_p(mkc + MKC_START_ADDR),
            .length = ldq_be_p(mkc + MKC_LEN),
        };
        remember(f, FUZZ_MKEY, id);
    }
}

void fuzz_vhca_mkey(Fuzz *f)
{
    create_mkey(f, !fuzz_rarely(f, 3));
}

/* Work requests */

static uint8_t *add_data(Fuzz *f, uint8_t *p)
{
    FuzzKey key = some_key(f);
    uint32_t len = fuzz_rarely(f, 16) ? fuzz_length(f)
                                      : 1 + fuzz_pick(f, 8 * KiB);
    uint64_t addr = key_address(f, &key, &len);

    stl_be_p(p, fuzz_rarely(f, 32) ? VHCA_WQE_INLINE | fuzz_pick(f, 64)
                                   : len & ~VHCA_WQE_INLINE);
    stl_be_p(p + 4, key.key);
    stq_be_p(p + 8, addr);
    return p + VHCA_WQE_SEGMENT;
}

static uint8_t *add_remote(Fuzz *f, uint8_t *p)
{
    FuzzKey key = some_key(f);
    uint32_t len = 0;

    stq_be_p(p, key_address(f, &key, &len) & -(1ull << fuzz_pick(f, 4)));
    stl_be_p(p + 8, key.key);
    return p + VHCA_WQE_SEGMENT;
}

static uint8_t *add_umr(Fuzz *f, uint8_t *wqe)
{
    uint8_t *mkc = wqe + 64;

    stl_be_p(wqe + 12, some_key(f).key);
    wqe[16] = fuzz_rarely(f, 2) ? 0x80 : fuzz_value(f);
    stw_be_p(wqe + 20, fuzz_pick(f, 8));
    stw_be_p(wqe + 22, fuzz_rarely(f, 4) ? fuzz_value(f) : 0);
    stq_be_p(wqe + 24, fuzz_rarely(f, 2) ? fuzz_value(f) : 0);
    for (unsigned int i = 0; i < MKC_SIZE; i += 8) {
        stq_be_p(mkc + i, fuzz_value(f));
    }
    return add_data(f, wqe + 128);
}

static uint8_t *add_segments(Fuzz *f, uint8_t opcode, uint8_t *wqe)
{
    uint8_t *p = wqe + VHCA_WQE_SEGMENT;

    switch (opcode) {
    case VHCA_WQE_UMR:
        return add_umr(f, wqe);
    case VHCA_WQE_CMP_SWAP:
    case VHCA_WQE_FETCH_ADD:
        p = add_remote(f, p);
        stq_be_p(p, fuzz_value(f));
        stq_be_p(p + 8, fuzz_value(f));
        p = add_data(f, p + VHCA_WQE_SEGMENT);
        if (!fuzz_rarely(f, 8)) {
            stl_be_p(p - VHCA_WQE_SEGMENT, 8);
        }
        return p;
    case VHCA_WQE_WRITE:
    case VHCA_WQE_WRITE_IMM:
    case VHCA_WQE_READ:
        p = add_remote(f, p);
        break;
    }
    for (unsigned int n = 1 + fuzz_pick(f, 2); n; n--) {
        p = add_data(f, p);
    }
    return p;
}

/* One that the queue pair has, most of the time */
static uint8_t pick_opcode(Fuzz *f, uint8_t type)
{
    static const uint8_t opcodes[] = {
        VHCA_WQE_SEND, VHCA_WQE_SEND_IMM, VHCA_WQE_NOP, VHCA_WQE_WRITE,
        VHCA_WQE_WRITE_IMM, VHCA_WQE_WRITE, VHCA_WQE_WRITE, VHCA_WQE_READ,
        VHCA_WQE_READ, VHCA_WQE_CMP_SWAP, VHCA_WQE_FETCH_ADD,
        VHCA_WQE_SEND_INVAL, VHCA_WQE_UMR,
    };
    unsigned int n = ARRAY_SIZE(opcodes) - 1;

    if (fuzz_rarely(f, 32)) {
        return opcodes[fuzz_pick(f, n + 1)];
    }
    switch (type) {
    case VHCA_QP_ST_REG_UMR:
        return VHCA_WQE_UMR;
    case VHCA_QP_ST_UC:
        n = 7;
        break;
    case VHCA_QP_ST_UD:
    case VHCA_QP_ST_QP0 ... VHCA_QP_ST_QP1:
        n = 3;
        break;
    }
    return opcodes[fuzz_pick(f, n)];
}

/* Where a datagram goes: Q_Key, queue pair, LID */
static size_t add_datagram(Fuzz *f, uint8_t *p, uint8_t opcode)
{
    if (opcode == VHCA_WQE_NOP) {
        return 0;
    }
    stl_be_p(p + 8, some_id(f, FUZZ_QP));
    stw_be_p(p + 14, 1);
    return VHCA_WQE_SEGMENT;
}

/* Returns how many 64-byte blocks it takes */
static unsigned int make_wqe(Fuzz *f, uint8_t *wqe, const FuzzQueue *q)
{
    uint8_t opcode = pick_opcode(f, q->type);
    bool datagram = q->type == VHCA_QP_ST_UD || q->type == VHCA_QP_ST_QP0 ||
                    q->type == VHCA_QP_ST_QP1;
    size_t av = 0, len;

    if (datagram) {
        av = add_datagram(f, wqe + VHCA_WQE_SEGMENT, opcode);
    }
    len = add_segments(f, opcode, wqe + av) - wqe;
    wqe[3] = opcode;
    if (opcode != VHCA_WQE_UMR) {
        stl_be_p(wqe + 12, some_key(f).key);
    }
    stl_be_p(wqe + 4, q->qpn << 8 | len / VHCA_WQE_SEGMENT);
    wqe[11] = 0x08 | fuzz_pick(f, 2) << 1;
    change_bytes(f, wqe, len);
    fuzz_note(f, "wqe opcode 0x%x on 0x%x", opcode, q->qpn);
    return DIV_ROUND_UP(len, VHCA_WQEBB);
}

static FuzzQueue *some_queue(Fuzz *f, unsigned int *n)
{
    *n = 2 + fuzz_pick(f, FUZZ_QUEUES - 2);
    for (int i = 0; !f->queue[*n].qpn && i < FUZZ_QUEUES; i++) {
        *n = 2 + (*n - 1) % (FUZZ_QUEUES - 2);
    }
    return &f->queue[*n];
}

static void write_record(Fuzz *f, unsigned int queue, unsigned int offset,
                         uint16_t count)
{
    qtest_writel(f->qts, vhca_record(queue) + offset, bswap32(count));
}

void fuzz_vhca_send(Fuzz *f)
{
    unsigned int queue, slots = 1u << VHCA_LOG_SQ;
    FuzzQueue *q = some_queue(f, &queue);
    uint64_t sq = vhca_queue(queue) + VHCA_SQ_OFFSET;

    /* The first request that fails stops it */
    if (fuzz_rarely(f, 2)) {
        connect_one(f, q->qpn, q->qpn);
    }
    for (unsigned int n = 1 + fuzz_pick(f, 4); n; n--) {
        uint8_t wqe[VHCA_WQEBB * 4] = { 0 };
        unsigned int blocks = make_wqe(f, wqe, q);

        for (unsigned int i = 0; i < blocks; i++) {
            qtest_bufwrite(f->qts, sq + (q->sq_tail++ % slots) * VHCA_WQEBB,
                           wqe + i * VHCA_WQEBB, VHCA_WQEBB);
        }
    }
    write_record(f, queue, VHCA_RECORD_SEND, q->sq_tail);
    vhca_ring_send(&f->vhca, q->qpn);
}

void fuzz_vhca_recv(Fuzz *f)
{
    unsigned int queue, slots = 1u << VHCA_LOG_RQ;
    FuzzQueue *q = some_queue(f, &queue);

    for (unsigned int n = 1 + fuzz_pick(f, 4); n; n--) {
        uint8_t wqe[VHCA_RQ_STRIDE] = {};
        uint8_t *p = wqe;

        while (p < wqe + sizeof(wqe)) {
            p = add_data(f, p);
        }
        qtest_bufwrite(f->qts, vhca_queue(queue) +
                       (q->rq_tail++ % slots) * VHCA_RQ_STRIDE, wqe,
                       sizeof(wqe));
    }
    fuzz_note(f, "receive on 0x%x", q->qpn);
    write_record(f, queue, VHCA_RECORD_RECV, q->rq_tail);
}

/* Arm completion and event queues, or ring for what does not exist */
void fuzz_vhca_doorbell(Fuzz *f)
{
    uint64_t uar = (uint64_t)f->vhca.uar << 12;
    unsigned int how = fuzz_pick(f, 5);

    fuzz_note(f, "doorbell %u", how);
    switch (how) {
    case 0:
        vhca_write64(&f->vhca, uar + VHCA_UAR_CQ_ARM, fuzz_value(f) << 32 |
                                           some_id(f, FUZZ_CQ));
        break;
    case 1:
        vhca_write32(&f->vhca, uar + VHCA_UAR_EQ_ARM + 8 * fuzz_pick(f, 2),
                     some_id(f, FUZZ_EQ) << 24 | fuzz_pick(f, 64));
        break;
    case 2:
        vhca_write32(&f->vhca, uar + fuzz_pick(f, 0x1000), fuzz_value(f));
        break;
    case 3:
        vhca_write64(&f->vhca, fuzz_value(f) & 0xfffff8, fuzz_value(f));
        break;
    default:
        vhca_ring_send(&f->vhca, some_id(f, FUZZ_QP));
    }
}

void fuzz_vhca_start(Fuzz *f)
{
    LabFunction *fn = lab_find(&f->pci, VHCA_DEVICE_ID,
                               fuzz_pick(f, 2));

    if (!fn) {
        fn = lab_find(&f->pci, VHCA_DEVICE_ID, 0);
    }
    f->has_vhca = fn && vhca_bring_up(&f->vhca, f->qts, fn->bar[0]);
    memset(f->nr_ids, 0, sizeof(f->nr_ids));
    memset(f->queue, 0, sizeof(f->queue));
    if (!f->has_vhca) {
        return;
    }
    remember(f, FUZZ_PD, f->vhca.pd);
    remember(f, FUZZ_UAR, f->vhca.uar);
    remember(f, FUZZ_EQ, f->vhca.eqn);
    remember(f, FUZZ_CQ, f->vhca.cqn);
    for (int i = 0; i < 3; i++) {
        create_mkey(f, i);
        fuzz_vhca_create_qp(f);
    }
    fuzz_vhca_connect(f);
}
