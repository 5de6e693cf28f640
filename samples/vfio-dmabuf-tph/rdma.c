// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rdma.h"
#include "say.h"
#include "wait.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PORT 1
#define HOST_ACCESS IBV_ACCESS_LOCAL_WRITE
#define PEER_ACCESS (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

static struct ibv_device *find_device(struct ibv_device **list,
				      const char *name)
{
	for (; *list; list++)
		if (!strcmp(ibv_get_device_name(*list), name))
			return *list;
	return NULL;
}

static int open_device(struct rdma *rdma)
{
	struct ibv_device **list, *device;
	int ret = 0;

	list = ibv_get_device_list(NULL);
	if (!list)
		return complain(errno, "cannot list the RDMA devices");

	device = find_device(list, rdma->name);
	if (!device) {
		ret = complain(ENODEV, "RDMA device %s", rdma->name);
	} else {
		rdma->context = ibv_open_device(device);
		if (!rdma->context)
			ret = complain(errno ? errno : EIO,
				       "cannot open RDMA device %s",
				       rdma->name);
	}
	ibv_free_device_list(list);
	return ret;
}

/* A port needs a moment after its driver was loaded. */
static int wait_for_port(struct rdma *rdma)
{
	__u64 deadline = wait_until(rdma->timeout);
	int ret;

	for (;;) {
		ret = ibv_query_port(rdma->context, PORT, &rdma->port);
		if (ret)
			return complain(ret, "%s: cannot query port %d",
					rdma->name, PORT);
		if (rdma->port.state == IBV_PORT_ACTIVE)
			return 0;
		if (wait_expired(deadline))
			return complain(0, "%s: port %d is %s", rdma->name,
					PORT,
					ibv_port_state_str(rdma->port.state));
		wait_a_moment();
	}
}

static int make_buffers(struct rdma *rdma, size_t size)
{
	void *buffer;

	buffer = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return complain(errno, "no memory for host buffers");
	rdma->size = size;
	rdma->source = buffer;
	rdma->sink = (char *)buffer + size;

	rdma->mr = ibv_reg_mr(rdma->pd, buffer, 2 * size, HOST_ACCESS);
	if (!rdma->mr)
		return complain(errno, "%s: cannot register host memory (see ulimit -l)",
				rdma->name);
	return 0;
}

static struct ibv_qp *make_qp(struct rdma *rdma)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = rdma->cq,
		.recv_cq = rdma->cq,
		.cap = {
			.max_send_wr = 4,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp;

	qp = ibv_create_qp(rdma->pd, &attr);
	if (!qp)
		complain(errno, "%s: cannot create a queue pair", rdma->name);
	return qp;
}

static int make_queues(struct rdma *rdma)
{
	rdma->cq = ibv_create_cq(rdma->context, 16, NULL, NULL, 0);
	if (!rdma->cq)
		return complain(errno, "%s: cannot create a completion queue",
				rdma->name);
	rdma->requester = make_qp(rdma);
	if (!rdma->requester)
		return -ENOMEM;
	rdma->responder = make_qp(rdma);
	if (!rdma->responder)
		return -ENOMEM;
	return 0;
}

static int to_reset(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

static int to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.qp_access_flags = PEER_ACCESS,
		.port_num = PORT,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX |
			     IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
}

/* InfiniBand reaches a peer by its LID, Ethernet (RoCE) by its GID. */
static int fill_route(struct rdma *rdma, struct ibv_ah_attr *route)
{
	route->port_num = PORT;
	if (rdma->port.link_layer != IBV_LINK_LAYER_ETHERNET) {
		route->dlid = rdma->port.lid;
		return 0;
	}
	route->is_global = 1;
	route->grh.sgid_index = rdma->gid_index;
	route->grh.hop_limit = 1;
	if (ibv_query_gid(rdma->context, PORT, rdma->gid_index,
			  &route->grh.dgid))
		return complain(errno, "%s: GID %d", rdma->name,
				rdma->gid_index);
	return 0;
}

static int to_rtr(struct rdma *rdma, struct ibv_qp *qp, struct ibv_qp *peer)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = rdma->port.active_mtu,
		.dest_qp_num = peer->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
	};
	int ret;

	ret = fill_route(rdma, &attr.ah_attr);
	if (ret)
		return -ret;
	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV |
			     IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
			     IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			     IBV_QP_MIN_RNR_TIMER);
}

