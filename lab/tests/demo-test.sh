#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The demo in both namespaces and both ST modes; that it fails when the hint
# does not arrive; and that it refuses what cannot be set.
set -uo pipefail
cd "$(dirname "$0")/../.."
suite=demo
. scripts/common.sh
. lab/tests/tap.sh
out=$results/demo-test
export OUT=$out
mkdir -p "$results"
unset ST PH NS STMODE TOPOLOGY

demo() { env "$@" lab/demo >$out.log 2>&1; }

# Each check of a run is a test: a run of none is a failure.
passes()
{
	local name=$1 status
	shift
	demo "$@"
	status=$?
	if [ ! -s "$OUT/result.json" ]; then
		not_ok "$name: no result: $(tail -n 1 $out.log)"
		return
	fi
	jq -r --arg name "$suite: $name" '.checks[] | (if .ok then "ok " else "not ok " end) +
		$name + ": " + .name + (if .ok then "" else ": found \(.found), expected \(.expected)" end)' \
		"$OUT/result.json"
	[ $status = 0 ] || failed=1
	is "$name: exit status" $status 0
}

passes "8-bit, ST table" NS=8 ST=0x5a PH=1
passes "8-bit, direct" NS=8 ST=0xff PH=2 STMODE=direct
passes "16-bit, ST table" NS=16 ST=0xbeef PH=3
passes "16-bit, direct" NS=16 ST=0x34 PH=1 STMODE=direct
passes "16-bit that does not fit, direct" NS=16 ST=0x134 PH=1 STMODE=direct
passes "tag 0, 8-bit" NS=8 ST=0 PH=0
passes "tag 0, 16-bit" NS=16 ST=0 PH=1

# The page: what it says, and that it is well-formed. XPATH: of the element to print
page() # FILE XPATH
{
	python3 -c 'import sys, xml.etree.ElementTree as tree
print("|".join("".join(e.itertext()) for e in tree.parse(sys.argv[1]).iterfind(sys.argv[2])))' \
		"$1" ".//{*}$2" 2>&1
}

is "page: verdict" "$(page "$OUT/report.html" "p[@id='verdict']")" \
	"All $(jq '.checks | length' "$OUT/result.json") checks hold."
is "page: a row for each check, and for each port that was passed" \
	"$(page "$OUT/report.html" tr | tr '|' '\n' | wc -l)" \
	"$(jq '2 + (.checks | length) + (.route.hops | length)' "$OUT/result.json")"
is "page: nothing is loaded or run" \
	"$(page "$OUT/report.html" script)$(grep -oiE '(src|href|url|@import)[=(]' "$OUT/report.html")" ""

hostile=$'</td><script>alert("x")</script><p id=\'verdict\'>&amp;\x01'
mkdir -p $out-hostile
cp "$OUT/capture.pcapng" $out-hostile/
jq --arg text "$hostile" '.ok = false | .topology = $text | .kernel = $text | .picture = $text |
	.route.path[0] = $text | .route.lost_at = $text | .route.why = $text |
	.checks[0] = {name: $text, ok: false, found: $text, expected: $text}' \
	"$OUT/result.json" >$out-hostile/result.json
lab/report $out-hostile >$out-hostile/report.html
is "page: hostile names are text" "$(page $out-hostile/report.html script)" ""
is "page: hostile names are all there" "$(grep -o '&lt;script&gt;' $out-hostile/report.html | wc -l)" 11
is "page: verdict of a run that fails" "$(page $out-hostile/report.html "p[@id='verdict']")" \
	"1 of $(jq '.checks | length' "$OUT/result.json") checks FAILED."
is "page: what took the hint away" "$(page $out-hostile/report.html "p[@id='lost']")" \
	"Taken away at ${hostile/$'\x01'/?}: ${hostile/$'\x01'/?}."

# A root complex that drops the hint: the owner set it, the wire has it, and
# the accelerator never sees it. The demo must notice.
demo TOPOLOGY=two-root-ports-keep PLATFORM="--set rp1.peer=drop"
is "a hint that gets lost: exit status" $? 1
is "a hint that gets lost: what left the NIC is not what arrived" \
	"$(jq -c '[.checks[] | select(.name == "wire: what leaves the NIC arrives") | .ok, .found != "0", .expected]' \
	"$OUT/result.json")" '[false,true,"0"]'
is "a hint that gets lost: the program says so" \
	"$(jq -c '[.checks[] | select(.name == "program: add" or .name == "program: plain") | .ok]' \
	"$OUT/result.json")" '[false,true]'

refuses()
{
	demo "$1"
	is "$1: exit status" $? 2
	is "$1: message" "$(cat $out.log)" "lab/demo: $2"
}
refuses ST=0x100 "ST=0x100 does not fit in 8 bits"
refuses ST=-1 "ST=-1 is not a number"
refuses 'ST=a[$(id)]' 'ST=a[$(id)] is not a number'
refuses PH=4 "PH=4: processing hints are 0 to 3"
refuses NS=12 "NS=12: the namespaces are 8 and 16"
refuses STMODE=none "STMODE=none: table or direct"
refuses TOPOLOGY=nowhere "TOPOLOGY=nowhere: there is no such topology"
exit $failed
