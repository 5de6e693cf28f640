#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# review-test.sh
#
# series/REVIEW.md says for each demand what meets it. What it names has to
# exist: files, patches by number, and tests by the short names that it defines.
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

declare -A file
while IFS='|' read -r _ name path _; do
	file[${name// /}]=$(grep -o '`[^`]*`' <<<"$path" | head -n 1 | tr -d '`')
done < <(grep -E '^\| [a-z0-9-]+ \| `' "$review")
lost=()
while read -r name tests; do
	for test in $tests; do
		grep -qw -- "$test" "${file[$name]:-/dev/null}" 2>/dev/null || lost+=("$name:$test")
	done
done < <(grep -oE '\b[a-z0-9-]+: `[a-z0-9_]+`(, `[a-z0-9_]+`)*' "$review" | tr -d '`,' | sed 's/:/ /' | sort -u)
is "the tests that are named exist" "${lost[*]}" ""
exit $failed
