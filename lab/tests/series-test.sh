#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# series-test.sh [BASE...]
#
# Tests what is mailed: that git am of the mails on a clean base makes the very
# tree that the lab builds, that checkpatch is content with each of them, and
# that scripts/refresh brings an edit back to where it belongs and changes
# nothing else. For each base (7.2 and 7.3) that Debian offers.
set -uo pipefail
. "$(dirname "$0")/../../scripts/common.sh"
suite=series
. "$top/lab/tests/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@example.org
export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@example.org

# A repository at the clean base, with only the files that the series touches
# checked out: git and the scripts need no others.
clean_base()	# TREE DIR
{
	git clone -q --shared --no-checkout "$1" "$2" &&
	git -C "$2" update-ref --no-deref HEAD "$(git -C "$1" rev-parse refs/p2p/base)" &&
	{ git -C "$1" diff --name-only --no-renames refs/p2p/base HEAD; echo Makefile; } |
		sed 's|^|/|' | git -C "$2" sparse-checkout set --no-cone --stdin &&
	git -C "$2" reset -q --hard
}

test_am()
{
	local name="$base: git am gives the composed tree"
	if clean_base "$tree" "$work/am" &&
	   ls "$work"/mails/*.patch | grep -v /0000- | xargs git -C "$work/am" \
			am -q --no-gpg-sign >"$work/log" 2>&1; then
		is "$name" "$(git -C "$work/am" rev-parse 'HEAD^{tree}')" \
			"$(git -C "$tree" rev-parse 'HEAD^{tree}')"
	else
		not_ok "$name: $(tail -n 3 "$work/log" | paste -sd' ')"
	fi
}

# series/checkpatch-allowed: which types of complaint, of which patch, and why.
test_checkpatch()
{
	local mail patch types bad=0 found
	for mail in "$work"/mails/*.patch; do
		[[ $mail != */0000-* ]] || continue
		patch=$(sed -n 's/^Subject: \[PATCH[^]]*\] //p' "$mail")
		types=$(awk -F '\t+' -v subject="$patch" \
			'!/^#/ && (index(subject, $1) == 1 || $1 == "*") { print $2 }' \
			"$top/series/checkpatch-allowed" | paste -sd,)
		# It leaves a file where it runs.
		if ! found=$(cd "$work" && "$tree/scripts/checkpatch.pl" --root="$tree" --strict --terse \
				--show-types --no-summary \
				${types:+--ignore "$types"} "$mail" 2>/dev/null); then
			not_ok "$base: checkpatch --strict: ${mail##*/}"
			printf '# %s\n' "$found" | head -n 20
			bad=1
		fi
	done
	[ $bad != 0 ] || ok "$base: checkpatch --strict on each mail"
}

# What checkpatch only reminds of.
test_maintainers()
{
	local path
	is "$base: MAINTAINERS has somebody for each new file" "$(
		brings $(series "$base") | while read -r path; do
			(cd "$tree" && scripts/get_maintainer.pl --no-git --no-git-fallback \
				--no-rolestats --nol -f "$path") | grep -q @ || echo "$path"
		done | paste -sd' ')" ""
}

# Line numbers and blob names in patches are those of one base, and do not count.
differences() { diff -rq -I '^index [0-9a-f]*\.\.' -I '^@@ -' "$@"; }

