/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The rows of the ipset family that are data alone: the types of kube-proxy's ipvs mode first, then every other, then the options.
 * Read at the end of ipset.c's table: no include guard, on purpose.
 */
/* clang-format off */

#define BE NLA_F_NET_BYTEORDER
#define NEST NLA_F_NESTED
#define M(...) KP_ATTRS(__VA_ARGS__)
/* Documentation addresses, of ipset.c: A4(attribute, host), N4(attribute, its CIDR's, network) and the same of IPv6. */
#define A4(attr, host) { .type = (attr) | NEST, .form = KP_A_NEST, .nest = a4_##host }
#define A6(attr, host) { .type = (attr) | NEST, .form = KP_A_NEST, .nest = a6_##host }
#define N4(attr, cidr, net) { .type = (attr) | NEST, .form = KP_A_NEST, .nest = n4_##net }, KP_NUM(U8, cidr, 27)
#define N6(attr, cidr, net) { .type = (attr) | NEST, .form = KP_A_NEST, .nest = n6_##net }, KP_NUM(U8, cidr, 48)
#define L4(proto, port) KP_NUM(BE16, IPSET_ATTR_PORT | BE, port), KP_NUM(U8, IPSET_ATTR_PROTO, proto)
#define TCP(port) L4(IPPROTO_TCP, port)
#define UDP(port) L4(IPPROTO_UDP, port)
#define SCTP(port) L4(IPPROTO_SCTP, port)
#define ETHER(last) KP_RAW(IPSET_ATTR_ETHER, 2, 0, 0, 0, 0, last)
#define IP IPSET_ATTR_IP
#define IP2 IPSET_ATTR_IP2
#define NET(N, net) N(IPSET_ATTR_IP, IPSET_ATTR_CIDR, net)
#define NET2(N, net) N(IPSET_ATTR_IP2, IPSET_ATTR_CIDR2, net)

/* The members of a type: A and N are the macros of an address family. */
#define OF_IP(A, N) .member = { M(A(IP, 1)), M(A(IP, 77)) }, .tests = 3, .out = { M(A(IP, 2)) }
#define OF_IPPORTIP(A, N) \
	.member = { M(A(IP, 1), TCP(80), A(IP2, 1)), M(A(IP, 1), UDP(53), A(IP2, 2)), M(A(IP, 1), SCTP(80), A(IP2, 1)) }, \
	.tests = 4, .out = { M(A(IP, 1), UDP(53), A(IP2, 1)), M(A(IP, 2), TCP(80), A(IP2, 1)) }
#define OF_IPPORTNET(A, N) \
	.member = { M(A(IP, 1), TCP(80), NET2(N, 1)), M(A(IP, 1), UDP(53), NET2(N, 2)) }, \
	.tests = 1, .out = { M(A(IP, 1), TCP(80), NET2(N, 2)) }
#define OF_IPMARK(A, N) \
	.member = { M(A(IP, 1), MARK(0x10000)), M(A(IP, 1), MARK(0x20000)) }, \
	.tests = 1, .out = { M(A(IP, 2), MARK(0x10000)) }
#define PORT_OF(port) KP_NUM(BE16, IPSET_ATTR_PORT | BE, port)
#define PORT_RANGE(from, to) PORT_OF(from), KP_NUM(BE16, IPSET_ATTR_PORT_TO | BE, to)
#define MARK(v) KP_NUM(BE32, KP_ATTR_MARK | BE, v)
#define OF_IPMAC(A, N) \
	.member = { M(A(IP, 1), ETHER(1)), M(A(IP, 2), ETHER(2)) }, .tests = 1, \
		.out = { M(A(IP, 1), ETHER(2)) }
#define OF_NETNET(A, N) \
	.member = { M(NET(N, 1), NET2(N, 2)), M(NET(N, 2), NET2(N, 1)) }, .tests = 2, \
	.out = { M(NET(N, 1), NET2(N, 1)) }
