/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An RDMA device with two RC queue pairs connected to each other, and a host
 * buffer to send from (source) and to read into (sink).
 *
 * The queue pairs are a loopback: the device's own responder is the writer of
 * the dma-buf, as a remote peer's request would make it.
 */
#ifndef SAMPLE_TPH_RDMA_H
#define SAMPLE_TPH_RDMA_H

#include <stdbool.h>
#include <stddef.h>

#include <infiniband/verbs.h>
#include <linux/types.h>

struct rdma {
	const char *name;
	unsigned int timeout;		/* of each wait, seconds */
	int gid_index;			/* for Ethernet ports only */
	bool relaxed_ordering;		/* of what rdma_register() makes */
	struct ibv_context *context;
	struct ibv_port_attr port;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *requester;
	struct ibv_qp *responder;
	struct ibv_mr *mr;
	size_t size;			/* of source, and of sink */
	void *source;
	void *sink;
	__u64 next_id;
	bool broken;			/* the connection needs rdma_reconnect() */
};

/*
 * rdma_open(): what is set of @rdma up to @relaxed_ordering is the caller's. 0
 * or a negative errno after a complaint.
 */
int rdma_open(struct rdma *rdma, size_t size);
void rdma_close(struct rdma *rdma);

/* rdma_reconnect(): after an error completion or a timeout */
int rdma_reconnect(struct rdma *rdma);

/*
 * rdma_register(): a dma-buf, from its start, as memory that peers may write
 * and read at addresses from @iova on. NULL and errno on failure. Undo with
 * ibv_dereg_mr().
 */
struct ibv_mr *rdma_register(struct rdma *rdma, int dmabuf_fd, size_t length,
			     __u64 iova);

/*
 * rdma_write(): source to @address; rdma_read(): @address to sink. They return
 * the completion's status (IBV_WC_...), or a negative errno: -ETIMEDOUT if
 * there was no completion.
 */
int rdma_write(struct rdma *rdma, __u64 address, __u32 rkey,
	       size_t length);
int rdma_read(struct rdma *rdma, __u64 address, __u32 rkey,
	      size_t length);

/* rdma_status_name(): of what rdma_write() and rdma_read() return */
const char *rdma_status_name(int status);

#endif
