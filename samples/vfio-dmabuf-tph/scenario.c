// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "options.h"
#include "report.h"
#include "say.h"
#include "scenario.h"
#include "slot.h"
#include "vfio.h"

static const struct accel_hint no_hint = { .ns = 8 };

/* What a write must carry if the hint was set with @ph */
static struct accel_hint set_hint(struct slot *slot, __u8 ph)
{
	const struct options *opt = slot->setup->opt;

	if (opt->fate != FATE_ARRIVES)
		return no_hint;
	return (struct accel_hint) {
		.th = true,
		.ph = ph,
		.st = opt->tag,
		.ns = opt->ns,
	};
}

/* The command may ask the kernel, from outside, about what is held here. */
static void command_environment(const struct result *r)
{
	char text[32];

	setenv("SCENARIO", r->name, 1);
	snprintf(text, sizeof(text), "0x%x", r->lkey);
	setenv("MKEY", text, 1);
	snprintf(text, sizeof(text), "0x%llx", r->bar_address);
	setenv("BAR_ADDRESS", text, 1);
}

static bool run_command(struct slot *slot)
{
	const struct options *opt = slot->setup->opt;
	const char *what = "command while registered";
	struct result *r = slot->result;
	char path[PATH_MAX];
	int ret;

	if (!slot->command)
		return true;
	if (opt->command_out)
		snprintf(path, sizeof(path), "%s.%s", opt->command_out,
			 r->name);
	command_environment(r);
	ret = command_run(slot->command, opt->command_out ? path : NULL,
			  opt->timeout);
	if (ret < 0)
		return result_check_error(r, what, 0, ret);
	return result_check_number(r, what, 0, ret);
}

/* Two writes that carry @hint, and what they leave behind */
static void write_twice(struct slot *slot, __u32 second, enum effect effect,
			const struct accel_hint *hint)
{
	run_command(slot);
	slot_fill(slot);
	slot_begin(slot);
	if (slot_write(slot, 1, effect) && slot_write(slot, second, effect))
		slot_verify_read(slot);
	slot_verify_map(slot);
	slot_end(slot, 2, hint);
}

static void run_hinted(struct slot *slot, unsigned int op, __u32 second)
{
	const struct options *opt = slot->setup->opt;
	struct accel_hint hint = set_hint(slot, opt->ph);
	enum effect effect = EFFECT_STORE;

	if (hint.th && op == TPH_ACCEL_OP_ADD)
		effect = EFFECT_ADD;
	if (slot_rule(slot, op) && slot_set_hint(slot, opt->ph) &&
	    slot_register(slot))
		write_twice(slot, second, effect, &hint);
}

/* The same data twice: it is there twice. */
static void run_add(struct slot *slot)
{
	run_hinted(slot, TPH_ACCEL_OP_ADD, 1);
}

/* Other data the second time: the first is gone. */
static void run_store(struct slot *slot)
{
	run_hinted(slot, TPH_ACCEL_OP_STORE, 2);
}

/* The rule waits for a tag that nobody set. */
static void run_plain(struct slot *slot)
{
	if (slot_rule(slot, TPH_ACCEL_OP_ADD) &&
	    slot_check_no_hint(slot, "GET without a SET") &&
	    slot_register(slot))
		write_twice(slot, 2, EFFECT_STORE, &no_hint);
}

/*
 * A port stops the requests that carry the hint. Writes are posted: the sender
 * takes them for done. Reads fail.
 */
static void run_blocked(struct slot *slot)
{
	if (!slot_rule(slot, TPH_ACCEL_OP_STORE) ||
	    !slot_set_hint(slot, slot->setup->opt->ph) || !slot_register(slot))
		return;
	run_command(slot);
	slot_fill(slot);
	slot_begin(slot);
	slot_write_vanishes(slot, 1);
	slot_read_refused(slot);
	slot_verify_map(slot);
	slot_end(slot, 0, &no_hint);
}

/* What cannot be set leaves nothing behind. */
static void run_refused(struct slot *slot)
{
	const struct options *opt = slot->setup->opt;

	slot_try_hint(slot, "SET of the hint", opt->ph, opt->set_error);
	if (slot_check_no_hint(slot, "GET after that") && slot_register(slot))
		write_twice(slot, 2, EFFECT_STORE, &no_hint);
}

/* One write through a new registration, with what it should carry */
static bool write_once(struct slot *slot, __u8 ph)
{
	struct accel_hint hint = set_hint(slot, ph);
	bool ok;

	slot_fill(slot);
	slot_begin(slot);
	ok = slot_write(slot, 3, EFFECT_STORE) && slot_verify_read(slot) &&
	     slot_verify_map(slot);
	return slot_end(slot, 1, &hint) && ok;
}

/* Whether an importer that registered the buffer holds its hint */
static bool hint_in_use(const struct options *opt)
{
	return opt->fate == FATE_ARRIVES || opt->fate == FATE_LOST;
}

/*
 * An importer that could not use the hint has given it back, and does not keep
 * the owner from changing it. One whose hints get lost on the way knows nothing
 * of that.
 */
static void try_changes(struct slot *slot, __u8 ph, __u8 other)
{
	int busy = hint_in_use(slot->setup->opt) ? -EBUSY : 0;

	slot_try_hint(slot, "SET of another hint while registered", other,
		      busy);
	slot_check_hint(slot, "GET after that", busy ? ph : other);
	slot_try_clear(slot, "clearing the hint while registered", busy);
	slot_try_hint(slot, "SET of the same hint while registered", ph, 0);
	slot_check_hint(slot, "GET while registered", ph);
}

