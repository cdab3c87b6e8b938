/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * THE table of the xt families. xt_ext.c reads it twice for what the rows put into the kernel, by IP version, and four times for
 * the rows, so that one row here is a row of each family: to add a match or a target, add one line (and its layout to xt_abi.h). No
 * include guard, on purpose.
 *
 * MATCH(id, table, hook, command, modules, kconfig, since, name, proto, host, revisions, more…)
 * TARGET(…)	the same, -j instead of -m
 * …_OPTION(of, …)	the row @of with an option more: EINVAL then means that the option is refused
 *
 * table, hook	where Calico, kube-proxy, portmap or flannel use it; who does stands above each group
 * command	what an iptables user would type for this very rule: the row's title
 * modules	all that the kernel may be asked for besides what the rows that this one needs have loaded: those of the backend, of
 *		the table, of the row without the option. Alternatives a|b are one module under names that never exist together
 *		(nf_log_syslog|nf_log_ipv4), or one that comes with another that needs it (nf_conncount|xt_connlimit)
 * name		the kernel's
 * host		what it does to a host: PLAIN, TRACKS, …, below
 * revisions	REVS(…), the highest first: REV(n, layout, fields…); REV_TO(n, layout, member, fields…): from @member on the
 *		kernel's; FROM(release, REV(…)): since when. The row takes the highest that the kernel has too. Where there are
 *		several, each is a row besides, id.revN (not of options): put at exactly that one. Those that only kernels before
 *		3.10 had are left out (mark 0, multiport 0, connlimit 0, MARK 0 and 1, …)
 *
 * XT_46(ipv4, ipv6) and XT_LEGACY(legacy, nft) choose where the four differ.
 */

/* clang-format off */

/* The backend, and whether its answers can be believed. */
ROW("control.positive", XT_LEGACY("a socket option that is always there", "rtnetlink answers"),
    XT_LEGACY(P(NULL, "ip6_tables|ipv6"), NULL), NULL, NULL, .by = XT_BY(alive), .control = KP_POSITIVE,
    .arg = RULE(filter, OUTPUT))
ROW("base", XT_LEGACY(P("ip_tables answers", "ip6_tables answers"), "nft_compat answers"), BASE,
    XT_LEGACY(P("CONFIG_IP_NF_IPTABLES", "CONFIG_IP6_NF_IPTABLES"), "CONFIG_NF_TABLES CONFIG_NFT_COMPAT"), SINCE("2.6.16"),
    .by = XT_BY(base), .arg = RULE(filter, OUTPUT))
ROW("control.negative.match", "an invented match", BASE " " P("ipt_kpnone", "ip6t_kpnone"), NULL, NULL, .by = XT_BY(rule),
    .control = KP_NEGATIVE, .needs = ID("base"), .arg = RULE(filter, FORWARD, .kind = KP_XT_MATCH, .name = "kpnone", REVS_OF(REVS(REV_EMPTY(0)))))

/* Felix (felix/dataplane/linux/int_dataplane.go), kube-proxy, kubelet: all four; flannel, portmap: filter and nat. */
TABLE(filter, XT_LEGACY(P("CONFIG_IP_NF_FILTER", "CONFIG_IP6_NF_FILTER"), XT_NF_TABLES),
      SINCE("2.6.16"), PLAIN)
TABLE(nat, XT_LEGACY(P("CONFIG_IP_NF_NAT", "CONFIG_IP6_NF_NAT"), "CONFIG_NFT_NAT"), P(SINCE("2.6.16"), SINCE("3.7")), TRACKS)
TABLE(mangle, XT_LEGACY(P("CONFIG_IP_NF_MANGLE", "CONFIG_IP6_NF_MANGLE"), XT_NF_TABLES),
      SINCE("2.6.16"), PLAIN)
TABLE(raw, XT_LEGACY(P("CONFIG_IP_NF_RAW", "CONFIG_IP6_NF_RAW"), XT_NF_TABLES),
      SINCE("2.6.16"), PLAIN)
