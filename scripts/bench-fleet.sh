#!/usr/bin/env bash
# Measures machines that join, all of them processes on this machine's loopback.
#
#   scripts/bench-fleet.sh                  join, lab and push
#   NODES=50 scripts/bench-fleet.sh join    how soon nodes are known, what that takes, and how often each is read
#   SIZE_MIB=16 scripts/bench-fleet.sh lab  the lab with 9 joined nodes beside the same with processes of its own
#   SIZE_MIB=64 scripts/bench-fleet.sh push a push to 8 nodes, against the bound; one killed and one full; again
#
# The last needs root, for a small tmpfs. RUNS=3 is how often lab and push are repeated.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
for what in "$@"; do
	[[ $what =~ ^(join|lab|push)$ ]] || wrong "takes join, lab and push, not $what"
done
[ $# -gt 0 ] || set -- join lab push
cd "$top"

runs=${RUNS:-3}
measure_in fleet
leave() {
	jobs -p | xargs -r kill 2>/dev/null || true
	wait 2>/dev/null || true
	! mountpoint -q "$work/n8" || umount "$work/n8"
	rm -rf "$work"
}
trap leave EXIT
export STARMESH_LAB_CODE=ABCDEFGHIJKLMNOPQRSTUVWXYA
at=127.0.0.1:17500

# known COUNT: waits until the manager knows so many, and prints the seconds since $began.
known() {
	until grep -q "\"nodes\":$1,\|\"nodes\":$1}" <(grep '"event":"joined"' "$work/manager.out"); do
		kill -0 "$manager" 2>/dev/null || fail "the manager has ended: $(tail -n 3 "$work/manager.err")"
		sleep 0.05
	done
	since "$began"
}

since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f\n", b - a}'; }

# measure_join: all nodes are known, and a trial in which each is read once a second.
measure_join() {
	local n=${NODES:-200}
	"$ours" lab run --nodes "$n" --listen "$at" --systems star --links rate --size 256KiB --up 16mbit --down 16mbit \
		--poll-interval 1s --out "$work/join" --anyway --json >"$work/manager.out" 2>"$work/manager.err" &
	manager=$!
	until grep -q '"invite"' "$work/manager.out"; do sleep 0.05; done
	began=$EPOCHREALTIME
	for i in $(seq "$n"); do "$ours" lab node "$at" --name "n$i" --quiet >/dev/null 2>"$work/node$i.log" & done
	echo "$n nodes are known after $(known "$n") s (10 s at the most)"
	local peak=0
	while kill -0 "$manager" 2>/dev/null; do
		peak=$(awk '/VmHWM/ {print $2}' "/proc/$manager/status" 2>/dev/null || echo "$peak")
		sleep 0.5
	done
	wait "$manager" || fail "the lab failed: $(tail -n 3 "$work/manager.err")"
	echo "the manager took $((${peak:-0} / 1024)) MB (200 MB at the most)"
	# t is the time of a reading; the longest gap between two of one node, over all nodes
	sed -n 's/.*"t":\([0-9.]*\),"reading":{"node":"\([^"]*\)".*/\2 \1/p' "$work"/join/runs/*/timeline.ndjson |
		awk '{if ($1 in at && $2 - at[$1] > gap) gap = $2 - at[$1]; at[$1] = $2; n++}
			END {for (i in at) k++; printf "%d readings of %d nodes, never more than %.1f s between two of one\n", n, k, gap}'
	wait
}

# seconds SYSTEM: the distribution times in lab folders, sorted.
seconds() { sed -n 's/.*"distribution_s": \([0-9.]*\).*/\1/p' "$work"/"$1"*/runs/"$2"-8-*/run.json | sort -n; }
median() { awk '{v[NR] = $1} END {printf "%.2f s (%.2f–%.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}'; }

# measure_lab: the same lab with nodes that join and without, in turns.
measure_lab() {
	local flags=(-n 8 --systems "star,mesh" --links rate --up 20mbit --down 100mbit --size "${SIZE_MIB:-8}MiB" --anyway --quiet)
	for r in $(seq "$runs"); do
		"$ours" lab run "${flags[@]}" --out "$work/own$r" >/dev/null
		"$ours" lab run "${flags[@]}" --nodes 9 --listen "$at" --out "$work/joined$r" >/dev/null &
		manager=$!
		for i in $(seq 9); do "$ours" lab node "$at" --name "n$i" --quiet 2>/dev/null & done
		wait "$manager" || fail "the lab failed"
		wait
	done
	for system in star mesh; do
		echo "$system to 8: processes of its own $(seconds own $system | median), nodes that joined $(seconds joined $system | median) (5 % apart at the most)"
	done
}

# push_once: pushes to 8 nodes; victim is killed at half of the time. Prints the time of the last that has it.
push_once() {
	"$ours" push "$work/file" --nodes 8 --listen "$at" --origin-up 100mbit --up 40mbit --down 100mbit --json >"$work/push.out" 2>"$work/push.err" &
	manager=$!
	for i in $(seq 8); do
		mkdir -p "$work/n$i"
		"$ours" node "$at" --name "n$i" --allow-push "$work/n$i" --quiet 2>/dev/null &
		[ "$i" != 7 ] || last=$!
	done
	if [ -n "${victim:-}" ]; then
		until grep -q '"joined".*"nodes":8' "$work/push.out"; do sleep 0.05; done
		sleep "$half"
		kill -KILL "$last"
	fi
	wait "$manager" || true
	wait
	sed -n 's/.*"verified":true.*"seconds":\([0-9.]*\).*/\1/p' "$work/push.out" | sort -n | tail -n 1
}

# receipts WORDS: how many receipts of the last push have the words.
receipts() { grep '"event":"receipt"' "$work/push.out" | grep -c "$1" || true; }

measure_push() {
	local mib=${SIZE_MIB:-256} bound half='' victim='' usual=() hurt=()
	head -c "${mib}M" /dev/urandom >"$work/file"
	# the mesh: what the origin and the eight send together, or the origin alone
	bound=$(awk -v f="$mib" 'BEGIN {f *= 8 * 1.048576; a = f / 100; b = 8 * f / (100 + 8 * 40); printf "%.2f", (a > b ? a : b)}')
	for r in $(seq "$runs"); do
		rm -rf "$work"/n?
		usual+=("$(push_once)")
		[ "$(receipts '"verified":true')" = 8 ] || fail "not all have it: $(cat "$work/push.err")"
	done
	echo "push of $mib MiB to 8: $(printf '%s\n' "${usual[@]}" | sort -n | median); the bound is $bound s (1.10 times that at the most)"
	half=$(awk -v b="$bound" 'BEGIN {print b / 2 + 1}') victim=n7
	for r in $(seq "$runs"); do
		rm -rf "$work"/n?
		mkdir -p "$work/n8"
		mount -t tmpfs -o size=1m tmpfs "$work/n8"
		hurt+=("$(push_once)")
		[ "$(receipts '"verified":true') $(receipts '"node":"n[78]","verified":false')" = "6 2" ] || fail "reported wrongly: $(grep receipt "$work/push.out")"
		umount "$work/n8"
	done
	echo "one killed at half and one full: the six others $(printf '%s\n' "${hurt[@]}" | sort -n | median) (1.05 times that without at the most)"
	victim='' half=''
	push_once >"$work/again"
	echo "again: the last after $(cat "$work/again") s; $(receipts '"verified":true') have it, $(receipts "\"kept_bytes\":$((mib << 20)),") had it before (6)"
}

for what in "$@"; do "measure_$what"; done
