#!/usr/bin/env bash
# Stops everything that the scripts of this folder have started for this user,
# and nothing else.
#
#   scripts/stop.sh
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -eq 0 ] || wrong "takes no arguments, not $*"

# All are asked before the first is waited for: many end as fast as one.
stopped=0
names=()
for file in "$state"/*.pid; do
	[ -e "$file" ] || continue
	names+=("$(basename "$file" .pid)")
done
for name in $(printf '%s\n' ${names[@]+"${names[@]}"} | sort -V); do
	node_runs "$name" || continue
	printf 'stopping %s\n' "$name"
	stopped=$((stopped + 1))
	ask_node "$name"
done
for name in ${names[@]+"${names[@]}"}; do end_node "$name"; done
[ "$stopped" -gt 0 ] || echo "nothing runs"
