# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A machine that dies in the middle of a run: what it had said is evidence, and tells which row was running."""

from pathlib import Path

from kprobe import profile
from kprobe.evidence import parse
from kprobe.judge import judge
from kprobe.report import exit_code

from . import catalogue, store
from .boot import cut

KERNEL = "6.12-amd64"
ROW, BEFORE = "link.vxlan.inet", "link.ipip"
# The row's module never comes: it is in the middle of its work when the machine dies.
SCRIPT = f"""
printf '#!/bin/sh\\ncase "$*" in *vxlan*) sleep 1000 ;; *) exec /sbin/modprobe "$@" ;; esac\\n' > /run/modprobe
chmod +x /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
until ( exec 3> /dev/vport0p1 ) 2> /dev/null; do usleep 50000; done
kprobe-collect --deadline=600000 --output /dev/vport0p1 --select '{BEFORE} {ROW} link.wireguard'
"""


def test_evidence_that_a_dying_machine_left_is_judged(collector: Path) -> None:
    known = catalogue.load()
    image = store.images(known, [kernel for kernel in known.kernels if kernel.name == KERNEL])[KERNEL]
    said = cut(image, SCRIPT, {"vm/bin/kprobe-collect": collector}, lambda found: f'"id":"{BEFORE}"'.encode() in found)
    evidence = parse(said.splitlines(keepends=True), "a machine that died")
    assert evidence.incomplete
    assert evidence.running == ROW
    assert [probe.outcome for probe in evidence.probes if probe.id == BEFORE] == ["works"]
    report = judge(evidence, profile.load("calico"))
    assert report.incomplete
    assert report.running == ROW
    assert any(ROW in note for note in report.notes), report.notes
    assert exit_code(report) != 0
