/*
 * A virtual ConnectX with a queue pair that talks to itself
 *
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef TESTS_VHCA_LAB_H
#define TESTS_VHCA_LAB_H

#include "hw/misc/tph_accel_regs.h"
#include "hw/pci/pci_regs.h"
#include "fabric-vhca.h"

#define WAIT_SECONDS    60
#define DATA            0x1000000ull

#define A_PORT(n) "-device fabric-root-port,id=p" #n ",chassis=" #n \
    ",addr=" #n ",peer=keep "
#define ONE_PORT    A_PORT(2) "-device vhca,bus=p2 "
#define TWO_PORTS   ONE_PORT A_PORT(3) "-device tph-accel,bus=p3,mem-size=64M "

/**
 * struct Nic
 * @port: above the adapter
 * @queue: where requests go; @key: for all addresses, as they are
 * @completed: entries of the driver's completion queue that were read
 */
typedef struct Nic {
    QTestState *qts;
    LabPCI pci;
    LabFunction *fn;
    LabFunction *port;
    VhcaDriver v;
    VhcaQueue queue;
    uint32_t key;
    unsigned int completed;
} Nic;

static inline gint64 time_limit(void)
{
    return g_get_monotonic_time() + WAIT_SECONDS * G_TIME_SPAN_SECOND;
}

/* Waits until @cond, or fails */
#define WAIT_FOR(cond) do {                                             \
        gint64 end_ = time_limit();                                     \
                                                                        \
        while (!(cond)) {                                               \
            g_assert_cmpint(g_get_monotonic_time(), <, end_);           \
        }                                                               \
    } while (0)

static inline bool run_command(Nic *nic, VhcaCommand *cmd, uint32_t *id)
{
    return vhca_run(&nic->v, cmd, id);
}

/* A command that is a number and, maybe, what follows it */
static inline bool run_on(Nic *nic, uint16_t opcode, uint32_t id)
{
    VhcaCommand cmd;

    vhca_command_init(&cmd, opcode);
    ifc_set(cmd.in, CMD_IN_ID, id);
    return run_command(nic, &cmd, NULL);
}

static inline uint32_t create_key(Nic *nic, VhcaCommand *cmd)
{
    uint32_t id;

    g_assert_true(run_command(nic, cmd, &id));
    return id << 8;
}

/* A key for every address */
static inline void key_command(Nic *nic, VhcaCommand *cmd)
{
    vhca_command_init(cmd, VHCA_OP_CREATE_MKEY);
    vhca_fill_mkey(&nic->v, cmd);
}

/* Of the driver's completion queue */
static inline void forget_completions(Nic *nic)
{
    qtest_memset(nic->qts, vhca_cqe(0), VHCA_CQE_INVALID,
                 VHCA_CQE_SIZE << VHCA_LOG_CQ);
}

static inline void nic_bring_up(Nic *nic)
{
    VhcaCommand cmd;

    qtest_memset(nic->qts, vhca_record(0), 0, 256);
    forget_completions(nic);
    g_assert_true(vhca_bring_up(&nic->v, nic->qts, nic->fn->bar[0]));
    g_assert_true(vhca_create_queue(&nic->v, VHCA_QUEUE_FIRST, VHCA_QP_ST_RC,
                                    &nic->queue));
    key_command(nic, &cmd);
    nic->key = create_key(nic, &cmd);
    nic->completed = 0;
}

static inline void nic_find(Nic *nic)
{
    lab_enumerate(&nic->pci, nic->qts);
    nic->fn = lab_find(&nic->pci, VHCA_DEVICE_ID, 0);
    nic->port = nic->fn - 1;
}

static inline Nic *nic_start(const char *arguments)
{
    Nic *nic = g_new0(Nic, 1);

    nic->qts = qtest_initf("-machine q35,kernel-irqchip=split -m 64 "
                           "-nodefaults -display none %s", arguments);
    nic_find(nic);
    nic_bring_up(nic);
    return nic;
}

static inline void nic_end(Nic *nic)
{
    qtest_quit(nic->qts);
    g_free(nic);
}

/* Configuration space */

