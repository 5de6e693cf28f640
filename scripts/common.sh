# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts: where things are, and how to speak to the user.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
P2P_CACHE=${P2P_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/p2p-tph}
mkdir -p "$P2P_CACHE"

# Build trees hold links into their checkout, so each checkout has its own. The
# compiler's cache serves them all: it must not see what differs.
checkout_cache=$P2P_CACHE/checkouts/$(echo "$top" | sha256sum | cut -c1-8)
export P2P_CACHE CCACHE_DIR=$P2P_CACHE/ccache
export CCACHE_BASEDIR=$checkout_cache CCACHE_NOHASHDIR=1

progress() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Reads ninja's output, shows a line now and then; the exit status is that of
# the build (pipefail).
show_progress()
{
	awk '/^\[[0-9]+\/[0-9]+\]/ { if (++n % 200 == 0) print "          " $1 }' >&2
}
