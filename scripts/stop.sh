#!/usr/bin/env bash
# Stops everything that the scripts of this folder have started for this user,
# and nothing else.
#
#   scripts/stop.sh
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

stopped=0
for file in "$state"/*.pid; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .pid)
	if node_runs "$name"; then
		printf 'stopping %s\n' "$name"
		stopped=$((stopped + 1))
	fi
	stop_node "$name"
done
[ "$stopped" -gt 0 ] || echo "nothing runs"
