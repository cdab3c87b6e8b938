/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The other process of the tests: makes links, nft tables and ipsets in the namespace it is run in, and tells whether they
 * are still there. Static, for guests that have nothing but busybox.
 *
 *	mkdev link KIND NAME    mkdev table NAME    mkdev set NAME      0: made
 *	mkdev has-table NAME    mkdev has-set NAME                      0: there
 *	mkdev list all          one a line: what of nf_tables, IP sets and BPF is there; loads nothing
 *
 * Any other exit status is the kernel's errno (255: usage).
 */
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

/* <linux/netfilter/ipset/ip_set.h>, in the few numbers needed */
enum {
	SET_CREATE = 2,
	SET_LIST = 7,
	SET_HEADER = 12,
	SET_PROTOCOL = 1,
	SET_NAME = 2,
	SET_TYPE = 3,
	SET_REVISION = 4,
	SET_FAMILY = 5,
	SET_DATA = 7
};

#define INET 2 /* NFPROTO_IPV4 */

struct buffer {
	_Alignas(8) char bytes[4096];
	size_t len;
	size_t message; /* where the open message starts */
};

static void *grow(struct buffer *b, size_t len)
{
	void *at = b->bytes + b->len;

	b->len += NLMSG_ALIGN(len); /* the callers' messages are a few hundred bytes */
	return at;
}

static void *open_message(struct buffer *b, uint16_t type, uint16_t flags, size_t head)
{
	struct nlmsghdr *nlh;

	b->message = b->len;
	nlh = grow(b, sizeof(*nlh));
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	return grow(b, head);
}

static void close_message(struct buffer *b)
{
	((struct nlmsghdr *)(b->bytes + b->message))->nlmsg_len = (uint32_t)(b->len - b->message);
}

static struct nlattr *put(struct buffer *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = grow(b, NLA_HDRLEN + len);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	return attr;
}

static void put_string(struct buffer *b, uint16_t type, const char *text)
{
	put(b, type, text, strlen(text) + 1);
}

static void end_nest(struct buffer *b, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)(b->bytes + b->len - (char *)nest);
}

/* Sends the buffer; the answer is the errno of the first acknowledgement, or 0 for any other message. */
static int ask(int protocol, const struct buffer *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_Alignas(8) char answer[8192];
	const struct nlmsghdr *nlh = (const void *)answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0 || sendto(fd, b->bytes, b->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return errno;
	if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)sizeof(*nlh))
		return errno ? errno : EIO;
	close(fd);
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return -((const struct nlmsgerr *)NLMSG_DATA(nlh))->error;
	return 0;
}

static int make_link(const char *kind, const char *name)
{
	struct buffer b = { .len = 0 };
	struct nlattr *info, *data, *peer;
	uint32_t vni = 99;

	open_message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(struct ifinfomsg));
	put_string(&b, IFLA_IFNAME, name);
	info = put(&b, IFLA_LINKINFO, NULL, 0);
	put_string(&b, IFLA_INFO_KIND, kind);
	data = put(&b, IFLA_INFO_DATA, NULL, 0);
	if (!strcmp(kind, "vxlan"))
		put(&b, IFLA_VXLAN_ID, &vni, sizeof(vni));
	if (!strcmp(kind, "veth")) {
		char other[IFNAMSIZ];

		snprintf(other, sizeof(other), "%.13s.p", name);
		peer = put(&b, VETH_INFO_PEER, NULL, 0);
		grow(&b, sizeof(struct ifinfomsg));
		put_string(&b, IFLA_IFNAME, other);
		end_nest(&b, peer);
	}
	end_nest(&b, data);
	end_nest(&b, info);
	close_message(&b);
	return ask(NETLINK_ROUTE, &b);
}

static void netfilter(struct buffer *b, int subsystem, int type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nfgenmsg *head = open_message(b, (uint16_t)(subsystem << 8 | type), flags, sizeof(*head));

	head->nfgen_family = family;
	head->version = NFNETLINK_V0;
	head->res_id = (uint16_t)(resource << 8); /* big-endian, and below 256 */
}

