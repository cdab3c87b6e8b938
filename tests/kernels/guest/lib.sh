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
}
