// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * lab-hints [NUMBER]: what becomes of hints in the life of memory regions, as the
 * accelerator sees it: it knows what the last write carried.
 *
 * With NUMBER: registers and deregisters memory with that many hints in turn, and
 * says how much more memory the kernel has in use after that. If they were more
 * than get a pool of mkeys, one more is looked at as above.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>

#include "accel.h"
#include "rdma.h"
#include "rig.h"

#define MAX_REGIONS	64
#define PH		1

/* Tags for use one after the other */
#define TAG_A		0x11
#define TAG_B		0x22
#define TAG_UNPOOLED	0xf7

/* As many hints as the driver has pools for */
#define MAX_POOLED	64

/* IB_USER_VERBS_CMD_REREG_MR has no names for these */
#define REREG_PD	(1 << 1)
#define REREG_ACCESS	(1 << 2)

struct hints {
	struct rig rig;
	struct rdma rdma;
	struct accel accel;
};

/* struct region: a dma-buf, always of the same memory, and its registration */
struct region {
	__u16 tag;
	int fd;
	struct ibv_mr *mr;
};

static bool region_register(struct hints *h, struct region *r)
{
	r->mr = rdma_register(&h->rdma, r->fd, SLOT_SIZE, 0);
	return r->mr;
}

static bool region_open(struct hints *h, struct region *r, __u16 tag)
{
	r->tag = tag;
	r->mr = NULL;
	r->fd = rig_export(&h->rig, 0);
	return r->fd >= 0 && !rig_set(&h->rig, r->fd, tag, PH) &&
	       region_register(h, r);
}

static void region_close(struct region *r)
{
	if (r->mr)
		ibv_dereg_mr(r->mr);
	close(r->fd);
}

/* A write arrives, and this is what it carries */
static bool write_arrives(struct hints *h, struct region *r,
			  struct accel_hint *hint)
{
	*hint = (struct accel_hint) { .th = false };
	if (rdma_write(&h->rdma, 0, r->mr->rkey, 64)) {
		rdma_reconnect(&h->rdma);
		return false;
	}
	accel_last_hint(&h->accel, hint);
	return true;
}

static bool arrives_with_hint(struct hints *h, struct region *r)
{
	struct accel_hint hint;

	return write_arrives(h, r, &hint) && hint.th && hint.ph == PH &&
	       hint.st == r->tag && hint.ns == h->rig.ns;
}

static bool arrives_without(struct hints *h, struct region *r)
{
	struct accel_hint hint;

	return write_arrives(h, r, &hint) && !hint.th;
}

/* As many regions as the ST table has entries, each with a tag of its own */
static unsigned int fill(struct hints *h, struct region *regions, __u16 first)
{
	unsigned int i, n = 0;

	for (i = 0; i < h->rig.st_entries; i++)
		if (region_open(h, &regions[i], first + i))
			n += arrives_with_hint(h, &regions[i]);
	return n;
}

static void empty(struct hints *h, struct region *regions)
{
	unsigned int i;

	for (i = 0; i < h->rig.st_entries; i++)
		region_close(&regions[i]);
}

static unsigned int count_mkeys(struct hints *h, struct region *regions,
				const __u32 *mkeys)
{
	unsigned int i, j, n = 0;

	for (i = 0; i < h->rig.st_entries; i++)
		for (j = 0; j < h->rig.st_entries; j++)
			n += regions[i].mr->rkey >> 8 == mkeys[j];
	return n;
}

/*
 * An mkey in a pool has the index of its ST entry, and the entry gets another
 * tag meanwhile. What it sends when it is used again is the tag of then.
 */
static void test_used_again(struct hints *h)
{
	unsigned int i, n = h->rig.st_entries, first, second, again;
	struct region regions[MAX_REGIONS];
	__u32 mkeys[MAX_REGIONS];

	first = fill(h, regions, 0x10);
	for (i = 0; i < n; i++)
		mkeys[i] = regions[i].mr->rkey >> 8;
	empty(h, regions);
	second = fill(h, regions, 0x80);
	again = count_mkeys(h, regions, mkeys);
	empty(h, regions);
	rig_result(&h->rig, first == n && second == n && again == n,
		   "hints: mkeys used before send the tag of now: %u of %u tags, then %u others by %u of the mkeys",
		   first, n, second, again);
}

