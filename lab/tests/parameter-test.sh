#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# parameter-test.sh
#
# pci=disable_ext_tph= holds the devices that it names at 8-bit Steering Tags,
# and no others: TPH Requester Enable of the NIC says so.
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
exit $failed