/* Past the question for revisions, the rule itself must be refused; not in nft, where a batch that fails waits for all CPUs. */
ROW("control.negative.target", "an invented target", IN_filter " " P("ipt_KPNONE", "ip6t_KPNONE"), NULL, NULL, .by = XT_BY(rule),
    .control = KP_NEGATIVE, .needs = ID("base") " " ID("table.filter"),
    .arg = RULE(filter, FORWARD, .kind = KP_XT_TARGET, .name = "KPNONE", .unasked = XT_LEGACY(true, false),
		REVS_OF(REVS(REV_EMPTY(0)))))

/* All of them: every rule of Felix and kube-proxy carries a comment. */
MATCH("comment", filter, FORWARD, "-m comment --comment cali:kprobe -j ACCEPT", "xt_comment", "CONFIG_NETFILTER_XT_MATCH_COMMENT",
      SINCE("2.6.16"), "comment", 0, PLAIN, REVS(REV(0, struct kp_xt_comment, "cali:kprobe")))
ROW("control.negative.revision", "an invented revision of comment", NULL, NULL, NULL, .by = XT_BY(revision),
    .control = KP_NEGATIVE, .needs = ID("match.comment"),
    .arg = EXACTLY(200, RULE(filter, FORWARD, .kind = KP_XT_MATCH, .name = "comment", REVS_OF(REVS(REV_EMPTY(200))))))

/* Of the container networks nobody's: for rules of mandatory access control (SECMARK). */
TABLE(security,
      XT_LEGACY(P("CONFIG_IP_NF_SECURITY", "CONFIG_IP6_NF_SECURITY"), XT_NF_TABLES),
      SINCE("2.6.27"), PLAIN)

/* All of them: verdicts, chains of their own, and Felix's "-i cali+". */
VERDICT("target.ACCEPT", filter, FORWARD, "-j ACCEPT", NULL, .verdict = KP_XT_ACCEPT)
VERDICT("target.DROP", filter, FORWARD, "-j DROP", NULL, .verdict = KP_XT_DROP)
VERDICT("target.RETURN", filter, FORWARD, "-j RETURN", NULL, .verdict = KP_XT_RETURN)
/* A chain each: to put one that is there is slow in nft. */
VERDICT("target.jump", filter, FORWARD, "-j kprobe-jump", NULL, .name = "kprobe-jump")
VERDICT("target.goto", filter, FORWARD, "-g kprobe-goto", NULL, .name = "kprobe-goto", .goes = true)
VERDICT("iface-wildcard", filter, FORWARD, "-i cali+ -j ACCEPT", XT_LEGACY(NULL, "nft_meta|nf_tables"), .verdict = KP_XT_ACCEPT,
	.iface = "cali")

/* All of them: marks; ports. */
MATCH("mark", filter, FORWARD, "-m mark --mark 0x10000/0x10000 -j ACCEPT", "xt_mark", "CONFIG_NETFILTER_XT_MARK", SINCE("2.6.25"),
      "mark", 0, PLAIN, REVS(REV(1, struct kp_xt_mark_mt1, .mark = 0x10000, .mask = 0x10000)))
MATCH("multiport", filter, FORWARD, "-p tcp -m multiport --dports 80,8000:8080 -j ACCEPT", "xt_multiport",
      "CONFIG_NETFILTER_XT_MATCH_MULTIPORT", SINCE("2.6.16"), "multiport", IPPROTO_TCP, PLAIN,
      REVS(REV(1, struct kp_xt_multiport1, .flags = 1, .count = 3, .ports = { 80, 8000, 8080 }, .range = { 0, 1 })))
MATCH_OPTION("multiport", "multiport.sports", filter, FORWARD, "-p udp -m multiport ! --sports 53,1024:65535 -j ACCEPT", NULL,
	     "CONFIG_NETFILTER_XT_MATCH_MULTIPORT", SINCE("2.6.16"), "multiport", IPPROTO_UDP, PLAIN,
	     REVS(REV(1, struct kp_xt_multiport1, .count = 3, .ports = { 53, 1024, 65535 }, .range = { 0, 1 }, .invert = 1)))
MATCH("tcp", filter, INPUT, "-p tcp -m tcp --dport 179 -j ACCEPT", "xt_tcpudp", "CONFIG_NETFILTER_XTABLES", SINCE("2.6.16"), "tcp",
      IPPROTO_TCP, PLAIN, REVS(REV(0, struct kp_xt_tcp, .spts = { 0, 65535 }, .dpts = { 179, 179 })))
