#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kcsan.sh SECONDS: the stress in a kernel that looks for data races. A race
# counts here if one of the two accesses is in a function of the series: the
# rest of the kernel has some that it lives with.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

out=$top/out/kcsan
ours='tph|mlx5_st_|st_tags'
"$top/lab/run" --kcsan --out "$out" --timeout $(($1 + 900)) -- lab-stress "$1" ${SEED:+"$SEED"}
rc=$?
reports=$(grep -c 'BUG: KCSAN' "$out/console.log" || :)
found=$(grep 'BUG: KCSAN' "$out/console.log" | grep -E "$ours" || :)
grep -q 'kcsan: enabled' "$out/console.log" || { echo "not ok KCSAN: is not on"; exit 1; }
echo "# $reports reports in all:"
grep -o 'BUG: KCSAN.*' "$out/console.log" | sort | uniq -c | sed 's/^/# /'
if [ -z "$found" ]; then
	echo "ok KCSAN: no data race in the series"
else
	echo "not ok KCSAN: $found"
	rc=1
fi
exit $rc
