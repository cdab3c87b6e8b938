#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# The whole way once, on a machine without boxes, without KVM and without a running libvirt: a box of Debian packages (machine
# `here` of boxes.yaml), up, ask, fetch, destroy. libvirt runs in namespaces of its own (network, mounts, processes), so that
# neither its bridge and firewall rules nor its state are this machine's. Root; two to seven minutes, one of them for the box.
set -eu
cd "$(dirname "$0")/.."
here=$PWD/build/vagrant/here
export VAGRANT_HOME=$here/home VAGRANT_CHECKPOINT_DISABLE=1 KPROBE_DRIVER=qemu

make_box() {
	root=$here/root
	rm -rf "$here"
	mkdir -p "$here"
	code=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mmdebstrap --quiet --variant=minbase "$code" "$root" ${KPROBE_DEBIAN_MIRROR:+"$KPROBE_DEBIAN_MIRROR"} \
		--include=systemd,systemd-sysv,udev,dbus,openssh-server,sudo,iproute2,kmod,initramfs-tools,netbase,linux-image-cloud-amd64
	chroot "$root" useradd -m -s /bin/sh vagrant
	install -D -m 644 "$(dpkg -L vagrant | grep '/keys/vagrant.pub$')" "$root/home/vagrant/.ssh/authorized_keys"
	chmod 700 "$root/home/vagrant/.ssh"
	chroot "$root" chown -R vagrant: /home/vagrant
	echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/vagrant"
	printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' > "$root/etc/systemd/network/80-dhcp.network"
	chroot "$root" systemctl --quiet enable systemd-networkd ssh
	echo '/dev/vda / ext4 rw 0 1' > "$root/etc/fstab"
	echo here > "$root/etc/hostname"
	: > "$root/etc/machine-id"
	cp "$root"/boot/vmlinuz-* "$here/vmlinuz"
	cp "$root"/boot/initrd.img-* "$here/initrd"
	mke2fs -q -t ext4 -d "$root" "$here/disk.raw" 2G
	qemu-img convert -O qcow2 "$here/disk.raw" "$here/disk.qcow2"
	sh vagrant/box.sh kprobe/here "$here/disk.qcow2"
	rm -rf "$root" "$here/disk.raw" "$here/disk.qcow2"
	touch "$here/done"
}

# Inside the namespaces: libvirt with its configuration, state and sockets in our folder.
inside() {
	ip link set lo up
	mkdir -p "$here/libvirt"
	rm -rf "$here/etc"
	cp -r /etc/libvirt "$here/etc"
	printf 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\ncgroup_controllers = []\nnamespaces = []\nremember_owner = 0\n' > "$here/etc/qemu.conf"
	mount --bind "$here/etc" /etc/libvirt
	mount --bind "$here/libvirt" /var/lib/libvirt
	mount -t tmpfs run /run
	mkdir -p /run/lock /run/libvirt /var/lib/libvirt/images /var/lib/libvirt/qemu
	virtlogd --daemon
	libvirtd --daemon
	n=0
	until virsh --connect qemu:///system version > /dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 150 ] || { echo "libvirtd does not answer" >&2; exit 2; }
		sleep 0.2
	done
	sh vagrant/run.sh here
	# Nothing may be left of the machine: that is destroy's part of the proof.
	[ -z "$(virsh --connect qemu:///system list --all --name)" ] || { echo "the machine is still there" >&2; exit 1; }
}

if [ "${1:-}" = inside ]; then
	inside
else
	[ -e "$here/done" ] || make_box
	exec unshare --mount --net --pid --fork --kill-child --mount-proc sh vagrant/here.sh inside
fi
