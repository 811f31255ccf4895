#!/usr/bin/env bash
# Measures how a folder of many small files comes, and its second version with one
# changed file, beside one file of the same size and beside rsync (daemon), tar | nc
# and aria2 (a torrent of all files), where those are installed. In turns; wall and
# CPU seconds of both sides; of ours also the bytes of payload that came, and the
# most memory that the giver and the taker had.
#
#   scripts/bench-folders.sh                        10,000 files; loopback, 1 gbit, 100 mbit
#   RUNS=5 FILES=2000 scripts/bench-folders.sh loopback
#   ONLY='star-one star-folder rsync' scripts/bench-folders.sh 100mbit
#   FILES=100000 ONLY='star-folder mesh-folder' scripts/bench-folders.sh loopback
#
# A rate needs root: the two sides are namespaces then, with a wire between them
# that carries so much. Files are kept in $TMPDIR (default /dev/shm).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -gt 0 ] || set -- loopback 1gbit 100mbit
for link in "$@"; do
	[[ $link =~ ^(loopback|[0-9]+[mg]bit)$ ]] || wrong "takes loopback or a rate such as 100mbit, not $link"
done
cd "$top"

runs=${RUNS:-3} files=${FILES:-10000}
measure_in folders
giver=starmesh-f$$-a taker=starmesh-f$$-b
pids=()
end_all() {
	kill "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" 2>/dev/null || true
	pids=()
	ip netns del "$giver" 2>/dev/null || true
	ip netns del "$taker" 2>/dev/null || true
}
trap 'end_all; rm -rf "$work"' EXIT
mkdir -p "$work/many" "$work/one" "$work/next"
declare -A pid # of our givers

# Files of 0.1 to 20 KB, in a hundred folders, and one with all their bytes.
awk -v n="$files" 'BEGIN {srand(7); for (i = 0; i < n; i++) print 100 + int(rand() * 19900)}' >"$work/sizes"
head -c "$(awk '{s += $1} END {print s}' "$work/sizes")" /dev/urandom >"$work/one/file"
i=0
while read -r size; do
	dir=$work/many/$((i % 100))
	[ -d "$dir" ] || mkdir "$dir"
	head -c "$size" <&3 >"$dir/$i"
	i=$((i + 1))
done <"$work/sizes" 3<"$work/one/file"
cp -al "$work/many" "$work/next/many"
rm "$work/next/many/1/1" # the second version
head -c "$(sed -n 2p "$work/sizes")" /dev/urandom >"$work/next/many/1/1"

# joined LINK: makes the two sides, and says how each is entered and found.
joined() {
	at=127.0.0.1 here=() there=()
	[ "$1" = loopback ] && return
	[ "$(id -u)" = 0 ] || return 1
	ip netns add "$giver" && ip netns add "$taker" || return 1
	ip link add wire netns "$giver" type veth peer name wire netns "$taker"
	local n side
	for n in 1 2; do
		side=$([ $n = 1 ] && echo "$giver" || echo "$taker")
		ip -n "$side" addr add 10.77.0.$n/24 dev wire
		ip -n "$side" link set wire up && ip -n "$side" link set lo up
		tc -n "$side" qdisc add dev wire root tbf rate "$1" burst 256k latency 50ms
	done
	at=10.77.0.1 here=(ip netns exec "$giver") there=(ip netns exec "$taker")
}

# begin COMMAND...: runs it on the giver's side until the end.
begin() {
	"${here[@]}" "$@" >/dev/null 2>&1 &
	pids+=($!)
}

# serve starts all givers that are installed; $what is what can be measured.
serve() {
	what='star-one star-folder star-second mesh-one mesh-folder mesh-second'
	local one port=17570
	rm -f "$work"/ticket-*
	for one in one/file many next/many; do
		begin "$ours" central serve "$work/${one%/file}" --listen "$at:$port" --quiet
		pid[star-$one]=$!
		begin "$ours" peer serve "$work/$one" --listen "/ip4/$at/tcp/$((port + 10))" --no-mdns --quiet --ticket-file "$work/ticket-${one%/*}"
		pid[mesh-$one]=$!
		until [ -s "$work/ticket-${one%/*}" ]; do sleep 0.1; done
		until "${there[@]}" "$ours" central get "$at:$port" / -o "$work/warm/" --quiet 2>/dev/null; do sleep 0.1; done # all is hashed
		rm -rf "$work/warm"
		port=$((port + 1))
	done
	if command -v rsync >/dev/null; then
		printf 'use chroot = no\nuid = %s\n[many]\npath = %s/many\n' "$(id -u)" "$work" >"$work/rsyncd.conf"
		begin rsync --daemon --no-detach --address="$at" --port=17574 --config="$work/rsyncd.conf"
		what+=' rsync'
	fi
	if command -v nc >/dev/null; then what+=' tar'; fi
	if command -v aria2c >/dev/null && command -v transmission-create >/dev/null && command -v nc >/dev/null; then
		rm -f "$work/many.torrent"
		transmission-create -o "$work/many.torrent" -t "http://$at:17576/announce" "$work/many" >/dev/null
		begin aria2c -q -V --seed-ratio=0 --enable-dht=false --listen-port=17575 -d "$work" "$work/many.torrent"
		# shellcheck disable=SC2016 # the shell that begins expands them
		begin bash -c 'trap "kill \$!; exit" TERM; while :; do printf "HTTP/1.0 200 OK\r\n\r\nd8:intervali60e5:peersld2:ip%d:%s4:porti17575eeee" ${#0} "$0" | nc -N -l 17576 & wait $!; done' "$at"
		what+=' aria2'
	fi
	sleep 2 # they have begun
}

