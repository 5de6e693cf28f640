#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: [DEBUG=1] kunit-test.sh [LAB/RUN OPTION...]
#
# The series' KUnit tests, in the lab's kernel: "ok SUITE: CASE" for each case.
# The kernel has them, but runs them only when it is asked to, through debugfs.
# DEBUG=1: the one with sanitizers and lock checks, where no case may be skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh
suites='pcie-tph dma-buf-pci-tph vfio-pci-dmabuf mlx5-st mlx5-mr-tph'
out=$results/kunit-test
mkdir -p "$out"

lab/run --out "$out" ${DEBUG:+--debug} "$@" -- "
	cd /sys/kernel/debug/kunit || exit
	for suite in $suites; do
		echo \"suite \$suite\"
		[ -d \$suite ] || continue
		echo run >\$suite/run
		cat \$suite/results
	done
	echo end" </dev/null >"$out/results" || { echo "not ok kunit: lab/run failed"; exit 1; }

# Cases are one level below their suite, and parameters one below their case;
# what a case has to say comes before its result.
awk -v debug="${DEBUG:-}" '
	function not_ok(what) { print "not ok " what; failed = 1 }
	function end_of_suite() {
		if (suite == "")
			return
		if (planned == "")
			not_ok(suite ": the kernel has no such suite")
		else if (cases != planned)
			not_ok(suite ": " cases + 0 " results of " planned " cases")
		else if (!passed && !failures)
			not_ok(suite ": failed, but none of its cases did")
	}
	$1 == "suite" || $1 == "end" {
		end_of_suite()
		suite = $2; planned = cases = passed = failures = said = ""
		ended = $1 == "end"
		next
	}
	/^    1\.\.[0-9]+$/ { planned = substr($1, 4); next }
	/^    (not )?ok [0-9]+ / {
		result = $1 == "not" ? "not ok" : "ok"
		name = $0
		sub(/^    (not )?ok [0-9]+ /, "", name)
		sub(/^test_/, "", name)
		gsub(/_/, " ", name)
		cases++
		if (debug && / # SKIP/)
			result = "not ok"
		if (result == "ok") {
			print "ok " suite ": " name
		} else {
			not_ok(suite ": " name)
			failures++
			printf "%s", said
		}
		said = ""
		next
	}
	/^(not )?ok 1 / { passed = $1 == "ok"; next }
	{ said = said $0 "\n" }
	END {
		if (!ended)
			not_ok("kunit: the run did not come to its end")
		exit failed
	}' "$out/results"
