# What the knock-outs' scripts share: it stands in front of them, and behind DEP=/lib/modules/…/modules.dep and R=release.

ko() { # MODULE: where its file is, or belongs
	echo "/lib/modules/$R/$(sed -n "s/^\([^:]*\/$1\.ko[^:]*\):.*/\1/p" "$DEP")"
}

plain() { # FILE: a module's file as it was before it was compressed
	case $(head -c 6 "$1" | od -An -tx1) in
	' fd 37 7a 58 5a 00') unxz < "$1" ;;
	*) cat "$1" ;;
	esac
}

unsigned() { # FILE: a module's file, its signature made unrecognisable
	plain "$1" | sed 's/~Module signature appended~/~Nodule signature appended~/'
}

memlock() { # PROGRAM...: with no memory that it may lock
	(ulimit -l 0 && "$@")
}

# The real kmod instead of busybox's, where a boot has it: see `kmod` in knockouts.toml.
if [ -e /kmod/modprobe ]; then
	printf '#!/bin/busybox sh\nexec /kmod/ld-*.so.* --library-path /kmod /kmod/modprobe "$@"\n' > /kmod/run
	chmod 755 /kmod/run
	echo /kmod/run > /proc/sys/kernel/modprobe
fi

confined() { # PROFILE PROGRAM...: under a profile of AppArmor
	(
		echo "exec $1" > /proc/self/attr/exec
		shift
		exec "$@"
	)
}

labelled() { # TYPE PROGRAM...: in a domain of SELinux; printf, for echo writes in two parts
	(
		printf %s "u:r:$1" > /proc/self/attr/exec
		shift
		exec "$@"
	)
}

switch() { # BOOLEAN VALUE: of the policy of SELinux
	echo "$2" > "/sys/fs/selinux/booleans/$1"
	echo 1 > /sys/fs/selinux/commit_pending_bools
}

# A policy is taken in one write only.
[ ! -e /vm/apparmor ] || dd if=/vm/apparmor of=/sys/kernel/security/apparmor/.replace bs=1M
if [ -e /vm/selinux ]; then
	mount -t selinuxfs selinuxfs /sys/fs/selinux
	dd if=/vm/selinux of=/sys/fs/selinux/load bs=1M
	echo 1 > /sys/fs/selinux/enforce
fi

chmod 1777 /out
