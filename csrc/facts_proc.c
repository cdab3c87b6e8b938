/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Processes and sockets of the node: which of some named programs run, named flags of Kubernetes' own, who holds the ports that Calico
 * needs, and whether the clock is synchronised. Reads /proc; sends nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "factkit.h"
#include "facts.h"
#include "lines.h"

#define COMM 16 /* TASK_COMM_LEN; longer names are cut to 15 */

/* --- programs that run --- */

/* As /proc/PID/comm has them. Blank-separated. */
static const char programs[] =
	"NetworkManager systemd-network connmand wicked netplan firewalld shorewall ufw fail2ban-server crowdsec lfd csf "
	"kubelet kube-proxy kube-apiserver kube-controller etcd k3s-server k3s-agent rke2 containerd dockerd crio "
	"calico-node calico-felix calico-typha bird bird6 confd flanneld cilium-agent weaver kube-router "
	"antrea-agent ovnkube ovn-controller kube-ovn-daemon aws-k8s-agent aws-eks-nodeagent azure-cns multus romana_agent "
	"chronyd ntpd ntpsec systemd-timesyn openntpd ptp4l libvirtd lxd snapd";

/* Named flags of named programs: nothing else of a command line is looked at. */
static const struct flag {
	const char *comm, *flag, *out;
} flags[] = {
	{ "kube-proxy", "--proxy-mode", "kube-proxy.proxy-mode" },
	{ "kube-proxy", "--cluster-cidr", "cluster-cidr" },
	{ "kube-apiserver", "--service-cluster-ip-range", "service-cidr" },
	{ "kube-controller", "--service-cluster-ip-range", "service-cidr" },
	{ "kube-controller", "--cluster-cidr", "cluster-cidr" },
	{ "kubelet", "--cni-conf-dir", "kubelet.cni-conf-dir" },
	{ "kubelet", "--cni-bin-dir", "kubelet.cni-bin-dir" },
	{ "kubelet", "--network-plugin", "kubelet.network-plugin" },
	{ "kubelet", "--allow-privileged", "kubelet.allow-privileged" },
};

/* The same of files: what stands behind a word, up to a blank, a quote or the end of the line. */
static const struct {
	const char *path, *word, *out;
} words[] = {
	{ "/etc/kubernetes/manifests/kube-apiserver.yaml", "--service-cluster-ip-range=", "service-cidr" },
	{ "/etc/kubernetes/manifests/kube-apiserver.yaml", "/kube-apiserver:v", "version" },
	{ "/etc/kubernetes/manifests/kube-controller-manager.yaml", "--cluster-cidr=", "cluster-cidr" },
	{ "/etc/rancher/k3s/config.yaml", "cluster-cidr:", "cluster-cidr" },
	{ "/etc/rancher/k3s/config.yaml", "service-cidr:", "service-cidr" },
	{ "/etc/rancher/rke2/config.yaml", "cluster-cidr:", "cluster-cidr" },
	{ "/etc/rancher/rke2/config.yaml", "service-cidr:", "service-cidr" },
};

struct seen {
	char running[sizeof(programs)];
	char kube[16][160]; /* "out=value" */
	unsigned int n_kube;
	unsigned int processes;
};

static void keep(struct seen *s, const char *out, const char *value, size_t len)
{
	char *slot = s->kube[s->n_kube];
	size_t n = strlen(out);

	if (!len || len > 120 || s->n_kube == KP_ARRAY_SIZE(s->kube))
		return;
	for (unsigned int i = 0; i < s->n_kube; i++)
		if (kp_starts(s->kube[i], out) && s->kube[i][n] == '=')
			return;
	kp_copy(slot, sizeof(s->kube[0]), out);
	kp_cat(slot, sizeof(s->kube[0]), "=");
	strncat(slot, value, len);
	s->n_kube++;
}

/* --flag=VALUE or --flag VALUE; a flag alone is "true". */
static void take_flags(struct seen *s, const char *pid, const char *comm)
{
	char path[sizeof(KP_ROOT) + 48] = KP_ROOT "/proc/", text[8192];
	kp_autoclose fd = -1;
	ssize_t n;

	kp_cat(path, sizeof(path), pid);
	kp_cat(path, sizeof(path), "/cmdline");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (const char *arg = text; arg < text + n; arg += strlen(arg) + 1)
		for (size_t i = 0; i < KP_ARRAY_SIZE(flags); i++) {
			const char *value = arg + strlen(flags[i].flag);

			if (!kp_equal(comm, flags[i].comm) || !kp_starts(arg, flags[i].flag) || (*value && *value != '='))
				continue;
			if (*value)
				value++;
			else if (value + 1 < text + n && value[1] != '-')
				value++;
			else
				value = "true";
			keep(s, flags[i].out, value, strlen(value));
		}
}

