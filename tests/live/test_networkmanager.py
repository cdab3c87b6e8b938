"""NetworkManager itself says what it makes of its configuration; ours is the same, from the collector's facts alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kprobe import reader
from kprobe.node import keyfile
from kprobe.node.names import CALICO
from kprobe.node.networkmanager import TYPES
from tests.live.engine_lib import COLLECTOR, made

ETC, RUN, LIB, MAIN = keyfile.ETC, keyfile.RUN, keyfile.LIB, keyfile.MAIN
CALICO_DOCS = (
    "[keyfile]\nunmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico;"
    "interface-name:vxlan-v6.calico;interface-name:wireguard.cali;interface-name:wg-v6.cali\n"
)

CORPUS: dict[str, dict[str, str]] = {
    "nothing": {},
    "calico's documents": {f"{ETC}calico.conf": CALICO_DOCS},
    "the main file after lib and run": {
        f"{LIB}a.conf": "[keyfile]\nunmanaged-devices=lib\n",
        f"{RUN}a.conf": "[keyfile]\nunmanaged-devices+=run\n",
        MAIN: "[keyfile]\nunmanaged-devices+=main\n",
        f"{ETC}z.conf": "[keyfile]\nunmanaged-devices+=etc\n",
    },
    "etc shadows lib": {
        f"{LIB}10-globally-managed-devices.conf": "[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm\n",
        f"{ETC}10-globally-managed-devices.conf": "",
    },
    "ubuntu's default": {
        f"{LIB}10-globally-managed-devices.conf": "[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm\n",
        f"{LIB}no-mac-addr-change.conf": "[device-mac-addr-change-wifi]\nmatch-device=driver:rtl8723bs,driver:r8188eu\n"
        "wifi.scan-rand-mac-address=no\n",
    },
    "run shadows lib, etc shadows run": {
        f"{LIB}a.conf": "[keyfile]\nunmanaged-devices=lib\n",
        f"{LIB}b.conf": "[keyfile]\nunmanaged-devices=lib-b\n",
        f"{RUN}a.conf": "[keyfile]\nunmanaged-devices=run\n",
        f"{RUN}b.conf": "[keyfile]\nunmanaged-devices+=run-b\n",
        f"{ETC}b.conf": "[device-b]\nmanaged=0\n",
    },
    "the later of two files wins": {
        f"{ETC}10.conf": CALICO_DOCS,
        f"{ETC}20.conf": "[keyfile]\nunmanaged-devices=interface-name:eth1\n",
    },
    "added and taken away": {
        f"{ETC}10.conf": CALICO_DOCS,
        f"{ETC}20.conf": "[keyfile]\nunmanaged-devices+=interface-name:eth1;interface-name:cali*\n",
        f"{ETC}30.conf": "[keyfile]\nunmanaged-devices-=interface-name:cali*\n",
    },
    "all taken away": {
        f"{ETC}10.conf": "[keyfile]\nunmanaged-devices=a,b\n",
        f"{ETC}30.conf": "[keyfile]\nunmanaged-devices-=a,b\n",
    },
    "exceptions": {f"{ETC}a.conf": "[keyfile]\nunmanaged-devices=*,except:interface-name:cali*\n"},
    "exceptions alone": {f"{ETC}a.conf": "[keyfile]\nunmanaged-devices=except:interface-name:eth*\n"},
    "literal names": {
        f"{ETC}a.conf": "[keyfile]\nunmanaged-devices=interface-name:=cali*,tunl0,interface-name:~vxlan*\n"
    },
    "escapes and blanks": {
        f"{ETC}a.conf": "[keyfile]\nunmanaged-devices= a , c\\,d;\\se\\s ;; f\\\\;g\\;h\n",
        f"{ETC}b.conf": "[keyfile]\nunmanaged-devices+=x\\sy\n",
    },
    "device sections": {
        f"{ETC}10.conf": "[device-a]\nmatch-device=type:veth\nmanaged=0\n[device-b]\n"
        "match-device=interface-name:tunl*\nmanaged=no\n[device]\nmanaged=true\n",
        f"{ETC}20.conf": "[device-c]\nmatch-device=interface-name:cali0*\nmanaged=1\nstop-match=yes\n",
    },
    "a section in two files": {
        f"{ETC}10.conf": "[device-a]\nmatch-device=interface-name:cali*\n[device-b]\nmanaged=0\n",
        f"{ETC}20.conf": "[device-c]\nmanaged=1\n[device-a]\nmanaged=off\n",
    },
    "disabled files": {
        f"{ETC}10.conf": "[.config]\nenable=false\n" + CALICO_DOCS,
        f"{ETC}20.conf": "[.config]\nenable=yes\n[keyfile]\nunmanaged-devices=two\n",
        f"{ETC}30.conf": "[keyfile]\nunmanaged-devices=three\n[.config]\nenable=0\n",
        MAIN: "[.config]\nenable=false\n[keyfile]\nunmanaged-devices=main\n",
    },
    "by version": {
        f"{ETC}10.conf": "[.config]\nenable=nm-version-min:1.0\n" + CALICO_DOCS,
        f"{ETC}20.conf": "[.config]\nenable=nm-version-min:99.0\n[keyfile]\nunmanaged-devices=later\n",
        f"{ETC}30.conf": "[.config]\nenable=except:env:NEVER\n[keyfile]\nunmanaged-devices+=here\n",
        f"{ETC}40.conf": "[.config]\nenable=\n[keyfile]\nunmanaged-devices+=empty\n",
    },
    "comments and twice the same": {
        f"{ETC}a.conf": "# [keyfile]\n[keyfile]\n#unmanaged-devices=no\nunmanaged-devices=one\n\n[main]\n"
        "[keyfile]\nunmanaged-devices=two\n"
    },
    "its own file": {
        f"{ETC}a.conf": "[keyfile]\nunmanaged-devices=a\n",
        keyfile.INTERN: "[keyfile]\n.set.unmanaged-devices=interface-name:cali*\n.was.unmanaged-devices=a\n",
    },
    "its own file, out of date": {
        f"{ETC}a.conf": "[keyfile]\nunmanaged-devices=b\n",
        keyfile.INTERN: "[keyfile]\n.set.unmanaged-devices=interface-name:cali*\n.was.unmanaged-devices=a\n",
    },
}

IN_A_TREE = """
set -e
mount -t tmpfs none /run
mkdir /run/NetworkManager
cp -r "$1/run/NetworkManager/." /run/NetworkManager
for place in usr/lib etc var/lib; do mount --bind "$1/$place/NetworkManager" "/$place/NetworkManager"; done
"$2" --select ns.net > "$1/evidence"
exec NetworkManager --print-config
"""


@pytest.fixture(params=CORPUS.values(), ids=list(CORPUS))
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[keyfile.Groups, dict[str, list[str]]]:
    """What NetworkManager prints of a tree of files, and the collector's fact of it."""
    for place in ("usr/lib/NetworkManager/conf.d", "etc/NetworkManager/conf.d", "run/NetworkManager/conf.d"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "var/lib/NetworkManager").mkdir(parents=True)
    for path, text in request.param.items():
        (tmp_path / path.lstrip("/")).write_text(text)
    script = ["sh", "-c", IN_A_TREE, "sh", str(tmp_path), str(made(COLLECTOR).absolute())]
    command = ["unshare", "--mount", *script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = reader.read(tmp_path / "evidence")
    (fact,) = (fact for fact in found.facts if fact.id == "node.networkmanager")
    theirs = keyfile.parse(line for line in done.stdout.splitlines() if not line.startswith("#"))
    theirs["device"] = theirs.pop(
        "device", {}
    )  # printed first; what decides is that it stands for what no other section says
    return theirs, fact.value


def said(groups: keyfile.Groups) -> dict[str, object]:
    """What decides: the lists, item by item, and the sections of devices in their order."""
    sections = [
        (name, {key: value for key, value in group.items() if key in {"match-device", "managed", "stop-match"}})
        for name, group in groups.items()
        if name.startswith("device-")
    ]
    return {
        "unmanaged": keyfile.split(groups.get("keyfile", {}).get("unmanaged-devices", "")),
        "sections": [(name, group) for name, group in sections if group],
        "device": groups.get("device", {}).get("managed"),
    }


def test_networkmanager_is_here() -> None:
    assert shutil.which("NetworkManager"), "apt-get install network-manager"


def test_the_merged_configuration_is_networkmanagers(both: tuple[keyfile.Groups, dict[str, list[str]]]) -> None:
    theirs, files = both
    ways = {path for path, lines in files.items() if keyfile.enabled(keyfile.parse(lines)) is None}
    skipped = {path for path in ways if path.endswith("20.conf")}  # of 99.0 and later
    assert said(keyfile.merge(files, skipped)) == said(theirs)
    for device in CALICO:
        subjects = [
            keyfile.Subject(name, TYPES.get(device.nm_type, (device.nm_type,)), device.kind) for name in device.samples
        ]
        ours = keyfile.merge(files, skipped)
        assert [keyfile.managed(ours, s)[0] for s in subjects] == [keyfile.managed(theirs, s)[0] for s in subjects]
