/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A service of IPVS with two destinations: made, and read back. */
#include "ipvs.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>

#define DEST_PORT 8080

/* RFC 5737, RFC 3849. */
static const unsigned char service4[16] = { 198, 51, 100, 10 };
static const unsigned char service6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 10 };
static const unsigned char dest4[2][16] = { { 192, 0, 2, 11 }, { 192, 0, 2, 12 } };
static const unsigned char dest6[2][16] = { { 0x20, 0x01, 0x0d, 0xb8, 1, [15] = 11 }, { 0x20, 0x01, 0x0d, 0xb8, 1, [15] = 12 } };
static const uint32_t weight[2] = { 1, 2 };

static void put_service(struct kp_ipvs *t, struct kp_nlbuf *b, bool full)
{
	const struct kp_ipvs_service *s = t->s;
	const uint32_t flags[2] = { s->persistent ? KP_IPVS_F_PERSISTENT : 0, UINT32_MAX };
	size_t nest = kp_nl_nest(b, KP_IPVS_ATTR_SERVICE | NLA_F_NESTED);

	kp_nl_u16(b, KP_IPVS_SVC_AF, s->family);
	kp_nl_u16(b, KP_IPVS_SVC_PROTOCOL, s->protocol);
	kp_nl_put(b, KP_IPVS_SVC_ADDR, s->family == AF_INET ? service4 : service6, 16);
	kp_nl_be16(b, KP_IPVS_SVC_PORT, s->port);
	if (full) {
		kp_nl_str(b, KP_IPVS_SVC_SCHED_NAME, s->sched);
		kp_nl_put(b, KP_IPVS_SVC_FLAGS, flags, sizeof(flags));
		kp_nl_u32(b, KP_IPVS_SVC_TIMEOUT, s->persistent);
		/* A mask for IPv4, a prefix length in the host's order for IPv6 (ip_vs_add_service()). */
		kp_nl_u32(b, KP_IPVS_SVC_NETMASK, s->family == AF_INET ? UINT32_MAX : 128);
	}
	kp_nl_end(b, nest);
}

static void put_dest(struct kp_ipvs *t, struct kp_nlbuf *b, unsigned int i)
{
	size_t nest = kp_nl_nest(b, KP_IPVS_ATTR_DEST | NLA_F_NESTED);

	kp_nl_put(b, KP_IPVS_DEST_ADDR, t->s->family == AF_INET ? dest4[i] : dest6[i], 16);
	kp_nl_be16(b, KP_IPVS_DEST_PORT, DEST_PORT);
	kp_nl_u32(b, KP_IPVS_DEST_FWD_METHOD, KP_IPVS_FWD_MASQ);
	kp_nl_u32(b, KP_IPVS_DEST_WEIGHT, weight[i]);
	kp_nl_u32(b, KP_IPVS_DEST_U_THRESH, 0);
	kp_nl_u32(b, KP_IPVS_DEST_L_THRESH, 0);
	kp_nl_end(b, nest);
}

/* What was read back. */
struct seen {
	const struct kp_ipvs_service *s;
	unsigned int messages, dests; /* dests: a bit for each of ours */
	const char *wrong;
};

static bool take_service(const struct nlmsghdr *msg, void *arg)
{
	struct seen *w = arg;
	const struct kp_ipvs_service *s = w->s;
	size_t len, n;
	const void *svc = kp_nl_attr(msg, GENL_HDRLEN, KP_IPVS_ATTR_SERVICE, &len);
	const void *af, *protocol, *addr, *port, *flags, *timeout;
	const char *sched;
	size_t addr_len = s->family == AF_INET ? 4 : 16;

	w->messages++;
	if (!svc) {
		w->wrong = "the answer has no service";
		return false;
	}
	af = kp_nl_find(svc, len, KP_IPVS_SVC_AF, NULL);
	protocol = kp_nl_find(svc, len, KP_IPVS_SVC_PROTOCOL, NULL);
	port = kp_nl_find(svc, len, KP_IPVS_SVC_PORT, NULL);
	flags = kp_nl_find(svc, len, KP_IPVS_SVC_FLAGS, NULL);
	timeout = kp_nl_find(svc, len, KP_IPVS_SVC_TIMEOUT, NULL);
	addr = kp_nl_find(svc, len, KP_IPVS_SVC_ADDR, &n);
	if (!af || kp_get_u16(af) != s->family || !addr || n < addr_len ||
	    memcmp(addr, s->family == AF_INET ? service4 : service6, addr_len))
		w->wrong = "not the address that was set";
	else if (!protocol || kp_get_u16(protocol) != s->protocol || !port || kp_get_be16(port) != s->port)
		w->wrong = "not the protocol and port that were set";
	sched = kp_nl_find(svc, len, KP_IPVS_SVC_SCHED_NAME, &n);
	if (!w->wrong && (!sched || n != strlen(s->sched) + 1 || memcmp(sched, s->sched, n)))
		w->wrong = "not the scheduler that was set";
	if (!w->wrong && (!flags || !(kp_get_u32(flags) & KP_IPVS_F_PERSISTENT) != !s->persistent))
		w->wrong = "not the persistence that was set";
	if (!w->wrong && s->persistent && (!timeout || kp_get_u32(timeout) != s->persistent))
		w->wrong = "not the persistence timeout that was set";
	return false;
}

