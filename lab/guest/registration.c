// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * lab-registration [CYCLES [ROUNDS]]: what it costs to register a dma-buf with
 * a hint and to deregister it again, compared with one that has none: the
 * firmware commands that the driver's own statistics have for CYCLES of that, and
 * the time of one, best and median of ROUNDS in which the two take turns. Prints
 * lines of a name and a value. The first part of the name says how many other
 * tags are in use meanwhile:
 *
 *   crowded      as many as the ST table has room for besides
 *   full         all that it has room for: the hint cannot be used (without an
 *                ST table there is no such case)
 *   alone        none; but the hint was the last one to be admitted to the pools
 *   unpooled     none, but the driver has no pool of mkeys for the hint
 *
 * The clock is the thread's own: what is done for it, without its waiting.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define MAX_COMMANDS	1024
#define MAX_OTHERS	64
#define TAG		0x20
#define OTHER_TAGS	0x80
/* More hints than the driver has pools for, and tags than the table has entries */
#define WASTED_TAGS	80
#define PH		1
#define WASTED_PH	2
#define UNPOOLED_PH	3

struct bench {
	struct rig rig;
	unsigned int cycles, rounds;
	int plain, tagged;		/* dma-bufs */
	int fd[MAX_OTHERS];		/* those that have the other tags */
	struct ibv_mr *mr[MAX_OTHERS];
	unsigned int nr_others;
	glob_t commands;		/* files with a count each */
};

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "lab-registration: %s failed\n", what);
	exit(1);
}

static void register_once(struct bench *b, int fd)
{
	struct ibv_mr *mr = rig_register(b->rig.pd, fd, 0);

	if (!mr || ibv_dereg_mr(mr))
		give_up("(de)registering");
}

static void register_often(struct bench *b, int fd)
{
	for (unsigned int i = 0; i < b->cycles; i++)
		register_once(b, fd);
}

static unsigned long long read_count(const char *path)
{
	unsigned long long n;
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%llu", &n) != 1)
		give_up(path);
	fclose(f);
	return n;
}

static void count_commands(struct bench *b, const char *state, const char *kind,
			   int fd)
{
	unsigned long long before[MAX_COMMANDS], n, total = 0;
	size_t i;

	register_once(b, fd);	/* its pool has an mkey from here on */
	for (i = 0; i < b->commands.gl_pathc; i++)
		before[i] = read_count(b->commands.gl_pathv[i]);
	register_often(b, fd);
	for (i = 0; i < b->commands.gl_pathc; i++) {
		n = read_count(b->commands.gl_pathv[i]) - before[i];
		total += n;
		if (n)
			printf("# %s.%s: %llu of %s\n", state, kind, n,
			       b->commands.gl_pathv[i]);
	}
	printf("%s.commands.%s %llu\n", state, kind, total);
}

static long long cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static long long time_one(struct bench *b, int fd)
{
	long long begin = cpu_time();

	register_once(b, fd);
	return cpu_time() - begin;
}

static int compare_times(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* The best and the median of @n times, which get sorted */
static void print_times(const char *state, const char *kind, long long *ns,
			unsigned int n)
{
	qsort(ns, n, sizeof(*ns), compare_times);
	printf("%s.best.%s %lld\n", state, kind, ns[0]);
	printf("%s.median.%s %lld\n", state, kind, ns[n / 2]);
}

static void measure_time(struct bench *b, const char *state)
{
	unsigned int n = b->rounds;
	long long *plain = calloc(n, sizeof(*plain));
	long long *tagged = calloc(n, sizeof(*tagged));

	if (!plain || !tagged)
		give_up("allocating");
	for (unsigned int i = 0; i < n; i++) {
		plain[i] = time_one(b, b->plain);
		tagged[i] = time_one(b, b->tagged);
	}
	print_times(state, "plain", plain, n);
	print_times(state, "tagged", tagged, n);
	printf("%s.best.ratio %.4f\n", state, (double)tagged[0] / plain[0]);
	printf("%s.median.ratio %.4f\n", state,
	       (double)tagged[n / 2] / plain[n / 2]);
	free(plain);
	free(tagged);
}

/* Is the hint in use while the memory is registered? */
static bool is_used(struct bench *b, __u8 ph)
{
	struct ibv_mr *mr = rig_register(b->rig.pd, b->tagged, 0);
	int held = rig_held(&b->rig, b->tagged, TAG, ph);

	if (!mr || held < 0 || ibv_dereg_mr(mr))
		give_up("asking whether the hint is in use");
	return held;
}

static void compare(struct bench *b, const char *state, __u8 ph)
{
	if (rig_set(&b->rig, b->tagged, TAG, ph))
		give_up("SET");
	printf("%s.used %u\n", state, is_used(b, ph));
	count_commands(b, state, "plain", b->plain);
	count_commands(b, state, "tagged", b->tagged);
	if (b->rounds)
		measure_time(b, state);
}

static void add_other(struct bench *b)
{
	unsigned int i = b->nr_others++;

	b->fd[i] = rig_export(&b->rig, 0);
	if (b->fd[i] < 0 || rig_set(&b->rig, b->fd[i], OTHER_TAGS + i, PH))
		give_up("another dma-buf");
	b->mr[i] = rig_register(b->rig.pd, b->fd[i], 0);
	if (!b->mr[i])
		give_up("registering another dma-buf");
}

static void remove_others(struct bench *b)
{
	while (b->nr_others--) {
		ibv_dereg_mr(b->mr[b->nr_others]);
		close(b->fd[b->nr_others]);
	}
	b->nr_others = 0;
}

static void compare_all(struct bench *b)
{
	/* Without a table, as many as with a common one */
	unsigned int entries = b->rig.st_entries ?: 63;

	while (b->nr_others < entries - 1)
		add_other(b);
	compare(b, "crowded", PH);
	if (b->rig.st_entries) {
		/* The tag that the comparison used loses its place to this one */
		add_other(b);
		compare(b, "full", PH);
	}
	remove_others(b);
	compare(b, "alone", PH);
	for (unsigned int tag = 1; tag <= WASTED_TAGS; tag++) {
		if (rig_set(&b->rig, b->tagged, tag, WASTED_PH))
			give_up("SET");
		register_once(b, b->tagged);
	}
	compare(b, "unpooled", UNPOOLED_PH);
}

int main(int argc, char **argv)
{
	static struct bench b;

	b.cycles = argc > 1 ? atoi(argv[1]) : 200;
	b.rounds = argc > 2 ? atoi(argv[2]) : 0;
	rig_open(&b.rig);
	if (glob("/sys/kernel/debug/mlx5/*/commands/*/n", 0, NULL, &b.commands) ||
	    b.commands.gl_pathc > MAX_COMMANDS)
		give_up("finding mlx5's statistics of commands");
	b.plain = rig_export(&b.rig, 0);
	b.tagged = rig_export(&b.rig, 1);
	if (b.plain < 0 || b.tagged < 0)
		give_up("exporting");
	printf("entries %u\n", b.rig.st_entries);
	compare_all(&b);
	close(b.plain);
	close(b.tagged);
	rig_close(&b.rig);
	return 0;
}
