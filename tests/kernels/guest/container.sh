# The collector in a container made by hand: mounts, a name and a network of its own, the host's processes.
programs() { # FOLDER KIND
	mkdir -p "$1"
	touch "$1/xtables-$2-multi"
	ln -s "xtables-$2-multi" "$1/iptables"
}

contained() { # FILE KIND [ARGUMENT...]
	file=$1 kind=$2
	shift 2
	unshare -m -u -n sh -c '
		mount -t tmpfs own /usr/sbin
		touch "/usr/sbin/xtables-$1-multi"
		ln -s "/usr/sbin/xtables-$1-multi" /usr/sbin/iptables
		hostname pod
		shift
		exec kprobe-collect --select "ns.net link.dummy" "$@"' sh "$kind" --output "/out/$file" "$@" >> /out/collector.log 2>&1
	echo $? > "/out/$file.rc"
}

hostname node-7
programs /usr/sbin nft
collect host.ndjson --select 'ns.net link.dummy'
contained same.ndjson nft
contained swapped.ndjson legacy
contained entered.ndjson legacy --host --tag node-7
