#!/bin/sh
# format -- C files as .clang-format wants them.
#
# usage: tools/format.sh [--check] [TOP]
#
# Formats them, or with --check says which are not: exit code 1 if there is any.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
--check) shift; how='--dry-run -Werror' ;;
-*) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) how='-i' ;;
esac
style=file:$here/.clang-format
cd "${1:-$here}"
[ -d test ] && set -- src test || set -- src
# shellcheck disable=SC2086 # two words
find "$@" -name node_modules -prune -o -name '*.[ch]' -print0 |
	xargs -0 clang-format --style="$style" $how || exit 1
