// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * lab-stress SECONDS [SEED]: threads that export, set, clear, ask, register,
 * deregister and close without regard for each other, on dma-bufs that they
 * share and on some of their own, while the device is revoked, reset, closed and
 * opened again under them.
 *
 * The descriptors that they share are numbers that stay open: what is behind
 * them is replaced by dup2(), with /dev/null when it is to be gone. So a thread
 * never gets hold of a descriptor that has nothing to do with the test.
 *
 * A thread does the same with the same seed, but not at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define NR_THREADS	5
#define NR_SHARED	6
#define NR_MRS		4
#define SHARED_FD	200
#define DEVICE_FD	190
#define IOMMU_FD	191
#define MAX_ERRNO	134
#define NOTHING		1	/* there was nothing to do */

enum {
	OP_EXPORT, OP_CLOSE, OP_SET, OP_CLEAR, OP_GET, OP_REGISTER, OP_DEREGISTER,
	OP_PREFETCH, OP_OWN, OP_ABANDON, NR_OPS
};

static const char *const op_names[NR_OPS] = {
	"export", "close", "SET", "clear", "GET", "register", "deregister",
	"prefetch", "own dma-buf", "abandon a context",
};

/* Errnos that races explain, for each operation; 0 ends the list */
static const int expected[NR_OPS][8] = {
	/* The device is closed, or about to be */
	[OP_EXPORT] = { ENOTTY, ENODEV, EINVAL, EIO },
	/* Not a dma-buf at the moment, or one of a device that was closed */
	[OP_SET] = { EBUSY, EINVAL, ENOTTY },
	[OP_CLEAR] = { EBUSY, EINVAL, ENOTTY },
	[OP_GET] = { EINVAL, ENOTTY, ENODATA },
	[OP_REGISTER] = { ENODEV, EINVAL },
	[OP_PREFETCH] = { ENODEV, EFAULT, EINVAL, ENOENT },
	[OP_OWN] = { ENODEV, ENOTTY, EINVAL, EIO },
	[OP_ABANDON] = { ENODEV, ENOTTY, EINVAL, EIO },
};

struct worker {
	pthread_t thread;
	struct rig *rig;
	unsigned long long random;
	struct ibv_mr *mrs[NR_MRS];
	unsigned long counts[NR_OPS][MAX_ERRNO];
};

static atomic_bool stop;
static atomic_ulong changed, kept, revokes, resets, closes;
static int null_fd;

static unsigned int pick(struct worker *w, unsigned int n)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 32) % n;
}

static int shared(struct worker *w)
{
	return SHARED_FD + pick(w, NR_SHARED);
}

/* Or none; relaxed ordering makes the driver map the memory early */
static int access_flag(struct worker *w)
{
	return pick(w, 2) ? IBV_ACCESS_RELAXED_ORDERING : 0;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static int do_export(struct worker *w)
{
	int fd = rig_export(w->rig, pick(w, 8));

	if (fd < 0)
		return fd;
	dup2(fd, shared(w));
	close(fd);
	return 0;
}

static int do_register(struct worker *w)
{
	unsigned int i = pick(w, NR_MRS);

	if (w->mrs[i])
		return NOTHING;
	w->mrs[i] = rig_register(w->rig->pd, shared(w), access_flag(w));
	return w->mrs[i] ? 0 : -errno;
}

static int do_deregister(struct worker *w)
{
	unsigned int i = pick(w, NR_MRS);
	int ret;

	if (!w->mrs[i])
		return NOTHING;
	ret = ibv_dereg_mr(w->mrs[i]);
	if (!ret)
		w->mrs[i] = NULL;
	return -ret;
}

/* Makes the driver map the memory anew if it was revoked meanwhile */
static int do_prefetch(struct worker *w)
{
	struct ibv_mr *mr = w->mrs[pick(w, NR_MRS)];
	struct ibv_sge sge;

	if (!mr)
		return NOTHING;
	sge = (struct ibv_sge) { .addr = 0, .length = 4096, .lkey = mr->lkey };
	return -ibv_advise_mr(w->rig->pd, IBV_ADVISE_MR_ADVICE_PREFETCH_WRITE,
			      IBV_ADVISE_MR_FLAG_FLUSH, &sge, 1);
}

/* A dma-buf that no other thread knows, with a hint */
static int own_export(struct worker *w, __u16 tag, __u8 ph)
{
	int ret, fd = rig_export(w->rig, 8 + pick(w, 4));

	if (fd < 0)
		return fd;
	ret = rig_set(w->rig, fd, tag, ph);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* Whatever happens to the device, a hint that is held must not change. */
static void try_to_change(struct worker *w, int fd, __u16 tag, __u8 ph)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!rig_set(w->rig, fd, tag, ph ^ 1))
			changed++;
		sched_yield();
	}
}

