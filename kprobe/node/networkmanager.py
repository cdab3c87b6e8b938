# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""NetworkManager leaves Calico's devices alone, or it does not."""

from collections.abc import Mapping
from itertools import product

from kprobe.node import keyfile
from kprobe.node.names import CALICO, Device
from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

MANY = 4
"""Files whose [.config] depends on what facts do not say; each is tried both ways."""

TODO = (
    "write /etc/NetworkManager/conf.d/calico.conf: [keyfile] unmanaged-devices="
    + ";".join(f"interface-name:{pattern}" for pattern in ("cali*", "tunl*", *(each.name for each in CALICO[2:])))
    + ", then `systemctl reload NetworkManager`"
)
TYPES = {"ip-tunnel": ("ip-tunnel", "iptunnel")}


def _rule(device: Device) -> Rule:
    shown = f"{device.name}*" if device.name == "cali" else device.name

    def judge(view: View) -> Answer:
        if "NetworkManager" not in view.running():
            return fine("NetworkManager does not run")
        view.host_files()
        files = view.lines("node.networkmanager")
        ways = view.once("networkmanager", lambda: [keyfile.merge(files, skipped) for skipped in _ways(files)])
        answers = {_managed(merged, device) for merged in ways}
        if len({answer for answer, _ in answers}) > 1:
            raise UnsureError("it depends on NetworkManager's version or environment ([.config] enable=)")
        answer, why = min(answers)
        return bad(f"NetworkManager would manage {shown}: {why}; {TODO}") if answer else fine(f"unmanaged by {why}")

    return Rule(
        id=f"node.networkmanager.{device.name}",
        title=f"NetworkManager leaves {shown} alone",
        asks=f"does NetworkManager's merged configuration keep it away from {shown}?",
        proves="the files of all its directories, merged as it does; not udev's rules, nor what D-Bus set since",
        judge=judge,
    )


def _ways(files: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """Return the choices of files to leave out: each that may or may not be enabled, both ways."""
    open_ = [path for path, lines in files.items() if keyfile.enabled(keyfile.parse(lines)) is None]
    if len(open_) > MANY:
        raise UnsureError("many files of NetworkManager depend on its version ([.config] enable=)")
    return [tuple(p for p, out in zip(open_, way, strict=True) if out) for way in product((0, 1), repeat=len(open_))]


def _managed(merged: keyfile.Groups, device: Device) -> tuple[bool, str]:
    """Return whether any device of that name would be managed, and why."""
    types = TYPES.get(device.nm_type, (device.nm_type,))
    found = [keyfile.managed(merged, keyfile.Subject(name, types, device.kind)) for name in device.samples]
    return next((each for each in found if each[0]), found[0])


RULES = tuple(map(_rule, CALICO))