MATCH_OPTION("tcp", "tcp.flags", filter, FORWARD, "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", NULL,
	     "CONFIG_NETFILTER_XTABLES", SINCE("2.6.16"), "tcp", IPPROTO_TCP, PLAIN,
	     REVS(REV(0, struct kp_xt_tcp, .spts = { 0, 65535 }, .dpts = { 0, 65535 }, .flg_mask = 0x17, .flg_cmp = 0x02)))
MATCH("udp", filter, INPUT, "-p udp -m udp --dport 4789 -j ACCEPT", "xt_tcpudp", "CONFIG_NETFILTER_XTABLES", SINCE("2.6.16"), "udp",
      IPPROTO_UDP, PLAIN, REVS(REV(0, struct kp_xt_udp, .spts = { 0, 65535 }, .dpts = { 4789, 4789 })))
/* Services and policy ports on SCTP: kube-proxy, portmap. */
MATCH("sctp", filter, FORWARD, "-p sctp -m sctp --dport 9999 -j ACCEPT", "xt_sctp", "CONFIG_NETFILTER_XT_MATCH_SCTP",
      SINCE("2.6.16"),
      "sctp", IPPROTO_SCTP, PLAIN,
      REVS(REV(0, struct kp_xt_sctp, .dpts = { 9999, 9999 }, .flag_info = NO_CHUNKS, .flags = KP_XT_SCTP_DEST_PORTS)))
/* Felix: policy, and neighbour discovery on IPv6. Of ip_tables itself before v6.4 (36ce9982ef2f). */
MATCH(P("icmp", "icmp6"), filter, FORWARD, P("-p icmp -m icmp --icmp-type 8 -j ACCEPT",
      "-p icmpv6 -m icmp6 --icmpv6-type 135 -j ACCEPT"),
      "xt_tcpudp " P("ip_tables", "ip6_tables"), "CONFIG_NETFILTER_XTABLES", SINCE("2.6.16"), P("icmp", "icmp6"),
      P(IPPROTO_ICMP, IPPROTO_ICMPV6), PLAIN, REVS(REV(0, struct kp_xt_icmp, .type = P(8, 135), .code = { 0, 255 })))

/* Felix (policy, NAT of pools) and kube-proxy in IPVS mode: IP sets in one and two dimensions. */
MATCH("set", filter, FORWARD, "-m set --match-set SET src -j ACCEPT", "xt_set nfnetlink ip_set ip_set_hash_ip",
      "CONFIG_NETFILTER_XT_SET CONFIG_IP_SET_HASH_IP",
      SINCE("2.6.39"), "set", 0, PLAIN, REVS(SETS(1, KP_IPSET_SRC(1), { 1 })),
      .object = KP_XT_SET)
MATCH_OPTION("set", "set.src-src", filter, FORWARD, "-m set --match-set SET src,src -j ACCEPT",
	     "ip_set_hash_ipport", "CONFIG_NETFILTER_XT_SET CONFIG_IP_SET_HASH_IPPORT", SINCE("2.6.39"), "set", 0, PLAIN,
	     REVS(SETS(2, KP_IPSET_SRC(1) | KP_IPSET_SRC(2), { 1, 1 })), .object = KP_XT_SET_2)

/* Felix, kube-proxy, kubelet and the firewall plug-in: connection state. */
MATCH("conntrack", filter, FORWARD, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "xt_conntrack " CONNTRACK,
      "CONFIG_NETFILTER_XT_MATCH_CONNTRACK", SINCE("2.6.25"), "conntrack", 0, TRACKS,
      REVS(STATES(KP_CT_STATE, .state_mask = KP_CT_RELATED | KP_CT_ESTABLISHED)))
MATCH_OPTION("conntrack", "conntrack.dnat", filter, OUTPUT, "-m conntrack --ctstate DNAT -j ACCEPT", NULL,
	     "CONFIG_NETFILTER_XT_MATCH_CONNTRACK", SINCE("2.6.25"), "conntrack", 0, TRACKS,
	     REVS(STATES(KP_CT_STATE, .state_mask = KP_CT_DNAT)))
