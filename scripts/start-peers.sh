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

help_if "${1:-}"
out=$top/results/peers
while getopts :o:h option; do
	case $option in
	o) out=$OPTARG ;;
	h) usage && exit 0 ;;
	:) wrong "-$OPTARG needs a folder" ;;
	*) wrong "there is no -$OPTARG; flags for the peers come last" ;;
	esac
done
shift $((OPTIND - 1))
count=${1:-}
[[ $count =~ ^[1-9][0-9]{0,2}$ ]] || wrong "how many peers? 1 to 999, not '$count'"
shift
file=
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
	file=$1
	shift
fi
[ -z "$file" ] || [ -f "$file" ] || fail "there is no file $file"

# last_words I: what a peer that has ended said.
last_words() { tail -n 3 "$state/peer-$1.err" 2>/dev/null || true; }

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

has_it() { grep -qs '"event":"done"' "$state/peer-$1.out"; } # I

have_it() { # prints how many of the receivers are done
	local i n=0
	for i in $(seq 2 "$count"); do
		if has_it "$i"; then n=$((n + 1)); fi
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

# mourn I: says once that a peer has ended, whatever it still had to do.
mourn() {
	local words rest='the others go on'
	[ "$1" -ne 1 ] || rest='the others finish if every chunk was out'
	if has_it "$1"; then rest='it had the file'; fi
	[ ! -t 2 ] || echo >&2
	words=$(last_words "$1")
	printf 'peer-%s has ended; %s%s\n' "$1" "$rest" "${words:+: $words}" >&2
}

# wait_all: until all receivers that have not ended are done. Peers that lack
# what nobody in reach has end by themselves (--retry-for).
wait_all() {
	local i open done=0
	while
		open=0 done=$(have_it)
		for i in $(seq "$count"); do
			if node_runs "peer-$i"; then
				if [ "$i" -gt 1 ] && ! has_it "$i"; then open=$((open + 1)); fi
			elif [[ " ${ended[*]-} " != *" $i "* ]]; then
				ended+=("$i")
				mourn "$i"
			fi
		done
		[ "$open" -gt 0 ]
	do
		draw "$(bytes_here)" "$done"
		sleep 0.2
	done
	draw "$(bytes_here)" "$(have_it)"
	[ ! -t 2 ] || echo >&2
}

table() {
	local i last name value
	printf '%-10s %15s %15s %8s %8s\n' peer 'sent bytes' 'received bytes' copies 'CPU s'
	for i in $(seq "$count"); do
		last=$(tail -n 1 "$out/peer-$i/load.jsonl" 2>/dev/null || true)
		printf 'peer-%s' "$i"
		for name in payload_out_bytes payload_in_bytes cpu_seconds; do
			value=$(field "$name" <<<"$last")
			printf ' %s' "${value:-0}"
		done
		echo
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
	node_runs peer-1 || give_up "peer-1 has ended: $(last_words 1)"
	sleep 0.1
done
ticket=$(grep -m 1 '"event":"ticket"' "$state/peer-1.out" | field ticket)
printf 'peer-1 has %s (%s bytes); others that want it: %s\n' "$(basename "$file")" "$size" $((count - 1))
began=$(date +%s.%N)
for i in $(seq 2 "$count"); do
	start_peer "$i" get "$ticket" -o "$out/peer-$i/" --stay forever "$@"
done
ended=()
wait_all
until=$(date +%s.%N) all=$(have_it)
trap - INT TERM
sleep 0.6 # the last lines of the load logs
printf '\n'
table
awk -v n=$((count - 1)) -v have="$all" -v began="$began" -v until="$until" 'BEGIN {
	printf "%d of %d have the verified file after %.1f s\n", have, n, until - began
}'
printf '\nfolders    %s/peer-*\n' "$out"
printf 'load logs  %s/peer-*/load.jsonl\n' "$out"
printf 'ticket     %s\n' "$ticket"
printf 'download   %s peer get %s\n' bin/starmesh "$ticket"
printf 'stop       scripts/stop.sh\n'
[ "$all" -eq $((count - 1)) ] || fail "not all have the file"