/* PH and not the tag changes: the tag may be one that does not fit. */
static void run_busy(struct slot *slot)
{
	__u8 ph = slot->setup->opt->ph, other = (ph + 1) & 3;

	if (!slot_rule(slot, TPH_ACCEL_OP_STORE) ||
	    !slot_set_hint(slot, ph) || !slot_register(slot))
		return;
	try_changes(slot, ph, other);
	if (slot_deregister(slot) && slot_set_hint(slot, other) &&
	    slot_register(slot))
		write_once(slot, other);
}

/*
 * Decode is off in here: no access to registers or memory, by anybody. Only
 * the kernel and the RDMA device are asked.
 */
static void without_decode(struct slot *slot)
{
	slot_write_refused(slot, "RDMA WRITE while revoked");
	slot_register_fails(slot, "registration while revoked", -ENODEV);
	slot_check_hint(slot, "GET while revoked", slot->setup->opt->ph);
}

/* The hint belongs to the dma-buf: it outlives the revocation. */
static void register_again(struct slot *slot)
{
	__u8 ph = slot->setup->opt->ph;

	slot_check_hint(slot, "GET after the revocation", ph);
	if (slot_deregister(slot) && slot_register(slot))
		write_once(slot, ph);
}

static bool start_revocation(struct slot *slot)
{
	__u8 ph = slot->setup->opt->ph;

	return slot_rule(slot, TPH_ACCEL_OP_STORE) &&
	       slot_set_hint(slot, ph) && slot_register(slot) &&
	       write_once(slot, ph);
}

static void run_revoke(struct slot *slot)
{
	struct vfio_device *vfio = slot->setup->vfio;
	struct result *r = slot->result;

	if (!start_revocation(slot))
		return;
	slot_fill(slot);
	slot_begin(slot);
	if (result_check_error(r, "memory decode off", 0,
			       vfio_memory_decode(vfio, false)))
		without_decode(slot);
	if (!result_check_error(r, "memory decode on", 0,
				vfio_memory_decode(vfio, true)))
		return;
	slot_verify_map(slot);
	slot_end(slot, 0, &no_hint);
	register_again(slot);
}

/*
 * A reset may clear memory, rules and counters: what must not change is what
 * is there after it.
 */
static void run_reset(struct slot *slot)
{
	if (!start_revocation(slot) ||
	    !result_check_error(slot->result, "VFIO_DEVICE_RESET", 0,
				vfio_reset(slot->setup->vfio)) ||
	    !slot_rule(slot, TPH_ACCEL_OP_STORE))
		return;
	slot_fill(slot);
	slot_begin(slot);
	slot_write_refused(slot, "RDMA WRITE after the reset");
	slot_verify_map(slot);
	slot_end(slot, 0, &no_hint);
	register_again(slot);
}

const struct scenario scenarios[] = {
	{
		.name = "add",
		.about = "the tag means add: two writes are there as their sum",
		.runs_command = true,
		.when = WHEN(FATE_ARRIVES),
		.run = run_add,
	}, {
		.name = "store",
		.about = "the tag means store: the second write overwrites",
		.when = WHEN(FATE_ARRIVES),
		.run = run_store,
	}, {
		.name = "lost",
		.about = "the hint is used and gets lost on the way: plain stores",
		.runs_command = true,
		.when = WHEN(FATE_LOST),
		.run = run_add,
	}, {
		.name = "blocked",
		.about = "a port stops what carries the hint: nothing arrives",
		.runs_command = true,
		.when = WHEN(FATE_BLOCKED),
		.run = run_blocked,
	}, {
		.name = "refused",
		.about = "the hint cannot be set: plain stores",
		.runs_command = true,
		.when = WHEN(FATE_REFUSED),
		.run = run_refused,
	}, {
		.name = "nofit",
		.about = "the hint is set but cannot be used: plain stores",
		.runs_command = true,
		.when = WHEN(FATE_UNUSED),
		.run = run_add,
	}, {
		.name = "plain",
		.about = "no hint is set: plain stores",
		.runs_command = true,
		.when = WHEN_ALWAYS,
		.run = run_plain,
	}, {
		.name = "busy",
		.about = "a hint in use cannot be changed, one not in use can",
		.when = WHEN_WRITTEN,
		.run = run_busy,
	}, {
		.name = "revoke",
		.about = "memory decode off: writes fail and write nothing",
		.when = WHEN_WRITTEN,
		.run = run_revoke,
	}, {
		.name = "reset",
		.about = "VFIO_DEVICE_RESET: registrations are void after it",
		.when = WHEN_WRITTEN,
		.run = run_reset,
	},
	{ .name = NULL }
};

static void print_result(const struct result *r)
{
	char last[48];

	accel_hint_text(&r->last, last, sizeof(last));
	say("%-7s %s  RDMA WRITEs of %u bytes at 0x%llx by mkey 0x%x: %u done, %u failed;\n",
	    r->name, result_ok(r) ? "ok    " : "FAILED", r->length,
	    r->bar_address, r->lkey, r->writes, r->failed_writes);
	say("                TLPs: %llu matched the rule, %llu without a hint, %llu with a foreign tag; last write %s\n",
	    r->counters.rule.tlps, r->counters.plain.tlps,
	    r->counters.other.tlps, last);
}

void scenario_run(const struct scenario *scenario, const struct setup *setup,
		  unsigned int index, struct result *result)
{
	struct slot slot;

	result->name = scenario->name;
	result->expected_hint = setup->opt->fate == FATE_ARRIVES &&
				scenario->run != run_plain;
	result->last = no_hint;
	if (slot_open(&slot, setup, index, result)) {
		if (scenario->runs_command)
			slot.command = setup->opt->command;
		scenario->run(&slot);
	}
	slot_close(&slot);
	print_result(result);
}
