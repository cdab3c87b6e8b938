# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""An old kernel, or a filter like one, changes no answer that Linux 3.10 could give; and none is a false no."""

import fnmatch
import platform
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.live.engine_lib import COLLECTOR, SELFTEST, Stream, ask, catalogue, compiled

SOURCE = Path(__file__).with_name("seccomp_old.c")
OLD = (3, 10)

# What needs something newer than 3.10 by nature, and such a filter takes away: rows by glob, and the reason.
NEWER = {
    "route.strict-check": "NETLINK_GET_STRICT_CHK, v4.20",
    "bpf.*": "bpf(2), v3.18",
    "attach.*": "bpf(2), v3.18, for the programs that are attached",
    "tc.*": "bpf(2), v3.18, for the programs that are attached",
    "flow.bpf.*": "bpf(2), v3.18",
    "flow.tunnel.vxlan.metadata": "bpf(2), v3.18, for the program that sets the tunnel key",
}

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter knows the numbers of x86-64")


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("seccomp") / "seccomp_old", SOURCE)


@pytest.fixture(scope="module")
def whole() -> Stream:
    return ask(COLLECTOR)


def since(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(n) for n in row.get("since", "0").split("."))


def differences(one: Stream, other: Stream) -> dict[str, tuple[str, str]]:
    a, b = one.outcomes(), other.outcomes()
    assert a.keys() == b.keys()
    return {row: (a[row], b[row]) for row in a if a[row] != b[row]}


def test_all_answers_stay_where_310_could_give_them(filtered: Path, whole: Stream) -> None:
    got = ask(COLLECTOR, through=(filtered, "linux-3.10"))
    assert got.begin["seccomp"] == 2
    changed = differences(whole, got)
    for row in catalogue():
        if row["id"] in changed and "control" not in row:
            assert since(row) > OLD, f"{row['id']}: 3.10 could have answered this"
    for row_id in changed:
        assert any(fnmatchcase(row_id, glob) for glob in NEWER), f"{row_id}: {changed[row_id]}: no named exception"
        p = got[row_id]
        if p["outcome"] == "absent":
            assert p["error"] != "ENOSYS", "a filter may have said so"
        else:
            assert p["outcome"] == "unknown", p
            assert p["step"] == "prerequisite" or "seccomp" in p["reason"], p
    for glob in NEWER:
        assert not fnmatch.filter(whole.outcomes(), glob) or fnmatch.filter(changed, glob), (
            f"{glob}: no exception any more"
        )


def test_misbehaving_rows_cost_the_same(filtered: Path) -> None:
    options = ("--select", "selftest*", "--deadline", "1000")
    assert not differences(ask(SELFTEST, *options), ask(SELFTEST, *options, through=(filtered, "linux-3.10")))


def test_the_filter_is_there(filtered: Path) -> None:
    """Without this the test above would hold for a filter that lets everything pass."""
    got = ask(COLLECTOR, "--select", "route.strict-check", through=(filtered, "linux-3.10"))["route.strict-check"]
    assert got["error"] == "ENOPROTOOPT"


def test_without_network_namespaces_no_other_row_is_absent(filtered: Path, whole: Stream) -> None:
    got = ask(COLLECTOR, through=(filtered, "no-netns"))
    assert got["ns.net"]["outcome"] == "absent"
    assert got["link.veth"]["outcome"] == "unknown"
    for p in got.probes:
        if p.get("step") == "unshare network namespace" and p["family"] != "ns":
            assert (p["outcome"], p["error"]) in {("unknown", "EINVAL"), ("denied", "EINVAL")}, p
        if p["outcome"] == "absent" and p["family"] != "ns":
            assert whole[p["id"]]["outcome"] == "absent", p


def test_without_user_namespaces_an_unprivileged_run_is_denied(filtered: Path) -> None:
    """As without CONFIG_USER_NS, and as RHEL 7 has it."""
    got = ask(COLLECTOR, through=("setpriv", "--bounding-set=-sys_admin", filtered, "no-userns"))
    for p in got.probes:
        assert (p["outcome"], p["error"]) == ("denied", "EINVAL"), p
        assert "run as root" in p["reason"]


@pytest.mark.parametrize(("mode", "outcome"), [("eperm", "denied"), ("enosys", "unknown")])
def test_a_filter_on_unshare_is_named(filtered: Path, mode: str, outcome: str, whole: Stream) -> None:
    got = ask(COLLECTOR, through=(filtered, mode))
    assert got["link.veth"]["outcome"] == outcome
    for p in got.probes:
        if p.get("step", "").startswith("unshare"):
            assert p["outcome"] == outcome, p
            assert "seccomp" in p["reason"], p
        elif p["step"] != "prerequisite":  # a worker that needs no namespace of its own
            assert p["outcome"] == whole[p["id"]]["outcome"], p
