/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a scenario found: checks, figures, and both as JSON. */
#ifndef SAMPLE_TPH_REPORT_H
#define SAMPLE_TPH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "accel.h"
#include "options.h"

#define MAX_CHECKS 64

struct check {
	char what[80];
	char expected[80];
	char found[80];
	bool ok;
};

struct result {
	const char *name;
	bool expected_hint;
	__u64 bar_address;		/* of the scenario's range */
	__u64 bar_length;
	unsigned int length;		/* bytes of each RDMA WRITE */
	unsigned int writes;		/* that completed with success */
	unsigned int failed_writes;
	struct accel_counters counters;	/* of these writes and the reads */
	bool registered;		/* the keys are valid */
	__u32 lkey;
	__u32 rkey;
	struct accel_hint last;
	char error[200];		/* what failed first; empty if nothing */
	struct check checks[MAX_CHECKS];
	unsigned int nr_checks;
};

/*
 * result_check_...(): record a check, print it if it fails; true if it holds.
 * Those for errors take a function's return value: 0 or a negative errno.
 */
bool result_check_text(struct result *r, const char *what,
		       const char *expected, const char *found);
bool result_check_number(struct result *r, const char *what, __u64 expected,
			 __u64 found);
bool result_check_error(struct result *r, const char *what, int expected,
			int found);

bool result_ok(const struct result *r);

struct report {
	const struct options *opt;
	struct result results[MAX_SCENARIOS];
	unsigned int nr_results;
	const char *error;		/* why nothing was run, or NULL */
};

bool report_ok(const struct report *report);

/* report_write(): as JSON, to opt->json. 0 or negative errno after complaint */
int report_write(const struct report *report);

#endif
