// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * lab-fail-nth: lets every allocation (and every copy from or to user space) of
 * an operation fail in turn, until one run has none left to fail, and looks at
 * the state after each.
 *
 * The kernel does the counting: what is written to fail-nth of a thread is how
 * many chances to fail are left until one is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rdma/ib_user_verbs.h>

#include "rig.h"

#define MAX_FAULTS 2000

/* Tags that are not used elsewhere in here come from a cycle that is longer than the table */
#define CYCLE 100

static char ordinary[SLOT_SIZE] __attribute__((aligned(4096)));

struct test {
	struct rig rig;
	int control;			/* fail-nth */
	int fd;				/* the dma-buf in question */
	int made;			/* what an export gave */
	unsigned int n;			/* the fault of this round */
	__u16 tag;
	__u8 ph;
	struct ibv_mr *mr;
	struct ibv_dmah *dmah;
	const char *wrong;		/* what a check found */
};

struct operation {
	const char *name;
	bool (*prepare)(struct test *t);	/* false: cannot be tested here */
	int (*run)(struct test *t);		/* 0 or a negative errno */
	void (*check)(struct test *t, int err);	/* and undo */
};

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		printf("not ok fail-nth: %s: %s (not the debug kernel?)\n", path,
		       strerror(errno));
		exit(1);
	}
	close(fd);
}

/* All allocations; each that fails puts its stack into the kernel's log */
static void set_up_faults(void)
{
	static const char *const switches[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "2" },
		{ "failslab/verbose_ratelimit_interval_ms", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "2" },
		{ "fail_page_alloc/verbose_ratelimit_interval_ms", "0" },
		{ "fail_usercopy/verbose", "2" },
		{ "fail_usercopy/verbose_ratelimit_interval_ms", "0" },
	};
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", switches[i][0]);
		write_file(path, switches[i][1]);
	}
}

static void arm(struct test *t)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", t->n);

	if (pwrite(t->control, text, len, 0) != len) {
		perror("fail-nth");
		exit(1);
	}
}

/*
 * Was the fault used up? Reading the counter copies to user space and may be
 * the one to fail, and so may be the write.
 */
static bool disarm(struct test *t)
{
	char text[16] = "";
	bool used = false;

	if (pread(t->control, text, sizeof(text) - 1, 0) > 0)
		used = atoi(text) == 0;
	while (pwrite(t->control, "0", 1, 0) != 1)
		;
	return used;
}

static void wrong(struct test *t, const char *what)
{
	if (!t->wrong)
		t->wrong = what;
}

static void expect_hint(struct test *t, __u16 tag, __u8 ph, const char *what)
{
	__u16 found_tag = 0;
	__u8 found_ph = 0;

	if (rig_get(&t->rig, t->fd, &found_tag, &found_ph) ||
	    found_tag != tag || found_ph != ph)
		wrong(t, what);
}

static bool set_hint(struct test *t, __u16 tag, __u8 ph)
{
	t->tag = tag;
	t->ph = ph;
	if (rig_set(&t->rig, t->fd, tag, ph))
		wrong(t, "cannot set a hint although nobody holds one");
	return true;
}

static bool prepare_set(struct test *t)
{
	return set_hint(t, 1, 1);
}

static int run_set(struct test *t)
{
	return rig_set(&t->rig, t->fd, 2, 2);
}

static void check_set(struct test *t, int err)
{
	if (err)
		expect_hint(t, 1, 1, "the hint changed although SET failed");
	else
		expect_hint(t, 2, 2, "the hint did not change");
}

static int run_get(struct test *t)
{
	__u16 tag;
	__u8 ph;

	return rig_get(&t->rig, t->fd, &tag, &ph);
}

static void check_get(struct test *t, int err)
{
	(void)err;
	expect_hint(t, 1, 1, "the hint changed");
}

static bool prepare_nothing(struct test *t)
{
	(void)t;
	return true;
}

static int run_export(struct test *t)
{
	t->made = rig_export(&t->rig, 1);
	return t->made < 0 ? t->made : 0;
}

static void check_export(struct test *t, int err)
{
	__u16 tag;
	__u8 ph;

	if (err)
		return;
	if (rig_get(&t->rig, t->made, &tag, &ph) != -ENODATA)
		wrong(t, "a new dma-buf has a hint");
	close(t->made);
}

static bool prepare_new_tag(struct test *t)
{
	return set_hint(t, 1 + t->n % CYCLE, 1);
}

static bool prepare_same_tag(struct test *t)
{
	return set_hint(t, 0x7f, 1);
}

