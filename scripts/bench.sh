#!/usr/bin/env bash
# Runs the Go benchmarks of all packages that have some.
#
#   scripts/bench.sh                    all of them, once
#   scripts/bench.sh -count 5 -bench Hash   with further flags of go test
#   scripts/bench.sh distance           bench-distance.sh: one pair, far apart
#   scripts/bench.sh fleet              bench-fleet.sh: machines that join, and a push to them
#   scripts/bench.sh folders            bench-folders.sh: many small files, beside one
#   scripts/bench.sh hybrid             bench-hybrid.sh: how far a server is spared
#   scripts/bench.sh hostile            what each kind of hostile node costs the honest
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
cd "$top"
if [ "${1:-}" = hostile ]; then exec scripts/torture.sh --hostile-table "${@:2}"; fi
if [ "${1:-}" = fleet ]; then exec scripts/bench-fleet.sh "${@:2}"; fi
if [ "${1:-}" = folders ]; then exec scripts/bench-folders.sh "${@:2}"; fi
if [ "${1:-}" = hybrid ]; then exec scripts/bench-hybrid.sh "${@:2}"; fi
if [ "${1:-}" = distance ]; then exec scripts/bench-distance.sh "${@:2}"; fi

mapfile -t packages < <(
	grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -rn1 dirname | sort -u
)
if [ "${#packages[@]}" -eq 0 ]; then
	echo "bench.sh: no package has benchmarks" >&2
	exit 1
fi
go test -run - -bench . -benchmem "$@" "${packages[@]}"
