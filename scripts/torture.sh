#!/usr/bin/env bash
# Does to the program what the world does: kills it, cuts its connections,
# changes files under its hands, fills its disks; then looks at what is left.
# Rounds are drawn from a seed; a table at the end says what was survived, and
# how to do a round that failed again. Linux; as root, or where users may make
# namespaces, in a network of its own; elsewhere it says what it leaves out.
#
#   scripts/torture.sh                         two minutes of everything
#   scripts/torture.sh --minutes 60 --seed 7   an hour, the same hour each time
#   scripts/torture.sh --only crash-get,crash-put
#   scripts/torture.sh --seed 7 --only crash-get --round 3   that round alone
#   scripts/torture.sh --rounds 2 --untimed    two rounds of each; times are not judged
#   scripts/torture.sh --list                  the scenarios
#   RACE=1 scripts/torture.sh                  with the race detector
#   CLOCKS=1 scripts/torture.sh --only jumps   with a clock that jumps, for which Go's
#                                              own library is built again: minutes
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
cd "$top"
mkdir -p bin

# The program as it is shipped, not bin/starmesh, which somebody may be using.
if [ -n "${RACE:-}" ]; then
	CGO_ENABLED=1 go build -race -trimpath -o bin/torture-starmesh ./cmd/starmesh || fail "starmesh does not build"
else
	CGO_ENABLED=0 go build -trimpath -o bin/torture-starmesh ./cmd/starmesh || fail "starmesh does not build"
fi

# clocks builds the program once more, with a time.Now that goes wrong by as many
# seconds as a file says. Nothing outside of a process can make that of Go's clock.
clocks() {
	local root changed=bin/torture-clock
	root=$(go env GOROOT)
	mkdir -p "$changed"
	sed 's/^\tsec, nsec, mono := runtimeNow()$/&\n\tsec += *bentBy()/' "$root/src/time/time.go" >"$changed/time.go"
	grep -q 'sec += \*bentBy()' "$changed/time.go" || fail "this version of Go has another time.Now"
	printf '{"Replace": {"%s": "%s", "%s": "%s"}}\n' "$root/src/time/time.go" "$top/$changed/time.go" \
		"$root/src/time/bent.go" "$top/scripts/torture/clock/bent.go.txt" >"$changed/overlay.json"
	CGO_ENABLED=0 go build -trimpath -overlay "$changed/overlay.json" -o "$changed/starmesh" ./cmd/starmesh
	export TORTURE_CLOCK=$top/$changed/starmesh
}
[ -z "${CLOCKS:-}" ] || clocks || fail "starmesh does not build with another clock"
CGO_ENABLED=0 go build -trimpath -o bin/torture ./scripts/torture || fail "scripts/torture does not build"
exec bin/torture --bin bin/torture-starmesh "$@"
