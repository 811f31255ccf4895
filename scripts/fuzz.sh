#!/usr/bin/env bash
# Runs every fuzz target for a while; finds them by itself, and ends with a
# table of how often each was run. What broke one is in testdata/fuzz beside
# it: keep it there, mend the fault, and every test run tries it again.
#
#   scripts/fuzz.sh                 one minute each
#   FUZZTIME=10s scripts/fuzz.sh    ten seconds each; 1000x is a thousand runs
#   scripts/fuzz.sh frame           only those in packages whose path has "frame"
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -le 1 ] || wrong "one part of a path, not $#: $*"
cd "$top"

time=${FUZZTIME:-1m}
filter=${1:-}
failed=0 count=0
log=$(mktemp) table=$(mktemp)
trap 'rm -f "$log" "$table"' EXIT

# targets: PACKAGE TARGET, one a line, of the packages that have some.
targets() {
	local package names
	grep -rlE --include='*_test.go' '^func Fuzz' . | while read -r file; do dirname "$file"; done | sort -u |
		while read -r package; do
			[[ $package == *"$filter"* ]] || continue
			names=$(go test -list '^Fuzz' "$package") || return 1
			printf '%s\n' "$names" | sed -n "s|^Fuzz|$package &|p"
		done
}

all=$(targets) || fail "the tests do not build"
while read -r package target; do
	[ -n "$target" ] || continue
	count=$((count + 1))
	printf '\n== %s %s, %s\n' "$package" "$target" "$time"
	result=ok
	# Else most of the time may go into making interesting inputs smaller, uncounted.
	go test -run - -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package" 2>&1 </dev/null | tee "$log" || result=FAILED
	[ "$result" = ok ] || failed=$((failed + 1))
	# fuzz: elapsed: 10s, execs: 325017 (33336/sec), new interesting: 11 (total: 202)
	last=$(grep 'execs: ' "$log" | tail -n 1 || true)
	execs=$(sed -nE 's/.*execs: ([0-9]+).*/\1/p' <<<"$last")
	inputs=$(sed -nE 's/.*total: ([0-9]+).*/\1/p' <<<"$last")
	printf '%-28s %-30s %12s %7s  %s\n' "${package#./}" "$target" "${execs:-0}" "${inputs:--}" "$result" >>"$table"
done <<<"$all"

if [ "$count" -eq 0 ]; then
	echo "fuzz.sh: no fuzz target${filter:+ in packages like $filter}" >&2
	exit 1
fi
printf '\n%-28s %-30s %12s %7s  %s\n' package target executions inputs result
cat "$table"
printf '\n%d fuzz targets, %s each, %d failed\n' "$count" "$time" "$failed"
[ "$failed" -eq 0 ]
