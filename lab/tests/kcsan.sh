#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kcsan.sh SECONDS: the stress in a kernel that looks for data races. One counts
# if an access, or the call of a helper that makes it, is in a function of the
# files that the series brings, or of st.c, which it rewrites. The rest of the
# kernel has races that it lives with: out/kcsan/races.txt lists all.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=kcsan
. "$top/lab/tests/tap.sh"

out=$top/out/kcsan
progress "the kernel for KCSAN, and $1 seconds of stress in it"
"$top/lab/run" --kcsan --out "$out" --timeout $(($1 + 900)) -- "
	lab-torture $1 ${SEED:-}
	status=\$?
	cat /sys/kernel/debug/kcsan >&2
	exit \$status" 2> >(tee "$out.txt" | grep '^[0-9:]\{8\}  ' >&2) || failed=1

watched=$(awk '/^setup_watchpoints:/ { print $2 }' "$out.txt")
if [ "${watched:-0}" -gt 0 ]; then
	ok "$watched accesses watched"
else
	not_ok "no access was watched"
fi

# The symbols of our objects, in the kernel that ran
mapfile -t options < <(flavour_options kcsan)
build=$("$top/scripts/build-linux" "${options[@]}")
build=${build%/arch/*}
mapfile -t objects < <({ brings "$top"/series/*.patch; echo drivers/net/ethernet/mellanox/mlx5/core/lib/st.c; } |
	driver_objects | sed "s|^|$build/|")
for object in "${objects[@]}"; do
	nm "$object" | grep -q ' __tsan_init$' || not_ok "${object#"$build/"} is not instrumented"
done
nm "${objects[@]}" | awk '$2 ~ /^[tT]$/ { print $3 }' | sort -u >"$out/ours"

# "race: FUNCTION / FUNCTION", with "ours" in front if it is
tr -d '\r' <"$out/console.log" | awk '
	NR == FNR { ours[$1] = 1; next }
	{ sub(/^\[[^]]*\] /, "") }
	/^BUG: KCSAN: / { title = substr($0, 13); mine = ""; frames = 9; next }
	title != "" && / of [0-9]+ bytes by / { frames = 0; next }
	title != "" && /^ [a-zA-Z_0-9.]+\+0x/ {
		sub(/\+0x.*/, "", $1)
		if (frames++ < 2 && $1 in ours)
			mine = "ours: "
	}
	title != "" && /^Reported by/ { print mine title; title = "" }' "$out/ours" - |
	sort | uniq -c >"$out/races.txt"

echo "# $(awk '{ n += $1 } END { print n + 0 }' "$out/races.txt") reports, $(wc -l <"$out/races.txt") different ones"
if found=$(grep ours: "$out/races.txt"); then
	not_ok "data races in the series: $found"
else
	ok "no data race in $(wc -l <"$out/ours") functions of the series"
fi
exit $failed
