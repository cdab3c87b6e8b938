/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Sockets and their options, as BGP daemons, ARP and NDP proxies and service meshes use them: each is set and read back. A pair of
 * sockets on the loopback shows what cannot be read.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../link.h"
#include "families.h"

/* Numbers that a libc's headers may lack, the same on all architectures. */
enum {
	KP_SOL_TCP = 6,
	KP_SOL_UDP = 17,
	KP_SOL_PACKET = 263,
	KP_SOL_ICMPV6 = 58,
	KP_ICMPV6_FILTER = 1,
	KP_IP_FREEBIND = 15,
	KP_IP_TRANSPARENT = 19,
	KP_IP_MINTTL = 21,        /* v2.6.34 */
	KP_IPV6_MINHOPCOUNT = 73, /* v2.6.35 */
	KP_IPV6_TRANSPARENT = 75, /* v2.6.37 */
	KP_TCP_MD5SIG = 14,
	KP_TCP_AO_INFO = 40,            /* v6.7 */
	KP_PACKET_IGNORE_OUTGOING = 23, /* v4.20 */
	KP_UDP_SEGMENT = 103,           /* v4.18 */
	KP_UDP_GRO = 104,               /* v5.0 */
	KP_PROTO_SCTP = 132,
	KP_NO_OPTION = 0x4b50,
	KP_FILTER_BYTES = 32,
};

struct socket_arg {
	int domain, type, protocol;
	int level, option; /* level 0 and option 0: the socket alone */
	int value;
	const char *text; /* instead of the number */
};

static int open_socket(struct kp_ctx *ctx, struct kp_result *res, const struct socket_arg *a)
{
	int fd;

	ctx->extack[0] = '\0';
	fd = socket(a->domain, a->type | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
	return fd;
}

/* SO_PROTOCOL and SO_DOMAIN (v2.6.32) tell what was made. */
static void run_socket(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct socket_arg *a = row->arg;
	kp_autoclose fd = open_socket(ctx, res, a);
	socklen_t len = sizeof(int);
	int told = -1;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, a->domain == AF_PACKET ? SO_DOMAIN : SO_PROTOCOL, &told, &len))
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, errno);
	if (told != (a->domain == AF_PACKET ? a->domain : a->protocol))
		return kp_broken(res, "read-back", "the socket is of another kind than was asked for");
	kp_works(res, "read-back");
}

static void run_option(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct socket_arg *a = row->arg;
	kp_autoclose fd = open_socket(ctx, res, a);
	const void *value = a->text ? (const void *)a->text : &a->value;
	socklen_t size = a->text ? (socklen_t)strlen(a->text) + 1 : sizeof(int), len;
	unsigned char told[32];

	if (fd < 0)
		return;
	if (setsockopt(fd, a->level, a->option, value, size))
		return kp_fail(ctx, res, "set", KP_CALL_PLAIN, errno);
	memset(told, 0, sizeof(told));
	len = a->text ? sizeof(told) : sizeof(int);
	if (getsockopt(fd, a->level, a->option, told, &len))
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, errno);
	if (len < size || memcmp(told, value, size))
		return kp_broken(res, "read-back", "the option has not the value that was set");
	kp_works(res, "read-back");
}

/* struct icmp6_filter: a bit a type, set is blocked. All but neighbour solicitations, as an NDP proxy wants it. */
static void run_icmpv6_filter(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = open_socket(ctx, res, row->arg);
	unsigned char set[KP_FILTER_BYTES], told[KP_FILTER_BYTES];
	socklen_t len = sizeof(told);
	uint32_t word;

	if (fd < 0)
		return;
	memset(set, 0xff, sizeof(set));
	memcpy(&word, set + 135 / 32 * 4, sizeof(word));
	word &= ~(UINT32_C(1) << (135 % 32));
	memcpy(set + 135 / 32 * 4, &word, sizeof(word));
	if (setsockopt(fd, KP_SOL_ICMPV6, KP_ICMPV6_FILTER, set, sizeof(set)))
		return kp_fail(ctx, res, "set", KP_CALL_PLAIN, errno);
	memset(told, 0, sizeof(told));
	if (getsockopt(fd, KP_SOL_ICMPV6, KP_ICMPV6_FILTER, told, &len))
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, errno);
	if (len != sizeof(set) || memcmp(set, told, sizeof(set)))
		return kp_broken(res, "read-back", "the filter is not the one that was set");
	kp_works(res, "read-back");
}

/*
 * TCP_AO_INFO makes the state of TCP-AO on a socket that has none, without a key and so without asking the crypto layer for a
 * module; its flag is read back. struct tcp_ao_info_opt: a word of flags, whose order is the compiler's, then numbers.
 */