static bool take_process(void *arg, const char *name)
{
	char path[48] = "/proc/", comm[COMM + 1];
	struct seen *s = arg;

	if (*name < '0' || *name > '9')
		return true;
	kp_cat(path, sizeof(path), name);
	kp_cat(path, sizeof(path), "/comm");
	if (kp_first_line(path, comm, sizeof(comm)))
		return true;
	s->processes++;
	if (!kp_has_word(programs, comm))
		return true;
	if (!kp_has_word(s->running, comm)) {
		kp_cat(s->running, sizeof(s->running), *s->running ? " " : "");
		kp_cat(s->running, sizeof(s->running), comm);
	}
	take_flags(s, name, comm);
	return true;
}

static void take_words(struct seen *s)
{
	char text[16384];

	for (size_t i = 0; i < KP_ARRAY_SIZE(words); i++) {
		const char *at;
		int err = kp_whole(words[i].path, text, sizeof(text));

		at = err && err != EFBIG ? NULL : strstr(text, words[i].word);
		if (!at)
			continue;
		at += strlen(words[i].word);
		at += strspn(at, " \"'");
		keep(s, words[i].out, at, strcspn(at, " \t\r\n\"'"));
	}
}

static void put_processes(struct kp_out *o)
{
	struct seen s = { "", { "" }, 0, 0 };
	int err = kp_each_name("/proc", take_process, &s);

	if (err) {
		kp_fact_error(o, "node.processes", "/proc/PID/comm", err);
	} else {
		kp_fact_open(o, "node.processes", "/proc/PID/comm");
		kp_js_text(o, "running", s.running);
		kp_js_int(o, "seen", s.processes); /* with hidepid, of another user's none are */
		kp_fact_close(o);
	}
	take_words(&s);
	kp_fact_open(o, "node.kubernetes", "/etc/kubernetes/manifests, /etc/rancher, /proc/PID/cmdline");
	for (unsigned int i = 0; i < s.n_kube; i++) {
		char *eq = strchr(s.kube[i], '=');

		*eq = '\0';
		kp_js_text(o, s.kube[i], eq + 1);
	}
	kp_fact_close(o);
}

/* --- ports --- */

/* File below /proc/net (with its IPv6 twin), a slash, the port. */
static const char *const ports[] = {
	"tcp/179",  "udp/4789",  "tcp/5473",  "udp/51820", "udp/51821", "tcp/9099", "tcp/9091", "tcp/9098",
	"tcp/9093", "tcp/10256", "tcp/10249", "tcp/2379",  "tcp/443",   "tcp/6443", "udp/8472",
};

#define HELD_MAX 48

struct held {
	size_t port;       /* index in ports */
	const char *where; /* any, loopback, address */
	unsigned long inode;
	char owner[COMM + 1];
};

struct sockets {
	unsigned int n;
	unsigned int links; /* left to read */
	const char *file;
	char pid[12];
	struct held held[HELD_MAX];
};

/* An address as /proc/net has it: words of four bytes in network order, each printed as a number of the machine's order. */
static const char *kind_of(const char *hex, size_t digits)
{
	static const uint8_t nothing[16], mapped[12] = { [10] = 0xff, [11] = 0xff }, one[16] = { [15] = 1 };
	uint8_t address[16] = { 0 };

	for (size_t at = 0; at + 8 <= digits && at < 32; at += 8) {
		char word[9] = "";
		uint32_t v;

		strncat(word, hex + at, 8);
		v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(address + at / 2, &v, sizeof(v));
	}
	if (!memcmp(address, nothing, sizeof(address)))
		return "any";
	if (digits == 8 ? address[0] == 127
			: !memcmp(address, one, sizeof(one)) || (!memcmp(address, mapped, sizeof(mapped)) && address[12] == 127))
		return "loopback";
	return "address";
}

