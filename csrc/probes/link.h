/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Making links: what link.c, link_tun.c and wireguard.c share. */
#ifndef KP_PROBES_LINK_H
#define KP_PROBES_LINK_H

#include "../link.h"
#include "attr.h"

#define LO_INDEX 1

/* A link to be made: its kind and name, the attributes behind it, and what must be read back. */
struct link_arg {
	const char *kind;
	const char *name;
	/* Attributes of the message itself (MAC, queue counts); may be NULL. */
	void (*common)(struct kp_nlbuf *b);
	/* Attributes inside IFLA_INFO_DATA; may be NULL. */
	void (*data)(struct kp_nlbuf *b);
	/* The same as data, each of which must be read back. May be NULL. */
	const struct kp_attr *set;
	/* A veth that is made for it to lie over: its name, one a row, since a device carries one kind of upper. May be NULL. */
	const char *over;
	bool over_up; /* and it is set up: a VLAN cannot be up before */
	/* Looks at the link's RTM_NEWLINK: NULL, or what is not as it was asked for. May be NULL. */
	const char *(*check)(const struct nlmsghdr *msg);
	bool adopt;     /* EEXIST is fine: the device is there already (a tunnel's fallback device) */
	bool up;        /* and it is set up, which for tunnels is where sockets are made */
	uint16_t mtu;   /* set with it; 0: not */
};

/* What RTM_GETLINK showed. */
struct link_seen {
	const struct link_arg *arg;
	int index;         /* -1: nothing */
	bool kind;         /* it is of the kind in @arg */
	const char *wrong; /* what is not as in @arg, or NULL */
	uint16_t missing;  /* an attribute of @arg's .set that is not told at all, or 0 */
};

/* Asks for @a->name and compares. Returns 0 or -errno. */
int kp_link_look(struct kp_ctx *ctx, int rtnl, const struct link_arg *a, struct link_seen *s);

/* Returns 0 or -errno. */
int kp_link_mtu(struct kp_ctx *ctx, int rtnl, int index, uint32_t mtu);

/* Makes @a, reads it back, checks it. Returns its ifindex; or -1, and the row is answered. */
int kp_link_make(struct kp_ctx *ctx, struct kp_result *res, const struct link_arg *a);

/* The errnos of RTM_NEWLINK for a kind that is not there. */
extern const struct kp_rule kp_link_rules[];

/* Transmit checksum offload of the device whose name is the row's argument. */
extern const struct kp_method kp_link_tx_checksum;

/* What link_tun.c asks: a device by /dev/net/tun. */
struct tun_arg {
	const char *name;
	uint16_t flags; /* IFF_TUN, … */
};
extern const struct kp_method kp_link_tun;

/* The positive control of families that make links. */
extern const struct kp_method kp_link_change_lo;

/* Attribute of IFLA_INFO_DATA of a link's message, or NULL. */
const void *kp_link_data(const struct nlmsghdr *msg, uint16_t type, size_t *ret_len);

#endif
