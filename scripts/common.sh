# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts: where things are, and how to speak to the user.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
P2P_CACHE=${P2P_CACHE:-${XDG_CACHE_HOME:-~/.cache}/p2p-tph}
mkdir -p "$P2P_CACHE"

# Build trees hold links into their checkout, so each checkout has its own. The
# compiler's cache serves them all: it must not see what differs.
checkout_cache=$P2P_CACHE/checkouts/$(echo "$top" | sha256sum | cut -c1-8)
export P2P_CACHE CCACHE_DIR=$P2P_CACHE/ccache
export CCACHE_BASEDIR=$checkout_cache CCACHE_NOHASHDIR=1

# The kernels that the series is for.
bases="7.2 7.3"

# Where runs leave what they found. Those that name the kernel that they are of
# have a place of their own.
results=$top/out${BASE:+/$BASE}

# For a QEMU with sanitizers: a report ends it, as a crash does. At its end it
# does not free all that it has.
sanitizer_options()
{
	export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
	export ASAN_OPTIONS=abort_on_error=1:detect_leaks=0
}

progress() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
die()	# MESSAGE [LINE...]
{
	printf '%s: %s\n' "$(basename "$0")" "$1" >&2
	shift
	[ $# -eq 0 ] || printf '  %s\n' "$@" >&2
	exit 1
}

# One run at a time uses what is at PATH; the shell holds the lock until its end.
lock()	# PATH
{
	exec 9>"$1.lock"
	flock 9
}

# The comment at the head of the script is its help.
usage() { sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0"; exit; }

# Reads ninja's output; says WHAT and how far it is if there is much to do. The
# exit status is that of the build (pipefail).
show_progress()	# WHAT
{
	awk -v what="$(date +%T)  $1" -F '[][/]' '
		/^\[[0-9]+\/[0-9]+\]/ && $3 > 20 && n++ % 200 == 0 {
			print n == 1 ? what : "          " $2 " of " $3 }' >&2
}

# The new files that patches bring, in order.
brings() { sed -s -n '/^---$/,/^diff --git/s/^Brings: //p' "$@"; }

# Reads files' paths and prints the objects of drivers among them, tests apart.
driver_objects() { sed -n '/^drivers/{ /kunit\|\/st-/d; s/\.c$/.o/p }' | sort -u; }

# What build-linux is told for the kernel of lab/debug.config or lab/kcsan.config.
# KCSAN is to spend its delays where the series is: it has the objects that the
# series touches instrumented, and nothing else. kbuild knows them by what their
# Makefile calls them, with a directory at most, and so all of that name: a main.o is
# code that runs before the kernel, which cannot be instrumented.
flavour_options()	# debug|kcsan
{
	local object name patches=("$top"/series/[0-9]*.patch)
	printf '%s\n' --config "$top/lab/$1.config" --name "$1"
	[ "$1" = kcsan ] || return 0
	printf '%s\n' --make KCSAN_SANITIZE=n
	for object in $({ brings "${patches[@]}"
			  sed -n 's|^diff --git a/\([^ ]*\) .*|\1|p' "${patches[@]}"; } |
			driver_objects); do
		name=${object##*/}
		[ "$name" != main.o ] || continue
		printf '%s\n' --make "KCSAN_SANITIZE_$name=y" \
			--make "KCSAN_SANITIZE_$(basename "${object%/*}")/$name=y"
	done
}

# Of a commit, in a kernel's git tree: "7.2".
kernel_version() { git show "$1:Makefile" | awk '/^(VERSION|PATCHLEVEL) =/ { print $3 }' | paste -sd.; }

# What a composed tree depends on: the base, the patches, the files that they
# bring, and how it is made.
series_key()	# BASE PATCH...
{
	local base=$1 files
	shift
	mapfile -t files < <(brings "$@")
	(echo "$base" && cd "$top" && sha1sum scripts/compose "${@#"$top"/}" "${files[@]}") 2>&1 |
		sha1sum | cut -d' ' -f1
}

# The patches for a kernel version, in order. A variant without a diff says why
# this version does without the patch.
series()
{
	local patch variant
	for patch in "$top"/series/[0-9][0-9][0-9][0-9]-*.patch; do
		[ -e "$patch" ] || continue
		variant=$top/series/$1/${patch##*/}
		if [ ! -e "$variant" ]; then
			echo "$patch"
		elif grep -q '^diff --git' "$variant"; then
			echo "$variant"
		fi
	done
}
