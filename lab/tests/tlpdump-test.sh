#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of tlpdump's command line
#
# usage: tlpdump-test.sh TLPDUMP TLP-CAPTURE DIRECTORY
#
# TLP-CAPTURE makes the capture that the numbers below count; DIRECTORY is
# for scratch files.
set -u
tlpdump=$1 make_capture=$2 dir=$3
cap=$dir/tlpdump-test.pcapng
failed=0

result() {      # STATUS NAME
    if [ "$1" = 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        sed 's/^/# /' "$dir/out" "$dir/err"
        failed=1
    fi
}

# status WANTED NAME ARGUMENT...: run and compare the exit status
status() {
    local wanted=$1 name=$2
    shift 2
    "$tlpdump" "$@" >"$dir/out" 2>"$dir/err"
    local got=$?
    [ "$got" = "$wanted" ]
    result $? "$name: status $got"
}

# count WANTED ARGUMENT...: how many of the capture's TLPs match
count() {
    local wanted=$1
    shift
    "$tlpdump" --count "$@" "$cap" >"$dir/out" 2>"$dir/err" &&
        [ "$(cat "$dir/out")" = "$wanted" ]
    result $? "$wanted TLPs: ${*:-all}"
}

has() {         # NAME PATTERN: in what was printed last
    grep -qE -- "$2" "$dir/out"
    result $? "$1"
}

has_not() {
    ! grep -qiE -- "$2" "$dir/out"
    result $? "$1"
}

says() {        # NAME PATTERN: in what was complained last
    grep -qE -- "$2" "$dir/err"
    result $? "$1"
}

"$make_capture" "$cap" || exit 2

# Filters
count 11
count 6 --port nic
count 0 --port ni
count 8 --dir in
count 3 --dir out
count 5 --type MWr
count 7 --type mwr --type MRd
count 1 --type CplD
count 1 --type Cpl
count 1 --type FetchAdd
count 5 --th 1
count 3 --th 0
count 2 --st 0x5a
count 2 --st 90
count 1 --st 0xbeef
count 1 --st 0
count 0 --st 0xef
count 4 --ns 8
count 1 --ns 16
count 0 --ns 16 --st 0x5a
count 2 --ph 2
count 1 --ph 0
count 7 --requester 01:00.0
count 3 --requester 02:01.0
count 1 --addr fe000000-fe000040
count 1 --addr 0xfe000000+0x40
count 2 --addr fe000000-fe000041
count 1 --addr fe00003f+1
count 1 --addr fe001000+1000 --type MRd
count 2 --addr 3800000000+8
count 0 --addr 0-fe000000
count 8 --addr 0-ffffffffffffffff
count 8 --addr 1000+fffffffffffff000
count 2 --bad
count 1 --bad --type MWr
count 1 --port nic --dir in --type MWr --th 1 --ph 2 --st 0x5a --ns 8

# Where TH is 0 there is no tag, however the bytes look
status 0 "lines of TH=0" --th 0 "$cap"
has_not "no tag, no hint in lines of TH=0" 'st=|ph=|ns=|5a'
status 0 "JSON of TH=0" --th 0 --json "$cap"
has_not "no tag, no hint in JSON of TH=0" '"st"|"ph"|"ns"|"tag":90'
status 0 "table of TH=0" --th 0 --stat "$cap"
has_not "no tag, no hint in the table of TH=0" 'st=|ph=|ns='
status 0 "fields of TH=0" --th 0 --type MWr --decode 1 "$cap"
has_not "no tag, no hint in the fields of TH=0" 'ST\[|PH  |0x5a'
has "the fields say that the tag field is not used" 'byte 6 .*not used'
status 0 "lines of completions" --type Cpl --type CplD "$cap"
has_not "no hint in lines of completions" 'st=|ph=|th='

# Outputs
status 0 "lines" "$cap"
[ "$(wc -l <"$dir/out")" = 11 ]
result $? "one line per TLP"
has "8-bit tag" '^1\.000000000 nic +in +MWr +01:00\.0 .*0x00fe000000 len=64 .* th=1 ph=2 st=0x5a ns=8$'
has "16-bit tag" '^1\.000002000 accel +out MWr +02:01\.0 .*0x3800000000 .* th=1 ph=3 st=0xbeef ns=16$'
has "read with a tag, and its transaction tag" 'MRd .*tag=0x012 .* st=0x7f ns=8$'
has "no preference is a hint" 'FetchAdd .* th=1 ph=0 st=0x00 ns=8$'
has "attributes, address type" 'hdr .*MWr .*attr=RO at=translated'
has "completion status" 'Cpl .*tag=0x3a5 cpl=02:01\.0 status=UR'
has "broken rule" 'MWr .*\(request crosses a 4 KiB boundary\)$'
has "malformed" 'malformed 3400.*\(unknown or unsupported TLP type\)$'

status 0 "table" --stat "$cap"
has "table: writes without hint" '^nic +in +MWr +- +2 +128$'
has "table: writes with hint" '^hdr +in +MWr +ph=2 st=0x5a ns=8 +1 +256$'
has "table: 16-bit tag" '^accel +out +MWr +ph=3 st=0xbeef ns=16 +1 +64$'

status 0 "JSON" --json --st 0xbeef "$cap"
has "JSON: the whole object" '^\{"n":1,"time_ns":1000002000,"port":"accel","dir":"out","type":"MWr","requester":"02:01.0",.*"addr":"0x3800000000",.*"th":1,"ph":3,"st":48879,"ns":16\}$'

status 0 "fields" --decode 1 "$cap"
has "fields: header bytes" '0000   40 01 00 10  01 00 5a ff  fe 00 00 02$'
has "fields: ST of a write in byte 6" '^  byte 6 +ST\[7:0\] +0x5a '
has "fields: PH in byte 11" '^  byte 11 \[1:0\] +PH +2 .*target$'
status 0 "fields, prefix" --decode 1 --ns 16 "$cap"
has "fields: upper half in the prefix" '^  byte 1 +ST\[15:8\] +0xbe '
has "fields: lower half behind the prefix" '^  byte 10 +ST\[7:0\] +0xef '
has "fields: PH in the last byte" '^  byte 19 \[1:0\] +PH +3 '
status 0 "fields, read" --decode 1 --type MRd --th 1 "$cap"
has "fields: ST of a read in byte 7" '^  byte 7 +ST\[7:0\] +0x7f '
has "fields: the read keeps its tag" '^  byte 6 +Tag\[7:0\] +0x12 '
status 0 "fields, Nth match" --decode 2 --st 0x5a "$cap"
has "fields: the second match, headers only" 'Data: 256 bytes, 8 in the capture'
status 1 "fields of a TLP that is not there" --decode 12 "$cap"
status 0 "malformed in fields" --decode 11 "$cap"
has "malformed: bytes and reason" 'Wrong: unknown or unsupported'

status 0 "quiet" --quiet "$cap"
[ ! -s "$dir/out" ] && [ ! -s "$dir/err" ]
result $? "quiet prints nothing"
"$tlpdump" --count - <"$cap" >"$dir/out" 2>"$dir/err" && [ "$(cat "$dir/out")" = 11 ]
result $? "standard input"

# Expectations
status 0 "exactly" --expect 11 "$cap"
status 1 "not exactly" --expect 10 "$cap"
says "says what was expected" '11 TLPs match, expected 10$'
status 0 "at least, met" --expect 11.. "$cap"
status 1 "at least, missed" --expect 12.. "$cap"
status 0 "at most, met" --expect ..11 "$cap"
status 1 "at most, missed" --expect ..10 "$cap"
status 0 "range, met" --expect 3..5 --th 1 "$cap"
status 1 "range, missed" --expect 6..9 --th 1 "$cap"
status 0 "none" --expect 0 --st 0x33 "$cap"
status 1 "none, but there are" --quiet --expect 0 --th 1 "$cap"

# Usage
for wrong in "--dir up" "--type MWx" "--addr 5" "--addr 5-5" "--addr 6-5" \
    "--addr 5+0" "--addr ffffffffffffffff+2" "--addr g-h" "--th 2" "--ph 4" \
    "--st 0x10000" "--st -1" "--st x" "--ns 9" "--requester 1" \
    "--requester 00:20.0" "--requester 00:00.8" "--expect x" "--expect .." \
    "--expect 3..2" "--expect 1..x" "--decode 0" "--count --stat" "--nonsense"
do
    # shellcheck disable=SC2086
    status 2 "refuses $wrong" $wrong "$cap"
done
status 2 "no file"
status 2 "two files" "$cap" "$cap"
status 2 "file that does not exist" "$dir/nothing"
says "says so" 'cannot open: No such file'
status 0 "help" --help
has "help text" '^usage: tlpdump'
"$tlpdump" "$cap" >/dev/full 2>"$dir/err"
[ $? = 2 ]
result $? "full disk: status 2"

# Damage
size=$(stat -c %s "$cap")
head -c $((size - 10)) "$cap" >"$dir/cut"
status 2 "truncated file" "$dir/cut"
says "says where" "offset [0-9]+: block is cut short"
[ "$(wc -l <"$dir/out")" = 10 ]
result $? "prints what precedes the damage"
status 2 "damage outranks expectations" --expect 99 "$dir/cut"
printf 'no capture at all' >"$dir/cut"
status 2 "not a capture" "$dir/cut"
: >"$dir/cut"
status 2 "empty file" "$dir/cut"

# A packet that is no TLP: 16 bytes of nothing on interface 0
cp "$cap" "$dir/mixed"
{
    printf '\6\0\0\0\60\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0\0\20\0\0\0'
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\60\0\0\0'
} >>"$dir/mixed"
status 0 "other packets" --expect 11 "$dir/mixed"
says "other packets are counted" 'skipped 1 packets'

rm -f "$cap" "$dir/out" "$dir/err" "$dir/cut" "$dir/mixed"
exit $failed
