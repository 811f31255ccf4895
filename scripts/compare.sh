#!/usr/bin/env bash
# Sends one file to 1, 2, 4 and 8 receivers on this machine, from one server and
# through a mesh of equals, over the same links, and tells who carried how much
# and how long it took. It takes about two and a half minutes, and needs neither
# root nor a network.
#
#   scripts/compare.sh                    16 MiB, 20 Mbit/s up, 100 Mbit/s down
#   scripts/compare.sh -n 4 -s 4MiB       to 4 receivers alone
#   scripts/compare.sh -n 2,16 FILE       a file of your own
#   scripts/compare.sh -n 2 -s 4MiB --runs 3 --dashboard 127.0.0.1:8080
#                                         with flags of 'starmesh lab run', last
#
#   -n N,…    receivers (1,2,4,8)    -s SIZE  size of a made-up file (16MiB)
#   -u RATE   every node's uplink (20mbit)
#   -d RATE   every node's downlink (100mbit)
#   -o DIR    leave report and logs in DIR (results/compare), in place of those
#             of the last comparison
#
# It is 'starmesh lab run' with these choices; 'bin/starmesh lab run --help' has
# the others, as --systems star,http,mesh, --faults, and --anyway for what this
# machine is too slow for.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
ours=()
while [ $# -gt 0 ] && [[ $1 != --* ]]; do
	ours+=("$1")
	shift
done
more=("$@")
set -- ${ours[@]+"${ours[@]}"}

# What is not given here is as in 'lab run', whose defaults these are.
out=$top/results/compare what=() links=()
if [ "$PWD" = "$top" ]; then out=results/compare; fi # shorter to read
while getopts :n:s:u:d:o:h option; do
	case $option in
	n) links+=(--receivers "$OPTARG") ;;
	s) what=(--size "$OPTARG") ;;
	u) links+=(--up "$OPTARG") ;;
	d) links+=(--down "$OPTARG") ;;
	o) out=$OPTARG ;;
	h) usage && exit 0 ;;
	:) wrong "-$OPTARG needs a value" ;;
	*) wrong "there is no -$OPTARG" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || wrong "one FILE, and last, not $#: $*"
if [ $# -eq 1 ]; then
	[ ${#what[@]} -eq 0 ] || wrong "either -s or a FILE"
	what=(--file "$1")
fi
build
exec "$starmesh" lab run --out "$out" --force ${links[@]+"${links[@]}"} \
	${what[@]+"${what[@]}"} ${more[@]+"${more[@]}"}
