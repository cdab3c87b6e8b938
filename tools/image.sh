#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# Makes a container image of the collector, for the architectures given, as one OCI archive. Needs buildah and no daemon.
#   tools/image.sh OUT ARCH…      ARCH as uname -m says; the collectors are in dist/
# IMAGE_STORE: the folder of buildah's storage, one of its own, so that the user's is left alone.
set -eu
out=$1
shift
store=${IMAGE_STORE:-build/image-store}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
name=localhost/kprobe-collect

# vfs: works on any file system, and in a container. Files of 500 KB and less need no layers.
in_store() { command=$1; shift; buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs "$command" "$@"; }

oci_name() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	i686) echo 386 ;;
	armv7l) echo arm ;;
	*) echo "$1" ;;
	esac
}

in_store manifest rm "$name" >/dev/null 2>&1 || :
in_store manifest create "$name" >/dev/null
for arch in "$@"; do
	mkdir "$context/$(oci_name "$arch")"
	cp "dist/kprobe-collect-$arch" "$context/$(oci_name "$arch")/kprobe-collect"
	chmod 755 "$context/$(oci_name "$arch")/kprobe-collect"
	# The time is fixed: the same collector makes the same image.
	in_store bud --quiet --isolation chroot --timestamp 0 --platform "linux/$(oci_name "$arch")" --manifest "$name" \
		--file deploy/Containerfile "$context" >/dev/null
done
rm -f "$out"
in_store manifest push --quiet --all "$name" "oci-archive:$out:$name:latest" >/dev/null
ls -l "$out"
