# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Every fact that ``bpftool -j feature probe kernel full`` states, compared with kprobe's answer. Pure.

bpftool tells helpers by the verifier's words. Since those changed (v6.10, "program of this type cannot use helper",
lore.kernel.org/all/20240325152210.377548-1-yatsenko@meta.com/), a bpftool of before takes every no for a yes. So its
list of a program type is believed only where it passes the controls that kprobe's own passes: a helper that this type
can never have is not in it, one that all have is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from kprobe.evidence import Probe
from kprobe.inventory import names_of

from .compare import Finding, Verdict, told
from .model import Answer, Oracle
from .survey import Known, Survey

PROGRAM = "bpftool"
CALL = Oracle("bpf.feature-probe", program=PROGRAM, do=("bpftool -j feature probe kernel full",), host_net=True)

LEVELS = {
    "have_large_insn_limit": "bpf.insn.large",
    "have_bounded_loops": "bpf.insn.bounded-loop",
    "have_v2_isa_extension": "bpf.insn.v2",
    "have_v3_isa_extension": "bpf.insn.v3",
    "have_v4_isa_extension": "bpf.insn.v4",
}
SYSCTLS = {
    "unprivileged_bpf_disabled": "kernel/unprivileged_bpf_disabled",
    **{f"bpf_jit_{name}": f"net/core/bpf_jit_{name}" for name in ("enable", "harden", "kallsyms", "limit")},
}
# What bpftool has an empty list for, whatever there is: libbpf declines (tools/lib/bpf/libbpf_probes.c,
# libbpf_probe_bpf_helper()).
DECLINED = ("tracing", "ext", "lsm", "struct_ops")
# The type has these, and yet the verifier refuses them: in a program that may not sleep ("helper call might sleep in a
# non-sleepable prog"), or for what it is attached to ("helper call is not allowed in probe"). bpftool knows neither of
# the two sentences, and takes a refusal that it does not know for a yes.
BEHIND_THE_TYPE = {
    **dict.fromkeys(("copy_from_user", "copy_from_user_task"), "might sleep"),
    **dict.fromkeys(("d_path", "sk_storage_get", "sk_storage_delete"), "is not allowed in probe"),
}
# tools/lib/bpf/libbpf_probes.c, probe_map_create(): value_type_btf_obj_fd.
FALSE_NO = {
    "bpf.map.struct_ops": ((6, 9), "newer bpftools set a field that kernels before 6.9 refuse, and take that for a no")
}
EVERYWHERE = "map_lookup_elem"
# What only one type has (net/core/filter.c: xdp_func_proto, sock_ops_func_proto).
NOWHERE = {"xdp": "sock_map_update"}
NOWHERE_ELSE = "xdp_adjust_head"


def compare(known: Known, answer: Answer) -> Iterator[Finding]:
    """Yield what kprobe and bpftool say of each thing that bpftool names."""
    try:
        stated: Mapping[str, Any] = json.loads(answer.said)
    except ValueError:
        yield Finding(CALL.row, CALL.row, PROGRAM, "unheard", "", f"no JSON: {answer.said[:200]}")
        return
    for row, there in _rows(stated):
        if row in known.rows:
            yield _row(known.rows[row], there, known.release)
        elif known.whole:
            yield Finding(row, row.rpartition(".")[0], PROGRAM, "differs", "no such row", _yes(there))
    yield from _inventory(known, stated.get("helpers", {}))
    yield from _facts(known, stated.get("system_config", {}))