/* Who comes late has no hint, and the place of one who leaves is free at once */
static void test_full(struct hints *h)
{
	struct region regions[MAX_REGIONS], late;
	bool without, held, with;
	unsigned int n;

	n = fill(h, regions, 0x10);
	without = region_open(h, &late, 0x80) && arrives_without(h, &late);
	held = rig_held(&h->rig, late.fd, late.tag, PH);
	region_close(&late);

	region_close(&regions[0]);
	with = region_open(h, &regions[0], 0x80) &&
	       arrives_with_hint(h, &regions[0]);
	empty(h, regions);
	rig_result(&h->rig, n == h->rig.st_entries && without && !held && with,
		   "hints: full table: one more has no hint, and holds none");
	rig_result(&h->rig, with, "hints: full table: an entry is free with its last region");
}

/* By hand: libibverbs does not let dma-bufs be registered again */
static int rereg(struct hints *h, struct region *r, __u32 flags,
		 struct ibv_pd *pd, __u32 access)
{
	struct ib_uverbs_rereg_mr_resp resp = { .rkey = 0 };
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_rereg_mr core;
	} cmd = {
		.hdr = {
			.command = IB_USER_VERBS_CMD_REREG_MR,
			.in_words = sizeof(cmd) / 4,
			.out_words = sizeof(resp) / 4,
		},
		.core = {
			.response = (uintptr_t)&resp,
			.mr_handle = r->mr->handle,
			.flags = flags,
			.pd_handle = pd->handle,
			.access_flags = access | IB_UVERBS_ACCESS_RELAXED_ORDERING,
		},
	};

	if (write(h->rdma.context->cmd_fd, &cmd, sizeof(cmd)) != sizeof(cmd))
		return -errno;
	return resp.rkey >> 8 == r->mr->rkey >> 8 ? 0 : -ENOKEY;
}

/* Each change has its effect, and none on the hint. NULL, or what went wrong */
static const char *try_rereg(struct hints *h, struct region *r,
			     bool (*arrives)(struct hints *h, struct region *r))
{
	const __u32 both = IB_UVERBS_ACCESS_LOCAL_WRITE |
			   IB_UVERBS_ACCESS_REMOTE_WRITE;
	struct ibv_pd *other = ibv_alloc_pd(h->rdma.context);
	const char *wrong = NULL;

	if (!arrives(h, r))
		wrong = "before";
	else if (rereg(h, r, REREG_ACCESS, h->rdma.pd, both) || !arrives(h, r))
		wrong = "with other access flags";
	else if (rereg(h, r, REREG_PD, other, 0))
		wrong = "with another protection domain";
	else if (arrives(h, r))
		wrong = "from another protection domain";
	else if (rereg(h, r, REREG_PD | REREG_ACCESS, h->rdma.pd, both) ||
		 !arrives(h, r))
		wrong = "with both";
	return wrong;
}

/* Linux 7.3 does not, whether there is a hint or not */
static bool kernel_reregisters(struct hints *h)
{
	struct region r;
	int err = 0;

	if (region_open(h, &r, TAG_A)) {
		ibv_dereg_mr(r.mr);
		if (!rig_clear(&h->rig, r.fd) && region_register(h, &r))
			err = rereg(h, &r, REREG_ACCESS, h->rdma.pd,
				    IB_UVERBS_ACCESS_LOCAL_WRITE);
	}
	region_close(&r);
	return err != -EOPNOTSUPP;
}

