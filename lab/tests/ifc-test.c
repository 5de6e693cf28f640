/*
 * The virtual ConnectX's places of fields against the kernel's own header
 *
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * mlx5_ifc.h describes each structure as arrays of one byte per bit, so
 * offsetof() and sizeof() give a field's place in bits.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
#define BIT(n)                      (1ull << (n))
#define BIT_ULL(n)                  (1ull << (n))
#define DECLARE_FLEX_ARRAY(type, n) type n[0]
#include "mlx5_ifc.h"
#undef BIT

#include "hw/rdma/vhca/abi.h"
#include "hw/rdma/vhca/ifc.h"
#include "tap.h"

typedef struct Place {
    const char *name;
    size_t bit;
    size_t width;
    uint32_t ours;
} Place;

#define BITS(structure, field) \
    offsetof(struct mlx5_ifc_##structure##_bits, field), \
    sizeof(((struct mlx5_ifc_##structure##_bits *)0)->field)

/* A field of at most 32 bits; a 64-bit one or an array, by its first byte */
#define FIELD(structure, field, ours) \
    { #structure "." #field, BITS(structure, field), ours }
#define BYTES(structure, field, byte) \
    { #structure "." #field, \
      offsetof(struct mlx5_ifc_##structure##_bits, field), 0, \
      IFC(byte, 31, 0) }
/* A field of a structure that we address from one further out */
#define INSIDE(outer, inner, structure, field, ours) \
    { #inner ":" #field, \
      offsetof(struct mlx5_ifc_##outer##_bits, inner) + \
      BITS(structure, field), ours }

/* An EQ's number has 8 bits, with reserved ones above */
#define LOW_BYTE(field)  IFC(IFC_BYTE(field), IFC_SHIFT(field) + 7, 8)

static const Place places[] = {
    FIELD(create_mkey_in, opcode, CMD_IN_OPCODE),
    FIELD(create_mkey_in, op_mod, CMD_IN_OP_MOD),
    FIELD(destroy_qp_in, qpn, CMD_IN_ID),
    FIELD(destroy_cq_in, cqn, CMD_IN_ID),
    FIELD(destroy_mkey_in, mkey_index, CMD_IN_ID),
    FIELD(destroy_srq_in, srqn, CMD_IN_ID),
    FIELD(dealloc_pd_in, pd, CMD_IN_ID),
    FIELD(dealloc_uar_in, uar, CMD_IN_ID),
    FIELD(dealloc_xrcd_in, xrcd, CMD_IN_ID),
    FIELD(create_qp_out, qpn, CMD_OUT_ID),
    FIELD(create_cq_out, cqn, CMD_OUT_ID),
    FIELD(create_mkey_out, mkey_index, CMD_OUT_ID),
    FIELD(create_srq_out, srqn, CMD_OUT_ID),
    FIELD(alloc_pd_out, pd, CMD_OUT_ID),
    FIELD(alloc_uar_out, uar, CMD_OUT_ID),
    FIELD(alloc_xrcd_out, xrcd, CMD_OUT_ID),
    FIELD(destroy_eq_in, eq_number, LOW_BYTE(CMD_IN_ID)),
    FIELD(create_eq_out, eq_number, LOW_BYTE(CMD_OUT_ID)),
    BYTES(create_eq_in, eq_context_entry, CMD_CONTEXT),
    BYTES(create_eq_in, event_bitmask, CREATE_EQ_EVENT_MASK),
    BYTES(create_eq_in, pas, CMD_PAS),
    BYTES(create_cq_in, cq_context, CMD_CONTEXT),
    BYTES(create_cq_in, pas, CMD_PAS),
    FIELD(create_cq_in, cq_umem_valid, CREATE_CQ_UMEM_VALID),
    BYTES(create_mkey_in, memory_key_mkey_entry, CMD_CONTEXT),
    BYTES(create_mkey_in, klm_pas_mtt, CMD_PAS),
    FIELD(create_mkey_in, mkey_umem_valid, CREATE_MKEY_UMEM_VALID),
    FIELD(create_mkey_in, translations_octword_actual_size,
          CREATE_MKEY_ACTUAL_OCTOS),
    BYTES(create_srq_in, srq_context_entry, CMD_CONTEXT),
    BYTES(create_srq_in, pas, CMD_PAS),
    BYTES(create_qp_in, qpc, CMD_QPC),
    BYTES(create_qp_in, pas, CMD_PAS),
    FIELD(create_qp_in, wq_umem_valid, CREATE_QP_UMEM_VALID),
    BYTES(rst2init_qp_in, qpc, CMD_QPC),
    FIELD(rst2init_qp_in, opt_param_mask, CMD_QP_OPT_PARAM_MASK),
    BYTES(query_qp_out, qpc, CMD_QPC),

    FIELD(eqc, page_offset, EQC_PAGE_OFFSET),
    FIELD(eqc, log_eq_size, EQC_LOG_EQ_SIZE),
    FIELD(eqc, uar_page, EQC_UAR_PAGE),
    FIELD(eqc, intr, EQC_INTR),
    FIELD(eqc, log_page_size, EQC_LOG_PAGE_SIZE),
    FIELD(eqc, consumer_counter, EQC_CONSUMER),
    FIELD(eqc, producer_counter, EQC_PRODUCER),

    FIELD(cqc, status, CQC_STATUS),
    FIELD(cqc, cqe_sz, CQC_CQE_SZ),
    FIELD(cqc, oi, CQC_OI),
    FIELD(cqc, page_offset, CQC_PAGE_OFFSET),
    FIELD(cqc, log_cq_size, CQC_LOG_CQ_SIZE),
    FIELD(cqc, uar_page, CQC_UAR_PAGE),
    FIELD(cqc, c_eqn_or_apu_element, CQC_EQN),
    FIELD(cqc, log_page_size, CQC_LOG_PAGE_SIZE),
    FIELD(cqc, consumer_counter, CQC_CONSUMER),
    FIELD(cqc, producer_counter, CQC_PRODUCER),
    BYTES(cqc, dbr_addr, CQC_DBR_ADDR),

    FIELD(qpc, state, QPC_STATE),
    FIELD(qpc, st, QPC_ST),
    FIELD(qpc, pm_state, QPC_PM_STATE),
    FIELD(qpc, wq_signature, QPC_WQ_SIGNATURE),
    FIELD(qpc, pd, QPC_PD),
    FIELD(qpc, mtu, QPC_MTU),
    FIELD(qpc, log_msg_max, QPC_LOG_MSG_MAX),
    FIELD(qpc, log_rq_size, QPC_LOG_RQ_SIZE),
    FIELD(qpc, log_rq_stride, QPC_LOG_RQ_STRIDE),
    FIELD(qpc, no_sq, QPC_NO_SQ),
    FIELD(qpc, log_sq_size, QPC_LOG_SQ_SIZE),
    FIELD(qpc, uar_page, QPC_UAR_PAGE),
    FIELD(qpc, user_index, QPC_USER_INDEX),
    FIELD(qpc, log_page_size, QPC_LOG_PAGE_SIZE),
    FIELD(qpc, remote_qpn, QPC_REMOTE_QPN),
    BYTES(qpc, primary_address_path, QPC_PATH),
    INSIDE(qpc, primary_address_path, ads, pkey_index, QPC_PKEY_INDEX),
    INSIDE(qpc, primary_address_path, ads, rlid, QPC_RLID),
    INSIDE(qpc, primary_address_path, ads, ack_timeout, QPC_ACK_TIMEOUT),
    INSIDE(qpc, primary_address_path, ads, vhca_port_num, QPC_PORT),
    FIELD(qpc, log_sra_max, QPC_LOG_SRA_MAX),
    FIELD(qpc, retry_count, QPC_RETRY_COUNT),
    FIELD(qpc, rnr_retry, QPC_RNR_RETRY),
    FIELD(qpc, next_send_psn, QPC_NEXT_SEND_PSN),
    FIELD(qpc, cqn_snd, QPC_CQN_SND),
    FIELD(qpc, log_rra_max, QPC_LOG_RRA_MAX),
    FIELD(qpc, atomic_mode, QPC_ATOMIC_MODE),
    FIELD(qpc, rre, QPC_RRE),
    FIELD(qpc, rwe, QPC_RWE),
    FIELD(qpc, rae, QPC_RAE),
    FIELD(qpc, page_offset, QPC_PAGE_OFFSET),
    FIELD(qpc, min_rnr_nak, QPC_MIN_RNR_NAK),
    FIELD(qpc, next_rcv_psn, QPC_NEXT_RCV_PSN),
    FIELD(qpc, cqn_rcv, QPC_CQN_RCV),
    BYTES(qpc, dbr_addr, QPC_DBR_ADDR),
    FIELD(qpc, q_key, QPC_Q_KEY),
    FIELD(qpc, rq_type, QPC_RQ_TYPE),
    FIELD(qpc, srqn_rmpn_xrqn, QPC_SRQN),
    FIELD(qpc, hw_sq_wqebb_counter, QPC_HW_SQ_COUNTER),
    FIELD(qpc, sw_sq_wqebb_counter, QPC_SW_SQ_COUNTER),
    FIELD(qpc, hw_rq_counter, QPC_HW_RQ_COUNTER),
    FIELD(qpc, sw_rq_counter, QPC_SW_RQ_COUNTER),

    FIELD(srqc, log_srq_size, SRQC_LOG_SRQ_SIZE),
    FIELD(srqc, wq_signature, SRQC_WQ_SIGNATURE),
    FIELD(srqc, log_rq_stride, SRQC_LOG_STRIDE),
    FIELD(srqc, page_offset, SRQC_PAGE_OFFSET),
    FIELD(srqc, log_page_size, SRQC_LOG_PAGE_SIZE),
    FIELD(srqc, pd, SRQC_PD),
    FIELD(srqc, lwm, SRQC_LWM),
    FIELD(srqc, wqe_cnt, SRQC_WQE_CNT),
    BYTES(srqc, dbr_addr, SRQC_DBR_ADDR),
    FIELD(arm_rq_in, lwm, ARM_RQ_LWM),

    FIELD(mkc, free, MKC_FREE),
    FIELD(mkc, access_mode_4_2, MKC_ACCESS_MODE_4_2),
    FIELD(mkc, relaxed_ordering_write, MKC_RELAXED_WRITE),
    FIELD(mkc, umr_en, MKC_UMR_EN),
    FIELD(mkc, a, MKC_A),
    FIELD(mkc, rw, MKC_RW),
    FIELD(mkc, rr, MKC_RR),
    FIELD(mkc, lw, MKC_LW),
    FIELD(mkc, lr, MKC_LR),
    FIELD(mkc, access_mode_1_0, MKC_ACCESS_MODE_1_0),
    FIELD(mkc, qpn, MKC_QPN),
    FIELD(mkc, mkey_7_0, MKC_MKEY_7_0),
    FIELD(mkc, length64, MKC_LENGTH64),
    FIELD(mkc, en_rinval, MKC_EN_RINVAL),
    FIELD(mkc, pd, MKC_PD),
    BYTES(mkc, start_addr, MKC_START_ADDR),
    BYTES(mkc, len, MKC_LEN),
    FIELD(mkc, translations_octword_size, MKC_TRANSLATIONS),
    FIELD(mkc, relaxed_ordering_read, MKC_RELAXED_READ),
    FIELD(mkc, log_page_size, MKC_LOG_PAGE_SIZE),
    FIELD(mkc, pcie_tph_en, MKC_TPH_EN),
    FIELD(mkc, pcie_tph_ph, MKC_TPH_PH),
    FIELD(mkc, pcie_tph_steering_tag_index, MKC_TPH_ST_INDEX),

    FIELD(query_issi_out, supported_issi_dw0, QUERY_ISSI_SUPPORTED_DW0),
    FIELD(query_pages_out, num_pages, QUERY_PAGES_NUM),
    BYTES(query_hca_cap_out, capability, CMD_CONTEXT),

    FIELD(cmd_hca_cap, page_request_disable, CAP_PAGE_REQUEST_DISABLE),
    FIELD(cmd_hca_cap, hca_cap_2, CAP_HCA_CAP_2),
    FIELD(cmd_hca_cap, vhca_id, CAP_VHCA_ID),
    FIELD(cmd_hca_cap, log_max_srq_sz, CAP_LOG_MAX_SRQ_SZ),
    FIELD(cmd_hca_cap, log_max_qp_sz, CAP_LOG_MAX_QP_SZ),
    FIELD(cmd_hca_cap, log_max_qp, CAP_LOG_MAX_QP),
    FIELD(cmd_hca_cap, log_max_srq, CAP_LOG_MAX_SRQ),
    FIELD(cmd_hca_cap, log_max_cq_sz, CAP_LOG_MAX_CQ_SZ),
    FIELD(cmd_hca_cap, log_max_cq, CAP_LOG_MAX_CQ),
    FIELD(cmd_hca_cap, log_max_eq_sz, CAP_LOG_MAX_EQ_SZ),
    FIELD(cmd_hca_cap, log_max_mkey, CAP_LOG_MAX_MKEY),
    FIELD(cmd_hca_cap, log_max_eq, CAP_LOG_MAX_EQ),
    FIELD(cmd_hca_cap, log_max_mrw_sz, CAP_LOG_MAX_MRW_SZ),
    FIELD(cmd_hca_cap, umr_extended_translation_offset,
          CAP_UMR_EXT_XLT_OFFSET),
    FIELD(cmd_hca_cap, log_max_klm_list_size, CAP_LOG_MAX_KLM_LIST_SIZE),
    FIELD(cmd_hca_cap, log_max_ra_req_qp, CAP_LOG_MAX_RA_REQ_QP),
    FIELD(cmd_hca_cap, log_max_ra_res_qp, CAP_LOG_MAX_RA_RES_QP),
    FIELD(cmd_hca_cap, vport_counters, CAP_VPORT_COUNTERS),
    FIELD(cmd_hca_cap, ib_virt, CAP_IB_VIRT),
    FIELD(cmd_hca_cap, local_ca_ack_delay, CAP_LOCAL_CA_ACK_DELAY),
    FIELD(cmd_hca_cap, num_ports, CAP_NUM_PORTS),
    FIELD(cmd_hca_cap, log_max_msg, CAP_LOG_MAX_MSG),
    FIELD(cmd_hca_cap, cqe_version, CAP_CQE_VERSION),
    FIELD(cmd_hca_cap, atomic, CAP_ATOMIC),
    FIELD(cmd_hca_cap, pg, CAP_PG),
    BYTES(cmd_hca_cap, xrc, IFC_BYTE(CAP_TRANSPORTS) + 3),
    FIELD(cmd_hca_cap, uar_sz, CAP_UAR_SZ),
    FIELD(cmd_hca_cap, log_pg_sz, CAP_LOG_PG_SZ),
    FIELD(cmd_hca_cap, log_bf_reg_size, CAP_LOG_BF_REG_SIZE),
    FIELD(cmd_hca_cap, max_wqe_sz_sq, CAP_MAX_WQE_SZ_SQ),
    FIELD(cmd_hca_cap, mkey_pcie_tph, CAP_MKEY_PCIE_TPH),
    FIELD(cmd_hca_cap, max_wqe_sz_rq, CAP_MAX_WQE_SZ_RQ),
    FIELD(cmd_hca_cap, log_max_pd, CAP_LOG_MAX_PD),
    FIELD(cmd_hca_cap, log_max_xrcd, CAP_LOG_MAX_XRCD),
    FIELD(cmd_hca_cap, log_uar_page_sz, CAP_LOG_UAR_PAGE_SZ),
    FIELD(atomic_caps, atomic_req_8B_endianness_mode, ATOMIC_REQ_8B_MODE),
    FIELD(atomic_caps, supported_atomic_req_8B_endianness_mode_1,
          ATOMIC_SUPPORTED_MODE_1),
    FIELD(atomic_caps, atomic_operations, ATOMIC_OPERATIONS),
    FIELD(atomic_caps, atomic_size_qp, ATOMIC_SIZE_QP),

    FIELD(query_adapter_param_block, ieee_vendor_id, ADAPTER_IEEE_VENDOR_ID),
    BYTES(query_adapter_param_block, vsd_contd_psid, ADAPTER_PSID),

    FIELD(hca_vport_context, port_physical_state, VPORT_PHYSICAL_STATE),
    FIELD(hca_vport_context, port_state, VPORT_PORT_STATE),
    FIELD(hca_vport_context, vport_state, VPORT_VPORT_STATE),
    BYTES(hca_vport_context, system_image_guid, VPORT_SYSTEM_IMAGE_GUID),
    BYTES(hca_vport_context, port_guid, VPORT_PORT_GUID),
    BYTES(hca_vport_context, node_guid, VPORT_NODE_GUID),
    FIELD(hca_vport_context, cap_mask1, VPORT_CAP_MASK1),
    FIELD(hca_vport_context, cap_mask1_field_select, VPORT_CAP_MASK1_SELECT),
    FIELD(hca_vport_context, lid, VPORT_LID),
    FIELD(hca_vport_context, subnet_timeout, VPORT_SUBNET_TIMEOUT),
    FIELD(hca_vport_context, sm_lid, VPORT_SM_LID),
    FIELD(query_hca_vport_gid_in, gid_index, VPORT_QUERY_INDEX),
    FIELD(query_hca_vport_pkey_in, pkey_index, VPORT_QUERY_INDEX),
    FIELD(query_hca_vport_gid_out, gids_num, VPORT_GIDS_NUM),

    FIELD(access_register_in, register_id, ACCESS_REG_ID),
    BYTES(access_register_in, register_data, CMD_CONTEXT),
    FIELD(ptys_reg, local_port, PTYS_LOCAL_PORT),
    FIELD(ptys_reg, proto_mask, PTYS_PROTO_MASK),
    FIELD(ptys_reg, ib_link_width_capability, PTYS_WIDTH_CAPABILITY),
    FIELD(ptys_reg, ib_proto_capability, PTYS_PROTO_CAPABILITY),
    FIELD(ptys_reg, ib_link_width_admin, PTYS_WIDTH_ADMIN),
    FIELD(ptys_reg, ib_proto_admin, PTYS_PROTO_ADMIN),
    FIELD(ptys_reg, ib_link_width_oper, PTYS_WIDTH_OPER),
    FIELD(ptys_reg, ib_proto_oper, PTYS_PROTO_OPER),
    FIELD(pmtu_reg, max_mtu, PMTU_MAX),
    FIELD(pmtu_reg, admin_mtu, PMTU_ADMIN),
    FIELD(pmtu_reg, oper_mtu, PMTU_OPER),
    FIELD(pvlc_reg, vl_hw_cap, PVLC_VL_HW_CAP),
    FIELD(pvlc_reg, vl_admin, PVLC_VL_ADMIN),
    FIELD(pvlc_reg, vl_operational, PVLC_VL_OPERATIONAL),
};

#define OPCODE(name) { #name, MLX5_CMD_OP_##name, VHCA_OP_##name }

static const struct {
    const char *name;
    unsigned int theirs;
    unsigned int ours;
} opcodes[] = {
    OPCODE(QUERY_HCA_CAP), OPCODE(QUERY_ADAPTER), OPCODE(INIT_HCA),
    OPCODE(TEARDOWN_HCA), OPCODE(ENABLE_HCA), OPCODE(DISABLE_HCA),
    OPCODE(QUERY_PAGES), OPCODE(SET_HCA_CAP), OPCODE(QUERY_ISSI),
    OPCODE(CREATE_MKEY), OPCODE(QUERY_MKEY), OPCODE(DESTROY_MKEY),
    OPCODE(CREATE_EQ), OPCODE(DESTROY_EQ), OPCODE(QUERY_EQ), OPCODE(CREATE_CQ),
    OPCODE(DESTROY_CQ), OPCODE(QUERY_CQ), OPCODE(CREATE_QP), OPCODE(DESTROY_QP),
    OPCODE(RST2INIT_QP), OPCODE(INIT2RTR_QP), OPCODE(RTR2RTS_QP),
    OPCODE(RTS2RTS_QP), OPCODE(2ERR_QP), OPCODE(2RST_QP), OPCODE(QUERY_QP),
    OPCODE(INIT2INIT_QP), OPCODE(CREATE_SRQ), OPCODE(DESTROY_SRQ),
    OPCODE(QUERY_SRQ), OPCODE(ARM_RQ), OPCODE(QUERY_HCA_VPORT_CONTEXT),
    OPCODE(MODIFY_HCA_VPORT_CONTEXT), OPCODE(QUERY_HCA_VPORT_GID),
    OPCODE(QUERY_HCA_VPORT_PKEY), OPCODE(QUERY_VPORT_COUNTER), OPCODE(ALLOC_PD),
    OPCODE(DEALLOC_PD), OPCODE(ALLOC_UAR), OPCODE(DEALLOC_UAR),
    OPCODE(ACCESS_REG), OPCODE(ALLOC_XRCD), OPCODE(DEALLOC_XRCD),
};

static size_t our_bit(uint32_t field)
{
    return IFC_BYTE(field) * 8 + 31 - (field >> 8 & 0xff);
}

static bool agrees(const Place *place)
{
    size_t width = place->ours & 0xff;

    /* BYTES() names no more than the byte */
    return width ? place->bit == our_bit(place->ours) && place->width == width
                 : place->bit / 8 == IFC_BYTE(place->ours);
}

static void test_opcodes(void)
{
    const size_t n = sizeof(opcodes) / sizeof(opcodes[0]);
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        if (opcodes[i].ours != opcodes[i].theirs) {
            ok(false, "the opcode of %s is 0x%x", opcodes[i].name,
               opcodes[i].theirs);
            wrong++;
        }
    }
    ok(!wrong, "%zu commands have mlx5_ifc.h's opcodes", n);
}

static void test_access(void)
{
    uint8_t words[8] = { [4] = 0xff, 0xff, 0xff, 0xff };
    const uint32_t field = IFC(0x04, 19, 4);

    ok(ifc_get(words, field) == 0xf, "ifc_get()");
    ifc_set(words, field, 0x2a5);
    ok(ifc_get(words, field) == 0x5 && words[5] == 0xf5 && words[6] == 0xff,
       "ifc_set() keeps the neighbours");
    ifc_set(words, IFC(0x00, 31, 32), 0x12345678);
    ok(words[0] == 0x12 && words[3] == 0x78, "ifc_set() of a whole word");
}

int main(void)
{
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!agrees(&places[i])) {
            ok(false, "%s is at bit %zu, width %zu", places[i].name,
               places[i].bit, places[i].width);
            wrong++;
        }
    }
    ok(!wrong, "%zu fields are where mlx5_ifc.h has them",
       sizeof(places) / sizeof(places[0]));
    test_opcodes();
    test_access();
    return tap_failed != 0;
}
