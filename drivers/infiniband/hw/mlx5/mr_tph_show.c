// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What "rdma -d resource show mr" tells about processing hints
 *
 * A hint that is not used fails nothing, and nothing but performance tells the
 * difference. So this says for each memory region which hint it has, or why it
 * has none.
 */

#include <kunit/visibility.h>
#include <uapi/rdma/rdma_netlink.h>
#include <rdma/restrack.h>

#include "dmah.h"
#include "mlx5_ib.h"
#include "restrack.h"

static int put_exporter(struct sk_buff *msg, const struct mlx5_ib_mr_tph *tph)
{
	if (rdma_nl_put_driver_string(msg, "tph", "exporter") ||
	    rdma_nl_put_driver_u32(msg, "tph_ph", tph->ph) ||
	    rdma_nl_put_driver_u32_hex(msg, "tph_st", tph->tag) ||
	    rdma_nl_put_driver_u32(msg, "tph_st_bits", tph->extended ? 16 : 8) ||
	    rdma_nl_put_driver_u32(msg, "tph_st_index", tph->st_index))
		return -EMSGSIZE;
	return 0;
}

/* The tag of a DMA handle is the platform's to know, only its place is ours */
static int put_dmah(struct sk_buff *msg, struct ib_dmah *dmah)
{
	if (rdma_nl_put_driver_string(msg, "tph", "dmah") ||
	    rdma_nl_put_driver_u32(msg, "tph_ph", dmah->ph))
		return -EMSGSIZE;
	if (!(dmah->valid_fields & BIT(IB_DMAH_CPU_ID_EXISTS)))
		return 0;
	return rdma_nl_put_driver_u32(msg, "tph_st_index",
				      to_mdmah(dmah)->st_index);
}

static int put_none(struct sk_buff *msg, const char *reason)
{
	return rdma_nl_put_driver_string(msg, "tph", "none") ?:
	       rdma_nl_put_driver_string(msg, "tph_reason", reason);
}

static const char *reason_for_none(enum mlx5_ib_mr_tph_state state)
{
	switch (state) {
	case MLX5_IB_MR_TPH_NOT_SET:
		return "not-set";
	case MLX5_IB_MR_TPH_OTHER_NAMESPACE:
		return "other-namespace";
	case MLX5_IB_MR_TPH_NO_FIT:
		return "does-not-fit";
	case MLX5_IB_MR_TPH_TABLE_FULL:
		return "table-full";
	case MLX5_IB_MR_TPH_REQUESTER_OFF:
		return "requester-off";
	case MLX5_IB_MR_TPH_DATA_DIRECT:
		return "data-direct";
	default:
		return NULL;
	}
}

/**
 * mlx5_ib_fill_res_mr_tph - Describe the hint of a memory region
 * @msg: the netlink message that describes the memory region
 * @mr: the memory region
 *
 * Puts nothing where hints are no matter: kernel memory regions, and ordinary
 * memory without a DMA handle.
 *
 * Return: 0 or -EMSGSIZE
 */
int mlx5_ib_fill_res_mr_tph(struct sk_buff *msg, struct mlx5_ib_mr *mr)
{
	const char *reason = reason_for_none(mr->tph.state);
	struct nlattr *table_attr;
	int err;

	if (mr->tph.state != MLX5_IB_MR_TPH_EXPORTER && !mr->ibmr.dmah && !reason)
		return 0;

	table_attr = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	if (!table_attr)
		return -EMSGSIZE;

	if (mr->tph.state == MLX5_IB_MR_TPH_EXPORTER)
		err = put_exporter(msg, &mr->tph);
	else if (reason)
		err = put_none(msg, reason);
	else
		err = put_dmah(msg, mr->ibmr.dmah);
	if (err) {
		nla_nest_cancel(msg, table_attr);
		return err;
	}

	nla_nest_end(msg, table_attr);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(mlx5_ib_fill_res_mr_tph);
