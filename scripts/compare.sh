#!/usr/bin/env bash
# Sends one file from a server to several receivers on this machine, over the
# same limited links, and prints who carried how much, as the nodes' own load
# logs tell it.
#
#   scripts/compare.sh                    8 receivers, 16 MiB, 20 Mbit/s up
#   scripts/compare.sh -n 4 -s 64MiB
#   scripts/compare.sh -n 4 -u 100mbit FILE
#
#   -n N      receivers (8)          -s SIZE  size of a made-up file (16MiB)
#   -u RATE   the server's uplink (20mbit)
#   -o DIR    keep the load logs in DIR (results/compare)
#
# This is the star; the mesh, over the same links, is still to come.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

receivers=8 size=16MiB up=20mbit out=$top/results/compare
while getopts n:s:u:o:h option; do
	case $option in
	n) receivers=$OPTARG ;;
	s) size=$OPTARG ;;
	u) up=$OPTARG ;;
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
clean_up() {
	[ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
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

"$starmesh" central serve "$file" --listen 127.0.0.1:0 --up "$up" --json --no-cache \
	--node server --load-log "$out/server.jsonl" >"$work/server.out" 2>"$work/server.err" &
pids+=($!)
for _ in $(seq 100); do
	grep -q '"event":"listening"' "$work/server.out" && break
	sleep 0.1
done
address=$(grep -m 1 '"event":"listening"' "$work/server.out" | field listen)
[ -n "$address" ] || fail "the server did not start: $(cat "$work/server.err")"

printf 'star: one server, %s up, sends %s (%s bytes) to %s receivers …\n' "$up" "$name" "$bytes" "$receivers"
began=$(date +%s.%N)
gets=()
for i in $(seq "$receivers"); do
	"$starmesh" central get "$address" "$name" -o "$work/r$i/" --quiet \
		--node "receiver-$i" --load-log "$out/receiver-$i.jsonl" &
	gets+=($!)
	pids+=($!)
done
for pid in "${gets[@]}"; do
	wait "$pid" || fail "a receiver failed"
done
ended=$(date +%s.%N)
for i in $(seq "$receivers"); do
	cmp -s "$file" "$work/r$i/$name" || fail "receiver $i holds another file"
done
kill -INT "${pids[0]}"
wait "${pids[0]}" || true
pids=()

printf '\n%-14s %15s %15s %10s\n' node 'sent bytes' 'received bytes' 'CPU s'
for log in "$out/server.jsonl" "$out"/receiver-*.jsonl; do
	last=$(tail -n 1 "$log")
	printf '%-14s %15s %15s %10s\n' "$(basename "$log" .jsonl)" \
		"$(field payload_out_bytes <<<"$last")" "$(field payload_in_bytes <<<"$last")" "$(field cpu_seconds <<<"$last")"
done | sort -V
sent=$(tail -n 1 "$out/server.jsonl" | field payload_out_bytes)
awk -v n="$receivers" -v began="$began" -v ended="$ended" -v sent="$sent" -v size="$bytes" 'BEGIN {
	printf "\nall %d have the verified file after %.1f s; the server sent it %.2f times\n", n, ended - began, sent / size
}'
printf 'load logs: %s\n' "$out"
printf 'The mesh, over the same links, is still to come.\n'
