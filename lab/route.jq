# SPDX-License-Identifier: GPL-2.0
# The way of the NIC's writes, see lab/route. Input: TLPs of tlpdump --json.
# Arguments: $nic, $accel (ports), $program (result of the sample), $traced (what the
# fabric says of paths, one per line), $losses ("KIND PORT WHY" lines).

def hex: ltrimstr("0x") | explode |
	reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87 else $c - 48 end));

# Memory of the scenarios; only addresses that need no translation are in there.
[$program[0].scenarios[] | {at: (.bar_address | hex), length: .bar_length}] as $bars |
def into_bar: (.addr | hex) as $at | any($bars[]; $at >= .at and $at < .at + .length);

# A write that enters the NIC's port begins a journey; the packets up to the next
# one are the same write at the ports behind.
def journeys: foreach (inputs, null) as $tlp ({};
	if $tlp == null or ($tlp.port == $nic and $tlp.dir == "in")
	then {done: .now, now: [$tlp]}
	elif .now then {now: (.now + [$tlp])} else . end;
	.done // empty);

def at_accel: .[-1] | .port == $accel and .dir == "out";

# A port that is passed in and out shows the write twice.
def once: reduce .[] as $p ([]; if .[-1] == $p then . else . + [$p] end);
def path: map(.port) | once;
# The fabric may say a thing again after registers have changed.
def lines: split("\n") | map(select(. != "")) | unique;

# The fabric's own account has the root complex (rc) in it, which has no port.
($traced | lines | map(split(">"))) as $accounts |
def account: . as $path | first($accounts[] | select(map(select(. != "rc")) | once == $path)) // null;
def address_type: if .at == "translated" then .at elif into_bar then "bus" else "IOVA" end;
def way: {
	path: path,
	address_type: (.[0] | address_type),
	arrived: (at_accel and .[-1].th == 1),
	hint_until: (map(select(.th == 1).port) | last)
};

# What passed there of these journeys, which go the same way
def hops: . as $all | [range(first // [] | length) as $i | $all[0][$i] + {
	with_hint: ([$all[][$i] | select(.th == 1)] | length),
	without_hint: ([$all[][$i] | select(.th != 1)] | length)
} | {port, dir, with_hint, without_hint}];

def loss($kind): $losses | lines | map(select(startswith($kind + " ")) | split(" ")) |
	if length == 1 then {lost_at: .[0][1], why: (.[0][2:] | join(" "))}
	elif length == 0 then {lost_at: null, why: null}
	else {lost_at: "several", why: (map(.[1:] | join(" ")) | join("; "))} end;

[journeys] |
# Without a hinted one, the plain ones that get into the memory.
(if any(.[]; .[0].th == 1) then map(select(.[0].th == 1))
 else map(select(at_accel and (.[-1] | into_bar))) end) |
length as $writes |
all(.[]; at_accel) as $all_there |
(group_by(way) | first // [] | hops) as $hops |
(map(way) | unique) |
length as $ways |
(first // {path: [], address_type: null, arrived: false, hint_until: null}) |
(.path | account) as $account |
. + {path: ($account // .path), confirmed: ($account != null)} +
loss(if $all_there then "hint" else "request" end) + {$hops, $writes, $ways}
