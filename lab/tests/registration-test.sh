#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# registration-test.sh
#
# In the steady state, registering a dma-buf with a hint takes as many firmware
# commands as registering one without, by the driver's own statistics: with an ST
# table that is empty, nearly full, and full of other tags, and without a table.
# A hint that is beyond those that have a pool of mkeys takes two more, and that
# shows that the statistics would tell.
set -uo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh
suite=registration
. lab/tests/tap.sh
out=$results/registration-test
cycles=100
mkdir -p "$out"

value() # NAME
{
	awk -v name="$1" '$1 == name { found = 1; print $2 }
		END { if (!found) print "no " name }' "$out/$mode"
}

compare() # STATE USED
{
	is "$mode, $1: whether the hint is in use" "$(value "$1.used")" "$2"
	is "$mode, $1: commands of $cycles registrations with a hint, as without" \
		"$(value "$1.commands.tagged")" "$(value "$1.commands.plain")"
}

run() # MODE ENTRIES [LAB/RUN OPTION...]
{
	mode=$1
	local entries=$2
	shift 2
	lab/run --out "$out" "$@" -- "lab-registration $cycles" </dev/null \
		>"$out/$mode" 2>"$out/stderr"
	is "$mode: exit status" $? 0
	is "$mode: entries of the ST table" "$(value entries)" "$entries"
	compare alone 1
	compare crowded 1
	[ "$entries" = 0 ] || compare full 0
	is "$mode, unpooled: whether the hint is in use" "$(value unpooled.used)" 1
	is "$mode, unpooled: commands of $cycles registrations, without and with a hint" \
		"$(value unpooled.commands.plain) $(value unpooled.commands.tagged)" \
		"0 $((2 * cycles))"
}

run table 63 --icount	# as the benchmark does
run direct 0 --set nic0.st-entries=0
exit $failed
