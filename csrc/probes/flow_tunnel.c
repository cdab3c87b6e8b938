/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Tunnels: a packet through each, the largest that Calico's MTU promises and one byte more, and a TCP connection. */
#include "flow_tunnel.h"

#include <errno.h>
#include <string.h>

#include "bpf.h"
#include "families.h"
#include "link.h"

enum aspect { PACKET, LARGEST, STREAM };

struct arg {
	const struct kp_tunnel *tunnel;
	bool v6;            /* inside */
	uint8_t aspect;
	uint8_t sabotage;   /* of PACKET: enum kp_path */
};

#define SHORT 100u /* bytes of an IP packet */
#define NARROW_MTU 1400u /* of the wire's far end, in the test build */

struct row {
	struct kp_ctx *ctx;
	struct kp_result *res;
	const struct arg *arg;
	struct kp_pair_shot shot;
	uint32_t control; /* the tag of its packet */
};

static struct kp_pair_shot shot_of(const struct arg *a, unsigned int len)
{
	return (struct kp_pair_shot){
		.net = KP_NET_TUNNEL + a->tunnel->id,
		.v6 = a->v6,
		.len = len,
		.out_if = kp_tunnel_if(a->tunnel),
		.marks = a->tunnel->marks,
	};
}

/* --- what became of it, in words --- */

static void tell(const struct kp_pair_shot *s, const char *expected, char *text, size_t size)
{
	const struct kp_pair_heard *h = &s->heard;
	char name[16];

	kp_copy(text, size, "sent udp");
	kp_cat_number(text, size, " of ", s->len, s->v6 ? " bytes, IPv6" : " bytes, IPv4");
	kp_cat(text, size, "; expected ");
	kp_cat(text, size, expected);
	kp_cat(text, size, "; ");
	if (s->err) {
		kp_cat(text, size, "sendto says ");
		kp_cat(text, size, kp_errno_name(s->err, name));
		return;
	}
	if (!h->wire)
		return (void)kp_cat(text, size, "nothing came to the other node's wire");
	kp_cat_number(text, size, "came ", h->wire, " on the wire");
	kp_cat_number(text, size, h->pieces ? " in pieces, the longest " : ", the longest ", h->wire_len, " bytes");
	kp_cat_number(text, size, ", ", h->out, " out of the tunnel");
	kp_cat_number(text, size, h->bad_checksum ? " with a wrong checksum, " : ", ", h->socket, " at the socket");
}

static bool broken(struct row *r, const char *expected)
{
	char text[KP_TEXT];

	tell(&r->shot, expected, text, sizeof(text));
	kp_broken(r->res, "packet", text);
	return false;
}

static bool stuck(struct row *r, const char *step, int rc)
{
	char name[16];

	kp_unknown(r->res, step, kp_errno_name(-rc, name));
	r->res->err = -rc;
	return false;
}

/* --- aspects --- */

/* Sends @len bytes: they must come out once, whole, with the right checksum. */
static bool through(struct row *r, unsigned int len)
{
	const struct kp_pair_heard *h = &r->shot.heard;
	int rc;

	r->shot = shot_of(r->arg, len);
	r->shot.not = r->control;
	rc = kp_pair_shoot(&r->shot);
	if (rc)
		return stuck(r, "packet", rc);
	if (h->late)
		return stuck(r, "control", -EPROTO);
	if (r->shot.err || h->out != 1 || h->socket != 1 || h->out_len != len || h->bad_checksum || h->pieces)
		return broken(r, "it out of the tunnel, whole");
	if (h->wire_len <= len)
		return broken(r, "it inside another packet on the wire");
	return true;
}

/* On a wire of 1500 bytes the largest packet fills one of the wire's, and one that is longer is refused where it is sent. */
static bool largest(struct row *r)
{
	const struct kp_tunnel *t = r->arg->tunnel;
	int rc;

	if (!through(r, t->mtu))
		return false;
	kp_detail_u(r->res, "mtu", t->mtu);
	kp_detail_u(r->res, "on-the-wire", r->shot.heard.wire_len);
	if (r->shot.heard.wire_len != KP_WIRE_MTU)
		return broken(r, "1500 bytes on the wire");
	r->shot = shot_of(r->arg, t->mtu + 1u);
	rc = kp_pair_shoot(&r->shot);
	if (rc)
		return stuck(r, "packet", rc);
	return r->shot.err == EMSGSIZE || broken(r, "EMSGSIZE");
}

