#!/usr/bin/env bash
# Measures how far one pair comes over a distance: one file through a TCP proxy
# on loopback (longway) that delays each direction and carries 1 Gbit/s; curl
# against the same server's --http for comparison. Wall seconds, in turns. And a
# swarm of eight that are 60 ms apart at 50 Mbit/s, as a lab with --delay, beside
# the least possible time.
#
#   scripts/bench-distance.sh                  0 to 100 ms, and the swarm, three times each
#   RUNS=5 SIZE_MIB=256 scripts/bench-distance.sh 0 50
#   scripts/bench-distance.sh swarm
#   ONLY='curl peer' scripts/bench-distance.sh 100
#
# Files are kept in $TMPDIR (default /dev/shm, so that no disk is measured).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
for trip in "$@"; do
	[[ $trip =~ ^[0-9]+$|^swarm$ ]] || wrong "takes round trips in milliseconds, or swarm, not $trip"
done
[ $# -gt 0 ] || set -- 0 2 10 20 50 60 100 swarm
cd "$top"

runs=${RUNS:-3}
only=${ONLY:-curl central peer}
measure_in distance
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
build_to "$work/longway" ./scripts/longway
mkdir -p "$work/data" "$work/in"
head -c "${SIZE_MIB:-256}M" /dev/urandom >"$work/data/file"

"$ours" central serve "$work/data" --listen 127.0.0.1:17470 --http 127.0.0.1:17480 --quiet &
"$ours" peer serve "$work/data/file" --listen /ip4/127.0.0.1/tcp/17490 --no-mdns --json >"$work/peer.out" &
id=$(await "$work/peer.out" '"ticket"' | field id)
node=$(await "$work/peer.out" '"event":"node"' | field id)
until "$ours" central get 127.0.0.1:17470 file -o "$work/in/warm" --quiet 2>/dev/null; do sleep 0.1; done # it is hashed

# Each fetches the file by way of the address that is its argument.
get_curl() { curl -sfo "$work/in/file" "http://$1/file"; }
get_central() { "$ours" central get "$1" file -o "$work/in/file" --quiet; }
get_peer() {
	"$ours" peer get "$id" --join "/ip4/${1/://tcp/}/p2p/$node" --listen /ip4/127.0.0.1/tcp/0 --no-mdns -o "$work/in/file" --quiet
}
declare -A ports=([curl]=17480 [central]=17470 [peer]=17490)

# timed WHAT ADDRESS: wall seconds of one transfer, which must bring the file.
timed() {
	local t0=$EPOCHREALTIME
	"get_$1" "$2" || fail "$1 failed"
	awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.2f\n", b - a}'
	cmp "$work/data/file" "$work/in/file"
	rm -f "$work"/in/file*
}

# middle FILE: median, minimum and maximum.
middle() { sort -n "$1" | awk '{v[NR] = $1} END {printf "%.2f (%.2f–%.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}'; }

# swarm: what the table of a lab says of the mesh.
swarm() {
	local size=${SWARM_MIB:-64}
	"$ours" lab run -n 8 -s "${size}MiB" --up 50mbit --down 50mbit --delay 30ms --systems mesh \
		--runs "$runs" --anyway --out "$work/swarm" >"$work/swarm.out" 2>"$work/swarm.err" || fail "the swarm failed: $(tail -n 3 "$work/swarm.err")"
	printf '8 nodes 60 ms apart, 50 Mbit/s, %s MiB\n' "$size"
	grep -A 1 '÷ bound' "$work/swarm.out"
}

printf '%s, %s cores, %s MiB, %s runs each: median (min–max) in seconds\n' "$(date -u +%FT%TZ)" "$(nproc)" "${SIZE_MIB:-256}" "$runs"
for trip in "$@"; do
	if [ "$trip" = swarm ]; then
		swarm
		continue
	fi
	for what in $only; do
		"$work/longway" -to "127.0.0.1:${ports[$what]}" -round-trip "${trip}ms" >"$work/$what.way" &
		await "$work/$what.way" : >/dev/null
	done
	for _ in $(seq "$runs"); do
		for what in $only; do timed "$what" "$(cat "$work/$what.way")" >>"$work/$what.$trip"; done
	done
	printf '%4s ms' "$trip"
	for what in $only; do printf '   %s %s' "$what" "$(middle "$work/$what.$trip")"; done
	printf '\n'
done
