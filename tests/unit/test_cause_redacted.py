# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A cause survives redaction: what the kernel's log says of modules has no names but those of modules."""

import msgspec
import pytest

from kprobe import redact
from kprobe.cause import cause
from kprobe.evidence import End, Evidence, Fact
from kprobe.facts import Facts
from tests.unit import synthetic

LINES = [
    "Module udp_tunnel is blacklisted",
    "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7",
    "Loading of unsigned module is rejected",
    "Loading of module with unavailable key is rejected",
    "vxlan: version magic '6.12.0 SMP mod_unload ' should be '6.12.1 SMP mod_unload '",
    "vxlan: disagrees about version of symbol udp_tunnel_xmit_skb",
]


@pytest.mark.parametrize("line", LINES)
def test_what_the_kernel_said_of_modules(line: str) -> None:
    row = synthetic.probe("link.vxlan.inet", "absent", modules=("vxlan",), log=(line,))
    found = Evidence(
        source="synthetic",
        begin=synthetic.begin(["link.vxlan.inet"]),
        facts=(Fact(id="node.modules", value={"vxlan": "file:/lib/modules/6.18.0/vxlan.ko"}),),
        probes=(row,),
        end=End(rows=1, ns=1),
    )
    shared = redact.redact(found, b"k" * 32, redact.vocabulary())
    told = [cause(each.probes[0], Facts(each)) for each in (found, shared)]
    assert told[0] is not None
    assert told[0].code != "unknown"
    assert told[1] is not None
    assert (told[1].code, told[1].subject) == (told[0].code, told[0].subject), msgspec.json.encode(shared.probes)