def _rows(stated: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Row and bpftool's answer."""
    for name, there in stated.get("program_types", {}).items():
        yield f"bpf.prog.{name.removeprefix('have_').removesuffix('_prog_type')}", there
    for name, there in stated.get("map_types", {}).items():
        yield f"bpf.map.{name.removeprefix('have_').removesuffix('_map_type')}", there
    for name, there in stated.get("misc", {}).items():
        yield LEVELS.get(name, f"bpf.insn.{name}"), there
    if "have_bpf_syscall" in stated.get("syscall_config", {}):
        yield "bpf.syscall", stated["syscall_config"]["have_bpf_syscall"]


def _yes(there: bool) -> str:
    return "available" if there else "NOT available"


def _row(probe: Probe, there: bool, release: tuple[int, ...]) -> Finding:
    """Compare a yes or no. bpftool has no word for a refusal: its no may be kprobe's ``denied``."""
    agreeing = {True: {"works"}, False: {"absent", "denied"}}[there]
    verdict: Verdict = "agrees" if probe.outcome in agreeing else "differs"
    if probe.outcome == "unknown":
        verdict = "unknown"
    before, why = FALSE_NO.get(probe.id, ((), ""))
    explained = verdict == "differs" and not there and release < before
    if explained:
        verdict = "explained"
    return Finding(probe.id, probe.family, PROGRAM, verdict, told(probe), _yes(there), less=why if explained else "")


def _inventory(known: Known, stated: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Compare the helpers of each program type, by the numbers that the evidence gives their names."""
    names = names_of(known.facts, "bpf.helper").get("helpers", ())
    numbers = {name: number for number, name in enumerate(names)}
    theirs = {
        kind.removesuffix("_available_helpers"): {
            numbers[name] for full in helpers if (name := full.removeprefix("bpf_")) in numbers
        }
        for kind, helpers in stated.items()
    }
    end = highest(theirs.values())
    for kind, found in theirs.items():
        probe = known.rows.get(f"bpf.helper.{kind}")
        if probe and names:
            yield from _helpers(probe, found, end, names)
            strange = [name for name in stated[f"{kind}_available_helpers"] if name.removeprefix("bpf_") not in numbers]
            if strange:
                said = f"yes to {', '.join(strange)}"
                yield Finding(probe.id, probe.family, PROGRAM, "differs", "no such helpers", said, count=len(strange))


def highest(stated: Iterable[AbstractSet[int]]) -> int:
    """Return the highest helper that bpftool names for any type: what it does not know it cannot deny."""
    return max((number for numbers in stated for number in numbers), default=0)


def _helpers(probe: Probe, theirs: AbstractSet[int], end: int, names: Sequence[str]) -> Iterator[Finding]:
    """Compare the helpers of one program type."""
    kind = probe.id.removeprefix("bpf.helper.")

    def found(verdict: Verdict, kprobe: str, said: str, count: int) -> Finding:
        return Finding(probe.id, probe.family, PROGRAM, verdict, kprobe, said, count=count)

    if probe.outcome != "works":
        # bpftool asks for none where it says no to the type.
        if theirs:
            verdict: Verdict = "unknown" if probe.outcome == "unknown" else "differs"
            yield found(verdict, told(probe), f"{len(theirs)} helpers", len(theirs))
        return
    control = names.index(NOWHERE.get(kind, NOWHERE_ELSE))
    ours = int(probe.detail["helpers"], 16)
    unsure = _listed(probe.detail.get("not_asked", "")) | _listed(probe.detail.get("unclear", ""))
    mine = {number for number in range(1, end + 1) if ours >> number & 1}
    count = f"{len(mine)} helpers up to {names[end] if end else 'none'}()"
    if not theirs and kind in DECLINED:
        return
    if names.index(EVERYWHERE) not in theirs:
        yield found("unheard", count, "not even bpf_map_lookup_elem(), which every type has: it cannot ask here", 1)
    elif control in theirs:
        said = f"yes to {len(theirs)}, even to bpf_{names[control]}(), which it never has: takes a no for a yes"
        yield found("unheard", count, said, len(theirs))
    else:
        yield from _sets(found, mine, theirs, set(range(1, end + 1)) - unsure, names)
        if unsure:
            yield found("unknown", f"not asked, or unclear: {_names(unsure, names)}", "an answer", len(unsure))


def _sets(
    found: Any, mine: AbstractSet[int], theirs: AbstractSet[int], asked: AbstractSet[int], names: Sequence[str]
) -> Iterator[Finding]:
    """Yield what two sets of helpers have in common among those that were asked for, and what not."""
    both = asked - (mine ^ theirs)
    if both:
        words = f"yes to {len(both & mine)}, no to {len(both - mine)}"
        yield found("agrees", words, words, len(both))
    more, less = (mine - theirs) & asked, (theirs - mine) & asked
    if more:
        yield found("differs", f"yes to {_names(more, names)}", "no to these", len(more))
    known = {number for number in less if names[number] in BEHIND_THE_TYPE}
    if known:
        reasons = sorted({BEHIND_THE_TYPE[names[number]] for number in known})
        said = f"yes to these: it does not read the verifier's {' and '.join(map(repr, reasons))}"
        yield found("explained", f"no to {_names(known, names)}", said, len(known))
    less -= known
    if less:
        yield found("differs", f"no to {_names(less, names)}", "yes to these", len(less))


def _listed(numbers: str) -> set[int]:
    """Read ``1,2:EPERM``."""
    return {int(entry.partition(":")[0]) for entry in numbers.split(",") if entry}


def _names(numbers: Iterable[int], names: Sequence[str]) -> str:
    return ", ".join(f"bpf_{names[number]}()" for number in sorted(numbers))


def _facts(known: Known, stated: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare what is set: switches of the running kernel, and the configuration that it was built with."""
    # With no file to read, bpftool has nothing to say of all of them.
    configured = any(value for name, value in stated.items() if name.startswith("CONFIG_"))
    for name, value in stated.items():
        if name.startswith("CONFIG_"):
            if configured:
                yield from _fact(known, "node.kconfig", name, value or "n")
        elif value not in (None, -1):  # could not be read
            yield from _fact(known, "node.sysctl", SYSCTLS.get(name, name), str(value))


def _fact(known: Known, fact: str, name: str, stated: str) -> Iterator[Finding]:
    found = known.facts.get(fact)
    if not found:
        return
    value = found.value.get(name) if isinstance(found.value, dict) else None
    if value is None:
        verdict: Verdict = "unknown" if found.error else "differs"
        yield Finding(f"{fact}: {name}", fact, PROGRAM, verdict, found.error or "does not tell", stated)
    else:
        yield Finding(f"{fact}: {name}", fact, PROGRAM, "agrees" if value == stated else "differs", value, stated)


def about(known: Known) -> bool:
    """Tell whether the evidence has rows of BPF."""
    return any(row.startswith("bpf.") for row in known.rows)


SURVEY = Survey(CALL, about, compare)