/* "  0: 0100007F:14E9 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 …": local, remote, state, …, inode */
static void take_socket(void *arg, char *line)
{
	struct sockets *s = arg;
	char word[10][80] = { "" };
	const char *p = line, *colon;
	unsigned long port;

	for (size_t i = 0; i < KP_ARRAY_SIZE(word) && kp_word(&p, word[i], sizeof(word[i])); i++)
		;
	colon = strchr(word[1], ':');
	if (!colon || (*s->file == 't' && !kp_equal(word[3], "0A"))) /* TCP_LISTEN */
		return;
	port = strtoul(colon + 1, NULL, 16);
	for (size_t i = 0; i < KP_ARRAY_SIZE(ports) && s->n < HELD_MAX; i++)
		if (*ports[i] == *s->file && strtoul(ports[i] + 4, NULL, 10) == port)
			s->held[s->n++] = (struct held){ .port = i,
							 .where = kind_of(word[1], (size_t)(colon - word[1])),
							 .inode = strtoul(word[9], NULL, 10) };
}

static bool take_fd(void *arg, const char *name)
{
	struct sockets *s = arg;
	char path[sizeof(KP_ROOT) + 64], target[48];
	unsigned long inode;
	ssize_t n;

	if (!s->links)
		return false;
	s->links--;
	kp_copy(path, sizeof(path), KP_ROOT "/proc/");
	kp_cat(path, sizeof(path), s->pid);
	kp_cat(path, sizeof(path), "/fd/");
	kp_cat(path, sizeof(path), name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return true;
	target[n] = '\0';
	if (!kp_starts(target, "socket:["))
		return true;
	inode = strtoul(target + 8, NULL, 10);
	for (unsigned int i = 0; i < s->n; i++)
		if (s->held[i].inode == inode && !*s->held[i].owner) {
			char comm[48] = "/proc/";

			kp_cat(comm, sizeof(comm), s->pid);
			kp_cat(comm, sizeof(comm), "/comm");
			kp_first_line(comm, s->held[i].owner, sizeof(s->held[i].owner));
		}
	return true;
}

static bool take_owner(void *arg, const char *name)
{
	struct sockets *s = arg;
	char path[48] = "/proc/";

	if (*name < '0' || *name > '9' || strlen(name) >= sizeof(s->pid))
		return true;
	kp_copy(s->pid, sizeof(s->pid), name);
	kp_cat(path, sizeof(path), name);
	kp_cat(path, sizeof(path), "/fd");
	kp_each_name(path, take_fd, s);
	return s->links > 0;
}

/*
 * "any bird": the kind of address and the process. "-": none of the processes that could be looked at has it: the kernel's own, or of
 * another pid namespace. "?": not all could be looked at.
 */
static void put_sockets(struct kp_out *o)
{
	static const char *const files[] = { "tcp", "tcp6", "udp", "udp6" };
	struct sockets s = { .links = 50000 };
	struct kp_lines lines = { .line = take_socket, .arg = &s };
	int err = ENOENT;

	for (size_t i = 0; i < KP_ARRAY_SIZE(files); i++) {
		char path[sizeof(KP_ROOT) + 32] = KP_ROOT "/proc/net/";

		kp_cat(path, sizeof(path), files[i]);
		s.file = files[i];
		if (!kp_lines_file(&lines, path))
			err = 0;
	}
	if (err) {
		kp_fact_error(o, "node.sockets", "/proc/net/tcp, /proc/net/udp", err);
		return;
	}
	if (s.n)
		kp_each_name("/proc", take_owner, &s);
	kp_fact_open(o, "node.sockets", "/proc/net/{tcp,tcp6,udp,udp6}, /proc/PID/fd");
	for (size_t p = 0; p < KP_ARRAY_SIZE(ports); p++) {
		char text[64];
		bool any = false;

		for (unsigned int i = 0; i < s.n; i++) {
			if (s.held[i].port != p)
				continue;
			if (!any)
				kp_js_array(o, ports[p]);
			any = true;
			kp_copy(text, sizeof(text), s.held[i].where);
			kp_cat(text, sizeof(text), " ");
			kp_cat(text, sizeof(text), *s.held[i].owner ? s.held[i].owner : s.links && !geteuid() ? "-" : "?");
			kp_js_item(o, text);
		}
		if (any)
			kp_js_end(o, ']');
	}
	kp_fact_close(o);
}

/* --- the clock --- */

static void put_clock(struct kp_out *o)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	if (state < 0) {
		kp_fact_error(o, "node.clock", "adjtimex(2)", errno);
		return;
	}
	kp_fact_open(o, "node.clock", "adjtimex(2)");
	kp_js_bool(o, "synchronised", !(t.status & STA_UNSYNC));
	kp_js_int(o, "maxerror_us", t.maxerror);
	kp_fact_close(o);
}

void kp_facts_proc(struct kp_out *o)
{
	put_processes(o);
	put_sockets(o);
	put_clock(o);
}
