# What the guest's scripts share: it stands in front of each of them, and behind the definition of `collector`, which
# becomes kprobe-collect with the arguments that the caller of the scenario gave, and those given here.

collect() { # FILE [ARGUMENT...]: the evidence of one run, in /out/FILE
	file=$1
	shift
	(collector --output "/out/$file" "$@") >> /out/collector.log 2>&1
	echo $? > "/out/$file.rc"
}

links() {
	for link in /sys/class/net/*/ifindex; do
		echo "$(basename "$(dirname "$link")") $(cat "$link")"
	done
}

# What the kernel may take its time to give back, as numbers: "NAME NUMBER".
amounts() {
	echo "net_namespace $(sed -n 's/^net_namespace *\([0-9]*\).*/\1/p' /proc/slabinfo)"
	echo "files $(cut -f1 /proc/sys/fs/file-nr)"
}

# Takes the traces again until they are those of before, or for ten seconds: namespaces go when the kernel finds time.
settled() { # FILE BEFORE
	waits=0
	until traces > "/out/$1" && cmp -s "/out/$1" "/out/$2" || [ $waits -ge 20 ]; do
		waits=$((waits + 1))
		usleep 500000
	done
}

# Everything that a run could leave behind, one a line. Kernel threads have no command line.
traces() {
	links | sed 's/^/link /'
	sed 's/^[0-9]* [0-9]* /mount /' /proc/self/mountinfo
	for process in /proc/[0-9]*; do
		command=$(tr '\0' ' ' 2> /dev/null < "$process/cmdline")
		case $command in
		'' | 'sh /vm/script '* | 'tr '*) ;;
		*) echo "process $command" ;;
		esac
	done
	ls -l /proc/[0-9]*/ns/net 2> /dev/null | sed -n 's/.* -> /namespace /p' | sort -u
	find /tmp /run /dev /root /sys/fs/cgroup -type d | sort | sed 's/^/folder /'
	find /tmp /run /dev /root -type f | sort | sed 's/^/file /'
	sed 's/ .*//; s/^/module /' /proc/modules | sort
	ip address | sed -n 's/^ *\(inet.*\)/address \1/p'
	{ ip route show table all && ip -6 route show table all; } | sed 's/ expires [0-9]*sec//; s/^/route /'
	{ ip rule && ip -6 rule; } | sed 's/^/rule /'
	ip neigh | sed 's/^/neighbour /'
	for tables in ip_tables_names ip6_tables_names arp_tables_names; do sed "s/^/$tables /" "/proc/net/$tables"; done 2> /dev/null
	sed 's/^/ipvs /' /proc/net/ip_vs 2> /dev/null
	mkdev list all
	echo "taint $(cat /proc/sys/kernel/tainted)"
	# The volatile ones: the last process, a clock, what is counted.
	grep -rs . /proc/sys/net /proc/sys/user /proc/sys/vm /proc/sys/kernel |
		grep -v '/\(random/\|ns_last_pid\|stat_refresh\|pty/nr\|[a-z_]*_usage\)' | sort | sed 's/^/sysctl /'
}