/* By then there are more hints than get a pool of mkeys */
static bool prepare_no_pool(struct test *t)
{
	return set_hint(t, 1 + t->n % CYCLE, 3);
}

static bool prepare_no_hint(struct test *t)
{
	if (rig_clear(&t->rig, t->fd))
		wrong(t, "cannot clear the hint although nobody holds one");
	return true;
}

static int run_register(struct test *t)
{
	t->mr = rig_register(t->rig.pd, t->fd, 0);
	return t->mr ? 0 : -errno;
}

/* With ATS, the memory is mapped before there is an mkey */
static int run_register_relaxed(struct test *t)
{
	t->mr = rig_register(t->rig.pd, t->fd, IBV_ACCESS_RELAXED_ORDERING);
	return t->mr ? 0 : -errno;
}

static void check_given_back(struct test *t)
{
	if (rig_held(&t->rig, t->fd, t->tag, t->ph) != 0)
		wrong(t, "the hint is still held");
}

static void check_register(struct test *t, int err)
{
	if (!err) {
		if (rig_held(&t->rig, t->fd, t->tag, t->ph) != 1)
			wrong(t, "registered without the hint");
		if (ibv_dereg_mr(t->mr))
			wrong(t, "cannot deregister");
	}
	check_given_back(t);
}

static void check_register_no_hint(struct test *t, int err)
{
	if (!err && ibv_dereg_mr(t->mr))
		wrong(t, "cannot deregister");
	if (rig_set(&t->rig, t->fd, 3, 1))
		wrong(t, "\"no hint\" is held");
}

static bool prepare_dmah(struct test *t)
{
	struct ibv_dmah_init_attr attr = {
		.comp_mask = IBV_DMAH_INIT_ATTR_MASK_PH,
		.ph = 2,
	};

	if (!t->dmah)
		t->dmah = ibv_alloc_dmah(t->rig.context, &attr);
	return t->dmah && prepare_no_hint(t);
}

static int run_register_dmah(struct test *t)
{
	t->mr = rig_register_dmah(t->rig.pd, t->fd, t->dmah);
	return t->mr ? 0 : -errno;
}

/* A region with a DMA handle holds that there is no hint */
static void check_register_dmah(struct test *t, int err)
{
	if (!err && rig_set(&t->rig, t->fd, 3, 1) != -EBUSY)
		wrong(t, "SET beside a DMA handle did not fail with EBUSY");
	check_register_no_hint(t, err);
}

static bool prepare_deregister(struct test *t)
{
	prepare_same_tag(t);
	if (run_register(t))
		wrong(t, "cannot register");
	return true;
}

static bool prepare_deregister_no_pool(struct test *t)
{
	prepare_no_pool(t);
	if (run_register(t))
		wrong(t, "cannot register");
	return true;
}

static int run_deregister(struct test *t)
{
	return t->mr ? -ibv_dereg_mr(t->mr) : -EINVAL;
}

static void check_deregister(struct test *t, int err)
{
	if (err && rig_held(&t->rig, t->fd, t->tag, t->ph) != 1)
		wrong(t, "the hint is not held although the region is there");
	if (err && t->mr && ibv_dereg_mr(t->mr))
		wrong(t, "cannot deregister after a failure");
	check_given_back(t);
}

/* By hand: libibverbs knows of no dma-buf that is re-registered, the kernel does */
static int rereg(struct test *t, __u32 flags, void *start, __u64 length)
{
	struct ib_uverbs_rereg_mr_resp response;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_rereg_mr command;
	} request = {
		.header.command = IB_USER_VERBS_CMD_REREG_MR,
		.header.in_words = sizeof(request) / 4,
		.header.out_words = sizeof(response) / 4,
		.command.response = (uintptr_t)&response,
		.command.mr_handle = t->mr->handle,
		.command.flags = flags,
		.command.start = (uintptr_t)start,
		.command.length = length,
		.command.hca_va = (uintptr_t)start,
		.command.access_flags = IBV_ACCESS_LOCAL_WRITE,
	};

	if (write(t->rig.context->cmd_fd, &request, sizeof(request)) < 0)
		return -errno;
	return 0;
}

static int run_rereg_access(struct test *t)
{
	return rereg(t, IBV_REREG_MR_CHANGE_ACCESS, NULL, 0);
}

/* The hint stays with the memory that it is about, whatever became of access */
static void check_rereg_access(struct test *t, int err)
{
	(void)err;
	check_deregister(t, -EAGAIN);
}

