# All flows, under three settings that a host may have, and once with each object made so that it cannot do its job.
set_all() { # FILE VALUE
	for part in all default; do
		echo "$2" > "/proc/sys/net/$(echo "$1" | sed "s/PART/$part/")"
	done
}

host() { # RP_FILTER FORWARDING DISABLE_IPV6
	set_all ipv4/conf/PART/rp_filter "$1"
	set_all ipv4/conf/PART/log_martians "$2"
	set_all ipv6/conf/PART/forwarding "$2"
	echo "$2" > /proc/sys/net/ipv4/ip_forward
	set_all ipv6/conf/PART/disable_ipv6 "$3"
	echo "$3" > /proc/sys/net/core/devconf_inherit_init_net # 1: a new namespace has IPv6's settings of this one, too (v5.1)
}

host 1 0 1
collect host-1.ndjson --select 'flow*'
host 2 1 0
collect host-2.ndjson --select 'flow*'
host 0 0 0
collect host-0.ndjson --select 'flow*'
echo 1 > /proc/sys/net/netfilter/nf_log_all_netns
collect logs.ndjson --select 'flow.nft.*.log'
echo 0 > /proc/sys/net/netfilter/nf_log_all_netns
(kprobe-selftest --sabotage --output /out/sabotaged.ndjson --select 'flow*') >> /out/collector.log 2>&1