#define OF_NETPORT(A, N) \
	.member = { M(NET(N, 1), TCP(80)), M(NET(N, 2), UDP(53)) }, .tests = 2, \
		.out = { M(NET(N, 1), UDP(53)) }
#define OF_NETPORTNET(A, N) \
	.member = { M(NET(N, 1), TCP(80), NET2(N, 2)), M(NET(N, 2), UDP(53), NET2(N, 1)) }, \
	.tests = 1, .out = { M(NET(N, 1), TCP(80), NET2(N, 1)) }
#define OF_NETIFACE(A, N) \
	.member = { M(NET(N, 1), IFACE("cali0")), M(NET(N, 1), IFACE("tunl0")) }, .tests = 2, \
	.out = { M(NET(N, 1), IFACE("eth0")) }
#define IFACE(name) KP_STR(IPSET_ATTR_IFACE, name)

#define KIND(fam, kind, set_name, ...) \
	.by = &kp_ipset_kind_life, \
	.arg = &(const struct kp_ipset_kind){ .set = { .family = fam, .type = kind, .name = set_name }, __VA_ARGS__ }
#define MODULE(name) .modules = "nfnetlink ip_set ip_set_" name
#define CONFIG(name) .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_" name
#define ROW(kind, what, module, config, release, ...) \
	{ .id = "ipset." kind, .title = what, MODULE(module), CONFIG(config), .since = release, __VA_ARGS__ },
#define ROW46(kind, what, module, config, release, OF) \
	ROW(kind ".inet", "set of " what ", IPv4", module, config, release, KIND(AF_INET, kind, "kp4-" kind, OF(A4, N4))) \
	ROW(kind ".inet6", "set of " what ", IPv6", module, config, release, KIND(AF_INET6, kind, "kp6-" kind, OF(A6, N6)))
/* An option of a type that has a row of its own, which is needed. */
#define OPTION(kind, option, what, module, config, release, least, ...) \
	ROW(kind ".inet." option, what, module, config, release, .needs = "ipset." kind ".inet", \
	    KIND(AF_INET, kind, "kpo-" kind "-" option, .revision = least, __VA_ARGS__))
#define WITH(...) .create = KP_ATTRS(__VA_ARGS__)
#define FLAGS(v) KP_NUM(BE32, IPSET_ATTR_CADT_FLAGS | BE, v)
#define TIMEOUT(seconds) { .type = IPSET_ATTR_TIMEOUT | BE, .form = KP_A_BE32, .falls = true, .value = (seconds) }
/* Numbers that a 3.10 header lacks. */
#define KP_ATTR_MARK 10
#define KP_ATTR_BITMASK 12
#define KP_ATTR_BUCKETSIZE 21
#define KP_ATTR_COMMENT 26
#define KP_ATTR_SKBMARK 27
#define KP_ATTR_SKBPRIO 28
#define KP_ATTR_SKBQUEUE 29
#define KP_WITH_COUNTERS 8
#define KP_WITH_COMMENT 16
#define KP_WITH_FORCEADD 32
#define KP_WITH_SKBINFO 64
#define KP_NOMATCH 4
#define KP_IFACE_WILDCARD 128

/* kube-proxy's ipvs mode */
	ROW46("hash:ip,port,ip", "addresses, ports and addresses", "hash_ipportip", "HASH_IPPORTIP", "2.6.39", OF_IPPORTIP)
	ROW46("hash:ip,port,net", "addresses, ports and prefixes", "hash_ipportnet", "HASH_IPPORTNET", "2.6.39", OF_IPPORTNET)
	ROW("bitmap:port", "set of ports, as a bitmap", "bitmap_port", "BITMAP_PORT", "2.6.39",
	    KIND(AF_UNSPEC, "bitmap:port", "kp-bitmap:port", WITH(PORT_RANGE(0, 65535)),
		 .member = { M(PORT_OF(80)), M(PORT_OF(65535)) }, .tests = 2, .out = { M(PORT_OF(81)) }))