static int make_table(const char *name)
{
	struct buffer b = { .len = 0 };

	netfilter(&b, 0, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	close_message(&b);
	netfilter(&b, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, INET, 0);
	put_string(&b, NFTA_TABLE_NAME, name);
	close_message(&b);
	netfilter(&b, 0, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	close_message(&b);
	return ask(NETLINK_NETFILTER, &b);
}

static int has_table(const char *name)
{
	struct buffer b = { .len = 0 };

	netfilter(&b, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, 0, INET, 0);
	put_string(&b, NFTA_TABLE_NAME, name);
	close_message(&b);
	return ask(NETLINK_NETFILTER, &b);
}

static int set(const char *name, int command)
{
	struct buffer b = { .len = 0 };
	uint8_t protocol = 6, revision = 0, family = INET;

	netfilter(&b, NFNL_SUBSYS_IPSET, command, command == SET_CREATE ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK : 0, INET, 0);
	put(&b, SET_PROTOCOL, &protocol, sizeof(protocol));
	put_string(&b, SET_NAME, name);
	if (command == SET_CREATE) {
		put_string(&b, SET_TYPE, "hash:ip");
		put(&b, SET_REVISION, &revision, sizeof(revision));
		put(&b, SET_FAMILY, &family, sizeof(family));
		put(&b, SET_DATA | NLA_F_NESTED, NULL, 0);
	}
	close_message(&b);
	return ask(NETLINK_NETFILTER, &b);
}

/* Prints how many answers a dump has, and the last four bytes of the first: of NFT_MSG_GETGEN, the generation of the rules. */
static int count(const char *what, int subsystem, int type, uint16_t flags)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct buffer b = { .len = 0 };
	_Alignas(8) char answer[65536];
	unsigned int n = 0, more = 1, last = 0;
	uint8_t protocol = 6;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	netfilter(&b, subsystem, type, flags, AF_UNSPEC, 0);
	if (subsystem == NFNL_SUBSYS_IPSET)
		put(&b, SET_PROTOCOL, &protocol, sizeof(protocol));
	close_message(&b);
	if (fd < 0 || sendto(fd, b.bytes, b.len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return errno;
	while (more) {
		ssize_t len = recv(fd, answer, sizeof(answer), 0);
		const struct nlmsghdr *nlh = (const void *)answer;

		if (len <= 0)
			return errno ? errno : EIO;
		for (more = flags & NLM_F_DUMP; NLMSG_OK(nlh, (size_t)len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return -((const struct nlmsgerr *)NLMSG_DATA(nlh))->error;
			if (nlh->nlmsg_type == NLMSG_DONE)
				more = 0;
			else if (!n++ && !more && nlh->nlmsg_len >= 28) /* two heads, and one attribute of four bytes */
				memcpy(&last, (const char *)nlh + 24, sizeof(last));
		}
	}
	close(fd);
	printf("%s %u %08x\n", what, n, last);
	return 0;
}

static void objects(const char *what, unsigned int next_id)
{
	union bpf_attr attr = { .start_id = 0 };

	for (; !syscall(SYS_bpf, next_id, &attr, sizeof(attr)); attr.start_id = attr.next_id)
		printf("%s %u\n", what, attr.next_id);
}

static int list(void)
{
	int err = 0;

	objects("bpf-program", BPF_PROG_GET_NEXT_ID);
	objects("bpf-map", BPF_MAP_GET_NEXT_ID);
	objects("bpf-link", BPF_LINK_GET_NEXT_ID);
	if (!access("/sys/module/nf_tables", F_OK))
		err = count("nft-generation", NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, 0);
	if (!err && !access("/sys/module/nf_tables", F_OK))
		err = count("nft-tables", NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NLM_F_DUMP);
	if (!err && !access("/sys/module/ip_set", F_OK))
		err = count("ip-sets", NFNL_SUBSYS_IPSET, SET_LIST, NLM_F_DUMP);
	return err;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int err = 255;

	if (!strcmp(what, "link") && argc == 4)
		err = make_link(argv[2], argv[3]);
	else if (!strcmp(what, "table"))
		err = make_table(argv[2]);
	else if (!strcmp(what, "has-table"))
		err = has_table(argv[2]);
	else if (!strcmp(what, "set"))
		err = set(argv[2], SET_CREATE);
	else if (!strcmp(what, "has-set"))
		err = set(argv[2], SET_HEADER);
	else if (!strcmp(what, "list"))
		err = list();
	if (err)
		fprintf(stderr, "mkdev %s: %s\n", what, strerror(err));
	return err;
}
