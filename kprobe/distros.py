# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What distributions call the packages that bring a kernel's modules, and their commands: data, with sources.

``$(uname -r)`` stands for the release that runs: the commands are for the node itself, and nothing from evidence
becomes part of a command but names of modules.
"""

import re

import msgspec

from kprobe.facts import Facts
from kprobe.profile import holds


class Distro(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: whom it is for, and what to type there.

    ``ids`` are those of os-release; ``versions`` and ``kernels`` conditions on VERSION_ID and on the kernel's release,
    ``flavour`` a pattern in the latter. ``install`` brings modules that are in a package of their own, ``again`` brings
    back what was lost, ``other`` installs a kernel that was built with more. ``how`` says what ``again`` does where no
    package is installed.
    """

    name: str
    ids: tuple[str, ...]
    source: str
    versions: str = ""
    kernels: str = ""
    flavour: str = ""
    install: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    note: str = ""
    how: str = ""


RHEL = ("rhel", "centos", "rocky", "almalinux", "ol")

# The first that fits is taken, so the special ones stand first.
DISTROS: tuple[Distro, ...] = (
    Distro(
        name="Ubuntu on a Raspberry Pi, 21.10 to 23.10",
        ids=("ubuntu",),
        versions=">=21.10, <24.04",
        flavour="-raspi",
        install=("apt-get install linux-modules-extra-raspi", "reboot"),
        again=("apt-get install --reinstall linux-modules-$(uname -r)",),
        note="there, vxlan among others was moved out of linux-modules",
        source="https://github.com/k3s-io/docs/pull/305, https://github.com/flannel-io/flannel/issues/1502",
    ),
    Distro(
        name="Ubuntu",
        ids=("ubuntu",),
        install=("apt-get install linux-modules-extra-$(uname -r)",),
        again=("apt-get install --reinstall linux-modules-$(uname -r)",),
        source="https://github.com/actions/runner-images/issues/8080 (one for each flavour)",
    ),
    Distro(
        name="Debian, cloud kernel",
        ids=("debian",),
        flavour="-cloud-",
        again=("apt-get install --reinstall linux-image-$(uname -r)",),
        other=("apt-get install linux-image-$(dpkg --print-architecture)",),
        note="the cloud kernel is built with fewer modules than the standard one; boot that",
        source="https://bugs.debian.org/1070762; the packages' own lists, bookworm to trixie-backports",
    ),
    Distro(
        name="Debian, kernels from 6.19 on",
        ids=("debian",),
        kernels=">=6.19",
        install=("apt-get install linux-modules-$(uname -r)",),
        again=("apt-get install --reinstall linux-modules-$(uname -r)",),
        note="since 6.19 the modules are in linux-modules-… and the kernel in linux-binary-…",
        source="the package lists of trixie-backports: linux-base-, linux-binary- and linux-modules-7.2.6…",
    ),
    Distro(
        name="Debian",
        ids=("debian",),
        again=("apt-get install --reinstall linux-image-$(uname -r)",),
        note="the kernel and all of its modules are one package",
        source="the package lists of bullseye to trixie: linux-image-5.10.0-30-amd64 … linux-image-6.12.94-amd64",
    ),
    Distro(
        name="Fedora CoreOS",
        ids=("fedora-coreos",),
        install=("rpm-ostree install kernel-modules-extra", "systemctl reboot"),
        source="https://github.com/coreos/fedora-coreos-tracker/issues/1556",
    ),
    Distro(
        name="Oracle Linux with the Unbreakable Enterprise Kernel 8",
        ids=("ol",),
        flavour="uek",
        kernels=">=6.12",
        install=("modprobe {module}",),
        note="modprobe names the package to install; /lib/modules/$(uname -r)/modules.packages lists them",
        source="Oracle, Release Notes for UEK 8, Changes to UEK Content Distribution and Packaging",
    ),
    Distro(
        name="RHEL 10 and its family",
        ids=RHEL,
        versions=">=10, <11",
        install=("dnf install kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)",),
        again=(
            "dnf reinstall kernel-modules-core-$(uname -r) kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)",
        ),
        note="kernel-modules-extra has nft_compat, xt_*, ip_set and br_netfilter there; there are no legacy tables",
        source="https://github.com/kubernetes/kops/pull/18724, https://github.com/docker/docker-ce-packaging/issues/1340",
    ),
    Distro(
        name="RHEL 8 and 9 and their family",
        ids=RHEL,
        versions=">=8, <10",
        install=("dnf install kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)",),
        again=("dnf reinstall kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)",),
        source="https://github.com/sctp/lksctp-tools/issues/40, https://github.com/perfsonar/toolkit/issues/438",
    ),
    Distro(
        name="RHEL 7 and its family",
        ids=RHEL,
        versions=">=7, <8",
        again=("yum reinstall kernel-$(uname -r)",),
        note="the kernel and all of its modules are one package",
        source="RHEL 7, Kernel Administration Guide, the packages of the kernel; the split came with 8: "
        "https://github.com/Mellanox/rshim-user-space/pull/86",
    ),
    Distro(
        name="Flatcar Container Linux",
        ids=("flatcar",),
        again=("update_engine_client -update", "systemctl reboot"),
        how="take the newest image, which brings the kernel and all of its modules",
        note="there are no packages, and /usr is read only; what no image has, the developer container builds",
        source="https://www.flatcar.org/docs/latest/reference/developer-guides/kernel-modules/, "
        "https://github.com/flatcar/Flatcar/issues/1526",
    ),
    Distro(
        name="Alpine Linux, kernel for virtual machines",
        ids=("alpine",),
        flavour="-virt",
        install=("apk add linux-lts", "reboot"),
        again=("apk fix --reinstall linux-virt",),
        other=("apk add linux-lts", "reboot"),
        note="linux-virt is built with fewer modules than linux-lts; boot that",
        source="https://wiki.alpinelinux.org/wiki/Kernels, https://github.com/kubevirt/kubevirt/pull/11256",
    ),
    Distro(
        name="Alpine Linux",
        ids=("alpine",),
        flavour="-lts",
        again=("apk fix --reinstall linux-lts",),
        note="the kernel and all of its modules are one package",
        source="https://wiki.alpinelinux.org/wiki/Kernels",
    ),
    Distro(
        name="Fedora",
        ids=("fedora",),
        install=("dnf install kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)",),
        again=("dnf reinstall kernel-modules-core-$(uname -r) kernel-modules-$(uname -r)",),
        note="where the repository has newer ones only: dnf upgrade, then boot the new kernel",
        source="https://github.com/containers/netavark/issues/1484",
    ),
    Distro(
        name="Amazon Linux 2023, kernel 6.12",
        ids=("amzn",),
        versions=">=2023",
        kernels=">=6.12, <6.13",
        install=("dnf install kernel6.12-modules-extra-$(uname -r)",),
        source="https://github.com/amazonlinux/amazon-linux-2023/issues/936",
    ),
    Distro(
        name="Amazon Linux 2023, kernel 6.1",
        ids=("amzn",),
        versions=">=2023",
        kernels=">=6.1, <6.2",
        install=("dnf install kernel-modules-extra-$(uname -r)",),
        source="https://github.com/amazonlinux/amazon-linux-2023/issues/586",
    ),
    Distro(
        name="SUSE and openSUSE",
        ids=("sles", "opensuse-leap", "opensuse-tumbleweed", "suse", "opensuse"),
        install=("zypper install kernel-default", "reboot"),
        again=("zypper install --force kernel-default", "reboot"),
        note="kernel-default-base, of minimal images, has but a part of the modules; kernel-default takes its place",
        source="README.SUSE of the package kernel-source, the binary packages",
    ),
)


def distro(facts: Facts) -> Distro | None:
    """Return the entry for a node, by its os-release: its own id first, then what it says it is like."""
    own = facts.text("node.os-release", "id")
    if own == "fedora" and facts.text("node.os-release", "variant_id") == "coreos":
        own = "fedora-coreos"
    like = facts.text("node.os-release", "id_like").split()[:8]
    for name in (own, *like):
        for entry in DISTROS:
            if name in entry.ids and _fits(entry, facts, exact=name == own):
                return entry
    return None


def _fits(entry: Distro, facts: Facts, *, exact: bool) -> bool:
    """Check the conditions of an entry. Of what is merely alike the version says nothing: it counts on its own."""
    release = facts.begin.uname.release
    if entry.flavour and entry.flavour not in release:
        return False
    if entry.kernels and (facts.release is None or not holds(entry.kernels, "{}.{}".format(*facts.release))):
        return False
    if not entry.versions:
        return True
    version = re.fullmatch(r"\d{1,5}(\.\d{1,5}){0,2}", facts.text("node.os-release", "version_id"))
    return exact and version is not None and holds(entry.versions, version[0])
