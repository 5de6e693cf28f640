/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The command line. */
#ifndef SAMPLE_TPH_OPTIONS_H
#define SAMPLE_TPH_OPTIONS_H

#include <stdbool.h>

#include <linux/types.h>

#define MAX_SCENARIOS 16

struct scenario;

/* enum fate: what is to become of the hint that the owner sets */
enum fate {
	FATE_ARRIVES,		/* writes carry it to the accelerator */
	FATE_LOST,		/* they set out with it and arrive without */
	FATE_BLOCKED,		/* they set out with it and do not arrive */
	FATE_UNUSED,		/* the importer cannot use it, gives it back */
	FATE_REFUSED,		/* SET fails */
};

struct options {
	char accel[32];			/* PCI address, with its domain */
	const char *rdma;
	int gid_index;
	unsigned int ns;		/* 8 or 16 */
	__u16 tag;
	__u8 ph;
	enum fate fate;
	const char *fate_reason;	/* or NULL */
	int set_error;			/* of FATE_REFUSED, negative errno */
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

const char *fate_name(enum fate fate);

/* options_parse(): complains about what is wrong, prints the help */
enum parsed options_parse(struct options *opt, int argc, char **argv);

#endif