/* The other types. The prefix of a bitmap is told as its first and last address. */
	ROW("bitmap:ip.inet", "set of IPv4 addresses, as a bitmap", "bitmap_ip", "BITMAP_IP", "2.6.39",
	    KIND(AF_INET, "bitmap:ip", "kp4-bitmap:ip", WITH(A4(IP, 0), A4(IPSET_ATTR_IP_TO, 255)), OF_IP(A4, N4)))
	ROW("bitmap:ip,mac.inet", "set of IPv4 addresses and MACs, as a bitmap", "bitmap_ipmac", "BITMAP_IPMAC", "2.6.39",
	    KIND(AF_INET, "bitmap:ip,mac", "kp4-bitmap:ip,mac", WITH(A4(IP, 0), A4(IPSET_ATTR_IP_TO, 255)), OF_IPMAC(A4, N4)))
	ROW46("hash:ip,mark", "addresses and packet marks", "hash_ipmark", "HASH_IPMARK", "3.15", OF_IPMARK)
	ROW46("hash:ip,mac", "addresses and MACs", "hash_ipmac", "HASH_IPMAC", "4.10", OF_IPMAC)
	ROW("hash:mac", "set of MACs", "hash_mac", "HASH_MAC", "3.18",
	    KIND(AF_UNSPEC, "hash:mac", "kp-hash:mac", .member = { M(ETHER(1)), M(ETHER(2)) }, .tests = 1,
	    	.out = { M(ETHER(3)) }))
	ROW46("hash:net,net", "pairs of prefixes", "hash_netnet", "HASH_NETNET", "3.13", OF_NETNET)
	ROW46("hash:net,port", "prefixes and ports", "hash_netport", "HASH_NETPORT", "2.6.39", OF_NETPORT)
	ROW46("hash:net,port,net", "prefixes, ports and prefixes", "hash_netportnet", "HASH_NETPORTNET", "3.13", OF_NETPORTNET)
	ROW46("hash:net,iface", "prefixes and interfaces", "hash_netiface", "HASH_NETIFACE", "3.1", OF_NETIFACE)
	ROW("list:set", "list of sets", "list_set ip_set_hash_ip", "LIST_SET CONFIG_IP_SET_HASH_IP", "2.6.39",
	    .needs = "ipset.hash:ip.inet",
	    KIND(AF_UNSPEC, "list:set", "kp-list:set", .holds = held,
	    	WITH(KP_NUM(BE32, IPSET_ATTR_SIZE | BE, 8)),
		 .member = { M(KP_STR(IPSET_ATTR_NAME, "kp-held-1")), M(KP_STR(IPSET_ATTR_NAME, "kp-held-2")) },
		 .tests = 2, .out = { M(KP_STR(IPSET_ATTR_NAME, "kp-list:set")) }))

