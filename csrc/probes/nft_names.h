/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Texts of the nft family: expressions, chains, sets, interfaces. Rows' byte code has their numbers; a new one is one line here. */
#ifndef KP_PROBES_NFT_NAMES_H
#define KP_PROBES_NFT_NAMES_H

/* clang-format off */
#define KP_NFT_TEXTS(X) \
	X(Linux, "Linux") \
	X(anon_map, "__map%d") \
	X(anon_set, "__set%d") \
	X(api0, "API0|default.kprobe") \
	X(bitwise, "bitwise") \
	X(br0, "br0") \
	X(byteorder, "byteorder") \
	X(cali1, "cali1") \
	X(cali2, "cali2") \
	X(calico_packet, "calico-packet: ") \
	X(cmp, "cmp") \
	X(connlimit, "connlimit") \
	X(counter, "counter") \
	X(ct, "ct") \
	X(dup, "dup") \
	X(dynset, "dynset") \
	X(exthdr, "exthdr") \
	X(fib, "fib") \
	X(filter, "filter") \
	X(flow_offload, "flow_offload") \
	X(ftp, "ftp") \
	X(fwd, "fwd") \
	X(hash, "hash") \
	X(immediate, "immediate") \
	X(inner, "inner") \
	X(kp_base, "kp-base") \
	X(kp_flow, "kp-flow") \
	X(kp_obj, "kp-obj") \
	X(kp_set, "kp-set") \
	X(kp_to, "kp-to") \
	X(kpnone, "kpnone") \
	X(kp_dnat, "kp-dnat") \
	X(kp_forward, "kp-forward") \
	X(kp_mangle, "kp-mangle") \
	X(kp_raw, "kp-raw") \
	X(kp_snat, "kp-snat") \
	X(kpfar0, "kpfar0") \
	X(kppod0, "kppod0") \
	X(last, "last") \
	X(limit, "limit") \
	X(lo, "lo") \
	X(log, "log") \
	X(lookup, "lookup") \
	X(masq, "masq") \
	X(meta, "meta") \
	X(nat, "nat") \
	X(notrack, "notrack") \
	X(numgen, "numgen") \
	X(objref, "objref") \
	X(osf, "osf") \
	X(payload, "payload") \
	X(queue, "queue") \
	X(quota, "quota") \
	X(range, "range") \
	X(redir, "redir") \
	X(reject, "reject") \
	X(route, "route") \
	X(rt, "rt") \
	X(socket, "socket") \
	X(synproxy, "synproxy") \
	X(tproxy, "tproxy") \
	X(tunnel, "tunnel") \
	X(veth, "veth") \
	X(xfrm, "xfrm")
/* clang-format on */

#define KP_NFT_TEXT_ENUM(name, text) KP_NFT_TEXT_##name,
enum kp_nft_text { KP_NFT_TEXTS(KP_NFT_TEXT_ENUM) };
#undef KP_NFT_TEXT_ENUM

#endif
