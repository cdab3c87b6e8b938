/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A row: its packets without the object, the object, its packets with it. */
#include "flow.h"

#include <errno.h>
#include <string.h>

static uint16_t fresh_port(void)
{
	static uint16_t port = 40000;

	return port = port > 60000 ? 40000 : port + 1;
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_GRE:
		return "gre";
	default:
		return "ip";
	}
}

/* "udp pod:40001 > far:7777" */
static void name_packet(char *text, size_t size, const struct kp_pkt *p, bool ttl)
{
	kp_cat(text, size, proto_name(p->proto));
	if (p->proto == IPPROTO_ICMP) {
		kp_cat(text, size, " ");
		kp_cat_u(text, size, p->sport);
		kp_cat(text, size, "/");
		kp_cat_u(text, size, p->dport);
	}
	if (p->proto == IPPROTO_TCP && p->flags & KP_TCP_RST)
		kp_cat(text, size, " reset");
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t addr = i ? p->dst : p->src;
		uint16_t port = i ? p->dport : p->sport;

		kp_cat(text, size, i ? " > " : " ");
		kp_cat(text, size, addr ? kp_flow_addr_name(addr) : "any");
		if (p->proto == IPPROTO_ICMP || !port)
			continue;
		kp_cat(text, size, ":");
		if (port >= KP_OTHER_PORT)
			kp_cat(text, size, port == KP_ANY_PORT ? "any" : "another");
		else
			kp_cat_u(text, size, port);
	}
	if (p->tos) {
		kp_cat(text, size, " tos ");
		kp_cat_u(text, size, p->tos);
	}
	if (ttl) {
		kp_cat(text, size, " ttl ");
		kp_cat_u(text, size, p->ttl);
	}
}

static const char *where(uint8_t at)
{
	return at == KP_AT_POD ? " at the pod" : at == KP_AT_FAR ? " at the far end" : "";
}

static const char *framed(bool others)
{
	return others ? " in a frame for another" : " in a frame for it";
}

/* What a wanted fate says, filled up with what was sent. */
static void name_fate(char *text, size_t size, const struct kp_flow *f, const struct kp_fate *want)
{
	struct kp_pkt p = want->as;

	if (want->at == KP_LOST) {
		kp_cat(text, size, "lost");
		return;
	}
	if (!p.proto)
		p.proto = f->sent.proto;
	if (!p.dst)
		p.dst = f->sent.dst;
	if (p.proto == f->sent.proto) {
		p.src = p.src ? p.src : f->sent.src;
		p.sport = p.sport ? p.sport : f->sent.sport;
		p.dport = p.dport ? p.dport : f->sent.dport;
	}
	name_packet(text, size, &p, want->as.ttl);
	kp_cat(text, size, where(KP_AT(want->at)));
	if (want->at & (KP_IN_OUR_FRAME | KP_IN_ANOTHERS))
		kp_cat(text, size, framed(want->at & KP_IN_ANOTHERS));
}

static void name_heard(char *text, size_t size, const struct kp_flow *f, const struct kp_fate *want)
{
	const struct kp_heard *h = &f->heard[0];

	if (!f->n_heard) {
		kp_cat(text, size, "it came out nowhere");
		return;
	}
	kp_cat(text, size, "came ");
	if (f->n_heard > 1) {
		kp_cat_u(text, size, f->n_heard);
		kp_cat(text, size, " packets, the first ");
	}
	name_packet(text, size, &h->pkt, want->as.ttl);
	if (h->bad_checksum)
		kp_cat(text, size, " with a wrong checksum");
	kp_cat(text, size, where(h->at));
	if (want->at & (KP_IN_OUR_FRAME | KP_IN_ANOTHERS))
		kp_cat(text, size, framed(h->others));
}

/* What became of a packet, against what was to: "sent …, expected …; came …". @expected: the latter two, or NULL. */
static void tell(struct kp_flow *f, const struct kp_fate *want, const char *expected, char *text, size_t size)
{
	kp_copy(text, size, "sent ");
	name_packet(text, size, &f->sent, false);
	kp_cat(text, size, ", expected ");
	if (expected) {
		kp_cat(text, size, expected);
		return;
	}
	name_fate(text, size, f, want);
	kp_cat(text, size, "; ");
	name_heard(text, size, f, want);
}