static void run_tcp_ao(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = open_socket(ctx, res, row->arg);
	struct {
		uint32_t set_current : 1, set_rnext : 1, ao_required : 1, set_counters : 1, accept_icmps : 1, reserved : 27;
		uint16_t reserved2;
		uint8_t current_key, rnext;
		uint64_t counters[5];
	} set, told;
	socklen_t len = sizeof(told);

	if (fd < 0)
		return;
	memset(&set, 0, sizeof(set));
	memset(&told, 0, sizeof(told));
	set.accept_icmps = 1;
	if (setsockopt(fd, KP_SOL_TCP, KP_TCP_AO_INFO, &set, sizeof(set)))
		return kp_fail(ctx, res, "set", KP_CALL_PLAIN, errno);
	if (getsockopt(fd, KP_SOL_TCP, KP_TCP_AO_INFO, &told, &len))
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, errno);
	if (!told.accept_icmps)
		return kp_broken(res, "read-back", "the flag is not the one that was set");
	kp_works(res, "read-back");
}

/*
 * --- TCP_MD5SIG ---
 * No kernel tells a key again, and two sockets connect as well where it was ignored. So: with one key they must come to a connection,
 * with two they must not. (The MSS is no witness: the signature is not counted in it.)
 */

struct md5sig { /* struct tcp_md5sig, v2.6.20 */
	struct sockaddr_storage address;
	uint8_t flags, prefixlen;
	uint16_t key_len;
	int32_t ifindex;
	uint8_t key[80];
};

static socklen_t loopback(int domain, struct sockaddr_storage *address)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	memset(address, 0, sizeof(*address));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in6.sin6_addr.s6_addr[15] = 1;
	if (domain == AF_INET6)
		memcpy(address, &in6, sizeof(in6));
	else
		memcpy(address, &in, sizeof(in));
	return domain == AF_INET6 ? sizeof(in6) : sizeof(in);
}

static int sign(int fd, int domain, const char *key)
{
	struct md5sig sig;

	memset(&sig, 0, sizeof(sig));
	loopback(domain, &sig.address);
	sig.key_len = (uint16_t)strlen(key);
	memcpy(sig.key, key, sig.key_len);
	return setsockopt(fd, KP_SOL_TCP, KP_TCP_MD5SIG, &sig, sizeof(sig)) ? -errno : 0;
}

/*
 * Does a client with @key come to a connection with a listener whose key is "kprobe"? Returns 1, 0 or -errno. On the loopback the
 * listener has seen the segment, and dropped it, before connect() returns: @wait_ms is for slow machines.
 */