MATCH_OPTION("conntrack", "conntrack.invalid-new", filter, FORWARD, "-m conntrack --ctstate INVALID,NEW -j ACCEPT", NULL,
	     "CONFIG_NETFILTER_XT_MATCH_CONNTRACK", SINCE("2.6.25"), "conntrack", 0, TRACKS,
	     REVS(STATES(KP_CT_STATE, .state_mask = KP_CT_INVALID | KP_CT_NEW)))
/* Docker: rules of DOCKER-USER for published ports see packets after DNAT (docs.docker.com, "Packet filtering and firewalls"). */
MATCH_OPTION("conntrack", "conntrack.ctorigdst", filter, FORWARD, "-p tcp -m conntrack --ctorigdst " DOC_ADDRESS " -j ACCEPT", NULL,
	     "CONFIG_NETFILTER_XT_MATCH_CONNTRACK", SINCE("2.6.25"), "conntrack", IPPROTO_TCP, TRACKS,
	     REVS(STATES(KP_CT_ORIGDST, .addr = { [2] = ADDRESS, [3] = { .all = { ~0u, ~0u, ~0u, ~0u } } })))

/* Felix: no forged sources (raw PREROUTING), what is addressed to the node, what leaves by a tunnel with a foreign source. */
MATCH("rpfilter", raw, PREROUTING, "-m rpfilter -j ACCEPT", P("ipt_rpfilter", "ip6t_rpfilter"),
      P("CONFIG_IP_NF_MATCH_RPFILTER", "CONFIG_IP6_NF_MATCH_RPFILTER"), SINCE("3.3"), "rpfilter", 0, PLAIN,
      REVS(REV(0, struct kp_xt_rpfilter, .flags = 0)))
MATCH_OPTION("rpfilter", "rpfilter.validmark-invert", raw, PREROUTING, "-m rpfilter --validmark --invert -j ACCEPT", NULL,
	     P("CONFIG_IP_NF_MATCH_RPFILTER", "CONFIG_IP6_NF_MATCH_RPFILTER"), SINCE("3.3"), "rpfilter", 0, PLAIN,
	     REVS(REV(0, struct kp_xt_rpfilter, .flags = KP_RPF_VALIDMARK | KP_RPF_INVERT)))
MATCH("addrtype", filter, INPUT, "-m addrtype --dst-type LOCAL -j ACCEPT", "xt_addrtype", "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE",
      P(SINCE("2.6.16"), SINCE("2.6.39")), "addrtype", 0, PLAIN,
      REVS(FROM(P(SINCE("2.6.25"), SINCE("2.6.39")), REV(1, struct kp_xt_addrtype1, .dest = KP_ADDR_LOCAL))
	   IPV4_TOO(FROM(SINCE("2.6.16"), REV(0, struct kp_xt_addrtype0, .dest = KP_ADDR_LOCAL)))))
MATCH_OPTION("addrtype", "addrtype.limit-iface-out", nat, POSTROUTING, "-m addrtype ! --src-type LOCAL --limit-iface-out -j ACCEPT",
	     NULL, "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE", P(SINCE("2.6.25"), SINCE("2.6.39")), "addrtype", 0, PLAIN,
	     REVS(REV(1, struct kp_xt_addrtype1, .source = KP_ADDR_LOCAL,
	     .flags = KP_ADDR_INVERT_SOURCE | KP_ADDR_LIMIT_IFACE_OUT)))

/* Felix: packet rates, rate of logging, number of connections. */
MATCH("limit", filter, FORWARD, "-m limit --limit 5/sec -j ACCEPT", "xt_limit", "CONFIG_NETFILTER_XT_MATCH_LIMIT", SINCE("2.6.16"),
      "limit", 0, PLAIN, REVS(REV_TO(0, struct kp_xt_limit, kernel, .avg = 2000, .burst = 5)))
