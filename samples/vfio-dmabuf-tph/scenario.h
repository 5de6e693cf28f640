/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What is tried, one story each. */
#ifndef SAMPLE_TPH_SCENARIO_H
#define SAMPLE_TPH_SCENARIO_H

#include <stdbool.h>

#include "options.h"

/* A set of fates, for struct scenario's @when */
#define WHEN(fate) (1U << (fate))
#define WHEN_ALWAYS (~0U)
/* A hint can be set, and writes arrive one way or another */
#define WHEN_WRITTEN (WHEN(FATE_ARRIVES) | WHEN(FATE_LOST) | WHEN(FATE_UNUSED))

struct result;
struct setup;
struct slot;

struct scenario {
	const char *name;
	const char *about;
	bool runs_command;	/* --while-registered */
	unsigned int when;	/* WHEN() it applies */
	void (*run)(struct slot *slot);
};

/* Ends with an entry that has no name */
extern const struct scenario scenarios[];

/* scenario_run(): in slot @index; fills @result, prints a line */
void scenario_run(const struct scenario *scenario, const struct setup *setup,
		  unsigned int index, struct result *result);

#endif
