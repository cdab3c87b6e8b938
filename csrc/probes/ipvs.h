/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The ipvs family's own: its numbers, the talk with generic netlink, and a service as a row describes it. */
#ifndef KP_PROBES_IPVS_H
#define KP_PROBES_IPVS_H

#include "../genl.h"

/* include/uapi/linux/ip_vs.h */
enum {
	KP_IPVS_CMD_NEW_SERVICE = 1,
	KP_IPVS_CMD_GET_SERVICE = 4,
	KP_IPVS_CMD_NEW_DEST = 5,
	KP_IPVS_CMD_GET_DEST = 8,
	KP_IPVS_CMD_GET_CONFIG = 13,
	KP_IPVS_CMD_GET_INFO = 15,
	KP_IPVS_ATTR_SERVICE = 1,
	KP_IPVS_ATTR_DEST = 2,
	KP_IPVS_ATTR_TIMEOUT_TCP = 4,
	KP_IPVS_ATTR_TIMEOUT_UDP = 6,
	KP_IPVS_SVC_AF = 1,
	KP_IPVS_SVC_PROTOCOL = 2,
	KP_IPVS_SVC_ADDR = 3,
	KP_IPVS_SVC_PORT = 4,
	KP_IPVS_SVC_SCHED_NAME = 6,
	KP_IPVS_SVC_FLAGS = 7,
	KP_IPVS_SVC_TIMEOUT = 8,
	KP_IPVS_SVC_NETMASK = 9,
	KP_IPVS_DEST_ADDR = 1,
	KP_IPVS_DEST_PORT = 2,
	KP_IPVS_DEST_FWD_METHOD = 3,
	KP_IPVS_DEST_WEIGHT = 4,
	KP_IPVS_DEST_U_THRESH = 5,
	KP_IPVS_DEST_L_THRESH = 6,
	KP_IPVS_INFO_VERSION = 1,
	KP_IPVS_INFO_CONN_TAB_SIZE = 2,
	KP_IPVS_F_PERSISTENT = 1,
	KP_IPVS_FWD_MASQ = 0,
	KP_IPVS_VERSION = 1,
};

struct kp_ipvs_service {
	const char *sched;
	uint16_t family;
	uint16_t protocol;
	uint16_t port;       /* one of its own for each row: they share the worker's namespace */
	uint32_t persistent; /* timeout, 0: not persistent */
};

struct kp_ipvs {
	struct kp_ctx *ctx;
	int genl, id;
	const struct kp_ipvs_service *s;
};

/* Opens the talk about row's .arg; false when the row is answered. */
bool kp_ipvs_start(struct kp_ipvs *t, struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res);

/* Opens a request in @b. */
void kp_ipvs_request(struct kp_ipvs *t, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags);

extern const struct kp_method kp_ipvs_by_service; /* struct kp_ipvs_service */

#endif
