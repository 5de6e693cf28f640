/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * tph-accel: registers of an emulated accelerator that acts on TPH
 *
 * Plain numbers, for the device model and for the programs that drive it.
 * BAR 0 holds the registers (little endian; 4- and 8-byte accesses, naturally
 * aligned; an 8-byte one is two 4-byte ones, the lower first), BAR 2 the
 * memory, BAR 4 the MSI-X table.
 *
 * Reset (Function Level Reset too) clears rules, counters and the DMA engine
 * with its descriptor, and stops a copy where it is. The memory keeps its
 * content. What is not listed reads 0 and ignores writes.
 */
#ifndef TPH_ACCEL_REGS_H
#define TPH_ACCEL_REGS_H

#define TPH_ACCEL_VENDOR_ID        0x1234
#define TPH_ACCEL_DEVICE_ID        0x7b01
#define TPH_ACCEL_REGS_BAR         0
#define TPH_ACCEL_MEM_BAR          2
#define TPH_ACCEL_MSIX_BAR         4
#define TPH_ACCEL_NR_VECTORS       8

#define TPH_ACCEL_REG_ID           0x000   /* ro, u32: TPH_ACCEL_ID */
#define   TPH_ACCEL_ID             0x41485054      /* "TPHA" */
#define TPH_ACCEL_REG_VERSION      0x004   /* ro, u32: TPH_ACCEL_VERSION */
#define   TPH_ACCEL_VERSION        1
#define TPH_ACCEL_REG_MEM_SIZE     0x008   /* ro, u64: bytes of BAR 2 */
#define TPH_ACCEL_REG_RULES        0x010   /* ro, u32: NR_RULES */
#define TPH_ACCEL_REG_CTRL         0x014   /* rw, u32 */
#define   TPH_ACCEL_CTRL_CLEAR     0x1     /* w1: clear counters, LAST* */

/*
 * Counters of the ingress block, ro, u64 each; TLPs, then payload bytes. They
 * count what comes from other devices as TLPs to BAR 2; accesses of a CPU are
 * no TLPs here. A function that is no TPH completer takes every write for one
 * without a hint.
 */
#define TPH_ACCEL_REG_PLAIN_TLPS   0x040   /* writes without a hint: stored */
#define TPH_ACCEL_REG_PLAIN_BYTES  0x048
#define TPH_ACCEL_REG_OTHER_TLPS   0x050   /* hint matched no rule: stored */
#define TPH_ACCEL_REG_OTHER_BYTES  0x058
#define TPH_ACCEL_REG_READ_TLPS    0x060
#define TPH_ACCEL_REG_READ_BYTES   0x068
#define TPH_ACCEL_REG_LAST         0x070   /* ro, u32: hint of the last write */
#define   TPH_ACCEL_LAST_ST_MASK   0x0000ffff
#define   TPH_ACCEL_LAST_PH_SHIFT  16
#define   TPH_ACCEL_LAST_PH_MASK   0x00030000
#define   TPH_ACCEL_LAST_EXT       0x00100000      /* 16-bit tag */
#define   TPH_ACCEL_LAST_TH        0x00200000
#define TPH_ACCEL_REG_LAST_READ    0x074   /* ro, u32: hint of the last read */
#define TPH_ACCEL_REG_ATOMIC_TLPS  0x078   /* FetchAdd, Swap and CAS */
#define TPH_ACCEL_REG_ATOMIC_BYTES 0x080

/*
 * DMA engine: COUNT copies of LEN bytes from SRC to DST, one after the other,
 * as memory read and write TLPs of this function. While a copy runs, writes to
 * the descriptor (SRC to VECTOR) are ignored. A write that nobody claims is
 * lost without an error, as on every bus with posted writes. This function's
 * own registers are out of the engine's reach, its memory is not.
 */
#define TPH_ACCEL_REG_DMA_SRC      0x100   /* rw, u64: DMA address */
#define TPH_ACCEL_REG_DMA_DST      0x108   /* rw, u64: DMA address */
#define TPH_ACCEL_REG_DMA_LEN      0x110   /* rw, u32: bytes of one copy */
#define   TPH_ACCEL_DMA_MAX_LEN    0x00100000
#define TPH_ACCEL_REG_DMA_COUNT    0x114   /* rw, u32: copies; resets to 1 */
#define   TPH_ACCEL_DMA_MAX_COUNT  0x00010000
/*
 * The hint that the TLPs carry as far as the TPH Requester capability has it
 * enabled. ST is an index if that capability has an ST table, else the tag;
 * whether it is an 8-bit or a 16-bit one is the enabled requester type's say.
 */
