/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* WireGuard: the device under Calico's names, its configuration by generic netlink, threaded NAPI. Since v5.6 (e7096c131e51). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "../genl.h"
#include "families.h"
#include "link.h"

/* include/uapi/linux/wireguard.h */
enum {
	WG_CMD_GET_DEVICE = 0,
	WG_CMD_SET_DEVICE = 1,
	WGDEVICE_A_IFINDEX = 1,
	WGDEVICE_A_PRIVATE_KEY = 3,
	WGDEVICE_A_PUBLIC_KEY = 4,
	WGDEVICE_A_LISTEN_PORT = 6,
	WGDEVICE_A_FWMARK = 7,
	WGDEVICE_A_PEERS = 8,
	WGPEER_A_PUBLIC_KEY = 1,
	WGPEER_A_FLAGS = 3,
	WGPEER_A_ALLOWEDIPS = 9,
	WGPEER_F_REPLACE_ALLOWEDIPS = 2,
	WGALLOWEDIP_A_FAMILY = 1,
	WGALLOWEDIP_A_IPADDR = 2,
	WGALLOWEDIP_A_CIDR_MASK = 3,
	KP_NLA_F_NESTED = 0x8000,
};

/* RFC 7748, section 6.1: Alice's private and public key, and Bob's public one. The kernel must compute the second from the first. */
/* clang-format off */
static const unsigned char alice_private[32] = {
	0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
	0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
};
static const unsigned char alice_public[32] = {
	0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
	0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
};
static const unsigned char bob_public[32] = {
	0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37,
	0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f,
};
/* clang-format on */

#define PORT 51820
#define FWMARK 0x100000

static const struct link_arg device4 = { .kind = "wireguard", .name = "wireguard.cali", .mtu = 1440, .up = true };
static const struct link_arg device6 = { .kind = "wireguard", .name = "wg-v6.cali", .mtu = 1420, .up = true };

static void run_device(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_link_make(ctx, res, row->arg);
}

static const struct kp_method make_device = {
	.run = run_device,
	.asks = "RTM_NEWLINK of kind wireguard in a network namespace of our own, RTM_GETLINK, set up",
	.proves = "works: read back with that kind and MTU, and up, which is where its UDP sockets are made; absent: EOPNOTSUPP, "
		  "no such kind",
	.rules = kp_link_rules,
	.gate = KP_CAP_NET_ADMIN,
};

static void put_allowed(struct kp_nlbuf *b, uint16_t family, const void *addr, size_t len, uint8_t mask)
{
	size_t nest = kp_nl_nest(b, KP_NLA_F_NESTED);

	kp_nl_u16(b, WGALLOWEDIP_A_FAMILY, family);
	kp_nl_put(b, WGALLOWEDIP_A_IPADDR, addr, len);
	kp_nl_u8(b, WGALLOWEDIP_A_CIDR_MASK, mask);
	kp_nl_end(b, nest);
}

static void put_peer(struct kp_nlbuf *b)
{
	static const unsigned char net4[4] = { 10, 112, 0, 0 }, net6[16] = { 0xfd, 0x6b, 1 };
	size_t peers, peer, ips;

	peers = kp_nl_nest(b, WGDEVICE_A_PEERS | KP_NLA_F_NESTED);
	peer = kp_nl_nest(b, KP_NLA_F_NESTED);
	kp_nl_put(b, WGPEER_A_PUBLIC_KEY, bob_public, sizeof(bob_public));
	kp_nl_u32(b, WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS);
	ips = kp_nl_nest(b, WGPEER_A_ALLOWEDIPS | KP_NLA_F_NESTED);
	put_allowed(b, AF_INET, net4, sizeof(net4), 24);
	put_allowed(b, AF_INET6, net6, sizeof(net6), 64);
	kp_nl_end(b, ips);
	kp_nl_end(b, peer);
	kp_nl_end(b, peers);
}

static int set_device(struct kp_ctx *ctx, int genl, int family, int ifindex)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_genl_msg(ctx, &b, family, WG_CMD_SET_DEVICE, 1, NLM_F_ACK);
	kp_nl_u32(&b, WGDEVICE_A_IFINDEX, (uint32_t)ifindex);
	kp_nl_put(&b, WGDEVICE_A_PRIVATE_KEY, alice_private, sizeof(alice_private));
	kp_nl_u16(&b, WGDEVICE_A_LISTEN_PORT, PORT);
	kp_nl_u32(&b, WGDEVICE_A_FWMARK, FWMARK);
	put_peer(&b);
	return kp_nl_talk(ctx, genl, &b);
}

