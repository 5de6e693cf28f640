/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The command line. */
#ifndef SAMPLE_TPH_OPTIONS_H
#define SAMPLE_TPH_OPTIONS_H

#include <stdbool.h>

#include <linux/types.h>

#define MAX_SCENARIOS 16

struct scenario;

struct options {
	char accel[32];			/* PCI address, with its domain */
	const char *rdma;
	int gid_index;
	unsigned int ns;		/* 8 or 16 */
	__u16 tag;
	__u8 ph;
	bool expect_hint;
	const char *no_hint_reason;	/* if not expect_hint */
	bool relaxed_ordering;		/* of the dma-buf's memory region */
	unsigned int length;		/* bytes of each RDMA WRITE */
	unsigned int timeout;		/* of each wait, seconds */
	const char *json;		/* file, "-" for stdout, or NULL */
	const char *command;		/* to run while registered, or NULL */
	const char *command_out;	/* prefix of its output files, or NULL */
	const struct scenario *scenarios[MAX_SCENARIOS];
	unsigned int nr_scenarios;
};

enum parsed {
	PARSED_RUN,
	PARSED_HELP,
	PARSED_BAD,
};

/* options_parse(): complains about what is wrong, prints the help */
enum parsed options_parse(struct options *opt, int argc, char **argv);

#endif
