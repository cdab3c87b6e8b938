/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include <errno.h>

#include <linux/genetlink.h>

#include "genl.h"

static bool take_id(const struct nlmsghdr *msg, void *arg)
{
	size_t len;
	const void *id = kp_nl_attr(msg, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID, &len);

	if (id && len == 2)
		*(int *)arg = kp_get_u16(id);
	return false;
}

void kp_genl_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, int id, uint8_t cmd, uint8_t version, uint16_t flags)
{
	const struct genlmsghdr hdr = { .cmd = cmd, .version = version };

	kp_nl_msg(ctx, b, (uint16_t)id, flags, &hdr, sizeof(hdr));
}

int kp_genl_family(struct kp_ctx *ctx, int genl, const char *name)
{
	struct kp_nlbuf b;
	int id = -ENOENT, rc;

	kp_nl_init(&b);
	kp_genl_msg(ctx, &b, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	kp_nl_str(&b, CTRL_ATTR_FAMILY_NAME, name);
	rc = kp_nl_query(ctx, genl, &b, take_id, &id);
	return rc ? rc : id;
}
