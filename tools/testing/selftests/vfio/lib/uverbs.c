// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/ioctl.h>

#include <linux/kernel.h>
#include <linux/limits.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx5-abi.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include <libvfio.h>
#include <libvfio/uverbs.h>

/* More than any driver returns */
#define DRIVER_RESP_WORDS	64
#define UVERBS_MAX_ATTRS	16

static int uverbs_write(struct uverbs *uverbs, u32 command, void *cmd,
			size_t size, size_t resp_size)
{
	struct ib_uverbs_cmd_hdr *hdr = cmd;

	hdr->command = command;
	hdr->in_words = size / 4;
	hdr->out_words = resp_size / 4;

	return write(uverbs->fd, cmd, size) == size ? 0 : -errno;
}

static int uverbs_get_context(struct uverbs *uverbs)
{
	struct {
		struct ib_uverbs_get_context_resp core;
		u32 driver[DRIVER_RESP_WORDS];
	} resp = {};
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_get_context core;
		struct mlx5_ib_alloc_ucontext_req_v2 mlx5;
	} cmd = {
		.core.response = (u64)&resp,
		.mlx5.total_num_bfregs = 1,
	};
	int ret;

	ret = uverbs_write(uverbs, IB_USER_VERBS_CMD_GET_CONTEXT, &cmd,
			   sizeof(cmd), sizeof(resp));
	if (!ret)
		close(resp.core.async_fd);
	return ret;
}

int uverbs_alloc_pd(struct uverbs *uverbs, u32 *pd)
{
	struct {
		struct ib_uverbs_alloc_pd_resp core;
		u32 driver[DRIVER_RESP_WORDS];
	} resp = {};
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_alloc_pd core;
	} cmd = {
		.core.response = (u64)&resp,
	};
	int ret;

	ret = uverbs_write(uverbs, IB_USER_VERBS_CMD_ALLOC_PD, &cmd,
			   sizeof(cmd), sizeof(resp));
	if (!ret)
		*pd = resp.core.pd_handle;
	return ret;
}

/* The driver's own part of the ABI is known for this one only. */
static bool uverbs_is_mlx5(const char *name)
{
	char path[PATH_MAX], driver[PATH_MAX];

	snprintf_assert(path, sizeof(path),
			"/sys/class/infiniband_verbs/%s/device/driver", name);
	return realpath(path, driver) &&
	       !strcmp(basename(driver), "mlx5_core");
}

int uverbs_open(struct uverbs *uverbs, const char *name)
{
	char path[PATH_MAX];
	int ret;

	if (!uverbs_is_mlx5(name))
		return -EOPNOTSUPP;

	snprintf_assert(path, sizeof(path), "/dev/infiniband/%s", name);
	uverbs->fd = open(path, O_RDWR | O_CLOEXEC);
	if (uverbs->fd < 0)
		return -errno;

	ret = uverbs_get_context(uverbs);
	if (!ret)
		ret = uverbs_alloc_pd(uverbs, &uverbs->pd);
	if (ret)
		close(uverbs->fd);
	return ret;
}

void uverbs_close(struct uverbs *uverbs)
{
	VFIO_ASSERT_EQ(close(uverbs->fd), 0);
}

/* A handle that the kernel returns is in the attribute afterwards */
static int uverbs_method(struct uverbs *uverbs, u16 object, u16 method,
			 struct ib_uverbs_attr *attrs, u16 nr)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attrs[UVERBS_MAX_ATTRS];
	} arg = {
		.hdr.length = sizeof(arg.hdr) + nr * sizeof(*attrs),
		.hdr.object_id = object,
		.hdr.method_id = method,
		.hdr.num_attrs = nr,
		.hdr.driver_id = RDMA_DRIVER_MLX5,
	};

	VFIO_ASSERT_LE(nr, UVERBS_MAX_ATTRS);
	memcpy(arg.attrs, attrs, nr * sizeof(*attrs));
	if (ioctl(uverbs->fd, RDMA_VERBS_IOCTL, &arg))
		return -errno;

	memcpy(attrs, arg.attrs, nr * sizeof(*attrs));
	return 0;
}

/* What fits the attribute itself is in there, not pointed to */
#define ATTR_IN(_id, _value, _len) {					\
	.attr_id = (_id),						\
	.len = (_len),							\
	.flags = UVERBS_ATTR_F_MANDATORY,				\
	.data = (_value),						\
}

#define ATTR_HANDLE(_id, _handle) ATTR_IN(_id, _handle, 0)

int uverbs_reg_dmabuf_mr(struct uverbs *uverbs, int dmabuf_fd, u64 length,
			 u32 *mr)
{
	u32 access = IB_UVERBS_ACCESS_LOCAL_WRITE |
		     IB_UVERBS_ACCESS_REMOTE_WRITE |
		     IB_UVERBS_ACCESS_REMOTE_READ;
	u32 lkey, rkey;
	struct ib_uverbs_attr attrs[] = {
		ATTR_HANDLE(UVERBS_ATTR_REG_DMABUF_MR_HANDLE, 0),
		ATTR_HANDLE(UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, uverbs->pd),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_OFFSET, 0, 8),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_LENGTH, length, 8),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_IOVA, 0, 8),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_FD, dmabuf_fd, 4),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, access, 4),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY, (u64)&lkey, 4),
		ATTR_IN(UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY, (u64)&rkey, 4),
	};
	int ret;

	ret = uverbs_method(uverbs, UVERBS_OBJECT_MR,
			    UVERBS_METHOD_REG_DMABUF_MR, attrs,
			    ARRAY_SIZE(attrs));
	if (!ret)
		*mr = attrs[0].data;
	return ret;
}

int uverbs_dereg_mr(struct uverbs *uverbs, u32 mr)
{
	struct ib_uverbs_attr attrs[] = {
		ATTR_HANDLE(UVERBS_ATTR_DESTROY_MR_HANDLE, mr),
	};

	return uverbs_method(uverbs, UVERBS_OBJECT_MR, UVERBS_METHOD_MR_DESTROY,
			     attrs, ARRAY_SIZE(attrs));
}

int uverbs_rereg_mr(struct uverbs *uverbs, u32 mr,
		    const struct ib_uverbs_rereg_mr *change)
{
	struct ib_uverbs_rereg_mr_resp resp = {};
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_rereg_mr core;
	} cmd = {
		.core = *change,
	};

	cmd.core.response = (u64)&resp;
	cmd.core.mr_handle = mr;
	return uverbs_write(uverbs, IB_USER_VERBS_CMD_REREG_MR, &cmd,
			    sizeof(cmd), sizeof(resp));
}