void kp_flow_stuck(struct kp_flow *f, const char *step, int rc)
{
	char name[16];

	kp_unknown(f->res, step,
		   rc == -ETIMEDOUT ? "the node that was made for this run does not answer an echo request: run again" : "");
	f->res->err = -rc;
	if (rc != -ETIMEDOUT)
		kp_cat(f->res->reason, sizeof(f->res->reason), kp_errno_name(-rc, name));
}

void kp_flow_unmade(struct kp_ctx *ctx, struct kp_result *res, const char *step, int rc)
{
	kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
	if (rc == -EOPNOTSUPP)
		kp_unknown(res, step, "the node that packets go through is made of veth pairs, and there are none: see link.veth");
	res->err = -rc;
}

static bool same_fate(const struct kp_fate *a, const struct kp_fate *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void turn_round(struct kp_pkt *to, const struct kp_pkt *came)
{
	to->src = came->dst;
	to->dst = came->src;
	to->sport = came->dport;
	to->dport = came->sport;
}

/* Sends what the step says. Returns 0 or -errno. */
static int take(struct kp_flow *f, const struct kp_flow_step *s, bool with)
{
	struct kp_pkt before = f->sent, came = f->n_heard ? f->heard[0].pkt : before;
	const struct kp_fate *want = with ? &s->with : &s->without;

	f->sent = s->send;
	if (!f->sent.proto)
		f->sent.proto = before.proto;
	f->ack = f->sent.flags & KP_TCP_ACK ? f->next[s->from == KP_AT_POD] : 0;
	f->quoted = (struct kp_pkt){ 0 };
	if (s->quote)
		f->quoted = came;
	if (s->same) {
		f->sent.src = before.src;
		f->sent.dst = before.dst;
	}
	if (s->again || s->same) {
		f->sent.sport = before.sport;
		f->sent.dport = before.dport;
	}
	if (s->reply)
		turn_round(&f->sent, &came);
	if (!f->sent.sport && f->sent.proto != IPPROTO_ICMP && f->sent.proto != IPPROTO_GRE)
		f->sent.sport = fresh_port();
	return kp_flow_send(f, s->from, want);
}

bool kp_flow_walk(struct kp_flow *f, const struct kp_flow_object *by, bool with)
{
	struct kp_result *res = f->res;

	for (const struct kp_flow_step *s = f->arg->steps; s->from; s++) {
		const struct kp_fate *want = with ? &s->with : &s->without;
		const char *expected = NULL;
		char text[KP_TEXT];
		int rc;

		if (s->after && !with)
			continue;
		rc = take(f, s, with);
		/* A port that is drawn may be the one that there was, once in 64,512: the next draw tells. */
		if (!rc && with && want->as.sport == KP_OTHER_PORT && !kp_flow_is(f, want))
			rc = take(f, s, with);
		if (rc) {
			kp_flow_stuck(f, with ? "packet" : "control", rc);
			return false;
		}
		if (kp_flow_is(f, want)) {
			expected = s->see ? by->see(f, s, with) : NULL;
			if (!expected)
				continue;
		}
		tell(f, want, expected, text, sizeof(text));
		if (with) {
			kp_broken(res, "packet", text);
		} else {
			kp_unknown(res, "control", "without what is asked for: ");
			kp_cat(res->reason, sizeof(res->reason), text);
		}
		return false;
	}
	return true;
}

static bool proves(const struct kp_flow_arg *arg)
{
	for (const struct kp_flow_step *s = arg->steps; s->from; s++)
		if (!s->after && (s->see || !same_fate(&s->without, &s->with)))
			return true;
	return false;
}

static void run_row(struct kp_flow *f, const struct kp_flow_object *by)
{
	const void *what = f->arg->what;
	bool fine;

	if (by && by->prepare && !by->prepare(f, what))
		return;
	if (!f->controlled && !kp_flow_walk(f, by, false))
		return;
	if (by && !by->put(f, what))
		return;
	fine = !by || kp_flow_walk(f, by, true);
	if (by && by->remove)
		by->remove(f, what);
	if (fine)
		kp_works(f->res, "packet");
}

void kp_flow_run_by(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res, const struct kp_flow_object *by)
{
	const struct kp_flow_arg *arg = row->arg;
	struct kp_flow f = { .ctx = ctx, .res = res, .arg = arg, .v6 = arg->v6, .fd = -1 };

	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	if (by && !proves(arg))
		return kp_unknown(res, "control", "no packet of this row fares differently without its object: please report it");
	run_row(&f, by);
	kp_closep(&f.fd);
}

void kp_flow_run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_flow_run_by(ctx, row, res, ((const struct kp_flow_arg *)row->arg)->by);
}