static int to_rts(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT |
			     IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
			     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

/* Works from any state: RESET drops what was queued and what failed. */
static int connect_one(struct rdma *rdma, struct ibv_qp *qp,
		       struct ibv_qp *peer)
{
	const char *state = "RESET";
	int ret;

	ret = to_reset(qp);
	if (!ret) {
		state = "INIT";
		ret = to_init(qp);
	}
	if (!ret) {
		state = "RTR";
		ret = to_rtr(rdma, qp, peer);
	}
	if (!ret) {
		state = "RTS";
		ret = to_rts(qp);
	}
	if (ret)
		return complain(ret, "%s: queue pair 0x%x does not become %s",
				rdma->name, qp->qp_num, state);
	return 0;
}

int rdma_reconnect(struct rdma *rdma)
{
	struct ibv_wc wc;
	int ret;

	ret = connect_one(rdma, rdma->responder, rdma->requester);
	if (!ret)
		ret = connect_one(rdma, rdma->requester, rdma->responder);
	if (ret)
		return ret;

	while (ibv_poll_cq(rdma->cq, 1, &wc) > 0)
		;
	rdma->broken = false;
	return 0;
}

int rdma_open(struct rdma *rdma, size_t size)
{
	int ret;

	ret = open_device(rdma);
	if (!ret)
		ret = wait_for_port(rdma);
	if (!ret) {
		rdma->pd = ibv_alloc_pd(rdma->context);
		if (!rdma->pd)
			ret = complain(errno, "%s: cannot allocate a protection domain",
				       rdma->name);
	}
	if (!ret)
		ret = make_buffers(rdma, size);
	if (!ret)
		ret = make_queues(rdma);
	if (!ret)
		ret = rdma_reconnect(rdma);
	if (ret)
		rdma_close(rdma);
	return ret;
}

void rdma_close(struct rdma *rdma)
{
	if (rdma->requester)
		ibv_destroy_qp(rdma->requester);
	if (rdma->responder)
		ibv_destroy_qp(rdma->responder);
	if (rdma->cq)
		ibv_destroy_cq(rdma->cq);
	if (rdma->mr)
		ibv_dereg_mr(rdma->mr);
	if (rdma->source)
		munmap(rdma->source, 2 * rdma->size);
	if (rdma->pd)
		ibv_dealloc_pd(rdma->pd);
	if (rdma->context)
		ibv_close_device(rdma->context);
	*rdma = (struct rdma) { .name = rdma->name };
}

/* Remote access flags need local write; see ibv_reg_mr(3). */
struct ibv_mr *rdma_register(struct rdma *rdma, int dmabuf_fd, size_t length,
			     __u64 iova)
{
	int access = IBV_ACCESS_LOCAL_WRITE | PEER_ACCESS;

	if (rdma->relaxed_ordering)
		access |= IBV_ACCESS_RELAXED_ORDERING;
	return ibv_reg_dmabuf_mr(rdma->pd, 0, length, iova, dmabuf_fd, access);
}

/*
 * Completions of earlier requests, which somebody gave up waiting for, are
 * skipped.
 */
static int wait_completion(struct rdma *rdma, __u64 id)
{
	__u64 deadline = wait_until(rdma->timeout);
	struct ibv_wc wc;
	int ret;

	for (;;) {
		ret = ibv_poll_cq(rdma->cq, 1, &wc);
		if (ret < 0)
			return -EIO;
		if (ret && wc.wr_id == id)
			return wc.status;
		if (ret)
			continue;
		if (wait_expired(deadline))
			return -ETIMEDOUT;
		wait_a_moment();
	}
}

static int transfer(struct rdma *rdma, enum ibv_wr_opcode opcode, void *host,
		    __u64 address, __u32 rkey, size_t length)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)host,
		.length = length,
		.lkey = rdma->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = ++rdma->next_id,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = address, .rkey = rkey },
	};
	struct ibv_send_wr *bad;
	int ret;

	ret = ibv_post_send(rdma->requester, &wr, &bad);
	if (ret)
		return -ret;
	ret = wait_completion(rdma, wr.wr_id);
	if (ret)
		rdma->broken = true;
	return ret;
}

int rdma_write(struct rdma *rdma, __u64 address, __u32 rkey,
	       size_t length)
{
	return transfer(rdma, IBV_WR_RDMA_WRITE, rdma->source, address, rkey,
			length);
}

int rdma_read(struct rdma *rdma, __u64 address, __u32 rkey,
	      size_t length)
{
	return transfer(rdma, IBV_WR_RDMA_READ, rdma->sink, address, rkey,
			length);
}

const char *rdma_status_name(int status)
{
#define STATUS(name)[name] = #name
	static const char *const names[] = {
		STATUS(IBV_WC_SUCCESS),
		STATUS(IBV_WC_LOC_LEN_ERR),
		STATUS(IBV_WC_LOC_QP_OP_ERR),
		STATUS(IBV_WC_LOC_EEC_OP_ERR),
		STATUS(IBV_WC_LOC_PROT_ERR),
		STATUS(IBV_WC_WR_FLUSH_ERR),
		STATUS(IBV_WC_MW_BIND_ERR),
		STATUS(IBV_WC_BAD_RESP_ERR),
		STATUS(IBV_WC_LOC_ACCESS_ERR),
		STATUS(IBV_WC_REM_INV_REQ_ERR),
		STATUS(IBV_WC_REM_ACCESS_ERR),
		STATUS(IBV_WC_REM_OP_ERR),
		STATUS(IBV_WC_RETRY_EXC_ERR),
		STATUS(IBV_WC_RNR_RETRY_EXC_ERR),
		STATUS(IBV_WC_REM_ABORT_ERR),
		STATUS(IBV_WC_FATAL_ERR),
		STATUS(IBV_WC_RESP_TIMEOUT_ERR),
		STATUS(IBV_WC_GENERAL_ERR),
	};
#undef STATUS

	if (status < 0)
		return errno_name(-status);
	if (status < (int)ARRAY_SIZE(names) && names[status])
		return names[status];
	return "an unknown status";
}