static inline uint16_t exp_word(Nic *nic, unsigned int reg)
{
    return qtest_readw(nic->qts, nic->fn->cfg + nic->fn->exp + reg);
}

static inline void set_exp_word(Nic *nic, unsigned int reg, uint16_t val)
{
    qtest_writew(nic->qts, nic->fn->cfg + nic->fn->exp + reg, val);
}

static inline void set_bus_reset(Nic *nic, bool on)
{
    qtest_writew(nic->qts, nic->port->cfg + PCI_BRIDGE_CONTROL,
                 on ? PCI_BRIDGE_CTL_BUS_RESET : 0);
}

static inline uint64_t accel_bar(Nic *nic, unsigned int bar)
{
    return lab_find(&nic->pci, TPH_ACCEL_DEVICE_ID, 0)->bar[bar];
}

/* From whatever state it is in to RTS, with nothing in it */
static inline void queue_restart(Nic *nic, VhcaQueue *q)
{
    g_assert_true(run_on(nic, VHCA_OP_2RST_QP, q->qpn));
    qtest_writeq(nic->qts, vhca_record(q->queue), 0);
    q->sent = 0;
    g_assert_true(vhca_connect(&nic->v, q->qpn, q->qpn));
}

/* Between two addresses of the key */
static inline VhcaRequest make_request(Nic *nic, uint8_t opcode,
                                       uint64_t remote, uint64_t local,
                                       uint32_t length)
{
    return (VhcaRequest) {
        .opcode = opcode,
        .signaled = true,
        .remote = remote,
        .rkey = nic->key,
        .local = local,
        .lkey = nic->key,
        .length = length,
    };
}

static inline void post(Nic *nic, const VhcaRequest *request)
{
    vhca_post(&nic->v, &nic->queue, request);
    vhca_ring_posted(&nic->v, &nic->queue);
}

static inline bool is_completed(Nic *nic)
{
    return qtest_readb(nic->qts, vhca_cqe(nic->completed) +
                       VHCA_CQE_OP_OWN) != VHCA_CQE_INVALID;
}

/* The next completion: its opcode, above the syndrome if it is an error */
#define COMPLETION(opcode, syndrome) ((opcode) << 8 | (syndrome))
#define DONE                COMPLETION(VHCA_CQE_REQ, 0)
#define FAILED(syndrome)    COMPLETION(VHCA_CQE_REQ_ERR, \
                                       VHCA_SYNDROME_##syndrome)

static inline unsigned int completion(Nic *nic)
{
    uint64_t cqe = vhca_cqe(nic->completed);
    uint8_t opcode;

    WAIT_FOR(is_completed(nic));
    nic->completed++;
    opcode = qtest_readb(nic->qts, cqe + VHCA_CQE_OP_OWN) >> 4;
    return COMPLETION(opcode, opcode < VHCA_CQE_REQ_ERR ? 0 :
                      qtest_readb(nic->qts, cqe + VHCA_CQE_SYNDROME));
}

static inline unsigned int run_request(Nic *nic, const VhcaRequest *request)
{
    post(nic, request);
    return completion(nic);
}

static inline unsigned int rdma(Nic *nic, uint8_t opcode, uint64_t remote,
                                uint64_t local, uint32_t length)
{
    VhcaRequest wr = make_request(nic, opcode, remote, local, length);

    return run_request(nic, &wr);
}

static inline void expect_works(Nic *nic, uint64_t remote)
{
    const uint64_t value = 0x600df00d12345678;

    qtest_writeq(nic->qts, remote, 0);
    qtest_writeq(nic->qts, DATA, value);
    g_assert_cmphex(rdma(nic, VHCA_WQE_WRITE, remote, DATA, sizeof(value)), ==,
                    DONE);
    g_assert_cmphex(qtest_readq(nic->qts, remote), ==, value);
}

/* Bottom halves and timers: whatever wants to happen */
static inline void let_it_run(Nic *nic)
{
    for (int i = 0; i < 64; i++) {
        qtest_clock_step(nic->qts, 10 * 1000 * 1000);
    }
}

#endif
