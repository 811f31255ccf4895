#!/usr/bin/env bash
# Measures the star on this machine's loopback, beside nginx where it is
# installed (with sendfile, fetched by curl, unverified). In pairs: A B A B …
#
#   scripts/bench-star.sh                      everything, about two minutes
#   RUNS=9 SIZE_MIB=2048 scripts/bench-star.sh single
#   scripts/bench-star.sh many|idle|resume
#
# Files are kept in $TMPDIR (default /dev/shm, so that no disk is measured).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
for what in "$@"; do
	case $what in
	single | many | idle | resume) ;;
	*) wrong "measures single, many, idle or resume, not $what" ;;
	esac
done
cd "$top"

runs=${RUNS:-5}
size_mib=${SIZE_MIB:-2048}
star_port=17070
http_port=17080
pids=()

stop_all() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	pids=()
}
measure_in bench
trap 'stop_all; rm -rf "$work"' EXIT
build_to "$work/manyclients" ./scripts/manyclients
mkdir -p "$work/data" "$work/in"

say() { printf '%s\n' "$*"; }

payload() { # name MiB
	openssl enc -aes-128-ctr -pass pass:"$1" -nosalt -pbkdf2 </dev/zero 2>/dev/null |
		head -c "$2M" >"$work/data/$1" || true
}

start_star() {
	"$ours" central serve "$work/data" --listen 127.0.0.1:$star_port --agent 127.0.0.1:17071 --quiet &
	star_pid=$!
	pids+=("$star_pid")
	until "$ours" central ping 127.0.0.1:$star_port --quiet 2>/dev/null; do sleep 0.05; done
}

# has_nginx also starts it: one worker, sendfile, nothing written to a log.
has_nginx() {
	command -v nginx >/dev/null || return 1
	cat >"$work/nginx.conf" <<-CONF
		daemon off; master_process off; pid $work/nginx.pid; error_log /dev/null;
		events { worker_connections 4096; }
		http { access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nopush on;
		  server { listen 127.0.0.1:$http_port backlog=4096; root $work/data; } }
	CONF
	nginx -c "$work/nginx.conf" 2>/dev/null &
	nginx_pid=$!
	pids+=("$nginx_pid")
	until curl -so /dev/null "http://127.0.0.1:$http_port/"; do sleep 0.05; done
}

ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; } # CPU used, in 1/100 s

# timed PID COMMAND…: wall seconds and the CPU seconds that process PID used.
timed() {
	local pid=$1 c0 t0
	shift
	c0=$(ticks "$pid") t0=$(date +%s.%N)
	"$@" >/dev/null
	awk -v a="$t0" -v b="$(date +%s.%N)" -v c="$c0" -v d="$(ticks "$pid")" 'BEGIN {printf "%.3f %.2f\n", b - a, (d - c) / 100}'
}

# summary FILE LABEL: median (min–max) of both columns.
summary() {
	local col
	printf '%-22s' "$2"
	for col in 1 2; do
		sort -n -k$col,$col "$1" | awk -v c=$col '{v[NR] = $c} END {printf "  %6.3f (%.3f–%.3f)", v[int((NR + 1) / 2)], v[1], v[NR]}'
	done
	printf '\n'
}

single() {
	say "== one client, $size_mib MiB, verified: wall s; CPU s of the server; median (min–max) of $runs pairs"
	payload big "$size_mib"
	start_star
	"$ours" central get 127.0.0.1:$star_port big -o "$work/in/star" --quiet # hashes and warms
	local nginx=0
	if has_nginx; then nginx=1; fi
	for _ in $(seq "$runs"); do
		rm -f "$work/in/star" "$work/in/curl"
		timed "$star_pid" "$ours" central get 127.0.0.1:$star_port big -o "$work/in/star" --quiet >>"$work/star.txt"
		rm -f "$work/in/star"
		[ $nginx = 0 ] || timed "$nginx_pid" curl -sfo "$work/in/curl" "http://127.0.0.1:$http_port/big" >>"$work/curl.txt"
	done
	summary "$work/star.txt" "central get"
	if [ $nginx = 1 ]; then
		summary "$work/curl.txt" "curl from nginx"
		paste "$work/star.txt" "$work/curl.txt" | awk '{print ($1 / $3), ($4 > 0 ? $2 / $4 : 0)}' >"$work/ratio.txt"
		summary "$work/ratio.txt" "ratio, pair by pair"
	fi
	rm -f "$work"/in/* "$work/data/big"
	stop_all
}

many() {
	say "== 512 clients at once, 4 MiB each, in one process: wall and last client, s"
	payload small 4
	start_star
	for _ in $(seq "$runs"); do "$work/manyclients" -addr 127.0.0.1:$star_port -name small -n 512; done
	if has_nginx; then
		say "   the same over HTTP from nginx, unverified"
		for _ in $(seq "$runs"); do "$work/manyclients" -url "http://127.0.0.1:$http_port/small" -n 512; done
	fi
	stop_all
}

idle() {
	say "== 10,000 idle connections: memory of the server, and a new client beside them"
	payload small 4
	start_star
	mkfifo "$work/hold"
	"$work/manyclients" -addr 127.0.0.1:$star_port -idle -n 10000 <"$work/hold" >"$work/idle.txt" &
	pids+=("$!")
	exec 9>"$work/hold"
	until [ -s "$work/idle.txt" ]; do sleep 0.1; done
	cat "$work/idle.txt"
	awk '/VmRSS|VmHWM/' "/proc/$star_pid/status"
	for _ in $(seq "$runs"); do
		rm -f "$work/in/small"
		timed "$star_pid" "$ours" central get 127.0.0.1:$star_port small -o "$work/in/small" --quiet >>"$work/beside.txt"
	done
	summary "$work/beside.txt" "new client, 4 MiB"
	exec 9>&-
	stop_all
}

resume() {
	say "== resume of a half-finished 4 GiB file after kill -9: s from start until bytes flow again"
	payload four 4096
	start_star
	"$ours" central get 127.0.0.1:$star_port four -o "$work/in/four" --quiet & # hashes at the server
	wait $! && rm -f "$work/in/four"
	for _ in $(seq "$runs"); do
		rm -f "$work"/in/four*
		"$ours" central get 127.0.0.1:$star_port four -o "$work/in/four" --quiet &
		local victim=$! start
		start=$(held)
		until [ "$(held)" -gt $((start + 2048 * 1048576)) ]; do sleep 0.02; done
		kill -9 "$victim"
		wait "$victim" 2>/dev/null || true
		one_resume
	done
	stop_all
}

# held is how many bytes the server has sent so far.
held() { curl -s http://127.0.0.1:17071/load | grep -o '"payload_out_bytes":[0-9]*' | head -n 1 | cut -d: -f2; }

one_resume() {
	local before t0 t1
	before=$(held) t0=$(date +%s.%N)
	"$ours" central get 127.0.0.1:$star_port four -o "$work/in/four" --quiet &
	local client=$!
	while [ "$(held)" = "$before" ]; do :; done
	t1=$(date +%s.%N)
	wait "$client"
	awk -v a="$t0" -v b="$t1" -v c="$before" -v d="$(held)" 'BEGIN {printf "%.3f s until the first byte; %.0f MiB fetched of 4096\n", b - a, (d - c) / 1048576}'
	cmp "$work/data/four" "$work/in/four"
}

say "$(date -u +%FT%TZ), $(nproc) cores, $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo), $(uname -sr)"
[ $# -gt 0 ] || set -- single many idle resume
for what in "$@"; do "$what"; done