MATCH("connlimit", filter, FORWARD, "-p tcp -m connlimit --connlimit-above 10 --connlimit-mask 0 -j ACCEPT",
      "xt_connlimit nf_conncount|xt_connlimit " CONNTRACK, "CONFIG_NETFILTER_XT_MATCH_CONNLIMIT", SINCE("2.6.39"), "connlimit",
      IPPROTO_TCP,
      TRACKS, REVS(REV_TO(1, struct kp_xt_connlimit1, kernel, .limit = 10)))

/* Calico's requirements name it for kube-proxy in IPVS mode. */
MATCH("ipvs", filter, FORWARD, "-m ipvs --ipvs -j ACCEPT", "xt_ipvs ip_vs " CONNTRACK,
      "CONFIG_NETFILTER_XT_MATCH_IPVS CONFIG_IP_VS",
      SINCE("2.6.37"), "ipvs", 0, IPVS, REVS(REV(0, struct kp_xt_ipvs, .bitmask = 1)))

/* kube-proxy: a choice among endpoints, session affinity, external traffic, counts of dropped packets. */
MATCH("statistic", nat, OUTPUT, "-m statistic --mode random --probability 0.5 -j ACCEPT", "xt_statistic",
      "CONFIG_NETFILTER_XT_MATCH_STATISTIC", SINCE("2.6.18"), "statistic", 0, PLAIN,
      REVS(REV_TO(0, struct kp_xt_statistic, kernel, .probability = 0x40000000)))
MATCH("recent", nat, OUTPUT, "-m recent --name KPROBE --rcheck --seconds 10800 --reap -j ACCEPT", "xt_recent",
      "CONFIG_NETFILTER_XT_MATCH_RECENT", SINCE("2.6.28"), "recent", 0, PLAIN,
      REVS(FROM(SINCE("3.5"),
		REV(1, struct kp_xt_recent1, .seconds = 10800, .check_set = KP_RECENT_CHECK | KP_RECENT_REAP, .name = "KPROBE",
		    .mask = { .all = { ~0u, ~0u, ~0u, ~0u } })),
	   FROM(SINCE("2.6.28"),
		REV(0, struct kp_xt_recent0, .seconds = 10800, .check_set = KP_RECENT_CHECK | KP_RECENT_REAP, .name = "KPROBE"))))
MATCH("physdev", nat, PREROUTING, "-m physdev --physdev-is-in -j ACCEPT", "xt_physdev br_netfilter",
      "CONFIG_NETFILTER_XT_MATCH_PHYSDEV", SINCE("2.6.16"), "physdev", 0, BRIDGES,
      REVS(REV(0, struct kp_xt_physdev, .bitmask = KP_PHYSDEV_ISIN)))
MATCH("nfacct", filter, FORWARD, "-m nfacct --nfacct-name NAME -j ACCEPT", "xt_nfacct nfnetlink nfnetlink_acct",
      "CONFIG_NETFILTER_XT_MATCH_NFACCT CONFIG_NETFILTER_NETLINK_ACCT", SINCE("3.3"), "nfacct", 0, PLAIN,
      REVS(FROM("5.3", REV_TO(1, struct kp_xt_nfacct1, kernel, .name = "")),
	   FROM(SINCE("3.3"), REV_TO(0, struct kp_xt_nfacct0, kernel, .name = ""))),
      .object = KP_XT_NFACCT)

/* Felix (action Reject, limits of connections), kube-proxy (services without endpoints). */
TARGET("REJECT", filter, FORWARD, "-j REJECT", P("ipt_REJECT nf_reject_ipv4|ipt_REJECT", "ip6t_REJECT nf_reject_ipv6|ip6t_REJECT"),
       P("CONFIG_IP_NF_TARGET_REJECT", "CONFIG_IP6_NF_TARGET_REJECT"), SINCE("2.6.16"), "REJECT", 0, PLAIN,
       REVS(REV(0, struct kp_xt_reject, .with = P(KP_IPT_PORT_UNREACHABLE, KP_IP6T_PORT_UNREACH))))
TARGET_OPTION("REJECT", "REJECT.tcp-reset", filter, FORWARD, "-p tcp -j REJECT --reject-with tcp-reset", NULL,
	      P("CONFIG_IP_NF_TARGET_REJECT", "CONFIG_IP6_NF_TARGET_REJECT"), SINCE("2.6.16"), "REJECT", IPPROTO_TCP, PLAIN,
	      REVS(REV(0, struct kp_xt_reject, .with = P(KP_IPT_TCP_RESET, KP_IP6T_TCP_RESET))))