static unsigned int count_nested(const unsigned char *p, size_t len)
{
	unsigned int n = 0;

	while (len >= NLA_HDRLEN) {
		size_t step = (size_t)NLA_ALIGN(kp_get_u16(p));

		if (step < (size_t)NLA_HDRLEN || step > len)
			break;
		n++;
		len -= step;
		p += step;
	}
	return n;
}

/* What WG_CMD_GET_DEVICE shows must be what was set. NULL when it is. */
static const char *compare(const struct nlmsghdr *msg)
{
	size_t len, peers_len, ips_len;
	const void *key = kp_nl_attr(msg, GENL_HDRLEN, WGDEVICE_A_PUBLIC_KEY, &len);
	const void *port = kp_nl_attr(msg, GENL_HDRLEN, WGDEVICE_A_LISTEN_PORT, NULL);
	const void *mark = kp_nl_attr(msg, GENL_HDRLEN, WGDEVICE_A_FWMARK, NULL);
	const unsigned char *peers = kp_nl_attr(msg, GENL_HDRLEN, WGDEVICE_A_PEERS, &peers_len);
	const void *ips;

	if (!key || len != 32 || memcmp(key, alice_public, 32))
		return "the public key is not the one that belongs to the private key that was set";
	if (!port || kp_get_u16(port) != PORT)
		return "not the port that was set";
	if (!mark || kp_get_u32(mark) != FWMARK)
		return "not the fwmark that was set";
	if (!peers || count_nested(peers, peers_len) != 1)
		return "not the one peer that was set";
	key = kp_nl_find(peers + NLA_HDRLEN, peers_len - NLA_HDRLEN, WGPEER_A_PUBLIC_KEY, &len);
	if (!key || len != 32 || memcmp(key, bob_public, 32))
		return "not the peer that was set";
	ips = kp_nl_find(peers + NLA_HDRLEN, peers_len - NLA_HDRLEN, WGPEER_A_ALLOWEDIPS, &ips_len);
	return ips && count_nested(ips, ips_len) == 2 ? NULL : "not the two allowed networks that were set";
}

struct shown {
	bool any;
	const char *wrong;
};

static bool take_device(const struct nlmsghdr *msg, void *arg)
{
	struct shown *s = arg;

	s->any = true;
	s->wrong = compare(msg);
	return false;
}

static void run_configure(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct link_arg *dev = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), genl, ifindex, family, rc;
	struct shown s = { 0 };
	struct kp_nlbuf b;

	if (rtnl < 0)
		return;
	genl = kp_nl_socket(ctx, res, NETLINK_GENERIC);
	if (genl < 0)
		return;
	ifindex = kp_link_index(ctx, rtnl, dev->name);
	if (ifindex < 0)
		return kp_fail(ctx, res, "find device", KP_CALL_PLAIN, -ifindex);
	family = kp_genl_family(ctx, genl, "wireguard");
	if (family < 0)
		return kp_fail(ctx, res, "CTRL_CMD_GETFAMILY", KP_CALL_PLAIN, -family);
	rc = set_device(ctx, genl, family, ifindex);
	if (rc)
		return kp_fail(ctx, res, "WG_CMD_SET_DEVICE", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_genl_msg(ctx, &b, family, WG_CMD_GET_DEVICE, 1, NLM_F_DUMP);
	kp_nl_u32(&b, WGDEVICE_A_IFINDEX, (uint32_t)ifindex);
	rc = kp_nl_query(ctx, genl, &b, take_device, &s);
	if (rc)
		return kp_fail(ctx, res, "WG_CMD_GET_DEVICE", KP_CALL_PLAIN, -rc);
	if (!s.any || s.wrong)
		return kp_broken(res, "read-back", s.any ? s.wrong : "WG_CMD_GET_DEVICE shows nothing");
	kp_works(res, "read-back");
}

static const struct kp_method configure_device = {
	.run = run_configure,
	.asks = "WG_CMD_SET_DEVICE with a private key, port, fwmark and a peer with an IPv4 and an IPv6 network; then "
		"WG_CMD_GET_DEVICE",
	.proves = "works: all of it is read back, and the public key is the one that belongs to the private key (RFC 7748, 6.1)",
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "there is no generic netlink family \"wireguard\"" }, { 0 } },
	.gate = KP_CAP_NET_ADMIN,
};

