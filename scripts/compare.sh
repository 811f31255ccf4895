#!/usr/bin/env bash
# Sends one file to several receivers on this machine twice, from one server and
# through a mesh of peers, over the same limited links, and prints who carried
# how much and how long it took, as the nodes' own load logs tell it.
#
#   scripts/compare.sh                    8 receivers, 16 MiB, 20 Mbit/s up
#   scripts/compare.sh -n 4 -s 64MiB
#   scripts/compare.sh -n 4 -u 100mbit FILE
#
#   -n N      receivers (8)          -s SIZE  size of a made-up file (16MiB)
#   -u RATE   every node's uplink (20mbit)
#   -d RATE   every node's downlink (100mbit)
#   -o DIR    keep the load logs in DIR (results/compare)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

receivers=8 size=16MiB up=20mbit down=100mbit out=$top/results/compare
while getopts n:s:u:d:o:h option; do
	case $option in
	n) receivers=$OPTARG ;;
	s) size=$OPTARG ;;
	u) up=$OPTARG ;;
	d) down=$OPTARG ;;
	o) out=$OPTARG ;;
	*)
		sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
		[ "$option" = h ] && exit 0
		exit 2
		;;
	esac
done
shift $((OPTIND - 1))
file=${1:-}
if ! [[ $receivers =~ ^[1-9][0-9]*$ ]]; then
	echo "compare.sh: -n $receivers is not a number of receivers" >&2
	exit 2
fi

work=$(mktemp -d)
pids=()
stop_nodes() {
	[ "${#pids[@]}" -eq 0 ] || kill -INT "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	pids=()
}
trap 'stop_nodes; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

build
mkdir -p "$out"
rm -f "$out"/*.jsonl
if [ -n "$file" ]; then
	[ -f "$file" ] || fail "there is no file $file"
else
	file=$work/random.bin
	bytes=$(numfmt --from=auto "${size%B}" 2>/dev/null) || fail "-s $size is not a size, such as 16MiB"
	head -c "$bytes" /dev/urandom >"$file"
fi
name=$(basename "$file")
bytes=$(wc -c <"$file")

# start NAME COMMAND...: a node in the background, over the same links as all
# others; what it says goes to $work/NAME.out and .err.
start() {
	local node=$1
	shift
	"$starmesh" "$@" --up "$up" --down "$down" --json --node "$node" --load-log "$out/$node.jsonl" \
		>"$work/$node.out" 2>"$work/$node.err" &
	pids+=($!)
}

# await NAME EVENT: until a node says so.
await() {
	until grep -q "\"event\":\"$2\"" "$work/$1.out"; do
		kill -0 "${pids[-1]}" 2>/dev/null || [ "$2" = "done" ] || fail "$1 did not start: $(cat "$work/$1.err")"
		if grep -q '"event":"error"' "$work/$1.out"; then fail "$1 failed: $(cat "$work/$1.err")"; fi
		sleep 0.1
	done
}

# finish PREFIX: until all receivers have the file, and each holds the right one.
finish() {
	local i
	for i in $(seq "$receivers"); do
		await "$1-$i" "done"
		cmp -s "$file" "$work/$1-$i/$name" || fail "receiver $1-$i holds another file"
		rm -f "$work/$1-$i/$name"
	done
	stop_nodes
}

star() {
	local address i
	start server central serve "$file" --listen 127.0.0.1:0 --no-cache
	await server listening
	address=$(grep -m 1 '"event":"listening"' "$work/server.out" | field listen)
	for i in $(seq "$receivers"); do
		start "client-$i" central get "$address" "$name" -o "$work/client-$i/"
	done
	finish client
}

mesh() {
	local i
	start origin peer serve "$file" --ticket-file "$work/ticket" --no-cache --no-mdns
	await origin ticket
	for i in $(seq "$receivers"); do
		start "peer-$i" peer get "$(cat "$work/ticket")" -o "$work/peer-$i/" --stay forever --no-mdns
	done
	finish peer
}

printf '%s (%s bytes) to %s receivers; every node sends at %s and receives at %s\n' "$name" "$bytes" "$receivers" "$up" "$down"
printf 'star: from one server …\n'
star
printf 'mesh: through equals …\n\n'
mesh
"$starmesh" compare "$out"
printf '\nload logs: %s\n' "$out"
