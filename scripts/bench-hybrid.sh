#!/usr/bin/env bash
# Measures how far 'starmesh get' spares a server: N receivers fetch one file from
# our server, and from nginx where that is installed, over links of 8 Mbit/s that
# a proxy (longway) and the receivers themselves keep to. For each it prints the
# copies that left the server and the time as a multiple of the bound, from before
# the first receiver is started until the last is done: median (min–max).
#
#   scripts/bench-hybrid.sh                  1, 2, 8, 16 and 32 receivers, 3 times each
#   RUNS=1 SIZE_MIB=2 scripts/bench-hybrid.sh 8
#   ONLY=nginx scripts/bench-hybrid.sh 8     of star and nginx
#
# Receivers of our server are told of each other by it; those of nginx join the
# first. Files are kept in $TMPDIR (default /dev/shm, so that no disk is measured).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
for n in "$@"; do
	[[ $n =~ ^[1-9][0-9]*$ ]] || wrong "takes numbers of receivers, not $n"
done
[ $# -gt 0 ] || set -- 1 2 8 16 32
cd "$top"

runs=${RUNS:-3} mib=${SIZE_MIB:-4} mbit=8
measure_in hybrid
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
build_to "$work/longway" ./scripts/longway
mkdir -p "$work/data"
head -c "${mib}M" /dev/urandom >"$work/data/file"
"$ours" hash --sidecar "$work/data/file" >/dev/null 2>&1

"$ours" central serve "$work/data" --listen 127.0.0.1:17472 --quiet &
servers=${ONLY:-star}
if [ -z "${ONLY:-}" ] && command -v nginx >/dev/null 2>&1; then servers='star nginx'; fi
if [[ $servers = *nginx* ]]; then
	cat >"$work/nginx.conf" <<-END
		daemon off; worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.log;
		events { worker_connections 1024; }
		http { access_log off; client_body_temp_path $work/body; proxy_temp_path $work/proxy;
		  fastcgi_temp_path $work/fastcgi; uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
		  server { listen 127.0.0.1:17482; root $work/data; } }
	END
	chmod 755 "$work" "$work/data"
	nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.err" &
fi

# receive NAME SOURCE [FLAG…]: starts one receiver, which stays.
receive() {
	local name=$1
	shift
	"$ours" get "$@" --no-mdns --stay forever --retry-for 1m --up ${mbit}mbit --down $((5 * mbit))mbit --json \
		--listen /ip4/127.0.0.1/tcp/0 -o "$work/in/$name/" --load-log "$work/in/$name.jsonl" >"$work/in/$name.out" 2>"$work/in/$name.err" &
	receivers+=($!)
}

# round SERVER N: one transfer to N; appends what it took to the figures.
round() {
	local port=17472 what=star first=() t0
	[ "$1" = star ] || port=17482 what=http
	mkdir -p "$work/in"
	"$work/longway" -to "127.0.0.1:$port" -round-trip 0 -mbit $mbit >"$work/way" &
	local way=$!
	local source
	source=$what://$(await "$work/way" :)/file
	receivers=()
	t0=$EPOCHREALTIME
	receive 1 "$source"
	if [ "$1" != star ]; then first=(--join "$(await "$work/in/1.out" '"node"' | grep -o '/ip4[^"]*')"); fi
	for i in $(seq 2 "$2"); do receive "$i" "$source" ${first[@]+"${first[@]}"}; done
	for i in $(seq "$2"); do await "$work/in/$i.out" '"event":"done"' >/dev/null; done
	awk -v a="$t0" -v b="$EPOCHREALTIME" -v bound="$(awk "BEGIN {print $mib * 1048576 * 8 / ($mbit * 1e6)}")" \
		'BEGIN {printf "%.3f\n", (b - a) / bound}' >>"$work/$1.$2.time"
	kill -INT "${receivers[@]}"
	wait "${receivers[@]}" || true
	for i in $(seq "$2"); do cmp "$work/data/file" "$work/in/$i/file"; done
	# What came from anywhere but a node of the mesh came from the server.
	cat "$work"/in/*.jsonl | grep '"kind":"final"' | grep -o '"remote":"[^"]*","payload_out_bytes":[0-9]*,"payload_in_bytes":[0-9]*' |
		awk -F'[:,"]+' -v size=$((mib * 1048576)) '$3 !~ /^12D3/ {sum += $7} END {printf "%.3f\n", sum / size}' >>"$work/$1.$2.copies"
	kill "$way"
	wait "$way" 2>/dev/null || true
	rm -rf "$work/in"
}

# middle FILE: median, minimum and maximum.
middle() { sort -n "$1" | awk '{v[NR] = $1} END {printf "%.2f (%.2f–%.2f)", v[int((NR + 1) / 2)], v[1], v[NR]}'; }

printf '%s, %s cores, %s MiB at %s Mbit/s, %s runs each: median (min–max)\n' "$(date -u +%FT%TZ)" "$(nproc)" "$mib" "$mbit" "$runs"
for n in "$@"; do
	for _ in $(seq "$runs"); do
		for server in $servers; do round "$server" "$n"; done
	done
	for server in $servers; do
		printf '%3s receivers  %-5s  copies %s  time ÷ bound %s\n' "$n" "$server" "$(middle "$work/$server.$n.copies")" "$(middle "$work/$server.$n.time")"
	done
done
