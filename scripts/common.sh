# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts: where things are, and how to speak to the user.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
P2P_CACHE=${P2P_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/p2p-tph}
mkdir -p "$P2P_CACHE"

progress() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
