# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Examples: what to type and what it is for. They end every ``--help`` and stand in the man page."""

from collections.abc import Mapping

Examples = tuple[tuple[str, str], ...]

FIRST: Examples = (
    ("kprobe run", "what works on this node, and what to do about the rest"),
    ("kprobe run --format markdown", "the same, to be pasted into a bug report: no names in it, the evidence inside"),
    ("kprobe collect --output node.ndjson", "only ask; judge it elsewhere, later"),
    ("kprobe judge node.ndjson", "judge it"),
    ("kprobe judge issue.md", "judge what somebody pasted"),
    ("kprobe explain link.wireguard", "what a row asks, what proves what, who needs it"),
)
"""Of the program itself."""

EXAMPLES: Mapping[str, Examples] = {
    "run": (
        ("kprobe run", "can this node run Calico, and in which modes?"),
        ("kprobe run --mode ipip --mode iptables-nft-ipv4", "exactly these modes: exit 0 only if both will work"),
        ("kprobe run --profile kube-proxy --all", "what another product needs, and every single answer"),
        ("kprobe run --no-autoload", "without loading a module"),
        ("kprobe run --format markdown > report.md", "for a bug report"),
        ("kprobe run --format html > report.html", "to read and to search"),
    ),
    "judge": (
        ("kprobe judge node.ndjson", "what `kprobe collect` or kprobe-collect wrote"),
        ("kprobe judge node.ndjson.xz --release 3.30", "compressed; for another release of Calico"),
        ("kprobe judge issue.md --profile cilium", "a page with evidence in it, by another profile"),
        ("ssh node kprobe-collect | kprobe judge -", "a node without Python"),
        ("kprobe judge *.ndjson --format junit > junit.xml", "for a CI server"),
        ("kprobe judge node.ndjson --format prometheus > kprobe.prom", "for node_exporter's textfile collector"),
    ),
    "collect": (
        ("kprobe collect --output node.ndjson", "ask everything"),
        ("kprobe collect --select 'link.*' --select '!link.bond'", "a family, without one row"),
    ),
    "redact": (("kprobe redact node.ndjson -o public.ndjson", "evidence that can be given away"),),
    "plan": (
        ("kprobe plan", "what a run would load, and what it may write into the log"),
        ("kprobe plan --intrusive", "what the rows cost that are left out otherwise"),
    ),
    "explain": (("kprobe explain nft.expr.fib.rpf.ip", "what a row asks, what proves what, who needs it"),),
    "probes": (("kprobe probes --select 'bpf.*'", "the rows of a family"),),
    "profiles": (
        ("kprobe profiles", "what comes with kprobe"),
        ("kprobe profiles calico", "all that Calico needs, and why"),
    ),
    "schema": (("kprobe schema > evidence.schema.json", "to check evidence with other programs"),),
    "completion": (("source <(kprobe completion bash)", "for this shell; put it into ~/.bashrc for all"),),
}
"""By command."""


def epilog(name: str) -> str | None:
    """Return the examples of a command as the end of its help; None where there are none."""
    found = EXAMPLES.get(name) if name else FIRST
    if not found:
        return None
    return "\b\nExamples:\n" + "\n".join(f"  {command}\n      {text}" for command, text in found)
