#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh SECONDS [LAB/RUN OPTION...]
#
# Failing allocations and then SECONDS of stress in the debug kernel, no leak and
# no complaint of the kernel. SEED=N repeats a stress. out/torture/faults.txt has
# what was made to fail: how often, during which operation, below which function.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=torture
. "$top/lab/tests/tap.sh"

seconds=$1
shift
out=$top/out/torture
progress "failing allocations, and then $seconds seconds of stress"
"$top/lab/run" --debug --out "$out" --timeout $((seconds + 1500)) "$@" -- \
	"lab-faults; faults=\$?; lab-torture $seconds ${SEED:-} && exit \$faults" || failed=1

if "$top/lab/splat" "$out/console.log" >"$out/splat.txt"; then
	ok "no complaint of the kernel, no leak"
else
	cat "$out/splat.txt"
	not_ok "no complaint of the kernel, no leak: see $out/console.log"
fi

# Each fault's stack: whose it is are those frames that are neither the fault's
# nor the allocator's.
tr -d '\r' <"$out/console.log" | awk '
	{ sub(/^\[[^]]*\] /, "") }
	/^fail-nth: / { operation = substr($0, 11) }
	/^FAULT_INJECTION: / { kind = stack = "" }
	/^name (failslab|fail_page_alloc|fail_usercopy),/ { kind = substr($2, 1, length($2) - 1); n = 0 }
	kind != "" && /^ [a-z_0-9.]+\+0x/ {
		sub(/\+0x.*/, "", $1)
		if (n || $1 !~ /^(dump_stack|should_fail|fail_|_?_?k[vmz]*alloc|kmem_cache_alloc|_*alloc_|_*copy_(from|to)_user|_*(xa|xas)_|__kv?malloc)/)
			stack = stack (n++ ? " < " : "") $1
	}
	kind != "" && /^ <\/TASK>/ { print operation ": " kind ": " stack; kind = "" }' |
	sort | uniq -c | sort -k2 >"$out/faults.txt"

# Of the stacks, those with function $1
faults_below() { awk -v f="$1" '{ for (i = 2; i <= NF; i++) if ($i == f) { n += $1; break } } END { print n + 0 }' "$out/faults.txt"; }
for function in vfio_pci_core_feature_dma_buf_tph reg_user_mr_dmabuf reg_create \
		ib_uverbs_rereg_mr __mlx5_ib_dereg_mr mlx5_st_create; do
	n=$(faults_below $function)
	if [ "$n" -gt 0 ]; then
		ok "$n faults below $function()"
	else
		not_ok "no fault below $function(), see $out/faults.txt"
	fi
done
exit $failed
