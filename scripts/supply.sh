#!/usr/bin/env bash
# Looks at what the program is made of: whose code is linked, under which
# licences, whether it is what go.sum says, whether a build can be repeated,
# and what is known to be vulnerable in it.
#
#   scripts/supply.sh                   all of it
#   scripts/supply.sh licences          every module linked, for three systems, with its licence
#   scripts/supply.sh verify            modules are those of go.sum (go mod verify)
#   scripts/supply.sh same              two builds from two folders, one with an empty cache: the same hash
#   scripts/supply.sh vulnerabilities   govulncheck; says so when it has no data base
#
# The network is needed for modules that are not in Go's cache yet, and for
# govulncheck and its data base (https://vuln.go.dev; GOVULNDB names another).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if "${1:-}"
[ $# -le 1 ] || wrong "one thing to look at, not $#: $*"
cd "$top"
bad=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# linked: MODULE VERSION FOLDER, one a line, of all that is in the program.
linked() {
	local system
	for system in linux darwin windows; do
		GOOS=$system CGO_ENABLED=0 go list -deps \
			-f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/starmesh
	done | sort -u
	printf 'std %s %s\n' "$(go env GOVERSION)" "$(go env GOROOT)"
}

# licence FILE: what it is called; the name is that of SPDX.
licence() {
	local text
	text=$(tr -s '[:space:]' ' ' <"$1")
	case $text in
	*"FreeType License, which is similar to the original BSD"*) echo "FTL (or GPL-2.0, by choice)" ;;
	*"Permissive License Stack"*) echo "Apache-2.0 (or MIT, by choice)" ;;
	*"Creative Commons Attribution 4.0"*) echo CC-BY-4.0 ;;
	*"GNU AFFERO"* | *"GNU GENERAL PUBLIC"* | *"GNU LESSER"*) echo "GNU" ;;
	*"Mozilla Public License Version 2.0"* | *"Mozilla Public License, version 2.0"*) echo MPL-2.0 ;;
	*"Apache License Version 2.0"* | *"Apache License, Version 2.0"*) echo Apache-2.0 ;;
	*"Permission is hereby granted, free of charge"*) echo MIT ;;
	*"Permission to use, copy, modify, and"*"distribute this software for any purpose"*) echo ISC ;;
	*"Redistribution and use in source and binary forms"*"either the name"*) echo BSD-3-Clause ;;
	*"Redistribution and use in source and binary forms"*) echo BSD-2-Clause ;;
	*"This is free and unencumbered software"*) echo Unlicense ;;
	*"CC0 1.0 Universal"*) echo CC0-1.0 ;;
	*) echo "?" ;;
	esac
}

# licences fails on a module without a licence, and on one whose licence asks
# for more than to be named (GNU) or is not known here.
licences() {
	local module version dir file names name n=0
	while read -r module version dir; do
		names=
		for file in "$dir"/[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]* "$dir"/COPYING* "$dir"/UNLICENSE*; do
			[ -f "$file" ] || continue
			name=$(licence "$file")
			case " $names " in *" $name "*) ;; *) names="$names $name" ;; esac
		done
		[ "$names" = " ?" ] || names=${names/ \?/} # a page that only points to the others
		n=$((n + 1))
		printf '%-44s %-38s%s\n' "$module" "$version" "${names:- none}"
		case "$names" in
		"" | *GNU* | " ?")
			printf 'supply.sh: %s: somebody has to read its licence\n' "$module" >&2
			bad=1
			;;
		esac
	done < <(linked)
	printf '%d modules are linked\n' "$n"
}

verify() {
	go mod verify || bad=1
}

# same builds what git knows, as it is now, in two folders.
same() {
	local copy
	for copy in one another/folder; do
		mkdir -p "$scratch/$copy"
		git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$scratch/$copy"
	done
	(cd "$scratch/one" && CGO_ENABLED=0 go build -trimpath -o "$scratch/first" ./cmd/starmesh)
	(cd "$scratch/another/folder" && GOCACHE=$scratch/cache CGO_ENABLED=0 go build -trimpath -o "$scratch/second" ./cmd/starmesh)
	if cmp -s "$scratch/first" "$scratch/second"; then
		printf 'the same program from both folders: sha256 %s, %d bytes\n' \
			"$(openssl dgst -sha256 "$scratch/first" | sed 's/.* //')" "$(wc -c <"$scratch/first")"
	else
		printf 'supply.sh: the two builds differ\n' >&2
		bad=1
	fi
}

vulnerabilities() {
	local check=(go run golang.org/x/vuln/cmd/govulncheck@latest)
	! command -v govulncheck >/dev/null 2>&1 || check=(govulncheck)
	if "${check[@]}" ./cmd/starmesh >"$scratch/found" 2>&1; then
		cat "$scratch/found"
	elif grep -q '^Vulnerability #' "$scratch/found"; then
		cat "$scratch/found"
		bad=1
	else
		printf 'NOT CHECKED: govulncheck or its data base cannot be reached: %s\n' "$(grep -v '^exit status' "$scratch/found" | tail -n 1)"
	fi
}

heading() { printf '\n== %s\n' "$*"; }
case ${1:-all} in
licences) licences ;;
verify) verify ;;
same) same ;;
vulnerabilities) vulnerabilities ;;
all)
	heading licences
	licences
	heading modules
	verify
	heading "the same build twice"
	same
	heading vulnerabilities
	vulnerabilities
	;;
*) wrong "there is no $1; --help says what there is" ;;
esac
exit "$bad"
