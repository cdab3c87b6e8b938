#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# run.sh [NAME...]: up, ask, fetch, destroy, one machine of boxes.yaml after another; then the grid of all evidence.
# Without a name: all that are published for PROVIDER (libvirt, or virtualbox). A machine that fails is told and counted, and the
# others go on. Exit status: 0 evidence of every machine that was asked for; 1 not of all; 2 it could not begin.
set -u
cd "$(dirname "$0")/.." || exit 2
provider=${PROVIDER:-libvirt}
out=build/vagrant
export VAGRANT_CWD=vagrant VAGRANT_DOTFILE_PATH="$PWD/$out/machines" VAGRANT_CHECKPOINT_DISABLE=1

# NAME, and the providers that its entry names; `here` only when asked for: its box is made on the spot.
published() {
	awk '/^[a-z0-9].*:/ { name = $1; sub(/:$/, "", name) } /^  providers:/ { print name, $0 }' vagrant/boxes.yaml
}
[ $# -gt 0 ] || set -- $(published | grep -w "$provider" | cut -d' ' -f1 | grep -vx here)
for name; do
	published | grep -q "^$name " || { echo "no machine $name in vagrant/boxes.yaml" >&2; exit 2; }
done
command -v vagrant > /dev/null || { echo "vagrant is not installed; see vagrant/README.md" >&2; exit 2; }
mkdir -p "$out"
vagrant validate || exit 2

name=
trap '[ -z "$name" ] || vagrant destroy -f "$name" > /dev/null 2>&1; exit 130' INT TERM
good= bad=
for name; do
	printf '%-16s ' "$name"
	rm -f "$out/$name.ndjson"
	start=$(date +%s)
	vagrant up "$name" --provider="$provider" --no-tty > "$out/$name.log" 2>&1 < /dev/null
	if [ -s "$out/$name.ndjson" ]; then
		good="$good $name"
		echo "evidence after $(($(date +%s) - start)) s: $out/$name.ndjson"
	else
		bad="$bad $name"
		echo "none after $(($(date +%s) - start)) s; the end of $out/$name.log:"
		tail -n 5 "$out/$name.log" | sed 's/^/    /'
	fi
	vagrant destroy -f "$name" --no-tty >> "$out/$name.log" 2>&1 < /dev/null || echo "    and it could not be destroyed"
done
name=
if [ -x .venv/bin/kprobe ] && ls "$out"/*.ndjson > /dev/null 2>&1; then
	.venv/bin/kprobe matrix "$out"/*.ndjson
	.venv/bin/kprobe matrix --format html -o "$out/grid.html" "$out"/*.ndjson && echo "with the evidence on a click: $out/grid.html"
fi
[ -z "$bad" ] || { echo "no evidence of:$bad"; exit 1; }
