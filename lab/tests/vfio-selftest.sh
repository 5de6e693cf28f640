#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# [DEBUG=1] vfio-selftest.sh
#
# Runs the kernel's VFIO selftests that concern the series, in one boot with an
# accelerator of each kind (topology "completers"), and prints
#
#   ok PROGRAM DEVICE: TEST
#   not ok PROGRAM DEVICE: TEST
#
# A test that does not apply to a device is left out. One that skips for any
# other reason is a failure: the lab has all that the tests need. DEBUG=1: in the
# kernel with sanitizers and lock checks.
set -euo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

[ "${1:-}" != --help ] || usage
out=$results/vfio-selftest
mkdir -p "$out"
selftests=$("$top/scripts/build-selftests")/vfio

# run NAME PROGRAM ARGS...: its output, between lines that say what it is of
cat >"$out/guest" <<'EOF'
set -u
cd /tmp && tar x || exit 1
# vfio_pci_driver_test maps a gigabyte in each of its cases. One of them copies from
# behind it, and QEMU's IOMMU complains of that once (vtd_iova_to_slpte, write=0).
echo always >/sys/kernel/mm/transparent_hugepage/shmem_enabled
run()
{
	echo "== $1"
	shift
	"./$@" 2>&1
	echo "== exit $?"
}
set -- $(cd /sys/bus/pci/drivers/vfio-pci && echo 0000:*)
run "vfio_dma_buf_tph_test 8+16-bit" vfio_dma_buf_tph_test $1 $2
run "vfio_dma_buf_tph_test 8-bit" vfio_dma_buf_tph_test $2 $3
run "vfio_dma_buf_tph_test no-tags" vfio_dma_buf_tph_test $3 $1
run "vfio_dma_buf_tph_test no-prefix" vfio_dma_buf_tph_test $4 $1
run "vfio_pci_device_test 8+16-bit" vfio_pci_device_test $1
run "vfio_pci_driver_test 8+16-bit" vfio_pci_driver_test \
	-v vfio_type1v2_iommu -v iommufd $1
echo "== end"
EOF

status=0
tar c -C "$selftests" vfio_dma_buf_tph_test vfio_pci_device_test vfio_pci_driver_test |
	"$top/lab/run" --topology completers --memory 3G ${DEBUG:+--debug} \
		--timeout "${TIMEOUT:-600}" --out "$out" -- "$(cat "$out/guest")" \
		>"$out/guest.txt" 2> >(tee "$out/run.log" | grep '^[0-9:]\{8\}  ' >&2) || status=$?

# KTAP to our lines; which skips belong to which device is said here.
# Linux 7.3 refuses that, with hints and without (ib_umem_check_rereg()).
no_rereg='The kernel re-registers no memory of dma-bufs'
[ "${BASE:-}" = 7.3 ] || no_rereg=
awk -v no_rereg="$no_rereg" '
BEGIN {
	mine["8+16-bit"] = "^(The device takes tags of all kinds|The device is a TPH completer|MSI: not supported.*)$"
	mine["8-bit"] = mine["no-prefix"] = "^(16-bit tags do not reach the device|The device is a TPH completer)$"
	mine["no-tags"] = "^(Not a TPH completer|16-bit tags do not reach the device)$"
}
function fail(what) { print "not ok " name ": " what; failed = 1 }
/^== exit / {
	if ($3 != 0)
		fail("exit status " $3)
	if (!plan || seen != plan)
		fail("has results of " seen + 0 " of " plan + 0 " tests")
	if (!passed)
		fail("no test ran")
	seen = plan = passed = 0
	next
}
/^== end$/ { ended = 1; next }
/^== / { name = substr($0, 4); device = $3; next }
/^1\.\.[0-9]+$/ { plan = substr($0, 4); next }
/^(ok|not ok) / {
	seen++
	text = $0
	sub(/^(not )?ok [0-9]+ /, "", text)
	if (/^not ok/) {
		fail(text)
	} else if ((at = index(text, " # SKIP ")) != 0) {
		reason = substr(text, at + 8)
		if (no_rereg != "" && reason == no_rereg)
			print "ok " name ": " text
		else if (reason !~ mine[device])
			fail(text)
	} else {
		passed++
		print "ok " name ": " text
	}
}
END {
	if (!ended) {
		print "not ok vfio-selftest: the guest did not get to the end, in " name
		failed = 1
	}
	exit failed
}' "$out/guest.txt" || {
	echo "# the programs said (all of it is in $out/guest.txt):"
	grep -E '^#.*(Expected|failed|FAIL|timed out)|^not ok|Assertion|Observed|Expression' "$out/guest.txt" |
		sed 's/^/# /' | head -n 40
	tail -n 3 "$out/run.log" | sed 's/^/# /'
	exit 1
}
exit $status