/* Writes @text to a file of the device's in sysfs and reads it back. Returns 0, -errno, or -EILSEQ when it reads otherwise. */
static int sysfs_set(const char *path, const char *text)
{
	kp_autoclose fd = open(path, O_RDWR | O_CLOEXEC);
	char got[8] = "";

	if (fd < 0)
		return -errno;
	if (write(fd, text, 1) != 1)
		return -errno;
	if (pread(fd, got, sizeof(got) - 1, 0) < 1)
		return -errno;
	return got[0] == text[0] ? 0 : -EILSEQ;
}

/*
 * Felix writes /sys/class/net/wireguard.cali/threaded and waits until that succeeds. dev_set_threaded() refuses with EOPNOTSUPP
 * while a device has no NAPI instance, which WireGuard makes with its first peer (calico#10339): so after the peer.
 * sysfs shows the devices of the namespace in which it was mounted, hence a mount of our own.
 */
static void run_threaded(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const char path[] = "/sys/class/net/wireguard.cali/threaded";
	int rc;

	(void)row;
	ctx->extack[0] = '\0';
	if (unshare(CLONE_NEWNS))
		return kp_fail(ctx, res, "unshare mount namespace", KP_CALL_UNSHARE, errno);
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return kp_fail(ctx, res, "make / a slave", KP_CALL_PLAIN, errno);
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return kp_fail(ctx, res, "mount sysfs", KP_CALL_PLAIN, errno);
	rc = sysfs_set(path, "1");
	if (!rc)
		rc = sysfs_set(path, "0");
	if (rc == -EILSEQ)
		return kp_broken(res, "read-back", "the value that was written is not the one that is read");
	if (rc)
		return kp_fail(ctx, res, "write threaded", KP_CALL_PLAIN, -rc);
	kp_works(res, "read-back");
}

static const struct kp_method threaded_napi = {
	.run = run_threaded,
	.asks = "after a peer was added: 1, then 0, written to /sys/class/net/wireguard.cali/threaded in a private sysfs mount, "
		"and read back",
	.proves = "works: both are read back; absent: no such file, or the device cannot have it",
	.rules =
		(const struct kp_rule[]){
			{ ENOENT, KP_ABSENT, "no such file (came with v5.12, 5fdd2f0e5c64)" },
			{ EOPNOTSUPP, KP_ABSENT, "the device has no NAPI instance to thread" },
			{ 0 },
		},
	.gate = KP_CAP_SYS_ADMIN,
};

/* clang-format off */
static const struct kp_probe rows[] = {
	{ .id = "link.wireguard.control.negative", .title = "an invented link kind", .control = KP_NEGATIVE, .modules = "rtnl-link-kpguard",
	  .by = &make_device, .arg = &(const struct link_arg){ .kind = "kpguard", .name = "kpguard0" } },
	{ .id = "link.wireguard.control.positive", .title = "changing lo", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	{ .id = "link.wireguard", .title = "WireGuard device", .modules = "wireguard", .kconfig = "CONFIG_WIREGUARD", .since = "5.6",
	  .by = &make_device, .arg = &device4 },
	{ .id = "link.wireguard.inet6", .title = "a second WireGuard device, for IPv6", .modules = "wireguard",
	  .kconfig = "CONFIG_WIREGUARD CONFIG_IPV6", .since = "5.6", .needs = "link.wireguard", .by = &make_device, .arg = &device6 },
	{ .id = "link.wireguard.configure", .title = "WireGuard: key, port, fwmark, a peer with allowed networks", .modules = "wireguard",
	  .kconfig = "CONFIG_WIREGUARD", .since = "5.6", .needs = "link.wireguard", .by = &configure_device, .arg = &device4 },
	{ .id = "link.wireguard.threaded", .title = "WireGuard: threaded NAPI", .modules = "wireguard", .kconfig = "CONFIG_WIREGUARD",
	  .since = "5.12", .needs = "link.wireguard.configure ns.mount", .by = &threaded_napi },
};
/* clang-format on */

const struct kp_family kp_family_wireguard = {
	.name = "link.wireguard",
	.title = "WireGuard",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
};
