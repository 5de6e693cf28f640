# SPDX-License-Identifier: GPL-2.0
# Sourced by lab/demo: what has to hold after the run. Each check_... collects
# in checks what it found; there is one for each fate of a hint.

checks=()
check() # NAME FOUND EXPECTED
{
	local ok=true
	[ "$2" = "$3" ] || ok=false
	checks+=("$(jq -cn --arg name "$1" --arg found "$2" --arg expected "$3" \
		--argjson ok $ok '{$name, $ok, $found, $expected}')")
}

# --- What there is to look at -----------------------------------------------

tlpdump() { "$top/out/tools/tlpdump" "$@" "$capture"; }
said() { sed -n "s/^$1 //p" "$OUT/guest.txt"; }
# Of the scenario $1 in the program's result.
of() { jq -r ".scenarios[] | select(.name == \"$1\") | $2" "$OUT/program.json"; }
route() { jq -r ".$1 // \"\"" "$OUT/route.json"; }

# TLPs of a scenario's memory at the accelerator's port; the NIC may have sent
# them to other addresses.
range() { local at; at=$(of "$1" .bar_address); printf '0x%x+0x%x' "$at" "$(of "$1" .bar_length)"; }
writes() { tlpdump --count --type MWr --port "$accel_port" --dir out --addr "$(range "$1")" "${@:2}"; }
sent() { tlpdump --count --type MWr --port "$nic_port" --dir in "$@"; }
arrived() { tlpdump --count --type MWr --port "$accel_port" --dir out "$@"; }
tagged() { "$@" --th 1 --st "$ST" --ph "$PH" --ns "$NS"; }

mkey_of() { grep -o "vhca_mkey_create mkey=$(of "$1" .rkey) .*" "$OUT/qemu.log" | tail -n 1 | cut -d' ' -f3-; }
# What the kernel says of the mkey, as rdma(8) shows it.
mr_of()
{
	said "mr.$1" | jq -r --arg key "$(of "$1" .rkey)" '.[] | select("0x" + .rkey == $key) |
		[.drv_tph, .drv_tph_ph, .drv_tph_st, .drv_tph_reason] | map(select(. != null)) | join(" ")'
}

# --- What has to hold -------------------------------------------------------

check_program()
{
	local name ok error
	while read -r name ok error; do
		check "program: $name" "$ok${error:+: $error}" true
	done < <(jq -r '.scenarios[] | "\(.name) \(.ok) \(.error // "")"' "$OUT/program.json")
	check "program: exit status" "$status" 0
}

# The NIC has the hint, and sends it.
check_programmed() # SCENARIO
{
	local index=$((ST))
	[ "$STMODE" = direct ] || index=$(mkey_of "$1" | sed 's/.*st_index=//')
	check "mkey: carries the hint" "$(mkey_of "$1")" "tph_en=1 ph=$((PH)) st_index=$index"
	check "kernel: says which hint the memory region has" "$(mr_of "$1")" "exporter $((PH)) $((ST))"
	check "wire: writes with this hint leave the NIC" \
		"$(tagged sent | sed 's/[1-9][0-9]*/some/')" some
}

# The NIC has no hint, and says why.
check_not_programmed() # SCENARIO REASON
{
	check "mkey: carries no hint" "$(mkey_of "$1")" "tph_en=0 ph=0 st_index=0"
	check "kernel: says why the memory region has none" "$(mr_of "$1")" "none $2"
	check "wire: no write with a hint leaves the NIC" "$(sent --th 1)" 0
	check_stored "$1"
}

# The accelerator got plain writes.
check_stored() # SCENARIO
{
	check "wire: no write with a hint into the accelerator" "$(arrived --th 1)" 0
	check "$1: writes with TH=0 at the accelerator's port" \
		"$(writes "$1" --th 0)" "$(of "$1" .plain.tlps)"
	check "$1: the accelerator stored some" "$(of "$1" '.plain.tlps > 0')" true
}

check_arrives()
{
	local name
	for name in add store; do
		check "$name: writes with TH=1, this PH and ST at the accelerator's port" \
			"$(tagged writes $name)" "$(of $name .rule.tlps)"
		check "$name: writes without" "$(writes $name --th 0)" 0
	done
	check_programmed add
	check "wire: what leaves the NIC arrives" "$(tagged sent)" "$(tagged arrived)"
	check "accelerator: took part in it" "$(of add '.rule.tlps > 0')" true
}

# All is well up to the port that takes the hint away.
check_lost()
{
	check_programmed lost
	check_stored lost
	check "wire: the hint is seen up to" "$(route hint_until)" "$fate_at"
}

check_blocked()
{
	check_programmed blocked
	check "wire: no write into that memory" "$(writes blocked)" 0
	check "wire: no write with a hint into the accelerator" "$(arrived --th 1)" 0
}

check_unused() { check_not_programmed nofit does-not-fit; }
check_refused() { check_not_programmed refused not-set; }

# Beside the story: the same without setting a hint.
check_plain()
{
	check "plain: writes with TH=1" "$(writes plain --th 1)" 0
	check "plain: writes with TH=0" "$(writes plain --th 0)" "$(of plain .plain.tlps)"
	check "plain: some arrived" "$(of plain '.plain.tlps > 0')" true
	check "plain: the mkey carries no hint" "$(mkey_of plain)" "tph_en=0 ph=0 st_index=0"
	check "plain: the kernel says why" "$(mr_of plain)" "none not-set"
}

check_route()
{
	local arrives=false at='' why=''
	[ "$fate" != arrives ] || arrives=true
	case $fate in lost|blocked) at=$fate_at why=$fate_why ;; esac
	check "route: ports" "$(route 'path | join(" ")')" "$expect_path"
	check "route: the fabric says the same" "$(route confirmed)" true
	check "route: all writes took it" "$(route ways)" 1
	check "route: address in the NIC's requests" "$(route address_type)" "$expect_address"
	check "route: the hint arrives" "$(jq .arrived "$OUT/route.json")" $arrives
	check "route: who took it away" "$(route lost_at)" "$at"
	check "route: why" "$(route why)" "$why"
}
