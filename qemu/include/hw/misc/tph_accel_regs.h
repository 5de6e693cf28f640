/*
 * tph-accel: registers of the lab's accelerator
 *
 * SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Plain numbers, for the device model and for the programs that drive it.
 * BAR 0 holds the registers (little endian; 4- and 8-byte accesses, naturally
 * aligned), BAR 2 the memory.
 */
#ifndef HW_MISC_TPH_ACCEL_REGS_H
#define HW_MISC_TPH_ACCEL_REGS_H

#define TPH_ACCEL_VENDOR_ID        0x1234
#define TPH_ACCEL_DEVICE_ID        0x7b01
#define TPH_ACCEL_REGS_BAR         0
#define TPH_ACCEL_MEM_BAR          2

#define TPH_ACCEL_REG_ID           0x000   /* ro, u32: TPH_ACCEL_ID */
#define   TPH_ACCEL_ID             0x41485054      /* "TPHA" */
#define TPH_ACCEL_REG_VERSION      0x004   /* ro, u32: 1 */
#define TPH_ACCEL_REG_MEM_SIZE     0x008   /* ro, u64: bytes of BAR 2 */
#define TPH_ACCEL_REG_RULES        0x010   /* ro, u32: number of ingress rules */
#define TPH_ACCEL_REG_CTRL         0x014   /* rw, u32 */
#define   TPH_ACCEL_CTRL_CLEAR     0x1     /* w1, reads 0: clear all counters */

/* Counters of the ingress block, ro, u64 each; TLPs, then payload bytes */
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

/*
 * Ingress rules: what the block does with a write that carries a tag. A rule
 * matches tag and namespace; the first valid match counts. A tag without a
 * rule, and a write without a hint, are stored.
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
#define TPH_ACCEL_RULE_UNALIGNED   0x18    /* ro, u64: bytes of lanes that a
                                            * write covers in part: stored */

#define TPH_ACCEL_REGS_SIZE        0x1000

#endif
