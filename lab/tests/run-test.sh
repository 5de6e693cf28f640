#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lab/run: streams, exit status, time limit, and a guest that dies.
set -uo pipefail
cd "$(dirname "$0")/../.."
suite=run
. scripts/common.sh
. lab/tests/tap.sh
out=$results/run-test
mkdir -p $out

run() { lab/run --out $out "$@" 2>$out/stderr; }

found=$(printf 'two words\n' | run -- 'cat; echo to stderr >&2; exit 37')
is "exit status" $? 37
is "standard input and output" "$found" "two words"
is "standard error" "$(grep -c '^to stderr$' $out/stderr)" 1

found=$(run -- 'head -c 1000000 /dev/zero | tr "\0" x' </dev/null | wc -c)
is "a megabyte of output" "$found" 1000000

run --timeout 5 -- 'sleep 60' </dev/null
is "time limit" $? 124
is "time limit: says so" "$(grep -c 'no end within 5 seconds' $out/stderr)" 1

run -- 'echo c >/proc/sysrq-trigger' </dev/null
is "a guest that crashes" $? 125
is "a guest that crashes: the console's end is shown" \
	"$(grep -c 'Kernel panic - not syncing: sysrq' $out/stderr)" 1

run --topology nonsense -- true </dev/null
is "unknown topology" $? 1
is "unknown topology: named, with those that there are" \
	"$(grep -c 'no topology nonsense; there are: .*two-root-ports' $out/stderr)" 1
run --nonsense </dev/null
is "unknown option" $? 1
run --timeout abc -- true </dev/null
is "time limit that is no number" $? 1
is "--help" "$(lab/run --help | head -n 1)" "usage: lab/run [OPTION...] [-- COMMAND...]"
exit $failed