static void must_be_free(struct worker *w, int fd, __u16 tag, __u8 ph)
{
	if (rig_set(w->rig, fd, tag, ph ^ 1) == -EBUSY)
		kept++;
}

static int do_own(struct worker *w)
{
	__u16 tag = pick(w, 32);
	__u8 ph = pick(w, 4);
	int fd = own_export(w, tag, ph);
	struct ibv_mr *mr;

	if (fd < 0)
		return fd;
	mr = rig_register(w->rig->pd, fd, access_flag(w));
	if (!mr) {
		int err = errno;

		must_be_free(w, fd, tag, ph);
		close(fd);
		return -err;
	}
	try_to_change(w, fd, tag, ph);
	ibv_dereg_mr(mr);
	must_be_free(w, fd, tag, ph);
	close(fd);
	return 0;
}

/* Leaves it to the kernel to clean up. */
static int do_abandon(struct worker *w)
{
	__u16 tag = pick(w, 32);
	__u8 ph = pick(w, 4);
	struct ibv_context *context;
	struct ibv_pd *pd;
	int ret = 0, fd = own_export(w, tag, ph);

	if (fd < 0)
		return fd;
	context = ibv_open_device(w->rig->context->device);
	pd = context ? ibv_alloc_pd(context) : NULL;
	if (!pd || !rig_register(pd, fd, access_flag(w)))
		ret = -errno;
	else
		try_to_change(w, fd, tag, ph);
	if (context)
		ibv_close_device(context);
	must_be_free(w, fd, tag, ph);
	close(fd);
	return ret;
}

static int do_op(struct worker *w, unsigned int op)
{
	__u16 tag;
	__u8 ph;

	switch (op) {
	case OP_EXPORT:
		return do_export(w);
	case OP_CLOSE:
		return dup2(null_fd, shared(w)) < 0 ? -errno : 0;
	case OP_SET:
		return rig_set(w->rig, shared(w), pick(w, 100), pick(w, 4));
	case OP_CLEAR:
		return rig_clear(w->rig, shared(w));
	case OP_GET:
		return rig_get(w->rig, shared(w), &tag, &ph);
	case OP_REGISTER:
		return do_register(w);
	case OP_DEREGISTER:
		return do_deregister(w);
	case OP_PREFETCH:
		return do_prefetch(w);
	case OP_OWN:
		return do_own(w);
	default:
		return do_abandon(w);
	}
}

static void *work(void *arg)
{
	static const unsigned char mix[] = {
		OP_EXPORT, OP_EXPORT, OP_EXPORT, OP_CLOSE, OP_SET, OP_SET, OP_SET,
		OP_CLEAR, OP_GET, OP_GET, OP_REGISTER, OP_REGISTER, OP_REGISTER,
		OP_DEREGISTER, OP_DEREGISTER, OP_DEREGISTER, OP_PREFETCH, OP_OWN,
		OP_OWN, OP_ABANDON,
	};
	struct worker *w = arg;
	unsigned int i, op;
	int err;

	while (!stop) {
		op = mix[pick(w, sizeof(mix))];
		err = -do_op(w, op);
		if (err == -NOTHING)
			continue;
		/* While the device is closed, let it be opened */
		if (err == ENOTTY)
			sleep_ms(2);
		w->counts[op][err < 0 || err >= MAX_ERRNO ? MAX_ERRNO - 1 : err]++;
	}
	for (i = 0; i < NR_MRS; i++)
		if (w->mrs[i] && ibv_dereg_mr(w->mrs[i]))
			kept++;
	return NULL;
}

