#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# parameter-test.sh
#
# pci=disable_ext_tph= holds the devices that it names at 8-bit Steering Tags,
# and no others: TPH Requester Enable of the NIC says so. And what it is for: a
# hint that arrives at an accelerator that takes 8-bit tags only.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=parameter
. "$top/lab/tests/tap.sh"

requester_enable()	# KERNEL-ARGUMENTS
{
	local control
	# ECAP17 is the TPH Requester capability, its control register is at 8.
	control=$("$top/lab/run" --topology two-root-ports --out "$results/parameter" --append "$1" -- \
		'setpci -s $(lspci -n | awk "/15b3:/ { print \$1; exit }") ECAP17+8.l') 2>/dev/null
	echo $((0x${control:-0} >> 8 & 3))
}

is "without it: Extended TPH" "$(requester_enable "")" 3
is "by vendor: TPH only" "$(requester_enable pci=disable_ext_tph=pci:15b3:0)" 1
is "second of two, by address: TPH only" \
	"$(requester_enable 'pci=disable_ext_tph=pci:1234:0;0000:01:00.0')" 1
is "other devices: Extended TPH" "$(requester_enable pci=disable_ext_tph=pci:1234:0)" 3
is "nonsense: Extended TPH" "$(requester_enable pci=disable_ext_tph=nonsense)" 3

# The NIC can do both; without the parameter the owner's 8-bit hint is of no use.
demo()	# LAB/RUN-OPTION...
{
	TOPOLOGY=accel-8bit NS=8 ST=0x5a OUT=$demo PLATFORM="--set nic0.tph-ext=on $*" \
		"$top/lab/demo" >"$demo.log" 2>&1
}
demo=$results/parameter/demo
mkdir -p "$demo"
found() { jq -r --arg name "$1" '.checks[] | select(.name == $name) | .found' "$demo/result.json"; }

demo --append pci=disable_ext_tph=pci:15b3:0
is "16-bit NIC, 8-bit accelerator: the demo's exit status" $? 0
is "16-bit NIC, 8-bit accelerator: the hint arrives" "$(found "route: the hint arrives")" true
demo
is "the same without it: the demo's exit status" $? 1
is "the same without it: the kernel says why" \
	"$(found "kernel: says which hint the memory region has")" "none other-namespace"
exit $failed