/*
 * Marks: all of them; of connections: Calico's eBPF mode, in mangle. What is typed --or-mark, --and-mark, --xor-mark, --set-xmark
 * (kube-proxy, portmap) is the same to the kernel: a value and a mask.
 */
TARGET("MARK", mangle, PREROUTING, "-j MARK --set-mark 0x10000/0x10000", "xt_mark", "CONFIG_NETFILTER_XT_MARK", SINCE("2.6.25"),
       "MARK", 0,
       PLAIN, REVS(REV(2, struct kp_xt_mark_tg2, .mark = 0x10000, .mask = 0x10000)))
TARGET("CONNMARK", mangle, PREROUTING, "-j CONNMARK --set-mark 0x100000/0x100000", "xt_connmark " CONNTRACK,
       "CONFIG_NETFILTER_XT_CONNMARK", SINCE("2.6.25"), "CONNMARK", 0, TRACKS,
       REVS(FROM("4.17", REV(2, struct kp_xt_connmark_tg2, .ctmark = 0x100000, .ctmask = 0x100000, .nfmask = ~0u)),
	    FROM(SINCE("2.6.25"), REV(1, struct kp_xt_connmark_tg1, .ctmark = 0x100000, .ctmask = 0x100000, .nfmask = ~0u))))

/* Felix (VXLAN, untracked policy, eBPF mode) and the node-local DNS cache. NOTRACK is CT with a flag that lists it so. */
TARGET("CT.notrack", raw, PREROUTING, "-j CT --notrack", "xt_CT " CONNTRACK, "CONFIG_NETFILTER_XT_TARGET_CT", SINCE("2.6.34"), "CT",
       0,
       TRACKS, REVS(FROM(SINCE("3.8"), REV_TO(2, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK)),
		    FROM(SINCE("3.4"), REV_TO(1, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK)),
		    FROM(SINCE("2.6.34"), REV_TO(0, struct kp_xt_ct0, kernel, .flags = KP_CT_NOTRACK))))
TARGET_OPTION("CT.notrack", "NOTRACK", raw, OUTPUT, "-j NOTRACK", NULL, "CONFIG_NETFILTER_XT_TARGET_CT", SINCE("2.6.34"), "CT",
	      0, TRACKS, REVS(REV_TO(2, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK | KP_CT_NOTRACK_ALIAS),
		   REV_TO(1, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK)))

/* Felix: the action Log, and flow logs. */
TARGET("LOG", filter, FORWARD, "-j LOG --log-prefix calico-packet: --log-level 5",
       "xt_LOG nf_log_syslog|" P("nf_log_ipv4", "nf_log_ipv6"), "CONFIG_NETFILTER_XT_TARGET_LOG CONFIG_NF_LOG_SYSLOG|" P("CONFIG_NF_LOG_IPV4", "CONFIG_NF_LOG_IPV6"),
       SINCE("2.6.16"),
       "LOG", 0, PLAIN, REVS(REV(0, struct kp_xt_log, .level = 5, .prefix = "calico-packet:")))
TARGET("NFLOG", filter, FORWARD, "-j NFLOG --nflog-group 1 --nflog-prefix kprobe", "xt_NFLOG nfnetlink nfnetlink_log",
       "CONFIG_NETFILTER_XT_TARGET_NFLOG CONFIG_NETFILTER_NETLINK_LOG", SINCE("2.6.20"), "NFLOG", 0, PLAIN,
       REVS(REV(0, struct kp_xt_nflog, .group = 1, .prefix = "kprobe")))
/* Before, any flag was refused (7643507fe8b5 "xt_NFLOG: nflog-range does not truncate packets"). */
TARGET_OPTION("NFLOG", "NFLOG.size", filter, FORWARD, "-j NFLOG --nflog-group 1 --nflog-prefix kprobe --nflog-size 80", NULL,
	      "CONFIG_NETFILTER_XT_TARGET_NFLOG CONFIG_NETFILTER_NETLINK_LOG", "4.8", "NFLOG",
	      0, PLAIN,
	      REVS(REV(0, struct kp_xt_nflog, .len = 80, .group = 1, .flags = KP_NFLOG_COPY_LEN, .prefix = "kprobe")))

