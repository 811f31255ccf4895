#!/usr/bin/env bash
# Runs every check of the project: formatting, vet for three systems,
# staticcheck, the scripts themselves, two minutes of scripts/torture.sh, and all
# tests with the race detector.
# Checks that only compute run beside the tests, and are told of at the end. Sets
# up what is missing on a Debian machine when it may. Needs Go, see go.mod.
#
#   scripts/test.sh              everything
#   GOFLAGS=-count=1 scripts/test.sh   without remembered test results
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -eq 0 ] || wrong "takes no arguments, not $*"
cd "$top"

heading() { printf '\n== %s\n' "$*"; }
# Command → Debian package, for what the tests compare with or drive. A test
# whose tool is missing says so and is skipped.
tools=(
	b3sum:b3sum curl:curl aria2c:aria2 socat:socat nc:netcat-openbsd ip:iproute2 script:bsdutils
	nginx:nginx-light htpasswd:apache2-utils openssl:openssl nft:nftables shellcheck:shellcheck git:git gcc:gcc chromium:chromium
)

missing_packages() {
	local tool
	for tool in "${tools[@]}"; do
		command -v "${tool%%:*}" >/dev/null 2>&1 || printf '%s\n' "${tool#*:}"
	done
	# The race detector is linked with the C library.
	if [ -e /etc/debian_version ] && [ ! -e /usr/include/stdio.h ]; then
		printf 'libc6-dev\n'
	fi
}

install_missing() {
	local packages
	mapfile -t packages < <(missing_packages)
	[ "${#packages[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
		printf 'not installed, and their tests will be skipped: %s\n' "${packages[*]}"
		return 0
	fi
	heading "install ${packages[*]}"
	local log
	log=$(mktemp)
	if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
		tail -n 5 "$log"
		printf 'could not install all of them; their tests will be skipped\n'
	fi
	rm -f "$log"
}

check_format() {
	heading gofmt
	local unformatted
	unformatted=$(gofmt -l .)
	[ -z "$unformatted" ] || fail "not formatted; run gofmt -w on: $unformatted"
}

check_system() {
	heading "vet and build for this system"
	go vet ./... || fail "go vet found something"
	go build ./... || fail "does not build"
	check_size
}

# check_size: what a library brings along is noticed when it comes.
check_size() {
	local most=45000000 program bytes
	program=$(mktemp)
	build_to "$program" ./cmd/starmesh
	bytes=$(wc -c <"$program")
	rm -f "$program"
	[ "$bytes" -le "$most" ] || fail "the program has $bytes bytes; $most are the most"
}

# What follows only computes. It runs beside the tests, which mostly wait, at
# the lowest priority, so that it does not disturb their times.
check_beside() {
	renice -n 19 -p "$BASHPID" >/dev/null 2>&1 || true
	check_scripts && check_static && check_other_systems
}

# Nothing that is built for another system is ever run: its compiler need not
# optimise.
check_other_systems() {
	local system quick='-gcflags=all=-N -l -dwarf=false'
	for system in linux darwin windows; do
		[ "$system" != "$(go env GOOS)" ] || continue
		heading "vet and build for $system"
		GOOS=$system CGO_ENABLED=0 go vet "$quick" ./... || fail "go vet for $system found something"
		GOOS=$system CGO_ENABLED=0 go build "$quick" ./... || fail "does not build for $system"
	done
}

check_static() {
	heading staticcheck
	go tool staticcheck ./... || fail "staticcheck found something"
}

check_scripts() {
	command -v shellcheck >/dev/null 2>&1 || return 0
	heading shellcheck
	shellcheck -x -P . scripts/*.sh .ci/run || fail "shellcheck found something in the scripts"
}

# Tests called TestHeavy… are too slow under the race detector: they run here
# without it and skip themselves below.
heavy_tests() {
	local packages
	mapfile -t packages < <(grep -rlE --include='*_test.go' '^func TestHeavy' . | xargs -rn1 dirname | sort -u)
	[ "${#packages[@]}" -gt 0 ] || return 0
	heading "heavy tests, without the race detector"
	STARMESH_HEAVY=1 go test -vet=off -run '^TestHeavy' "${packages[@]}" || fail "a heavy test failed"
}

all_tests() {
	local race=(-race)
	if [ "$(go env CGO_ENABLED)" != 1 ] || ! command -v "$(go env CC)" >/dev/null 2>&1; then
		printf 'no C compiler: tests run without the race detector\n'
		race=()
	fi
	heading "go test ${race[*]} ./..."
	# cmd/starmesh alone takes most of ten minutes where everything else runs beside it.
	go test -vet=off -timeout 20m "${race[@]}" ./... || fail "a test failed"
}

# A round of each kind of torture, the same each time: what the program does to
# files when it is killed, cut off and starved is not seen by tests inside of it.
# Times are not judged, so that a busy machine changes nothing.
torture() {
	heading "torture: two minutes on a quiet machine"
	if [ "$(uname)" != Linux ]; then
		printf 'left out: it needs Linux\n'
		return 0
	fi
	scripts/torture.sh --rounds 1 --seed 1 --untimed || fail "a round of torture failed; how to do it again stands above"
}

command -v go >/dev/null 2>&1 || fail "needs Go 1.26 or later: https://go.dev/dl/"
install_missing
check_format
check_system
heavy_tests
torture

log=$(mktemp)
set -m # a process group of its own, which can be ended as one
check_beside >"$log" 2>&1 &
beside=$!
set +m
trap 'kill -- "-$beside" 2>/dev/null || true; rm -f "$log"' EXIT
bad=0
printf '\n== beside it, told only if something is found: shellcheck, staticcheck, vet and build for the other systems\n'
(all_tests) || bad=1
wait "$beside" || {
	bad=1
	cat "$log"
}
exit "$bad"
