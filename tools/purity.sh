#!/bin/sh
# purity -- what the rooms of floors 0 to 4 need from outside, asked of the linker.
#
# usage: tools/purity.sh [BUILD] [TOP]
#
# A pure room reads no clock, takes no heap, opens nothing and says nothing. So the symbols that
# its library leaves open must be found in the libraries of lower rooms, or in the list below: what
# the compiler itself may call, and for base/ what a panic, a number's text and a processor's
# features need.
# BUILD is a build folder made by gcc or clang without sanitizers (default build/dev). One line per
# offence; exit code 1 if there is any.
set -eu

build=${1:-build/dev}
top=${2:-$(dirname "$0")/..}
case $build in
-*) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

everywhere='mem(cpy|move|set|cmp|chr)|strlen|strn?cmp|__popcountdi2'
everywhere="$everywhere|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_"
base_only='abort|stderr|f(printf|write|puts|putc|flush)|v?snprintf|__cpu_(model|indicator_init)'
chk='__(mem(cpy|move|set)|v?snprintf|v?fprintf)_chk' # the same, fortified

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/known" # what the rooms so far define
bad=0

# FLOORS is in the order of the floors, so a room's lower ones have come before it.
grep '^src/' "$top/FLOORS" | awk '$2 <= 4 { print $1 }' | while read -r room; do
	library=$build/lib$(printf %s "${room#src/}" | tr / _).a
	[ -e "$library" ] || continue
	nm -g --defined-only "$library" | awk 'NF == 3 { print $3 }' >>"$work/known"
	allow="$everywhere|$chk"
	[ "$room" != src/base ] || allow="$allow|$base_only"
	nm -A -u "$library" | sed 's/.*:\([^:]*\): *U \(.*\)/\2 \1/' | sort -u |
	awk -v allow="^($allow)\$" -v room="$room" '
		FILENAME != "-" { known[$1] = 1; next }
		!($1 in known) && $1 !~ allow {
			sub(/\.o$/, "", $2)
			print room ": " $2 " needs " $1 " from outside"
		}' "$work/known" -
done >"$work/offences"

if [ -s "$work/offences" ]; then
	cat "$work/offences"
	echo "purity: $(wc -l <"$work/offences") offences"
	bad=1
fi
exit $bad