static bool stream(struct row *r)
{
	struct kp_pair_stream s = { .net = KP_NET_TUNNEL + r->arg->tunnel->id, .v6 = r->arg->v6, .step = "" };
	int rc = kp_pair_stream(&s);
	char text[KP_TEXT];

	if (rc && rc != -ENETUNREACH && rc != -EHOSTUNREACH)
		return stuck(r, s.step, rc);
	kp_detail_u(r->res, "longest-packet", s.longest);
	if (!rc && s.came == KP_STREAM && !s.differs)
		return true;
	kp_copy(text, sizeof(text), "sent tcp, a stream");
	kp_cat_number(text, sizeof(text), " of ", KP_STREAM, " bytes, expected all of them in order; ");
	if (kp_equal(s.step, "connect"))
		kp_cat(text, sizeof(text), "there was no connection");
	else
		kp_cat_number(text, sizeof(text), "came ", s.came, s.differs ? ", others than were sent" : "");
	kp_broken(r->res, s.step, text);
	return false;
}

/* --- sabotage, of the test build --- */

static enum kp_path path_of(const struct row *r)
{
	return kp_sabotaged(r->ctx) && r->arg->aspect == PACKET ? (enum kp_path)r->arg->sabotage : KP_PATH;
}

/* A wire that is a byte too narrow for what is promised; one whose far end drops, silently, what is long. */
static int narrow(struct row *r, bool now)
{
	unsigned int node = r->arg->aspect == STREAM ? KP_THERE : KP_NEAR, mtu = node == KP_NEAR ? KP_WIRE_MTU - 1 : NARROW_MTU;
	struct kp_result ignored = { 0 };
	int rtnl, rc;

	if (!kp_sabotaged(r->ctx) || r->arg->aspect == PACKET)
		return 0;
	rc = kp_pair_go(r->ctx, node);
	rtnl = rc ? rc : kp_nl_socket(r->ctx, &ignored, NETLINK_ROUTE);
	if (rtnl < 0)
		return rtnl;
	rc = kp_link_mtu(r->ctx, rtnl, kp_pair_wire[node].index, now ? mtu : KP_WIRE_MTU);
	return rc ? rc : kp_pair_go(r->ctx, KP_NEAR);
}

/* --- the row --- */

/* Without a way to the other node, or sealed for another's key, nothing may come out. */
static bool control(struct row *r)
{
	char text[KP_TEXT];
	int rc = kp_tunnel_path(r->ctx, r->arg->tunnel, KP_NO_PATH);

	if (rc)
		return stuck(r, "control", rc);
	r->shot = shot_of(r->arg, SHORT);
	r->shot.marks = true;
	rc = kp_pair_shoot(&r->shot);
	if (rc)
		return stuck(r, "control", rc);
	r->control = r->shot.tag;
	if (!r->shot.heard.out && !r->shot.heard.socket)
		return true;
	tell(&r->shot, "nothing out of the tunnel, as there is no way yet", text, sizeof(text));
	kp_unknown(r->res, "control", text);
	return false;
}

static bool aspect(struct row *r)
{
	switch ((enum aspect)r->arg->aspect) {
	case LARGEST:
		return largest(r);
	case STREAM:
		return stream(r);
	case PACKET:
		break;
	}
	return through(r, SHORT);
}

static void run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct row r = { .ctx = ctx, .res = res, .arg = row->arg };
	const char *step = "";
	bool fine;
	int rc;

	ctx->extack[0] = '\0';
	if (!kp_pair_setup(ctx, res))
		return;
	rc = kp_tunnel_make(ctx, r.arg->tunnel, &step);
	if (rc)
		return kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
	if (!control(&r))
		return;
	rc = kp_tunnel_path(ctx, r.arg->tunnel, path_of(&r));
	if (!rc)
		rc = narrow(&r, true);
	if (rc)
		return kp_fail(ctx, res, "the way to the other node", KP_CALL_PLAIN, -rc);
	fine = aspect(&r);
	narrow(&r, false);
	kp_tunnel_path(ctx, r.arg->tunnel, KP_NO_PATH);
	if (fine)
		kp_works(res, r.arg->aspect == STREAM ? "stream" : "packet");
}