static int connects(const struct socket_arg *a, const char *key, int wait_ms, const char **ret_step)
{
	kp_autoclose listener = socket(a->domain, a->type | SOCK_CLOEXEC, 0);
	kp_autoclose client = socket(a->domain, a->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage address;
	socklen_t size = loopback(a->domain, &address), len = size;
	struct pollfd p = { .fd = client, .events = POLLOUT };
	int rc;

	*ret_step = "socket";
	if (listener < 0 || client < 0)
		return -errno;
	*ret_step = "set";
	rc = sign(listener, a->domain, "kprobe");
	if (!rc)
		rc = sign(client, a->domain, key);
	if (rc)
		return rc;
	*ret_step = "listen on the loopback";
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return -errno;
	*ret_step = "connect";
	if (connect(client, (struct sockaddr *)&address, size) && errno != EINPROGRESS)
		return -errno;
	rc = poll(&p, 1, wait_ms);
	if (rc < 0)
		return -errno;
	return rc && !(p.revents & (POLLERR | POLLHUP));
}

static void run_md5sig(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const char *step;
	int same, other;

	ctx->extack[0] = '\0';
	same = connects(row->arg, "kprobe", 1000, &step);
	if (same < 0)
		return kp_fail(ctx, res, step, kp_equal(step, "socket") ? KP_CALL_SOCKET : KP_CALL_PLAIN, -same);
	if (!same)
		return kp_broken(res, "connect", "two sockets with the same key do not come to a connection");
	other = connects(row->arg, "another", 20, &step);
	if (other < 0)
		return kp_fail(ctx, res, step, KP_CALL_PLAIN, -other);
	if (other)
		return kp_broken(res, "connect", "two sockets with different keys come to a connection: nothing is verified");
	kp_works(res, "connect");
}

#define METHOD(name, fn, what, proof, cap)                                                                                         \
	static const struct kp_method name = { .run = fn, .asks = what, .proves = proof, .rules = socket_rules, .gate = cap }

static const struct kp_rule socket_rules[] = {
	{ EAFNOSUPPORT, KP_ABSENT, "the kernel has no sockets of this family, after asking for its module" },
	{ EPROTONOSUPPORT, KP_ABSENT, "the kernel has no such protocol, after asking for its module" },
	{ ESOCKTNOSUPPORT, KP_ABSENT, "the kernel has no such protocol, after asking for its module" },
	{ ENOPROTOOPT, KP_ABSENT, "the kernel knows no such option" },
	{ 0 },
};

/* clang-format off */
METHOD(make_socket, run_socket, "socket, then SO_PROTOCOL (SO_DOMAIN for AF_PACKET)",
       "works: the kind is read back; absent: no such family or protocol", KP_CAP_NET_RAW);
METHOD(make_plain, run_socket, "socket, then SO_PROTOCOL", "works: the protocol is read back; absent: no such protocol", 0);
METHOD(set_option, run_option, "socket, setsockopt, getsockopt", "works: the value is read back; absent: ENOPROTOOPT", 0);
METHOD(set_option_raw, run_option, "socket, setsockopt, getsockopt", "works: the value is read back; absent: ENOPROTOOPT", KP_CAP_NET_RAW);
METHOD(set_option_admin, run_option, "socket, setsockopt, getsockopt", "works: the value is read back; absent: ENOPROTOOPT",
       KP_CAP_NET_ADMIN);
METHOD(icmpv6_filter, run_icmpv6_filter, "raw ICMPv6 socket, ICMPV6_FILTER for neighbour solicitations, getsockopt",
       "works: the filter is read back", KP_CAP_NET_RAW);
METHOD(md5sig, run_md5sig, "TCP_MD5SIG on a listener and a client on the loopback, connect; with one key, then with two",
       "works: they come to a connection with one key and to none with two; absent: ENOPROTOOPT; broken: anything else", 0);
METHOD(tcp_ao, run_tcp_ao, "TCP_AO_INFO with accept_icmps on a new socket, getsockopt", "works: the flag is read back; absent: ENOPROTOOPT", 0);

#define ARG(...) &(const struct socket_arg){ __VA_ARGS__ }
#define TCP4(...) ARG(AF_INET, SOCK_STREAM, 0, __VA_ARGS__)
#define TCP6(...) ARG(AF_INET6, SOCK_STREAM, 0, __VA_ARGS__)
#define UDP4(...) ARG(AF_INET, SOCK_DGRAM, 0, __VA_ARGS__)

static const struct kp_probe rows[] = {
	/* sock_setsockopt() has answered ENOPROTOOPT to an unknown number for ever; nothing is asked for a module. */
	{ .id = "socket.control.negative", .title = "an invented socket option", .control = KP_NEGATIVE, .by = &set_option,
	  .arg = ARG(AF_NETLINK, SOCK_RAW, 0, SOL_SOCKET, KP_NO_OPTION, 1, NULL) },
	{ .id = "socket.control.positive", .title = "a priority of a netlink socket", .control = KP_POSITIVE, .by = &set_option,
	  .arg = ARG(AF_NETLINK, SOCK_RAW, 0, SOL_SOCKET, SO_PRIORITY, 3, NULL) },

	{ .id = "socket.packet", .title = "packet socket", .modules = "af_packet", .kconfig = "CONFIG_PACKET", .since = "2.2",
	  .by = &make_socket, .arg = ARG(AF_PACKET, SOCK_RAW, 0, 0, 0, 0, NULL) },
	{ .id = "socket.packet.ignore-outgoing", .title = "packet socket that does not see what is sent: PACKET_IGNORE_OUTGOING",
	  .modules = "af_packet", .kconfig = "CONFIG_PACKET", .since = "4.20", .needs = "socket.packet", .by = &set_option_raw,
	  .arg = ARG(AF_PACKET, SOCK_RAW, 0, KP_SOL_PACKET, KP_PACKET_IGNORE_OUTGOING, 1, NULL) },
	{ .id = "socket.raw.ipip", .title = "raw socket of protocol 4, IP-in-IP", .kconfig = "CONFIG_INET", .since = "2.2", .by = &make_socket,
	  .arg = ARG(AF_INET, SOCK_RAW, IPPROTO_IPIP, 0, 0, 0, NULL) },
	{ .id = "socket.raw.icmpv6-filter", .title = "raw ICMPv6 socket that lets neighbour solicitations through",
	  .modules = "ipv6", .kconfig = "CONFIG_IPV6", .since = "2.2", .by = &icmpv6_filter,
	  .arg = ARG(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0, 0, 0, NULL) },

	{ .id = "socket.tcp.md5sig.inet", .title = "TCP MD5 signatures over IPv4 (BGP password)", .kconfig = "CONFIG_TCP_MD5SIG",
	  .since = "2.6.20", .by = &md5sig, .arg = TCP4(0, 0, 0, NULL) },
	{ .id = "socket.tcp.md5sig.inet6", .title = "TCP MD5 signatures over IPv6 (BGP password)", .modules = "ipv6",
	  .kconfig = "CONFIG_TCP_MD5SIG CONFIG_IPV6", .since = "2.6.20", .by = &md5sig, .arg = TCP6(0, 0, 0, NULL) },
	{ .id = "socket.tcp.ao", .title = "TCP authentication option (RFC 5925)", .kconfig = "CONFIG_TCP_AO", .since = "6.7", .by = &tcp_ao,
	  .arg = TCP4(0, 0, 0, NULL) },
	{ .id = "socket.ip.minttl", .title = "least TTL taken in (BGP TTL security)", .kconfig = "CONFIG_INET", .since = "2.6.34",
	  .by = &set_option, .arg = TCP4(IPPROTO_IP, KP_IP_MINTTL, 254, NULL) },
	{ .id = "socket.ipv6.minhopcount", .title = "least hop count taken in (BGP TTL security)", .modules = "ipv6",
	  .kconfig = "CONFIG_IPV6", .since = "2.6.35", .by = &set_option, .arg = TCP6(IPPROTO_IPV6, KP_IPV6_MINHOPCOUNT, 254, NULL) },
	{ .id = "socket.bindtodevice", .title = "socket bound to a device", .kconfig = "CONFIG_INET", .since = "3.8", .by = &set_option_raw,
	  .arg = TCP4(SOL_SOCKET, SO_BINDTODEVICE, 0, "lo") },
	{ .id = "socket.mark", .title = "socket whose packets have a mark", .kconfig = "CONFIG_INET", .since = "2.6.25", .by = &set_option_admin,
	  .arg = TCP4(SOL_SOCKET, SO_MARK, 0x10000, NULL) },
	{ .id = "socket.reuseport", .title = "several sockets on one port", .kconfig = "CONFIG_INET", .since = "3.9", .by = &set_option,
	  .arg = TCP4(SOL_SOCKET, SO_REUSEPORT, 1, NULL) },
	{ .id = "socket.ip.freebind", .title = "binding to an address that is not here yet, IPv4", .kconfig = "CONFIG_INET", .since = "2.4",
	  .by = &set_option, .arg = TCP4(IPPROTO_IP, KP_IP_FREEBIND, 1, NULL) },
	{ .id = "socket.ip.transparent", .title = "transparent proxy socket, IPv4", .kconfig = "CONFIG_INET", .since = "2.6.28",
	  .by = &set_option_admin, .arg = TCP4(IPPROTO_IP, KP_IP_TRANSPARENT, 1, NULL) },
	{ .id = "socket.ipv6.transparent", .title = "transparent proxy socket, IPv6", .modules = "ipv6", .kconfig = "CONFIG_IPV6",
	  .since = "2.6.37", .by = &set_option_admin, .arg = TCP6(IPPROTO_IPV6, KP_IPV6_TRANSPARENT, 1, NULL) },
	{ .id = "socket.udp.segment", .title = "UDP segmentation offload", .kconfig = "CONFIG_INET", .since = "4.18", .by = &set_option,
	  .arg = UDP4(KP_SOL_UDP, KP_UDP_SEGMENT, 1200, NULL) },
	{ .id = "socket.udp.gro", .title = "UDP receive offload", .kconfig = "CONFIG_INET", .since = "5.0", .by = &set_option,
	  .arg = UDP4(KP_SOL_UDP, KP_UDP_GRO, 1, NULL) },

	{ .id = "socket.sctp", .title = "SCTP socket", .modules = "sctp", .kconfig = "CONFIG_IP_SCTP", .since = "2.6",
	  .host = "the kernel's own SCTP, which answers in the place of stacks that use raw sockets", .risk = KP_RISK_MODULE,
	  .risk_module = "sctp", .by = &make_plain, .arg = ARG(AF_INET, SOCK_STREAM, KP_PROTO_SCTP, 0, 0, 0, NULL) },
};
/* clang-format on */

const struct kp_family kp_family_socket = {
	.name = "socket",
	.title = "Sockets",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "kernel log, level info, on older kernels: the MD5 hash of a TCP segment on the loopback that is not right, on "
		   "purpose",
};