static void test_rereg(struct hints *h)
{
	const char *before, *after = "registration";
	struct region r;

	if (!kernel_reregisters(h)) {
		rig_result(&h->rig, true,
			   "hints: SET, registration, re-registration: # SKIP this kernel re-registers no dma-buf");
		rig_result(&h->rig, true,
			   "hints: registration, SET, re-registration: # SKIP this kernel re-registers no dma-buf");
		return;
	}

	before = region_open(h, &r, TAG_A) ?
		try_rereg(h, &r, arrives_with_hint) : after;
	ibv_dereg_mr(r.mr);
	if (!rig_clear(&h->rig, r.fd) && region_register(h, &r) &&
	    !rig_set(&h->rig, r.fd, TAG_B, PH))
		after = try_rereg(h, &r, arrives_without);
	region_close(&r);
	rig_result(&h->rig, !before,
		   "hints: SET, registration, re-registration: the hint stays%s%s",
		   before ? ": not " : "", before ?: "");
	rig_result(&h->rig, !after,
		   "hints: registration, SET, re-registration: no hint comes%s%s",
		   after ? ": not " : "", after ?: "");
}

/* A hint and a DMA handle are one too many, whichever comes first */
static void test_dmah(struct hints *h)
{
	struct ibv_dmah_init_attr attr = {
		.comp_mask = IBV_DMAH_INIT_ATTR_MASK_PH,
		.ph = 2,
	};
	struct ibv_dmah *dmah = ibv_alloc_dmah(h->rdma.context, &attr);
	bool refused, busy, ok;
	struct region r;

	ok = dmah && region_open(h, &r, TAG_A);
	if (!rig_result(&h->rig, ok, "hints: a DMA handle"))
		return;
	ibv_dereg_mr(r.mr);

	errno = 0;
	r.mr = rig_register_dmah(h->rdma.pd, r.fd, dmah);
	refused = !r.mr && errno == EINVAL;
	rig_result(&h->rig, refused, "hints: a hint, then a DMA handle: EINVAL");

	rig_clear(&h->rig, r.fd);
	r.mr = rig_register_dmah(h->rdma.pd, r.fd, dmah);
	busy = r.mr && rig_set(&h->rig, r.fd, TAG_A, PH) == -EBUSY;
	rig_result(&h->rig, busy, "hints: a DMA handle, then a hint: EBUSY");
	region_close(&r);
	ibv_dealloc_dmah(dmah);
}

static long slab_kb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* Four hints to each tag, so that many fit into direct mode */
static void count_memory(struct hints *h, unsigned int n)
{
	struct region r = { .fd = rig_export(&h->rig, 0) };
	long before = slab_kb();
	unsigned int i, done = 0;

	for (i = 0; i < n; i++) {
		if (rig_set(&h->rig, r.fd, 1 + i / 4, i % 4) ||
		    !region_register(h, &r))
			break;
		done += !ibv_dereg_mr(r.mr);
	}
	printf("# %u hints: Slab %ld kB, then %ld kB\n", n, before, slab_kb());
	close(r.fd);
	rig_result(&h->rig, done == n, "hints: registrations: %u of %u", done, n);
}

/* The mkey is created for this region, and not taken from a pool */
static void test_unpooled(struct hints *h)
{
	struct region r;
	bool arrives;

	arrives = region_open(h, &r, TAG_UNPOOLED) && arrives_with_hint(h, &r);
	region_close(&r);
	rig_result(&h->rig, arrives, "hints: without a pool the hint arrives, too");
}

int main(int argc, char **argv)
{
	struct hints h = {
		.rdma = { .timeout = 30, .relaxed_ordering = true },
	};

	rig_open(&h.rig);
	h.rdma.name = ibv_get_device_name(h.rig.context->device);
	if (rdma_open(&h.rdma, SLOT_SIZE) ||
	    accel_open(&h.accel, &h.rig.vfio, SLOT_SIZE)) {
		rig_result(&h.rig, false, "hints: open the devices");
		return 1;
	}

	if (argc > 1) {
		count_memory(&h, atoi(argv[1]));
		if (atoi(argv[1]) > MAX_POOLED)
			test_unpooled(&h);
	} else {
		if (h.rig.st_entries) {
			test_used_again(&h);
			test_full(&h);
		}
		test_rereg(&h);
		test_dmah(&h);
	}
	accel_close(&h.accel);
	rdma_close(&h.rdma);
	rig_close(&h.rig);
	return h.rig.failed != 0;
}