/*
 * NAT: all of them. That ports are drawn fully at random cannot be read off a rule: the kernel takes any flag and ignores what it
 * does not know, before v3.14 this one (34ce324019e7 "nf_nat: add full port randomization support").
 */
TARGET("MASQUERADE", nat, POSTROUTING, "-j MASQUERADE", MASQ_MODULES, MASQ_CONFIG, P(SINCE("2.6.16"), SINCE("3.7")), "MASQUERADE",
       0,
       TRACKS, REVS(MASQ(0, 0, 0)))
TARGET_OPTION("MASQUERADE", "MASQUERADE.random-fully", nat, POSTROUTING, "-j MASQUERADE --random-fully", NULL, MASQ_CONFIG,
	      "3.14", "MASQUERADE", 0, TRACKS, REVS(MASQ(KP_NAT_RANDOM_FULLY, 0, 0)))
TARGET_OPTION("MASQUERADE", "MASQUERADE.to-ports", nat, POSTROUTING, "-p tcp -j MASQUERADE --to-ports 1024-65535", NULL,
	      MASQ_CONFIG, P(SINCE("2.6.16"), SINCE("3.7")), "MASQUERADE", IPPROTO_TCP, TRACKS,
	      REVS(MASQ(KP_NAT_PORTS, 1024, 65535)))
TARGET("SNAT", nat, POSTROUTING, "-j SNAT --to-source " DOC_ADDRESS, "xt_nat", "CONFIG_NETFILTER_XT_NAT", P(SINCE("2.6.16"),
       SINCE("3.7")),
       "SNAT", 0, TRACKS, REVS(NATS(KP_NAT_IPS, 0)))
TARGET_OPTION("SNAT", "SNAT.random-fully", nat, POSTROUTING, "-j SNAT --to-source " DOC_ADDRESS " --random-fully", NULL,
	      "CONFIG_NETFILTER_XT_NAT", "3.14", "SNAT", 0, TRACKS, REVS(NATS(KP_NAT_IPS | KP_NAT_RANDOM_FULLY, 0)))
TARGET("DNAT", nat, PREROUTING, "-p tcp -j DNAT --to-destination " P("192.0.2.1:80", "[2001:db8::1]:80"), "xt_nat",
       "CONFIG_NETFILTER_XT_NAT", P(SINCE("2.6.16"), SINCE("3.7")), "DNAT", IPPROTO_TCP, TRACKS,
       REVS(NATS(KP_NAT_IPS | KP_NAT_PORTS, 80)))

/* Felix: QoS and Istio marks. */
TARGET("DSCP", mangle, POSTROUTING, "-j DSCP --set-dscp 20", "xt_DSCP", "CONFIG_NETFILTER_XT_TARGET_DSCP", SINCE("2.6.18"),
       "DSCP", 0,
       PLAIN, REVS(REV(0, struct kp_xt_dscp, .dscp = 20)))

/* Proxies that stay unseen: Cilium (pkg/datapath/iptables), Istio (istio-iptables): a local socket for the packet, and TPROXY. */
MATCH("socket", mangle, PREROUTING, "-m socket -j ACCEPT", SOCKET_MODULES, SOCKET_CONFIG, P(SINCE("2.6.28"), SINCE("2.6.37")),
      "socket", 0, TRACKS,
      REVS(FROM("4.3", REV(3, struct kp_xt_socket, .flags = 0)),
	   FROM(SINCE("3.11"), REV(2, struct kp_xt_socket, .flags = 0)),
	   FROM(P(SINCE("2.6.31"), SINCE("2.6.37")), REV(1, struct kp_xt_socket, .flags = 0))
	   IPV4_TOO(FROM(SINCE("2.6.28"), REV_EMPTY(0)))))