#define TPH_ACCEL_REG_DMA_HINT     0x118   /* rw, u32 */
#define   TPH_ACCEL_HINT_ST_MASK   0x0000ffff
#define   TPH_ACCEL_HINT_PH_SHIFT  16
#define   TPH_ACCEL_HINT_PH_MASK   0x00030000
#define   TPH_ACCEL_HINT_WRITES    0x00200000      /* on the writes to DST */
#define   TPH_ACCEL_HINT_READS     0x00400000      /* on the reads of SRC */
#define TPH_ACCEL_REG_DMA_VECTOR   0x11c   /* rw, u32 */
#define   TPH_ACCEL_VECTOR_MASK    0x000000ff      /* below NR_VECTORS */
#define   TPH_ACCEL_VECTOR_ENABLE  0x80000000      /* interrupt at the end */
#define TPH_ACCEL_REG_DMA_CTRL     0x120   /* w1, reads 0: the doorbell */
#define   TPH_ACCEL_DMA_START      0x1     /* ignored while a copy runs */
#define   TPH_ACCEL_DMA_ABORT      0x2     /* no interrupt, error ABORTED */
/* Requests with translated addresses, if ATS is enabled */
#define   TPH_ACCEL_DMA_TRANSLATE  0x4
#define   TPH_ACCEL_DMA_OP_SHIFT   4       /* with START: what to do */
#define   TPH_ACCEL_DMA_OP_MASK    0x00000030
#define     TPH_ACCEL_DMA_COPY     0
#define     TPH_ACCEL_DMA_FETCH_ADD 1      /* one AtomicOp at DST, see below */
#define     TPH_ACCEL_DMA_SWAP     2
#define     TPH_ACCEL_DMA_CAS      3
#define TPH_ACCEL_REG_DMA_STATUS   0x124   /* ro, u32; 0: nothing started */
#define   TPH_ACCEL_DMA_BUSY       0x1
#define   TPH_ACCEL_DMA_DONE       0x2
#define   TPH_ACCEL_DMA_ERROR      0x4     /* stopped; see the code */
#define   TPH_ACCEL_DMA_CODE_SHIFT 8
#define   TPH_ACCEL_DMA_CODE_MASK  0x00000f00
#define     TPH_ACCEL_DMA_CODE_UR  1       /* completion: Unsupported Request */
#define     TPH_ACCEL_DMA_CODE_CA  4       /* completion: Completer Abort */
#define     TPH_ACCEL_DMA_CODE_DESCRIPTOR 8  /* LEN, COUNT, VECTOR, wrap */
#define     TPH_ACCEL_DMA_CODE_ABORTED 9
#define     TPH_ACCEL_DMA_CODE_TRANSLATION 10 /* of a write; a read ends as UR */
#define TPH_ACCEL_REG_DMA_BYTES    0x128   /* ro, u64: written so far */

/*
 * An AtomicOp instead of a copy: LEN is 4 or 8, DST aligned to it, SRC and
 * COUNT do not matter. Needs AtomicOp Requester Enable in Device Control 2,
 * else it ends as a bad descriptor. The hint is that of writes.
 */
#define TPH_ACCEL_REG_DMA_OPERAND  0x130   /* rw, u64: to add or to store */
#define TPH_ACCEL_REG_DMA_COMPARE  0x138   /* rw, u64: CAS stores if equal */
#define TPH_ACCEL_REG_DMA_RESULT   0x148   /* ro, u64: the value found */

/*
 * wo, u32: send the MSI-X message of this vector. Requests for one vector
 * that come before its message is sent are one. Masked: becomes pending.
 */
#define TPH_ACCEL_REG_MSI_SEND     0x140

/*
 * Ingress rules: what the block does with a write that carries a tag. A rule
 * matches tag and namespace; the first valid match counts. A tag without a
 * rule, and a write without a hint, are stored.
 *
 * A lane is a naturally aligned little-endian number in BAR 2; each is changed
 * by one atomic read-modify-write, also against CPUs. VALID does not set if
 * operation or lane are none of these. The processing hint changes nothing.
 */
#define TPH_ACCEL_NR_RULES         16
#define TPH_ACCEL_RULE(n)          (0x400 + (n) * 0x20)
#define TPH_ACCEL_RULE_CTRL        0x00    /* rw, u32 */
#define   TPH_ACCEL_RULE_VALID     0x00000001
#define   TPH_ACCEL_RULE_EXT       0x00000002      /* tag is a 16-bit one */
#define   TPH_ACCEL_RULE_OP_SHIFT  4
#define   TPH_ACCEL_RULE_OP_MASK   0x000000f0
#define     TPH_ACCEL_OP_STORE     0
#define     TPH_ACCEL_OP_ADD       1       /* wraps */
#define     TPH_ACCEL_OP_MIN       2       /* unsigned */
#define     TPH_ACCEL_OP_MAX       3       /* unsigned */
#define     TPH_ACCEL_OP_XOR       4
#define   TPH_ACCEL_RULE_LANE_SHIFT 8
#define   TPH_ACCEL_RULE_LANE_MASK 0x00000f00
#define     TPH_ACCEL_LANE_U8      0
#define     TPH_ACCEL_LANE_U16     1
#define     TPH_ACCEL_LANE_U32     2
#define     TPH_ACCEL_LANE_U64     3
#define TPH_ACCEL_RULE_TAG         0x04    /* rw, u32: [15:0] */
#define TPH_ACCEL_RULE_TLPS        0x08    /* ro, u64 */
#define TPH_ACCEL_RULE_BYTES       0x10    /* ro, u64 */
/* ro, u64: bytes of lanes that a write covers in part: stored */
#define TPH_ACCEL_RULE_UNALIGNED   0x18

#define TPH_ACCEL_REGS_SIZE        0x1000

#endif
