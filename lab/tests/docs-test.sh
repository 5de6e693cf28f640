#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# docs-test.sh [DIRECTORY...]
#
# Builds the kernel documentation of the directories that the series touches (or
# of those named) and looks for warnings about files of the series: its own, and
# those whose kernel-doc they have. The driver API takes some minutes.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

[ $# -gt 0 ] || set -- PCI infiniband userspace-api driver-api
"$top/scripts/setup" python3-sphinx python3-yaml || {
	echo "ok documentation # SKIP there is no sphinx-build, and it could not be installed"
	exit
}
tree=$("$top/scripts/compose") || exit 1
out=$tree/.docs
log=$out/log
mkdir -p "$out"
mapfile -t files < <(git -C "$tree" diff --name-only refs/p2p/base HEAD)
rc=0
for dir; do
	# -E: what sphinx has read in an earlier run it would not warn of again.
	if ! make -C "$tree" O="$out" htmldocs SPHINXDIRS="$dir" \
			SPHINXOPTS="-E -j${JOBS:-$(nproc)}" >"$log" 2>&1; then
		tail "$log"
		echo "not ok documentation: $dir: does not build"
		rc=1
	elif grep -iE 'warning|error' "$log" | grep -F "$(printf '%s\n' "${files[@]}")"; then
		echo "not ok documentation: $dir: warnings about files of the series"
		rc=1
	else
		echo "ok documentation: $dir"
	fi
done
exit $rc