static bool take_dest(const struct nlmsghdr *msg, void *arg)
{
	struct seen *w = arg;
	size_t len, n, addr_len = w->s->family == AF_INET ? 4 : 16;
	const void *dest = kp_nl_attr(msg, GENL_HDRLEN, KP_IPVS_ATTR_DEST, &len);
	const void *addr = dest ? kp_nl_find(dest, len, KP_IPVS_DEST_ADDR, &n) : NULL;
	const void *port = dest ? kp_nl_find(dest, len, KP_IPVS_DEST_PORT, NULL) : NULL;
	const void *fwd = dest ? kp_nl_find(dest, len, KP_IPVS_DEST_FWD_METHOD, NULL) : NULL;
	const void *w8 = dest ? kp_nl_find(dest, len, KP_IPVS_DEST_WEIGHT, NULL) : NULL;

	w->messages++;
	if (!addr || n < addr_len || !port || kp_get_be16(port) != DEST_PORT || !fwd || kp_get_u32(fwd) != KP_IPVS_FWD_MASQ || !w8)
		return true;
	for (unsigned int i = 0; i < 2; i++)
		if (!memcmp(addr, w->s->family == AF_INET ? dest4[i] : dest6[i], addr_len) && kp_get_u32(w8) == weight[i])
			w->dests |= 1u << i;
	return true;
}

static void run_service(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct seen w = { .s = row->arg };
	struct kp_nlbuf b;
	struct kp_ipvs t;
	int rc;

	if (!kp_ipvs_start(&t, ctx, row, res))
		return;
	kp_ipvs_request(&t, &b, KP_IPVS_CMD_NEW_SERVICE, NLM_F_ACK);
	put_service(&t, &b, true);
	rc = kp_nl_talk(ctx, t.genl, &b);
	if (rc)
		return kp_fail(ctx, res, "IPVS_CMD_NEW_SERVICE", KP_CALL_PLAIN, -rc);
	for (unsigned int i = 0; i < 2; i++) {
		kp_ipvs_request(&t, &b, KP_IPVS_CMD_NEW_DEST, NLM_F_ACK);
		put_service(&t, &b, false);
		put_dest(&t, &b, i);
		rc = kp_nl_talk(ctx, t.genl, &b);
		if (rc)
			return kp_fail(ctx, res, "IPVS_CMD_NEW_DEST", KP_CALL_PLAIN, -rc);
	}
	kp_ipvs_request(&t, &b, KP_IPVS_CMD_GET_SERVICE, 0);
	put_service(&t, &b, false);
	rc = kp_nl_query(ctx, t.genl, &b, take_service, &w);
	if (rc)
		return kp_fail(ctx, res, "IPVS_CMD_GET_SERVICE", KP_CALL_PLAIN, -rc);
	if (w.messages != 1 || w.wrong)
		return kp_broken(res, "IPVS_CMD_GET_SERVICE", w.wrong ? w.wrong : "the service that was made is not told");
	w.messages = 0;
	kp_ipvs_request(&t, &b, KP_IPVS_CMD_GET_DEST, NLM_F_DUMP);
	put_service(&t, &b, false);
	rc = kp_nl_query(ctx, t.genl, &b, take_dest, &w);
	if (rc)
		return kp_fail(ctx, res, "IPVS_CMD_GET_DEST", KP_CALL_PLAIN, -rc);
	if (w.messages != 2 || w.dests != 3)
		return kp_broken(res, "IPVS_CMD_GET_DEST", "not the two destinations that were set, with their weights");
	kp_works(res, "IPVS_CMD_GET_DEST");
}

const struct kp_method kp_ipvs_by_service = {
	.run = run_service,
	.asks = "IPVS_CMD_NEW_SERVICE with the scheduler, IPVS_CMD_NEW_DEST of two destinations by masquerading with weights 1 "
		"and 2, IPVS_CMD_GET_SERVICE, IPVS_CMD_GET_DEST",
	.proves =
		"works: the service is told with its scheduler, and both destinations with their weights; absent: ENOENT, no such "
		"scheduler; broken: something else is told",
	/* ip_vs_add_service() after request_module("ip_vs_NAME"); what is not there when it is read back is ESRCH. */
	.rules =
		(const struct kp_rule[]){ { ENOENT, KP_ABSENT, "IPVS has no such scheduler, after asking for its module" },
					  { EAFNOSUPPORT, KP_ABSENT, "IPVS does not know this address family (CONFIG_IP_VS_IPV6)" },
					  { ESRCH, KP_BROKEN, "the service that was made is not found" },
					  { 0 } },
	.gate = KP_CAP_NET_ADMIN | KP_GATE_INIT,
};