static const struct kp_method by_tunnel = {
	.run = run,
	.asks = "a tunnel between two namespaces over a veth of 1500 bytes; a packet before it knows the other end (WireGuard: "
		"while it holds another key), and with it a packet, the largest and one byte more, or a TCP connection with 64 "
		"KiB; heard on the wire and behind the tunnel, each followed by a mark over the wire",
	.proves = "works: nothing comes out without, all of it with, whole on the wire and with right checksums; broken: something "
		  "is lost, cut or spoilt; unknown: the control contradicts",
	.rules = kp_link_rules,
	.gate = KP_CAP_NET_ADMIN | KP_CAP_NET_RAW,
};

/* --- controls --- */

static void run_wire(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const bool *nobody = row->arg;
	/* Out of the wire itself it comes once; a network that neither node has is not sent to at all. */
	struct kp_pair_shot s = { .net = KP_NET_WIRE, .len = SHORT, .out_if = kp_pair_wire[KP_THERE].index, .marks = true };
	char text[KP_TEXT];
	int rc;

	ctx->extack[0] = '\0';
	if (!kp_pair_setup(ctx, res))
		return;
	if (*nobody)
		s.out_if = 1; /* lo, by which nothing comes */
	rc = kp_pair_shoot(&s);
	if (rc)
		return kp_fail(ctx, res, "packet", KP_CALL_PLAIN, -rc);
	if (s.heard.out)
		return kp_works(res, "packet");
	tell(&s, "it at the other node", text, sizeof(text));
	if (*nobody && s.heard.socket)
		kp_absent(res, "packet", "it did not come by that device, as it must not");
	else
		kp_broken(res, "packet", text);
}

static const struct kp_method by_wire = {
	.run = run_wire,
	.asks = "a UDP packet from one namespace to the other over the wire between them",
	.proves = "works: it came in by the device that was named, with a right checksum",
	.gate = KP_CAP_NET_ADMIN | KP_CAP_NET_RAW,
};

/* clang-format off */
#define TUNNEL(...) .by = &by_tunnel, .arg = &(const struct arg){ __VA_ARGS__ }
#define IPIP .modules = "ipip", .kconfig = "CONFIG_NET_IPIP", .since = "3.8", .needs = "link.veth link.ipip"
#define VXLAN4 .modules = "vxlan", .kconfig = "CONFIG_VXLAN", .since = "3.9"
#define VXLAN6 .modules = "vxlan", .kconfig = "CONFIG_VXLAN CONFIG_IPV6", .since = "3.11", .needs = "link.veth link.vxlan.inet6 flow.node.ipv6"
#define WG .modules = "wireguard", .kconfig = "CONFIG_WIREGUARD", .since = "5.6"
#define WG4 WG, .needs = "link.veth link.wireguard.configure"
#define WG6 WG, .needs = "link.veth link.wireguard.configure flow.node.ipv6"

