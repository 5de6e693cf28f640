#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hints-test.sh
#
# Hints in the life of memory regions, with an ST table and without; a driver that
# goes while mkeys with hints wait in pools; and how many mkeys, and how much memory
# of the kernel, hints that nobody uses any more leave behind.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=hints
. "$top/lab/tests/tap.sh"

out=$results/hints
mkdir -p "$out"
guest()	# COMMAND LAB/RUN-OPTION...
{
	local command=$1
	shift
	"$top/lab/run" --out "$out" --timeout 600 --trace vhca_mkey_create --trace vhca_mkey_destroy "$@" \
		-- "$command" 2>"$out/run.log"
}

# What the program says, with its place; each run has results.
run()	# NAME PROGRAM LAB/RUN-OPTION...
{
	local name=$1 command=$2 status
	shift 2
	guest "$command" "$@" >"$out/guest.txt"
	status=$?
	sed -n "s/^\(ok\|not ok\) hints: /\1 $suite: $name: /p" "$out/guest.txt"
	[ $status = 0 ] || not_ok "$name: exit status $status: $(tail -n 1 "$out/run.log")"
}

run "ST table" lab-hints
run "direct" lab-hints --set nic0.st-entries=0
run "16 entries, 8-bit tags" lab-hints --set nic0.st-entries=16 --set nic0.tph-ext=off

run "driver bound again" 'lab-hints >/dev/null
	cd /sys/bus/pci/drivers/mlx5_core && nic=$(echo 0000:*)
	echo $nic >unbind && echo $nic >bind && lab-hints'
is "driver bound again: complaints of the kernel" \
	"$(grep -cE 'WARNING|BUG|Call Trace' "$out/console.log")" 0

# 64 hints get a pool, and each pool keeps an mkey. Others cost none but the one that
# is in use. How many there are at most, since the end of the guest takes them all.
mkeys()
{
	awk '/^vhca_mkey_create/ { if (++now > most) most = now }
	     /^vhca_mkey_destroy/ { now-- }
	     END { print most + 0 }' "$out/qemu.log"
}
run "no hints" "lab-hints 0"
before=$(mkeys)
for n in 200 4000; do
	run "$n hints" "lab-hints $n"
	echo "# $n hints: $(sed -n 's/.*hints: \(Slab.*\)/\1/p' "$out/guest.txt")"
	is "$n hints: mkeys more than without" $(($(mkeys) - before)) 65
done
run "200 hints, direct" "lab-hints 200" --set nic0.st-entries=0
exit $failed
