# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""An old kernel, or a filter like one, changes no answer that Linux 3.10 could give; and none is a false no."""

import platform
from pathlib import Path

import pytest

from tests.live.engine_lib import COLLECTOR, SELFTEST, Stream, ask, catalogue, compiled

SOURCE = Path(__file__).with_name("seccomp_old.c")
OLD = (3, 10)

# Rows that need something newer than 3.10 by nature and that such a filter can take away: what it is.
NEWER = {"route.strict-check": "NETLINK_GET_STRICT_CHK, v4.20"}

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
    newer = {row["id"] for row in catalogue() if since(row) > OLD}
    changed = differences(whole, got)
    assert changed.keys() <= newer, "3.10 could have answered these"
    assert changed.keys() == NEWER.keys() & whole.outcomes().keys(), "each exception is named"
    assert all(after != "broken" for _, after in changed.values())


def test_misbehaving_rows_cost_the_same(filtered: Path) -> None:
    options = ("--select", "selftest*", "--deadline", "1000")
    assert not differences(ask(SELFTEST, *options), ask(SELFTEST, *options, through=(filtered, "linux-3.10")))


def test_the_filter_is_there(filtered: Path) -> None:
    """Without this the test above would hold for a filter that lets everything pass."""
    got = ask(COLLECTOR, "--select", "route.strict-check", through=(filtered, "linux-3.10"))["route.strict-check"]
    assert got["error"] == "ENOPROTOOPT"


def test_without_network_namespaces_no_other_row_is_absent(filtered: Path) -> None:
    got = ask(COLLECTOR, through=(filtered, "no-netns"))
    assert got["ns.net"]["outcome"] == "absent"
    for p in got.probes:
        if p["family"] != "ns":
            assert (p["outcome"], p["error"]) == ("unknown", "EINVAL"), p


def test_without_user_namespaces_an_unprivileged_run_is_denied(filtered: Path) -> None:
    """As without CONFIG_USER_NS, and as RHEL 7 has it."""
    got = ask(COLLECTOR, through=("setpriv", "--bounding-set=-sys_admin", filtered, "no-userns"))
    for p in got.probes:
        assert (p["outcome"], p["error"]) == ("denied", "EINVAL"), p
        assert "run as root" in p["reason"]


@pytest.mark.parametrize(
    ("mode", "outcome", "word"), [("eperm", "denied", "seccomp"), ("enosys", "unknown", "seccomp")]
)
def test_a_filter_on_unshare_is_named(filtered: Path, mode: str, outcome: str, word: str) -> None:
    got = ask(COLLECTOR, through=(filtered, mode))
    for p in got.probes:
        assert p["outcome"] == outcome, p
        assert p["step"] == "prerequisite" or word in p["reason"], p
