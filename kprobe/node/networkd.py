# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""systemd-networkd leaves Calico's devices, routes and rules alone, or it does not.

Source: systemd.network(5), networkd.conf(5): the first file in the order of names whose [Match] section matches
applies; a name in /etc goes before the same in /run, /usr/local/lib and /usr/lib; a file with an empty [Match] is
ignored.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from kprobe.node.keyfile import boolean, glob
from kprobe.node.names import CALICO, Device
from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

PLACES = ("/etc/", "/run/", "/usr/local/lib/", "/usr/lib/")
FOREIGN = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")
DAEMON = "systemd-network"
"""systemd-networkd, as the kernel cuts names of processes."""


def effective(files: Iterable[str], suffix: str) -> list[str]:
    """Sort files by name; of those with one name keep that of the first place."""
    best: dict[str, str] = {}
    for place in reversed(PLACES):
        best |= {path.rpartition("/")[2]: path for path in files if path.startswith(place) and path.endswith(suffix)}
    return [best[name] for name in sorted(best)]


def matched(lines: Iterable[str], device: Device, name: str) -> bool | None:
    """Whether a [Match] section matches; None where it asks for what facts do not say."""
    answers: list[bool | None] = []
    section = ""
    for line in lines:
        if line.startswith("["):
            section = line
            continue
        if section != "[Match]":
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals:
            answers.append(None)
        elif key == "Name":
            answers.append(_listed(value, name))
        elif key == "Type":
            answers.append(_listed(value, device.networkd_type))
        elif key in {"Kind", "Driver"}:
            answers.append(_listed(value, device.kind))
    if not answers or False in answers:
        return False
    return None if None in answers else True


@lru_cache(256)
def _listed(value: str, name: str) -> bool:
    """Match a list of globs; one that begins with ! matches all that none of them does."""
    text = value.strip()
    patterns = text.removeprefix("!").split()
    hit = any(glob(pattern, name) for pattern in patterns)
    return hit != text.startswith("!")


def _rule(device: Device) -> Rule:
    shown = f"{device.name}*" if device.name == "cali" else device.name

    def judge(view: View) -> Answer:
        if DAEMON not in view.running():
            return fine("systemd-networkd does not run")
        view.host_files()
        files = view.lines("node.networkd", but=(".d",))
        order = view.once("networkd", lambda: effective(files, ".network"))
        found = [_taken(order, files, device, name) for name in device.samples]
        path = next((path for path in found if path), "")
        if path:
            todo = f"write /etc/systemd/network/00-calico.network: [Match] Name={shown}, [Link] Unmanaged=yes"
            return bad(f"{path} matches {shown}, so that systemd-networkd configures it; {todo}")
        return fine(f"no .network file of systemd-networkd takes {shown}")

    return Rule(
        id=f"node.networkd.{device.name}",
        title=f"systemd-networkd leaves {shown} alone",
        asks=f"does the first .network file that matches {shown} leave it unmanaged, or none match?",
        proves="the files of all its directories, in their order",
        judge=judge,
    )


def _taken(order: Iterable[str], files: Mapping[str, list[str]], device: Device, name: str) -> str:
    """Return the file by which networkd would configure the device, ``""`` where none does."""
    for path in order:
        answer = matched(files[path], device, name)
        if answer is None:
            raise UnsureError(f"{path} may match {name}: it asks for more than names, types and drivers")
        if answer:
            return "" if boolean(_value(files[path], "Link", "Unmanaged")) else path
    return ""


def _value(lines: Iterable[str], section: str, key: str) -> str:
    """Return the last value of a key."""
    found, here = "", ""
    for line in lines:
        here = line[1:-1] if line.startswith("[") else here
        if here == section and (value := re.fullmatch(rf"{key}\s*=\s*(.*)", line)):
            found = value[1]
    return found


def _last(files: Mapping[str, list[str]], read: Iterable[str], key: str) -> str:
    """Return the value in the last of the files that has one."""
    return next((value for path in reversed([*read]) if (value := _value(files[path], "Network", key))), "")


def _foreign(view: View) -> Answer:
    if DAEMON not in view.running():
        return fine("systemd-networkd does not run")
    view.host_files()
    files = view.lines("node.networkd")
    order = [path for path in ("/usr/lib/systemd/networkd.conf", "/etc/systemd/networkd.conf") if path in files]
    drops = [path for path in files if "/networkd.conf.d/" in path]
    read = [*order[-1:], *effective(drops, ".conf")]
    kept = [key for key in FOREIGN if boolean(_last(files, read, key) or "yes") is not False]
    if kept:
        todo = f"write [Network] {'=no, '.join(FOREIGN)}=no to /etc/systemd/networkd.conf.d/calico.conf"
        return bad(f"when it restarts, systemd-networkd removes what it did not make ({', '.join(kept)}); {todo}")
    return fine("systemd-networkd leaves routes and rules of others alone")


RULES = (
    *map(_rule, CALICO),
    Rule(
        id="node.networkd.foreign",
        title="systemd-networkd leaves routes and rules of others alone",
        asks="are ManageForeignRoutes and ManageForeignRoutingPolicyRules off?",
        proves="networkd.conf and its drop-ins; both are on where nothing is said (since systemd 246 and 249)",
        judge=_foreign,
    ),
)
