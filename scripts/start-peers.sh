#!/usr/bin/env bash
# Starts a mesh of N peers in the background on this machine, gives one of them
# a file, waits until all have it, and prints who sent how much, as the peers'
# own load logs tell it. The peers go on sharing until scripts/stop.sh.
#
#   scripts/start-peers.sh 8                      a made-up file of 64 MiB
#   scripts/start-peers.sh 8 FILE
#   scripts/start-peers.sh 8 FILE --up 20mbit     with flags for every peer
#
#   -o DIR   put the peers' folders (file, identity, load log) into DIR
#            (results/peers)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }

out=$top/results/peers
while getopts o:h option; do
	case $option in
	o) out=$OPTARG ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))
count=${1:-}
if ! [[ $count =~ ^[1-9][0-9]{0,2}$ ]]; then
	echo "start-peers.sh: how many peers? 1 to 999, not '$count'" >&2
	usage >&2
	exit 2
fi
shift
file=
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
	file=$1
	shift
fi
[ -z "$file" ] || [ -f "$file" ] || fail "there is no file $file"

# own_folder I: an empty folder for peer I. A folder from the last run is
# known by the mark in it; another's is left alone.
own_folder() {
	local dir=$out/peer-$1
	if [ -e "$dir" ]; then
		[ -e "$dir/.starmesh-peer" ] || fail "$dir is not from this script; take another place with -o"
		rm -rf "$dir"
	fi
	mkdir -p "$dir"
	: >"$dir/.starmesh-peer"
}

start_peer() { # I COMMAND ARGUMENT...
	local dir=$out/peer-$1 name=peer-$1 what=$2
	shift 2
	start_node "$name" "$starmesh" peer "$what" "$@" --identity "$dir/identity.key" \
		--node "$name" --load-log "$dir/load.jsonl" --load-interval 500ms --json
}

# give_up WORDS: nothing is left running of a mesh that did not come about.
give_up() {
	local i
	for i in $(seq "$count"); do ask_node "peer-$i"; done
	for i in $(seq "$count"); do end_node "peer-$i"; done
	fail "$*"
}

have_it() { # prints how many of the receivers are done
	local i n=0
	for i in $(seq 2 "$count"); do
		if grep -qs '"event":"done"' "$state/peer-$i.out"; then n=$((n + 1)); fi
	done
	echo "$n"
}

# bytes_here: bytes that have arrived, at all receivers together.
bytes_here() {
	local i
	for i in $(seq 2 "$count"); do
		tail -n 1 "$out/peer-$i/load.jsonl" 2>/dev/null | field payload_in_bytes
	done | awk '{sum += $1} END {printf "%.0f\n", sum}'
}

draw() { # BYTES DONE
	[ -t 2 ] || return 0
	awk -v bytes="$1" -v done="$2" -v all=$((count - 1)) -v size="$size" 'BEGIN {
		share = all * size > 0 ? bytes / (all * size) : 1
		if (share > 1) share = 1
		for (i = 0; i < 40; i++) bar = bar (i < 40 * share ? "#" : "-")
		printf "\r[%s] %3d %%  %d of %d have it ", bar, 100 * share, done, all
	}' >&2
}

wait_all() {
	local i done=0
	while done=$(have_it) && [ "$done" -lt $((count - 1)) ]; do
		draw "$(bytes_here)" "$done"
		for i in $(seq "$count"); do
			if node_runs "peer-$i"; then continue; fi
			[ ! -t 2 ] || echo >&2
			give_up "peer-$i has ended: $(tail -n 3 "$state/peer-$i.err" "$state/peer-$i.out")"
		done
		sleep 0.2
	done
	draw $(((count - 1) * size)) "$done"
	[ ! -t 2 ] || echo >&2
}

table() {
	local i last
	printf '%-10s %15s %15s %8s %8s\n' peer 'sent bytes' 'received bytes' copies 'CPU s'
	for i in $(seq "$count"); do
		last=$(tail -n 1 "$out/peer-$i/load.jsonl")
		printf 'peer-%s %s %s %s\n' "$i" "$(field payload_out_bytes <<<"$last")" \
			"$(field payload_in_bytes <<<"$last")" "$(field cpu_seconds <<<"$last")"
	done | awk -v size="$size" '{
		printf "%-10s %15d %15d %8.2f %8.2f\n", $1, $2, $3, (size > 0 ? $2 / size : 0), $4
		sum += $2; squares += $2 * $2
	} END {
		if (squares > 0) printf "\nas if %.1f of %d peers had sent it all, evenly; copies: sent bytes by the size of the file\n", sum * sum / squares, NR
	}'
}

build
make_state
for i in $(seq 999); do
	if node_runs "peer-$i"; then fail "a mesh runs already; scripts/stop.sh stops it"; fi
done
for i in $(seq "$count"); do own_folder "$i"; done
if [ -z "$file" ]; then
	file=$out/peer-1/random.bin
	head -c $((64 << 20)) /dev/urandom >"$file"
fi
size=$(($(wc -c <"$file")))

trap 'give_up stopped' INT TERM
rm -f "$state"/peer-*.out "$state"/peer-*.err
start_peer 1 serve "$file" --ticket-file "$out/ticket" "$@"
until grep -qs '"event":"ticket"' "$state/peer-1.out"; do
	node_runs peer-1 || give_up "peer-1 has ended: $(tail -n 3 "$state/peer-1.err" "$state/peer-1.out")"
	sleep 0.1
done
ticket=$(grep -m 1 '"event":"ticket"' "$state/peer-1.out" | field ticket)
printf 'peer-1 has %s (%s bytes); %s others want it …\n' "$(basename "$file")" "$size" $((count - 1))
began=$(date +%s.%N)
for i in $(seq 2 "$count"); do
	start_peer "$i" get "$ticket" -o "$out/peer-$i/" --stay forever "$@"
done
wait_all
ended=$(date +%s.%N)
trap - INT TERM
sleep 0.6 # the last lines of the load logs
printf '\n'
table
awk -v n=$((count - 1)) -v began="$began" -v ended="$ended" 'BEGIN {printf "all %d have the verified file after %.1f s\n", n, ended - began}'
printf '\nfolders    %s/peer-*\n' "$out"
printf 'load logs  %s/peer-*/load.jsonl\n' "$out"
printf 'ticket     %s\n' "$ticket"
printf 'download   %s peer get %s\n' bin/starmesh "$ticket"
printf 'stop       scripts/stop.sh\n'