# star PORT, mesh TICKET: one fetch of ours; of what is there only what is new comes.
star() { "${there[@]}" "$ours" central get "$at:$1" / -o "$work/in/" --force --quiet --load-log "$work/log"; }
mesh() { "${there[@]}" "$ours" peer get "$(cat "$work/ticket-$1")" --no-mdns -o "$work/in/" --force --quiet --load-log "$work/log"; }
get_star-one() { star 17570; }
get_star-folder() { star 17571; }
get_star-second() { star 17572; }
get_mesh-one() { mesh one; }
get_mesh-folder() { mesh many; }
get_mesh-second() { mesh next; }
get_rsync() { "${there[@]}" rsync -a --port=17574 "rsync://$at/many/" "$work/in/"; }
get_tar() {
	"${here[@]}" bash -c "tar -C '$work/many' -cf - . | nc -N -l $at 17577" &
	local sender=$!
	until "${there[@]}" nc -d "$at" 17577 | tar -C "$work/in" -xf -; do # it listens soon
		kill -0 $sender || return 1
		sleep 0.02
	done
	wait $sender
}
get_aria2() {
	"${there[@]}" aria2c -q -V --seed-time=0 --enable-dht=false --listen-port=17578 --file-allocation=none -d "$work/in" "$work/many.torrent"
}

# used: the CPU that the givers have used, in 1/100 s, those that ended included.
used() {
	local pid sum=0
	for pid in "${pids[@]}"; do
		sum=$((sum + $(awk '{sub(/.*\) /, ""); print $12 + $13 + $14 + $15}' "/proc/$pid/stat")))
	done
	echo $sum
}

# logged NAME: a number that our taker has logged at its end.
logged() { awk -v n="\"$1\":" 'END {print substr($0, index($0, n) + length(n)) + 0}' "$work/log"; }

# timed WAY: wall and CPU seconds of one transfer, which must bring all bytes; of
# ours, bytes of payload, and MiB of the giver and the taker.
timed() {
	local before wall more=''
	rm -rf "$work/in" "$work/log" && mkdir "$work/in"
	case $1 in # the first version is there
	star-second) cp -a "$work/many/." "$work/in" ;;
	mesh-second) cp -a "$work/many" "$work/in" ;;
	esac
	before=$(used)
	TIMEFORMAT='%R %U %S'
	wall=$( { time "get_$1" >/dev/null 2>&1; } 2>&1) || fail "$1 failed"
	[ "$(find "$work/in" -type f -printf '%s\n' | awk '{s += $1} END {print s}')" = "$(stat -c %s "$work/one/file")" ] || fail "$1 did not bring all"
	if [ -f "$work/log" ]; then
		local from=${1/one/one\/file}
		from=${from/folder/many}
		from=${from/second/next\/many}
		more="$(logged payload_in_bytes) $(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/${pid[$from]}/status") $(($(logged rss_peak_bytes) >> 20))"
	fi
	awk -v t="$wall" -v b="$before" -v a="$(used)" -v o="$more" 'BEGIN {split(t, v); printf "%.2f %.2f %s\n", v[1], v[2] + v[3] + (a - b) / 100, o}'
}

# middle FILE COLUMN: median, minimum and maximum.
middle() { sort -n -k"$2,$2" "$1" | awk -v c="$2" '{v[NR] = $c} END {printf "%.2f (%.2f–%.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}'; }

# most FILE: what has travelled, and the memory, where that is known.
most() {
	awk 'NF > 2 {for (i = 3; i <= 5; i++) if ($i > m[i]) m[i] = $i} END {if (m[3]) printf "%d bytes came; %d and %d MiB", m[3], m[4], m[5]}' "$1"
}

printf '%s, %s cores, %s files, %s MB, %s runs each: wall s, CPU s of both sides, median (min–max); most bytes of payload, and memory of giver and taker\n' \
	"$(date -u +%FT%TZ)" "$(nproc)" "$files" "$(($(stat -c %s "$work/one/file") / 1000000))" "$runs"
for link in "$@"; do
	joined "$link" || { printf '%s: left out; it needs root and namespaces\n' "$link"; continue; }
	serve
	for _ in $(seq "$runs"); do
		for way in ${ONLY:-$what}; do timed "$way" >>"$work/$way.$link"; done
	done
	for way in ${ONLY:-$what}; do
		printf '%-9s %-12s %-20s %-20s %s\n' "$link" "$way" "$(middle "$work/$way.$link" 1)" "$(middle "$work/$way.$link" 2)" "$(most "$work/$way.$link")"
	done
	for way in rsync tar aria2; do
		[[ " $what " = *" $way "* ]] || printf '%-9s %-12s left out: not installed here\n' "$link" "$way"
	done
	end_all
done