static const struct kp_probe rows[] = {
	{ .id = "flow.tunnel.control.negative", .title = "a packet by a device that it does not come by", .control = KP_NEGATIVE, .modules = "veth af_packet", .by = &by_wire,
	  .arg = &(const bool){ true } },
	{ .id = "flow.tunnel.control.positive", .title = "a packet over the wire between two nodes", .control = KP_POSITIVE,
	  .modules = "veth af_packet", .kconfig = "CONFIG_VETH CONFIG_PACKET", .by = &by_wire, .arg = &(const bool){ false } },

	{ .id = "flow.tunnel.ipip.ipv4", .title = "a packet through IP in IP", IPIP, TUNNEL(&kp_tunnel_ipip, .sabotage = KP_WRONG_NODE) },
	{ .id = "flow.tunnel.ipip.ipv4.mtu", .title = "IP in IP: 1480 bytes fit, 1481 are refused", IPIP, TUNNEL(&kp_tunnel_ipip, .aspect = LARGEST) },
	{ .id = "flow.tunnel.ipip.ipv4.tcp", .title = "TCP through IP in IP", IPIP, TUNNEL(&kp_tunnel_ipip, .aspect = STREAM) },

	{ .id = "flow.tunnel.vxlan.ipv4", .title = "a packet through VXLAN over IPv4", VXLAN4, .needs = "link.veth link.vxlan.inet",
	  TUNNEL(&kp_tunnel_vxlan4, .sabotage = KP_WRONG_ID) },
	{ .id = "flow.tunnel.vxlan.ipv4.mtu", .title = "VXLAN over IPv4: 1450 bytes fit, 1451 are refused", VXLAN4, .needs = "link.veth link.vxlan.inet",
	  TUNNEL(&kp_tunnel_vxlan4, .aspect = LARGEST) },
	{ .id = "flow.tunnel.vxlan.ipv4.tcp", .title = "TCP through VXLAN over IPv4", VXLAN4, .needs = "link.veth link.vxlan.inet",
	  TUNNEL(&kp_tunnel_vxlan4, .aspect = STREAM) },
	{ .id = "flow.tunnel.vxlan.ipv4.inner-ipv6", .title = "an IPv6 packet through VXLAN over IPv4", VXLAN4, .needs = "link.veth link.vxlan.inet flow.node.ipv6",
	  TUNNEL(&kp_tunnel_vxlan4, .v6 = true, .sabotage = KP_WRONG_NODE) },
	{ .id = "flow.tunnel.vxlan.ipv6", .title = "an IPv6 packet through VXLAN over IPv6", VXLAN6, TUNNEL(&kp_tunnel_vxlan6, .v6 = true, .sabotage = KP_WRONG_ID) },
	{ .id = "flow.tunnel.vxlan.ipv6.mtu", .title = "VXLAN over IPv6: 1430 bytes fit, 1431 are refused", VXLAN6,
	  TUNNEL(&kp_tunnel_vxlan6, .v6 = true, .aspect = LARGEST) },
	{ .id = "flow.tunnel.vxlan.ipv6.tcp", .title = "TCP through VXLAN over IPv6", VXLAN6, TUNNEL(&kp_tunnel_vxlan6, .v6 = true, .aspect = STREAM) },
	{ .id = "flow.tunnel.vxlan.ipv6.inner-ipv4", .title = "an IPv4 packet through VXLAN over IPv6", VXLAN6,
	  TUNNEL(&kp_tunnel_vxlan6, .sabotage = KP_WRONG_NODE) },
	{ .id = "flow.tunnel.vxlan.metadata", .title = "a packet through VXLAN to where a BPF program says", .modules = "vxlan sch_ingress cls_bpf",
	  .kconfig = "CONFIG_VXLAN CONFIG_BPF_SYSCALL CONFIG_NET_CLS_BPF", .since = "4.6",
	  .needs = "link.veth link.vxlan.collect-metadata attach.tc.egress bpf.helper.sched_cls.skb_set_tunnel_key",
	  TUNNEL(&kp_tunnel_vxlan_md, .sabotage = KP_WRONG_ID) },

	{ .id = "flow.tunnel.wireguard.ipv4", .title = "a packet through WireGuard over IPv4", WG4, TUNNEL(&kp_tunnel_wg4, .sabotage = KP_WRONG_ID) },
	{ .id = "flow.tunnel.wireguard.ipv4.mtu", .title = "WireGuard over IPv4: 1440 bytes fit, 1441 are refused", WG4, TUNNEL(&kp_tunnel_wg4, .aspect = LARGEST) },
	{ .id = "flow.tunnel.wireguard.ipv4.tcp", .title = "TCP through WireGuard over IPv4", WG4, TUNNEL(&kp_tunnel_wg4, .aspect = STREAM) },
	{ .id = "flow.tunnel.wireguard.ipv4.inner-ipv6", .title = "an IPv6 packet through WireGuard over IPv4", WG6,
	  TUNNEL(&kp_tunnel_wg4, .v6 = true, .sabotage = KP_WRONG_ID) },
	{ .id = "flow.tunnel.wireguard.ipv6", .title = "an IPv6 packet through WireGuard over IPv6", WG6, TUNNEL(&kp_tunnel_wg6, .v6 = true, .sabotage = KP_WRONG_ID) },
	{ .id = "flow.tunnel.wireguard.ipv6.mtu", .title = "WireGuard over IPv6: 1420 bytes fit, 1421 are refused", WG6,
	  TUNNEL(&kp_tunnel_wg6, .v6 = true, .aspect = LARGEST) },
	{ .id = "flow.tunnel.wireguard.ipv6.tcp", .title = "TCP through WireGuard over IPv6", WG6, TUNNEL(&kp_tunnel_wg6, .v6 = true, .aspect = STREAM) },
	{ .id = "flow.tunnel.wireguard.ipv6.inner-ipv4", .title = "an IPv4 packet through WireGuard over IPv6", WG6,
	  TUNNEL(&kp_tunnel_wg6, .sabotage = KP_WRONG_ID) },
};
/* clang-format on */

const struct kp_family kp_family_flow_tunnel = {
	.name = "flow.tunnel",
	.title = "Packets through tunnels",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
