#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug-demo.sh VARIABLE=VALUE...: the demo in the debug kernel, with all its
# checks, and no complaint of the kernel.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

out=$top/out/debug-demo
env DEBUG=1 OUT="$out" "$@" "$top/lab/demo" >"$top/out/debug-demo.txt"
rc=$?
jq -r '.checks[] | (if .ok then "ok " else "not ok " end) + .name +
	(if .ok then "" else ": \(.found), not \(.expected)" end)' "$out/result.json"
if "$top/lab/splat" "$out/console.log"; then
	echo "ok no complaint of the kernel ($*)"
else
	echo "not ok no complaint of the kernel ($*)"
fi
exit $rc
