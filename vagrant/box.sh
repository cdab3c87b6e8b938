#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# box.sh NAME IMAGE.qcow2: makes a box for vagrant-libvirt of a disk image, such as Fedora CoreOS' for QEMU, and adds it under NAME.
set -eu
[ $# = 2 ] || { echo "usage: box.sh NAME IMAGE.qcow2" >&2; exit 2; }
bytes=$(qemu-img info --output=json "$2" | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | head -n 1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
qemu-img convert -O qcow2 "$2" "$folder/box.img"
printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' $(((bytes + 1073741823) / 1073741824)) > "$folder/metadata.json"
tar -C "$folder" -czf "$folder/new.box" metadata.json box.img
vagrant box add --force --no-tty --provider libvirt --name "$1" "$folder/new.box"
