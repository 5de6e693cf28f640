#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# review-test.sh
#
# series/REVIEW.md says for each demand what meets it. What it names has to
# exist: files, patches by number, and tests by the short names that it defines,
# which series/v7-compared.md uses too. Where the suite of a test has run
# (out/check), the test has to be among those that passed: one that was skipped
# shows nothing. One kernel may skip what the other can do.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=review
. "$top/lab/tests/tap.sh"
review=$top/series/REVIEW.md
cd "$top" || exit

is "40 demands" "$(sed -n '/^## The 40/,/^## The 17/p' "$review" | grep -cE '^\| [0-9]+ \|')" 40
is "17 faults" "$(grep -cE '^\| B[0-9]+ \|' "$review")" 17
is "each has a state" "$(grep -E '^\| B?[0-9]+ \|' "$review" |
	grep -vcE '\| (done|not applicable|impossible)\b')" 0

lost=()
while read -r path; do
	[ -e "$path" ] || lost+=("$path")
done < <(grep -o '`[a-zA-Z][^` ]*/[^` ]*`' "$review" | tr -d '`' | sort -u)
while read -r number; do
	ls series/"$number"-*.patch >/dev/null 2>&1 || lost+=("$number")
done < <(grep -oE '\b00[0-4][0-9]\b' "$review" | sort -u)
is "what is named exists" "${lost[*]}" ""

# Short name, file, suite; then "short name: `test`, `test`..." in the text
declare -A file suite_of
while IFS='|' read -r _ name path runs _; do
	file[${name// /}]=$(grep -o '`[^`]*`' <<<"$path" | head -n 1 | tr -d '`')
	suite_of[${name// /}]=$(tr -d '` ' <<<"$runs")
done < <(grep -E '^\| [a-z0-9-]+ \| `' "$review")
named()
{
	grep -ohE '\b[a-z0-9-]+: `[^`]+`(, `[^`]+`)*' "$review" series/v7-compared.md | sort -u
}

# The names of kunit-test.sh, those of the selftests' harness, and our own
result()	# LOG TEST: "passed", "skipped" or nothing
{
	grep '^ok ' "$1" | tr _ ' ' |
		grep -E "[.:] ?$(sed 's/^test_//; s/_/ /g; s/[][().*+?^$|\\]/\\&/g' <<<"$2")(:| # SKIP|\$)" |
		awk '{ r = /# SKIP/ && r != "passed" ? "skipped" : "passed" } END { print r }'
}

lost=() missing=() silent=()
while IFS=: read -r name tests; do
	suite_log=$top/out/check/${suite_of[$name]:-}
	[ -n "${suite_of[$name]:-}" ] || { lost+=("$name"); continue; }
	# One, or one for each kernel
	logs=$(find "$suite_log.log" "$suite_log"-[0-9]*.log -size +0 2>/dev/null)
	[ -n "$logs" ] || silent+=("${suite_of[$name]}")
	while read -r test; do
		[[ ${file[$name]} != *.c ]] || grep -qw -- "$test" "${file[$name]}" ||
			lost+=("$name: $test")
		results=
		for log in $logs; do
			results+=" $(result "$log" "$test")"
		done
		[ -z "$logs" ] || [[ $results =~ passed && $(wc -w <<<"$results") = $(wc -w <<<"$logs") ]] ||
			missing+=("$name: $test")
	done < <(grep -o '`[^`]*`' <<<"$tests" | tr -d '`')
done < <(named)
is "the tests that are named exist" "${lost[*]}" ""
is "the tests that are named passed" "${missing[*]}" ""
for name in $(printf '%s\n' ${silent[@]+"${silent[@]}"} | sort -u); do
	echo "ok $suite: the tests that are named passed # SKIP suite $name has not run"
done
exit $failed