/*
 * Options, each with the type that has it first; the revision that does. Of forceadd only that it is told: a full set evicts from the
 * hash bucket of the new member alone, and still refuses where that is empty (mtype_add()), so one try proves nothing.
 */
	OPTION("hash:ip", "timeout", "set whose members expire", "hash_ip", "HASH_IP", "2.6.39", 0,
	       WITH(KP_NUM(BE32, IPSET_ATTR_TIMEOUT | BE, 600)),
	       .member = { M(A4(IP, 1), TIMEOUT(300)), M(A4(IP, 77), TIMEOUT(0)) }, .in = { M(A4(IP, 1)) }, .out = { M(A4(IP, 2)) })
	OPTION("hash:ip", "netmask", "set of networks of one size", "hash_ip", "HASH_IP", "2.6.39", 0,
	       WITH(KP_NUM(U8, IPSET_ATTR_NETMASK, 25)),
	       .member = { M(A4(IP, 0)), M(A4(IP, 128)) }, .in = { M(A4(IP, 7)), M(A4(IP, 200)) })
	OPTION("hash:ip", "counters", "set that counts packets and bytes of each member", "hash_ip", "HASH_IP", "3.10", 1,
	       WITH(FLAGS(KP_WITH_COUNTERS)),
	       .member = { M(A4(IP, 1), KP_NUM(BE64, IPSET_ATTR_PACKETS | BE, 7),
	       	KP_NUM(BE64, IPSET_ATTR_BYTES | BE, UINT64_C(1) << 40)) },
	       .in = { M(A4(IP, 1)) })
	OPTION("hash:ip", "comment", "set with a comment for each member", "hash_ip", "HASH_IP", "3.13", 2,
	       WITH(FLAGS(KP_WITH_COMMENT)),
	       .member = { M(A4(IP, 1), KP_STR(KP_ATTR_COMMENT, "of kprobe")), M(A4(IP, 2)) }, .in = { M(A4(IP, 1)) })
	OPTION("hash:ip", "forceadd", "set that may drop a member for another when it is full: the option is taken and told", "hash_ip", "HASH_IP", "3.15", 3,
	       WITH(FLAGS(KP_WITH_FORCEADD)),
	       .member = { M(A4(IP, 1)), M(A4(IP, 2)) }, .tests = 1)
	OPTION("hash:ip", "skbinfo", "set with a mark, a priority and a queue for each member", "hash_ip", "HASH_IP", "3.18", 4,
	       WITH(FLAGS(KP_WITH_SKBINFO)),
	       .member = { M(A4(IP, 1), KP_NUM(BE64, KP_ATTR_SKBMARK | BE, UINT64_C(0x10000000ff)),
	       	KP_NUM(BE32, KP_ATTR_SKBPRIO | BE, 0x10002),
			     KP_NUM(BE16, KP_ATTR_SKBQUEUE | BE, 3)) },
	       .in = { M(A4(IP, 1)) })
	OPTION("hash:ip", "bucketsize", "set with short hash buckets", "hash_ip", "HASH_IP", "5.11", 5,
	       WITH(KP_NUM(U8, KP_ATTR_BUCKETSIZE, 4)),
	       .member = { M(A4(IP, 1)), M(A4(IP, 2)) }, .tests = 1)
	OPTION("hash:ip", "bitmask", "set of addresses under a bit mask", "hash_ip", "HASH_IP", "6.2", 6,
	       WITH(KP_NESTED(KP_ATTR_BITMASK | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 255, 0, 255, 255))),
	       .member = { M(KP_NESTED(IP | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 192, 0, 2, 1))) },
	       .in = { M(KP_NESTED(IP | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 192, 200, 2, 1))) }, .out = { M(A4(IP, 2)) })
	OPTION("hash:net", "nomatch", "set of prefixes with exceptions", "hash_net", "HASH_NET", "3.5", 2,
	       .member = { M(NET(N4, 1)), M(KP_NESTED(IP | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 198, 51, 100, 40)),
					    KP_NUM(U8, IPSET_ATTR_CIDR, 29), FLAGS(KP_NOMATCH)) },
	       .in = { M(KP_NESTED(IP | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 198, 51, 100, 33))) },
	       .out = { M(KP_NESTED(IP | NEST, KP_RAW(IPSET_ATTR_IPADDR_IPV4 | BE, 198, 51, 100, 41))) })
	OPTION("hash:net,iface", "wildcard", "set of prefixes and beginnings of interface names", "hash_netiface",
	       "HASH_NETIFACE", "5.5", 7,
	       .member = { M(NET(N4, 1), IFACE("cali"), FLAGS(KP_IFACE_WILDCARD)), M(NET(N4, 2), IFACE("tunl0")) },
	       .tests = 1, .out = { M(NET(N4, 2), IFACE("cali0")) })
/* clang-format on */
