# shellcheck shell=bash
# What the scripts share; sourced, not run.
#
# Everything a script starts is noted in a state folder: NAME.pid holds the
# process id and the time that process started, so that stop.sh never ends a
# stranger that was given the same number later.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
starmesh=$top/bin/starmesh
state=${XDG_RUNTIME_DIR:-/tmp}/starmesh-$(id -un)

fail() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# usage: the words at the head of the script that runs.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }

# wrong WORDS: the script was called in a wrong way; nothing was tried.
wrong() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	printf "Try '%s --help'.\n" "$0" >&2
	exit 2
}

# help_if FIRST-ARGUMENT: prints the usage when that is asked for.
help_if() {
	case ${1:-} in
	-h | --help)
		usage
		exit 0
		;;
	esac
}

# build_to FILE PACKAGE: a program that needs no library of the machine it runs
# on. Go notes version, commit and date in it by itself ('starmesh version').
build_to() {
	command -v go >/dev/null 2>&1 || fail "needs Go 1.26 or later: https://go.dev/dl/"
	(cd "$top" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$1" "$2") || fail "$2 does not build"
}

build() { build_to "$starmesh" ./cmd/starmesh; }

# The state folder is ours alone: in /tmp anyone may have made one of its name.
make_state() {
	[ -d "$state" ] || mkdir -m 700 "$state" || fail "cannot make the folder $state"
	if [ -L "$state" ] || [ ! -O "$state" ]; then
		fail "$state is not this user's own folder; remove it, or set XDG_RUNTIME_DIR"
	fi
}

# started_at PID: when the process began; empty when there is none, or only its
# exit status is left (Z).
started_at() {
	if [ -d /proc/self ]; then
		# Field 22, counted behind the name, which may hold spaces.
		sed -e 's/.*) //; /^Z/d' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
	else
		ps -o lstart= -p "$1" 2>/dev/null
	fi
}

# start_node NAME COMMAND...: runs it in the background, out of reach of this
# terminal's Ctrl-C, with its output in the state folder.
start_node() {
	local name=$1 pid
	shift
	if node_runs "$name"; then
		fail "$name runs already; scripts/stop.sh stops it"
	fi
	nohup "$@" >"$state/$name.out" 2>"$state/$name.err" </dev/null &
	pid=$!
	disown "$pid" # its end is told by who looks for it, not by bash
	printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$state/$name.pid"
}

# node_runs NAME: whether the process that was started under it still runs.
node_runs() {
	local pid since
	[ -f "$state/$1.pid" ] || return 1
	read -r pid since <"$state/$1.pid"
	[ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}

# ask_node NAME: asks it to end in good order.
ask_node() {
	local pid _
	node_runs "$1" || return 0
	read -r pid _ <"$state/$1.pid"
	kill -INT "$pid" 2>/dev/null || true
}

# end_node NAME: waits until one that was asked has ended, fifteen seconds at
# most; after that it is made to.
end_node() {
	local name=$1 pid _
	for _ in $(seq 150); do
		node_runs "$name" || break
		sleep 0.1
	done
	if node_runs "$name"; then
		read -r pid _ <"$state/$name.pid"
		printf '%s does not end by itself; killed\n' "$name" >&2
		kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -f "$state/$name.pid"
}

stop_node() {
	ask_node "$1"
	end_node "$1"
}

# field NAME: the first string or number of that name in the JSON on stdin;
# nothing when there is none.
field() {
	{ grep -oE '"'"$1"'":("[^"]*"|-?[0-9.eE+-]+)' || true; } | head -n 1 | sed -E 's/^[^:]*://; s/^"(.*)"$/\1/'
}

# wait_listening NAME: waits until the server says where it listens, and prints
# that event.
wait_listening() {
	local name=$1 line _
	for _ in $(seq 100); do
		line=$(grep -m 1 '"event":"listening"' "$state/$name.out" 2>/dev/null || true)
		if [ -n "$line" ]; then
			printf '%s\n' "$line"
			return 0
		fi
		node_runs "$name" || break
		sleep 0.1
	done
	cat "$state/$name.err" >&2
	stop_node "$name"
	return 1
}

# measure_in NAME: makes the folder $work for what a measurement writes, in
# $TMPDIR or else in memory, and $ours, the program: built, or $STARMESH. The folder
# goes with the script; who sets another trap removes it there.
measure_in() {
	work=$(mktemp -d "${TMPDIR:-/dev/shm}/starmesh-$1.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	# shellcheck disable=SC2034 # of whoever sources this
	ours=${STARMESH:-$work/starmesh}
	[ -n "${STARMESH:-}" ] || build_to "$work/starmesh" ./cmd/starmesh
	GOCACHE=$(go env GOCACHE) # which would move with the next
	export GOCACHE XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config
}

# await FILE WORDS: prints the first line of FILE with the words, once it is there;
# gives up after a minute.
await() {
	for _ in $(seq 1200); do
		grep -m 1 -- "$2" "$1" 2>/dev/null && return
		sleep 0.05
	done
	fail "nothing like $2 in $1: $(cat "$1")"
}
