#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: lab/tests/topologies-test.sh [NAME...]
#
# Runs the demo in each topology, or those named, and demands the result that the
# topology's file states; with a 16-bit tag too where that is another one. Then,
# or for the name "wrong", with statements that are wrong, which have to fail: a
# check that cannot fail shows nothing. Leaves the runs in out/topologies/.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
. "$top/lab/topology.sh"
suite=topologies
. "$top/lab/tests/tap.sh"

[ "${1:-}" != --help ] || usage
unset ST PH NS STMODE PLATFORM
runs=$results/topologies
mkdir -p "$runs"

# What the run in directory $1 shows: the fate of the hint and its way.
summary()
{
	jq -r '"\(.expected) " + (.route | "by \(.path | join(" ")), \(.address_type)" +
		if .lost_at then ", taken away at \(.lost_at): \(.why)" else "" end)' "$1/result.json"
}

failures() { jq -r '.checks[] | select(.ok | not) | .name' "$1/result.json" 2>/dev/null; }

demo() # NAME TOPOLOGY NS ST
{
	TOPOLOGY=$2 NS=$3 ST=$4 OUT=$runs/$1 "$top/lab/demo" >"$runs/$1.txt" 2>&1
}

expect_success() # NAME TOPOLOGY NS ST
{
	if demo "$@"; then
		ok "$1: $(summary "$runs/$1")"
	else
		not_ok "$1: see ${runs#"$top/"}/$1.txt: $(failures "$runs/$1" | paste -sd';')"
	fi
}

# The documentation has the picture of the topology's file.
test_picture()
{
	local shown
	shown=$(picture "$1" | sed 's/^/  /')
	if [[ -n $shown && $(<"$topologies/README.md") == *$'\n\n'"$shown"$'\n\n'* ]]; then
		ok "$1: picture in the documentation"
	else
		not_ok "$1: README.md has another picture, or none"
	fi
}

test_topology()
{
	test_picture "$1"
	load_topology "$1"
	[ -n "$expect" ] || return 0	# not for the demo
	expect_success "$1" "$1" 8 0x5a
	# One topology stands for the others where the result is the same.
	if [ "$expect_16" != "$expect" ] || [ "$1" = switch-acs-dt ]; then
		expect_success "$1-16bit" "$1" 16 0x1234
	fi
}

# A topology that states what is not so; its demo has to fail, in exactly these
# checks, one per line.
expect_failure() # NAME BASE STATEMENTS FAILURES
{
	local file=$runs/$1.topology
	printf 'base %s\n%s\n' "$2" "$3" >"$file"
	demo "$1" "$file" 8 0x5a
	is "$1 is not taken for true" "$(failures "$runs/$1")" "$4"
}

test_wrong_statements()
{
	expect_failure wrong-place two-root-ports \
		'expect="lost rp1 phase of the moon" expect_path="rp1 rc rp0" expect_address=bus' \
"wire: the hint is seen up to
route: ports
route: address in the NIC's requests
route: who took it away
route: why"
	expect_failure wrong-fate switch-acs-dt 'expect="lost rp0 in thought"' \
"program: lost
program: busy
program: revoke
program: reset
program: exit status
wire: no write with a hint into the accelerator
lost: the accelerator stored some
wire: the hint is seen up to
route: the hint arrives
route: who took it away
route: why"
}

[ $# -gt 0 ] || set -- $(list_topologies) wrong
for name; do
	case $name in
	wrong)	test_wrong_statements ;;
	*)	test_topology "$name" ;;
	esac
done
exit $failed
