#!/usr/bin/env bash
# Runs every fuzz target for a while; finds them by itself.
#
#   scripts/fuzz.sh                 one minute each
#   FUZZTIME=10s scripts/fuzz.sh    ten seconds each
#   scripts/fuzz.sh frame           only those in packages whose path has "frame"
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -le 1 ] || wrong "one part of a path, not $#: $*"
cd "$top"

time=${FUZZTIME:-1m}
filter=${1:-}
failed=() count=0

while IFS=: read -r file target; do
	package=$(dirname "$file")
	[[ $package == *"$filter"* ]] || continue
	count=$((count + 1))
	printf '\n== %s %s, %s\n' "$package" "$target" "$time"
	go test -run - -fuzz "^$target\$" -fuzztime "$time" "$package" || failed+=("$package $target")
done < <(grep -rE --include='*_test.go' '^func Fuzz' . |
	sed -E 's/^([^:]+):func (Fuzz[A-Za-z0-9_]*).*/\1:\2/' | sort)

if [ "$count" -eq 0 ]; then
	echo "fuzz.sh: no fuzz target${filter:+ in packages like $filter}" >&2
	exit 1
fi
if [ "${#failed[@]}" -gt 0 ]; then
	printf 'fuzz.sh: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
printf '\n%d fuzz targets, none failed\n' "$count"
