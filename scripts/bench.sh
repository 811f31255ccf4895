#!/usr/bin/env bash
# Runs the Go benchmarks of all packages that have some.
#
#   scripts/bench.sh                    all of them, once
#   scripts/bench.sh -count 5 -bench Hash   with further flags of go test
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t packages < <(
	grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -rn1 dirname | sort -u
)
if [ "${#packages[@]}" -eq 0 ]; then
	echo "bench.sh: no package has benchmarks" >&2
	exit 1
fi
go test -run - -bench . -benchmem "$@" "${packages[@]}"