MATCH_OPTION("socket", "socket.nowildcard", mangle, PREROUTING, "-m socket --transparent --nowildcard -j ACCEPT", NULL,
	     SOCKET_CONFIG, SINCE("3.11"), "socket", 0, TRACKS,
	     REVS(REV(3, struct kp_xt_socket, .flags = KP_SOCKET_TRANSPARENT | KP_SOCKET_NOWILDCARD),
		  REV(2, struct kp_xt_socket, .flags = KP_SOCKET_TRANSPARENT | KP_SOCKET_NOWILDCARD)))
TARGET("TPROXY", mangle, PREROUTING, "-p tcp -j TPROXY --on-port 10001 --tproxy-mark 0x200/0x200", TPROXY_MODULES,
       "CONFIG_NETFILTER_XT_TARGET_TPROXY", P(SINCE("2.6.28"), SINCE("2.6.37")), "TPROXY", IPPROTO_TCP, PLAIN,
       REVS(FROM(SINCE("2.6.37"), REV(1, struct kp_xt_tproxy1, .mark_mask = 0x200, .mark_value = 0x200, .port = KP_BE16(10001)))
	    IPV4_TOO(FROM(SINCE("2.6.28"),
			  REV(0, struct kp_xt_tproxy0, .mark_mask = 0x200, .mark_value = 0x200, .port = KP_BE16(10001))))))
/*
 * Istio: what its proxy, a user of its own, sends is let through, the rest redirected. Docker swarm: to published ports.
 * User 0 is the one that there is in each user namespace; another gets EINVAL there (net/netfilter/xt_owner.c, owner_check()).
 */
MATCH("owner", nat, OUTPUT, "-m owner --uid-owner 0 -j ACCEPT", "xt_owner", "CONFIG_NETFILTER_XT_MATCH_OWNER", SINCE("2.6.25"),
      "owner", 0, PLAIN, REVS(REV(1, struct kp_xt_owner, .match = KP_OWNER_UID)))
TARGET("REDIRECT", nat, PREROUTING, "-p tcp -j REDIRECT --to-ports 15001",
       P("xt_REDIRECT|ipt_REDIRECT nf_nat_redirect|xt_REDIRECT|ipt_REDIRECT", "xt_REDIRECT nf_nat_redirect|xt_REDIRECT"),
       "CONFIG_NETFILTER_XT_TARGET_REDIRECT", P(SINCE("2.6.16"), SINCE("3.7")), "REDIRECT", IPPROTO_TCP, TRACKS,
       REVS(MASQ(KP_NAT_PORTS, 15001, 15001)))

/* Docker swarm (encrypted overlays), Weave: what came, or goes, without IPsec. */
MATCH("policy", filter, INPUT, "-m policy --dir in --pol none -j ACCEPT", "xt_policy", "CONFIG_NETFILTER_XT_MATCH_POLICY",
      SINCE("2.6.17"), "policy", 0, PLAIN, REVS(REV(0, struct kp_xt_policy, .flags = KP_POLICY_IN | KP_POLICY_NONE)))
/* kube-router (services with direct return). The target wants a match on SYN before it; nft_compat does not look for it. */
TARGET("TCPMSS", mangle, PREROUTING, "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1440", "xt_TCPMSS xt_tcpudp",
       "CONFIG_NETFILTER_XT_TARGET_TCPMSS CONFIG_NETFILTER_XTABLES", SINCE(P("2.6.16", "2.6.21")), "TCPMSS", IPPROTO_TCP, PLAIN,
       REVS(REV(0, struct kp_xt_tcpmss, .mss = 1440)),
       .after = WITH("tcp", REV(0, struct kp_xt_tcp, .spts = { 0, 65535 }, .dpts = { 0, 65535 }, .flg_mask = 0x06,
			       .flg_cmp = 0x02)))
/* libvirt, LXD: DHCP on a bridge. Since v4.19 a rule for more than UDP is warned of in the kernel log (10568f6c5761). */
TARGET("CHECKSUM", mangle, POSTROUTING, "-p udp -j CHECKSUM --checksum-fill", "xt_CHECKSUM", "CONFIG_NETFILTER_XT_TARGET_CHECKSUM",
       SINCE("2.6.36"), "CHECKSUM", IPPROTO_UDP, PLAIN, REVS(REV(0, struct kp_xt_checksum, .operation = KP_CHECKSUM_FILL)))
