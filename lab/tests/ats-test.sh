#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Address Translation Services from end to end: Linux enables them on the NIC,
# memory that is registered with relaxed ordering is reached by translated
# requests and other memory is not, and a translation that the guest took back
# is not used again: one IOVA stands for another part of the accelerator's
# memory in each scenario, and the program looks where its writes arrived.
set -uo pipefail
cd "$(dirname "$0")/../.."
. scripts/common.sh
out=$results/ats-test capture=$results/ats-test/capture.pcapng
scenarios=plain,plain,plain,plain,plain,plain,plain,plain
n=8
failed=0

is() # NAME FOUND EXPECTED
{
	if [ "$2" = "$3" ]; then
		echo "ok ats: $1"
	else
		echo "not ok ats: $1: found $2, expected $3"
		failed=1
	fi
}

# What runs in the guest, with the accelerator and the RDMA device
guest="
accel=\$(cd /sys/bus/pci/drivers/vfio-pci && echo 0000:*)
rdma=\$(ls /sys/class/infiniband | head -n 1)
nic=\$(readlink -f /sys/class/infiniband/\$rdma/device)
echo \"control \$(lspci -vvv -s \${nic##*/} | grep -o 'ATSCtl:.*Enable[+-]')\"
for args in --relaxed-ordering ''; do
	vfio-dmabuf-tph --accel \$accel --rdma \$rdma --scenario $scenarios --length 65536 \$args
	echo \"status \$?\"
done"

make -s -C lab/tools O="$PWD/out/tools"
mkdir -p $out
# Strict: the guest waits for each invalidation
lab/run --topology two-root-ports --out $out --timeout 400 --capture $capture --append iommu.strict=1 \
	--trace pcie_atc_fill --trace pcie_atc_invalidate --trace vhca_mkey_ats \
	-- "$guest" >$out/guest.txt 2>$out.log

is "Linux enables ATS on the NIC" "$(grep control $out/guest.txt)" "control ATSCtl:	Enable+"
is "content with relaxed ordering, and without" \
	"$(grep status $out/guest.txt | xargs)" "status 0 status 0"

# Payload of the writes that the filter lets through; the longest of the
# device's own is a completion of 64 bytes
writes() # PORT DIRECTION FILTER
{
	out/tools/tlpdump --json --type MWr --port "$1" --dir "$2" $capture |
		jq -s "[.[] | select(.length >= 128 and $3) | .length] | add // 0"
}
at_least() { [ "$1" -ge "$2" ] && echo yes || echo "$1"; }
size=$((n * 65536))	# at least: a scenario writes more than once
. lab/topologies/two-root-ports
is "relaxed ordering: translated" \
	"$(at_least "$(writes "$nic_port" in '.attr == "RO" and .at == "translated"')" $size)" yes
is "relaxed ordering: no other" \
	"$(writes "$nic_port" in '.attr == "RO" and .at != "translated"')" 0
is "no relaxed ordering: untranslated" \
	"$(at_least "$(writes "$nic_port" in '.attr == "-" and .at == "untranslated"')" $size)" yes
is "no relaxed ordering: no other" \
	"$(writes "$nic_port" in '.attr == "-" and .at != "untranslated"')" 0
is "Translation Requests on the wire" \
	"$(at_least "$(out/tools/tlpdump --json --port "$nic_port" --dir in $capture |
		jq -s '[.[] | select(.at == "translation-request")] | length')" $n)" yes

# The test is none if the IOVAs were different ones
peers=$(grep -o 'pcie_atc_fill .* perm 3' $out/qemu.log | awk '{print $7}' | sort -u | wc -l)
iovas=$(grep -o 'pcie_atc_fill .* perm 3' $out/qemu.log | awk '{print $5}' | sort -u | wc -l)
is "an IOVA has several translations in turn" "$([ "$peers" -gt "$iovas" ] && echo yes)" yes
is "the guest takes translations back" \
	"$(at_least "$(grep -c 'pcie_atc_invalidate.*: [1-9][0-9]* entries' $out/qemu.log)" $n)" yes
is "TLPs that break a rule" "$(out/tools/tlpdump --bad --count $capture)" 0
exit $failed
