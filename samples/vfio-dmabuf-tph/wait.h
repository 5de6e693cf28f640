/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Waits that end. */
#ifndef SAMPLE_TPH_WAIT_H
#define SAMPLE_TPH_WAIT_H

#include <stdbool.h>
#include <time.h>

#include <linux/types.h>

static inline __u64 wait_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* wait_until(): the deadline, @seconds from now */
static inline __u64 wait_until(unsigned int seconds)
{
	return wait_now() + seconds * 1000000000ULL;
}

static inline bool wait_expired(__u64 deadline)
{
	return wait_now() >= deadline;
}

static inline void wait_a_moment(void)
{
	struct timespec moment = { .tv_nsec = 50000 };

	nanosleep(&moment, NULL);
}

#endif
