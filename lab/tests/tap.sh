# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the shell tests: counts and prints results.

failed=0
ok() { echo "ok $suite: $1"; }
not_ok() { echo "not ok $suite: $*"; failed=1; }

# is NAME FOUND EXPECTED
is()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1: found '$2', expected '$3'"
	fi
}