/* Puts the open device at the descriptors that everybody uses. */
static void settle(struct rig *rig, struct vfio_device *dev)
{
	dup2(dev->fd, DEVICE_FD);
	dup2(dev->iommufd, IOMMU_FD);
	vfio_close(dev);
	rig->vfio.fd = DEVICE_FD;
	rig->vfio.iommufd = IOMMU_FD;
}

/* Others may be in a call and keep the old one open for a moment. */
static bool close_and_open(struct rig *rig)
{
	struct vfio_device dev;
	unsigned int tries;

	dup2(null_fd, DEVICE_FD);
	for (tries = 0; tries < 2000; tries++) {
		if (!vfio_open(&dev, rig->accel)) {
			settle(rig, &dev);
			return true;
		}
		sleep_ms(10);
	}
	return false;
}

/* false: the device cannot be opened any more */
static bool disturb(struct worker *w)
{
	switch (pick(w, 16)) {
	case 0:
		closes++;
		return close_and_open(w->rig);
	case 1 ... 3:
		resets++;
		vfio_reset(&w->rig->vfio);
		return true;
	default:
		revokes++;
		vfio_memory_decode(&w->rig->vfio, false);
		sleep_ms(pick(w, 20));
		vfio_memory_decode(&w->rig->vfio, true);
		return true;
	}
}

static bool is_expected(unsigned int op, int err)
{
	size_t i;

	for (i = 0; i < 8 && expected[op][i]; i++)
		if (expected[op][i] == err)
			return true;
	return !err;
}

static void report(struct rig *rig, struct worker *workers)
{
	unsigned long sum, total = 0, surprises = 0;
	unsigned int op, i;
	int err;

	for (op = 0; op < NR_OPS; op++) {
		printf("#  %s:", op_names[op]);
		for (err = 0; err < MAX_ERRNO; err++) {
			for (sum = 0, i = 0; i < NR_THREADS; i++)
				sum += workers[i].counts[op][err];
			total += sum;
			if (!sum)
				continue;
			printf(" %lu x %s%s", sum, err ? strerror(err) : "ok",
			       is_expected(op, err) ? "," : " (!),");
			if (!is_expected(op, err))
				surprises += sum;
		}
		printf("\n");
	}
	printf("#  %lu revocations, %lu resets, %lu closes\n", revokes, resets,
	       closes);
	rig_result(rig, !surprises, "stress: %lu operations, %lu with an unexpected result",
		   total, surprises);
	rig_result(rig, !changed, "stress: %lu hints changed while they were held",
		   changed);
	rig_result(rig, !kept, "stress: %lu hints held by nobody, or regions that stay",
		   kept);
}

static void wait_for_end(struct worker *disturber, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;

	while (time(NULL) < end) {
		if (!disturb(disturber)) {
			rig_result(disturber->rig, false,
				   "stress: the device cannot be opened again");
			break;
		}
		sleep_ms(20 + pick(disturber, 100));
	}
}

int main(int argc, char **argv)
{
	struct worker workers[NR_THREADS + 1] = { { .rig = NULL } };
	struct vfio_device opened;
	unsigned long seed;
	struct rig rig;
	unsigned int i;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: lab-stress SECONDS [SEED]\n");
		return 2;
	}
	rig_open(&rig);
	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned long)time(NULL);
	printf("# %s seconds, seed %lu\n", argv[1], seed);

	null_fd = open("/dev/null", O_RDWR);
	for (i = 0; i < NR_SHARED; i++)
		dup2(null_fd, SHARED_FD + i);
	opened = rig.vfio;
	settle(&rig, &opened);

	for (i = 0; i <= NR_THREADS; i++) {
		workers[i].rig = &rig;
		workers[i].random = (seed + 1) * 0x9e3779b97f4a7c15 + i;
		if (i < NR_THREADS)
			pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	wait_for_end(&workers[NR_THREADS], atoi(argv[1]));
	stop = true;
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < NR_SHARED; i++)
		close(SHARED_FD + i);

	report(&rig, workers);
	rig_check_table(&rig);
	rig_close(&rig);
	return rig.failed != 0;
}