# In a copy of what composing reads (a link as the file that it stands for), with
# a tree of its own.
test_refresh()
{
	local repo=$work/repo linux=$work/linux new old hook
	mkdir "$repo"
	(cd "$top" && git ls-files -co --exclude-standard -z series scripts &&
	 brings series/[0-9]*.patch | tr '\n' '\0') |
		(cd "$top" && tar -ch --null -T -) | tar -x -C "$repo"
	cp -r "$repo" "$work/before"
	clean_base "$tree" "$linux" || { not_ok "$base: refresh: no tree"; return; }
	git -C "$linux" update-ref refs/p2p/base HEAD
	git -C "$linux" config gc.auto 0

	refresh()
	{
		"$repo/scripts/compose" --base "$base" "$linux" >"$work/log" 2>&1 &&
		{ [ $# = 0 ] || "$@"; } &&
		"$repo/scripts/refresh" --base "$base" "$linux" >>"$work/log" 2>&1
	}
	old=drivers/pci/tph.c
	new=$(brings "$repo"/series/[0-9]*.patch | grep '\.c$' | head -n 1)
	hook=$(cd "$repo" && grep -l "^+++ b/$old" series/[0-9]*.patch | tail -n 1)
	edit() { (cd "$linux" && echo '/* edited */' | tee -a "$old" >>"$new"); }
	unedit() { (cd "$linux" && sed -i '/^\/\* edited \*\/$/d' "$old" "$new"); }

	refresh || not_ok "$base: refresh: $(tail -n 2 "$work/log" | paste -sd' ')"
	is "$base: refresh without an edit changes nothing" \
		"$(differences "$work/before" "$repo")" ""
	refresh edit || not_ok "$base: refresh: $(tail -n 2 "$work/log" | paste -sd' ')"
	is "$base: refresh takes edits to the hook and to the new file" \
		"$(cd "$repo" && grep -lr '^+*/\* edited \*/$' . | sort | paste -sd' ')" \
		"$(printf './%s\n' "$new" "$hook" | sort | paste -sd' ')"
	refresh unedit || not_ok "$base: refresh: $(tail -n 2 "$work/log" | paste -sd' ')"
	is "$base: refresh of the edits undone gives the series back" \
		"$(differences "$work/before" "$repo")" ""
}

test_author()
{
	local signed
	"$top/scripts/series" --base "$base" --out "$work/signed" \
		--author "Some One <some@one.example>" 2>"$work/log" ||
		{ not_ok "$base: mails with an author: $(tail -n 1 "$work/log")"; return; }
	signed=$(grep -lx 'Signed-off-by: Some One <some@one.example>' "$work"/signed/*.patch | wc -l)
	is "$base: each mail is signed off by the author" "$signed" \
		"$(ls "$work"/signed/*.patch | grep -vc /0000-)"
	is "$base: and nothing is left of the project's name" \
		"$(grep -l 'p2p-tph@example.org\|CANNOT BE MAILED' "$work"/signed/*.patch)" ""
	is "$base: the cover letter of unsigned mails says so" \
		"$(grep -c 'CANNOT BE MAILED' "$work"/mails/0000-*)" 1
	is "$base: the cover letter is filled in" \
		"$(grep -c '\*\*\*\|^@' "$work"/mails/0000-*)" 0
}

# What a user's tree has now is what counts, also after something that did not fit.
test_user_tree()
{
	local user=$work/user try
	git init -q "$user"
	printf 'VERSION = 7\nPATCHLEVEL = 2\n' >"$user/Makefile"
	for try in first second; do
		echo "# $try" >"$user/Kbuild"
		git -C "$user" add -A && git -C "$user" commit -qm "$try"
		is "a user's tree that the series does not fit: the $try" \
			"$(LINUX=$user "$top/scripts/compose" "$work/composed" 2>&1 |
				grep -o 'does not apply to Linux .*')" "does not apply to Linux 7.2"
	done
}

test_user_tree
for base in ${@:-$bases}; do
	"$top/scripts/series" --base "$base" --out "$work/mails" 2>"$work/log"
	case $? in
	0)	;;
	3)	echo "ok $suite: $base # SKIP Debian has no linux-source-$base"; continue ;;
	*)	not_ok "$base: no mails: $(tail -n 3 "$work/log" | paste -sd' ')"; continue ;;
	esac
	tree=$("$top/scripts/compose" --base "$base" 2>/dev/null)
	test_am
	test_checkpatch
	test_maintainers
	test_refresh
	test_author
	rm -rf "${work:?}"/*
done
exit $failed