/* Ordinary memory takes the place of the dma-buf */
static int run_rereg_memory(struct test *t)
{
	return rereg(t, IBV_REREG_MR_CHANGE_TRANSLATION, ordinary,
		     sizeof(ordinary));
}

/*
 * On success the hint went with the dma-buf. After an error it may have, too: the
 * last thing to fail is the answer, which comes when all is done.
 */
static void check_rereg_memory(struct test *t, int err)
{
	if (!err)
		check_given_back(t);
	if (ibv_dereg_mr(t->mr))
		wrong(t, "cannot deregister");
	check_given_back(t);
}

static const struct operation operations[] = {
	{ "SET", prepare_set, run_set, check_set },
	{ "GET", prepare_set, run_get, check_get },
	{ "export", prepare_nothing, run_export, check_export },
	{ "registration, new tag", prepare_new_tag, run_register, check_register },
	{ "registration, tag in use before", prepare_same_tag, run_register,
	  check_register },
	{ "registration, relaxed ordering", prepare_same_tag, run_register_relaxed,
	  check_register },
	{ "registration, no pool", prepare_no_pool, run_register, check_register },
	{ "registration, no hint", prepare_no_hint, run_register,
	  check_register_no_hint },
	{ "registration, DMA handle", prepare_dmah, run_register_dmah,
	  check_register_dmah },
	{ "deregistration", prepare_deregister, run_deregister, check_deregister },
	{ "deregistration, no pool", prepare_deregister_no_pool, run_deregister,
	  check_deregister },
	{ "other access", prepare_deregister, run_rereg_access, check_rereg_access },
	{ "other memory", prepare_deregister, run_rereg_memory, check_rereg_memory },
};

/* Each hint that is seen gets a pool of mkeys until there are 64 */
static void use_up_pools(struct test *t)
{
	unsigned int i;

	for (i = 0; i < 2 * CYCLE; i++) {
		set_hint(t, 1 + i % CYCLE, 1 + i / CYCLE);
		if (run_register(t))
			wrong(t, "cannot register");
		else
			ibv_dereg_mr(t->mr);
	}
}

/* true: the fault was used up, there may be more */
static bool one_round(struct test *t, const struct operation *op, int *err)
{
	bool used;

	arm(t);
	*err = op->run(t);
	used = disarm(t);
	if (*err && !used)
		wrong(t, "fails without a fault");
	op->check(t, *err);
	return used;
}

static void run(struct test *t, const struct operation *op)
{
	unsigned int errors = 0, seen[256] = { 0 };
	bool more = true;
	char line[64];
	int err;

	snprintf(line, sizeof(line), "fail-nth: %s\n", op->name);
	write_file("/dev/kmsg", line);
	t->wrong = NULL;
	for (t->n = 1; more && !t->wrong && t->n <= MAX_FAULTS; t->n++) {
		t->mr = NULL;
		if (!op->prepare(t)) {
			printf("ok fail-nth: %s # SKIP not possible here\n",
			       op->name);
			return;
		}
		more = one_round(t, op, &err);
		if (err) {
			errors++;
			seen[-err & 255]++;
		}
	}
	t->n--;
	if (more && !t->wrong)
		wrong(t, "there is no end to it");
	for (err = 0; err < 256; err++)
		if (seen[err])
			printf("#  %u x %s\n", seen[err], strerror(err));
	rig_result(&t->rig, !t->wrong && t->n > 1,
		   "fail-nth: %s: %u faults, %u errors%s%s", op->name, t->n - 1,
		   errors, t->wrong ? ": " : "", t->wrong ?: "");
}

int main(void)
{
	struct test t = { .n = 0 };
	size_t i;

	rig_open(&t.rig);
	set_up_faults();
	t.control = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	t.fd = rig_export(&t.rig, 0);
	if (t.control < 0 || t.fd < 0) {
		printf("not ok fail-nth: no fail-nth, or no dma-buf\n");
		return 1;
	}
	/* Page faults of ours are not what is to fail */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	run_register(&t);
	if (t.mr)
		ibv_dereg_mr(t.mr);

	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		if (operations[i].prepare == prepare_no_pool)
			use_up_pools(&t);
		run(&t, &operations[i]);
	}
	if (t.dmah)
		ibv_dealloc_dmah(t.dmah);
	close(t.fd);
	rig_check_table(&t.rig);
	/* A device whose dma-bufs leaked would hang here */
	rig_close(&t.rig);
	return t.rig.failed != 0;
}
