/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The netlink and socket-option numbers that the xt rows use, written down by us: the headers of 3.10 have no nf_tables. */
#ifndef KP_XT_ABI_NL_H
#define KP_XT_ABI_NL_H

#include <stdint.h>

/* ipset: getsockopt on any AF_INET socket, level IPPROTO_IP. */
#define KP_SO_IP_SET 83
#define KP_IP_SET_OP_GET_BYNAME 6
#define KP_IPSET_PROTOCOL 6

struct kp_ip_set_req {
	uint32_t op, version;
	union {
		char name[32];
		uint16_t index;
	} set;
};

#define KP_NFNL_IPSET 6
#define KP_IPSET_CMD_CREATE 2
#define KP_IPSET_CMD_DESTROY 3
#define KP_IPSET_CMD_ADD 9
#define KP_IPSET_ATTR_PROTOCOL 1
#define KP_IPSET_ATTR_SETNAME 2
#define KP_IPSET_ATTR_TYPENAME 3
#define KP_IPSET_ATTR_REVISION 4
#define KP_IPSET_ATTR_FAMILY 5
#define KP_IPSET_ATTR_DATA 7
#define KP_IPSET_ATTR_IP 1     /* in DATA */
#define KP_IPSET_ATTR_IPADDR 1 /* in IP; IPv6 is one more */
#define KP_IPSET_ERR_FIND_TYPE 4098

#define KP_NFNL_ACCT 7
#define KP_NFACCT_NEW 0
#define KP_NFACCT_DEL 3
#define KP_NFACCT_NAME 1

/* nfnetlink and nf_tables (v3.13, 96518518cc41). */
struct kp_nfgenmsg {
	uint8_t family, version;
	uint16_t res_id; /* network order */
};

#define KP_NFNL_BATCH_BEGIN 0x10
#define KP_NFNL_BATCH_END 0x11
#define KP_NFNL_NFTABLES 10
#define KP_NFNL_NFT_COMPAT 11

#define KP_NFT_NEWTABLE (KP_NFNL_NFTABLES << 8)
#define KP_NFT_NEWCHAIN (KP_NFNL_NFTABLES << 8 | 3)
#define KP_NFT_GETCHAIN (KP_NFNL_NFTABLES << 8 | 4)
#define KP_NFT_NEWRULE (KP_NFNL_NFTABLES << 8 | 6)
#define KP_NFT_GETRULE (KP_NFNL_NFTABLES << 8 | 7)
#define KP_NFT_DELRULE (KP_NFNL_NFTABLES << 8 | 8)

#define KP_NFTA_TABLE_NAME 1
#define KP_NFTA_CHAIN_TABLE 1
#define KP_NFTA_CHAIN_NAME 3
#define KP_NFTA_CHAIN_HOOK 4
#define KP_NFTA_CHAIN_POLICY 5
#define KP_NFTA_CHAIN_TYPE 7
#define KP_NFTA_HOOK_NUM 1
#define KP_NFTA_HOOK_PRIORITY 2
#define KP_NFTA_RULE_TABLE 1
#define KP_NFTA_RULE_CHAIN 2
#define KP_NFTA_RULE_EXPRESSIONS 4
#define KP_NFTA_RULE_COMPAT 5
#define KP_NFTA_RULE_COMPAT_PROTO 1
#define KP_NFTA_RULE_COMPAT_FLAGS 2
#define KP_NFTA_LIST_ELEM 1
#define KP_NFTA_EXPR_NAME 1
#define KP_NFTA_EXPR_DATA 2
#define KP_NFTA_XT_NAME 1 /* NFTA_MATCH_*, NFTA_TARGET_* */
#define KP_NFTA_XT_REV 2
#define KP_NFTA_XT_INFO 3
#define KP_NFTA_COMPAT_NAME 1
#define KP_NFTA_COMPAT_REV 2
#define KP_NFTA_COMPAT_TYPE 3 /* 0 match, 1 target */
#define KP_NFTA_IMMEDIATE_DREG 1
#define KP_NFTA_IMMEDIATE_DATA 2
#define KP_NFTA_DATA_VALUE 1
#define KP_NFTA_DATA_VERDICT 2
#define KP_NFTA_VERDICT_CODE 1
#define KP_NFTA_VERDICT_CHAIN 2
#define KP_NFTA_META_DREG 1
#define KP_NFTA_META_KEY 2
#define KP_NFTA_CMP_SREG 1
#define KP_NFTA_CMP_OP 2
#define KP_NFTA_CMP_DATA 3
#define KP_NFT_META_IIFNAME 6
#define KP_NFT_META_L4PROTO 16
#define KP_NFT_REG_1 1
#define KP_NFT_DROP 0
#define KP_NFT_ACCEPT 1
#define KP_NFT_JUMP (-3)
#define KP_NFT_GOTO (-4)
#define KP_NFT_RETURN (-5)

#endif
