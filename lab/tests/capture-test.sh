#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# capture-test.sh [ROUNDS]
#
# A capture of RDMA WRITE, READ and atomics lacks no TLP: it has as many of each
# kind as the accelerator has counted, at either port, and as many in all as have
# passed the ports. Leaves the numbers in out/capture-test/values, for lab/bench.
set -euo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=capture
. "$top/lab/tests/tap.sh"
out=$top/out/capture-test
mkdir -p "$out"

build=$("$top/scripts/build-qemu" --with fabric-bench)
make -s -C "$top/lab/tools" O="$top/out/tools"
(cd "$build" && QTEST_QEMU_BINARY=./qemu-system-x86_64 \
	tests/qtest/fabric-bench "${1:-1}" "$out/capture.pcapng") |
	sed '/^#/d' >"$out/values"
"$top/out/tools/tlpdump" --stat "$out/capture.pcapng" >"$out/stat"
rm "$out/capture.pcapng"

value() { awk -v name="capture.$1" '$1 == name { print $2 }' "$out/values"; }

# TLPs in the lines that match; the hint in the middle may have blanks
recorded() # REGEX
{
	awk -v re="$1" '/^p[01] / && $0 ~ re { n += $(NF - 1) } END { print n + 0 }' "$out/stat"
}

for kind in MWr:writes MRd:reads FetchAdd:atomics; do
	for port in 'p0 *in' 'p1 *out'; do
		is "${kind#*:} with the hint, ${port/ \*/ }" \
			"$(recorded "^$port *${kind%:*} *ph=0 st=0x5a ns=8")" "$(value "${kind#*:}")"
	done
done
is "completions, p1 in" "$(recorded '^p1 *in *CplD ')" "$(value completions)"
is "all" "$(recorded .)" "$(value passed)"
{
	echo "capture.tlps $(recorded .)"
	echo "capture.lost $(($(value passed) - $(recorded .)))"
} >>"$out/values"
exit $failed
