/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What is tried, one story each. */
#ifndef SAMPLE_TPH_SCENARIO_H
#define SAMPLE_TPH_SCENARIO_H

#include <stdbool.h>

struct result;
struct setup;
struct slot;

struct scenario {
	const char *name;
	const char *about;
	bool runs_command;	/* --while-registered */
	enum {
		SCENARIO_ALWAYS,
		SCENARIO_HINT,		/* with --expect-hint yes only */
		SCENARIO_NO_HINT,	/* with --expect-hint no only */
	} when;
	void (*run)(struct slot *slot);
};

/* Ends with an entry that has no name */
extern const struct scenario scenarios[];

/* scenario_run(): in slot @index; fills @result, prints a line */
void scenario_run(const struct scenario *scenario, const struct setup *setup,
		  unsigned int index, struct result *result);

#endif
