#!/usr/bin/env bash
# Starts a central server in the background, with a load log and an agent, and
# says how to download from it and how to stop it.
#
#   scripts/start-central.sh                      a folder with demo files
#   scripts/start-central.sh FOLDER               that folder
#   scripts/start-central.sh FOLDER --listen :7070 --http :8080
#                                                 with flags of 'starmesh central serve'
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[[ ${1:-} != -* ]] || wrong "FOLDER comes before $1"

build
make_state
folder=${1:-}
[ $# -eq 0 ] || shift
if [ -z "$folder" ]; then
	folder=$state/demo
	mkdir -p "$folder"
	[ -f "$folder/demo.bin" ] || head -c $((64 << 20)) /dev/urandom >"$folder/demo.bin"
	[ -f "$folder/hello.txt" ] || echo "Hello from the middle of the star." >"$folder/hello.txt"
fi
[ -e "$folder" ] || fail "there is no folder $folder"

log=$state/central.jsonl
start_node central "$starmesh" central serve "$folder" --load-log "$log" --agent 127.0.0.1:0 --json "$@"
listening=$(wait_listening central) || fail "the server did not start"
address=$(field address <<<"$listening")
web=$(field http <<<"$listening")
agent=$(grep -m 1 '"event":"agent"' "$state/central.out" | field address)

printf 'serving    %s\n' "$folder"
printf 'address    %s\n' "$address"
[ -z "$web" ] || printf 'browser    %s\n' "$web"
printf 'load log   %s\n\n' "$log"
printf 'list       %s central ls %q\n' bin/starmesh "$address"
printf 'download   %s central get %q NAME -o FOLDER\n' bin/starmesh "$address"
printf 'sockets    %s central sockets %s\n' bin/starmesh "$agent"
printf 'stop       scripts/stop.sh\n'
