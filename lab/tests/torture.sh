#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh SECONDS [LAB/RUN OPTION...]
#
# Failing allocations and then SECONDS of stress in the debug kernel, no leak and
# no complaint of the kernel. SEED=N repeats a stress.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

seconds=$1
shift
out=$top/out/torture
"$top/lab/run" --debug --out "$out" --timeout $((seconds + 1500)) "$@" -- \
	lab-torture "$seconds" ${SEED:+"$SEED"}
rc=$?
if "$top/lab/splat" "$out/console.log" >"$out/splat.txt"; then
	echo "ok no complaint of the kernel"
else
	cat "$out/splat.txt"
	echo "not ok no complaint of the kernel: see $out/console.log"
fi
exit $rc
