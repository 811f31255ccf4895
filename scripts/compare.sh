#!/usr/bin/env bash
# Sends one file to 1, 2, 4 and 8 receivers on this machine, from one server and
# through a mesh of equals, over the same links, and tells who carried how much
# and how long it took. It takes about two and a half minutes, and needs neither
# root nor a network.
#
#   scripts/compare.sh                    16 MiB, 20 Mbit/s up, 100 Mbit/s down
#   scripts/compare.sh -n 4 -s 4MiB       to 4 receivers alone
#   scripts/compare.sh -n 2,16 FILE
#
#   -n N,…    receivers (1,2,4,8)    -s SIZE  size of a made-up file (16MiB)
#   -u RATE   every node's uplink (20mbit)
#   -d RATE   every node's downlink (100mbit)
#   -o DIR    leave report and logs in DIR (results/compare), in place of those
#             of the last comparison
#
# It is 'starmesh lab run' with these choices; that command has more.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

receivers=1,2,4,8 size=16MiB up=20mbit down=100mbit out=$top/results/compare
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
[ $# -le 1 ] || fail "one FILE, not $#: $*"

if [ $# -eq 1 ]; then
	what=(--file "$1")
else
	what=(--size "$size")
fi
build
exec "$starmesh" lab run --systems star,mesh --receivers "$receivers" "${what[@]}" \
	--up "$up" --down "$down" --out "$out" --force
