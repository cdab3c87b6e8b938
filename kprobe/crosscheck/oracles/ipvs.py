# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""IPVS: ipvsadm. It loads ip_vs by modprobe, which the kernel does not do for it before Linux 5.15."""

from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos")
SYSCTLS = ("conntrack", "conn_reuse_mode", "expire_nodest_conn", "expire_quiescent_template")
LISTED = (
    "{ said=$(ipvsadm -Sn | sed 's/ *$//' | sort);"
    ' test "$said" = "$(printf \'%s\\n\' WANTED | sort)" || { echo "shows: $said"; false; }; }'
)


@dataclass(frozen=True)
class Service:
    """A service with two destinations, behind masquerading, with weights 1 and 2."""

    row: str
    address: str
    one: str
    two: str
    scheduler: str = "rr"
    option: str = "-t"
    more: str = ""

    def oracle(self) -> Oracle:
        """Make it, and see it in what can be restored."""
        at = f"{self.option} {self.address}"
        lines = (
            f"-A {at} -s {self.scheduler}{self.more}",
            f"-a {at} -r {self.one} -m -w 1",
            f"-a {at} -r {self.two} -m -w 2",
        )
        wanted = " ".join(f"'{line}'" for line in lines)
        return Oracle(
            f"ipvs.{self.row}",
            # Where no address is local there is no table of them, and IPVS takes no destination's for unicast.
            setup=("ip link set lo up",),
            do=tuple(f"ipvsadm {line}" for line in lines),
            see=(LISTED.replace("WANTED", wanted),),
        )


def v4(row: str, port: int, scheduler: str = "rr", option: str = "-t", more: str = "") -> Service:
    """A service in IPv4."""
    service = f"192.0.2.1:{port}"
    return Service(row, service, "198.51.100.1:8080", "198.51.100.2:8080", scheduler, option, more)


def _timeout(protocol: str, position: int) -> Oracle:
    return Oracle(
        f"ipvs.proto.{protocol}",
        do=("ipvsadm -l --timeout > /dev/null",),
        see=(f"{{ set -- $(ipvsadm -l --timeout | sed 's/.*: //'); test ${position} -gt 0; }}",),
    )


def _sysctl(name: str) -> Oracle:
    path = f"/proc/sys/net/ipv4/vs/{name}"
    return Oracle(
        f"ipvs.sysctl.{name}",
        setup=("ipvsadm -l > /dev/null",),
        do=(f"cat {path} > /dev/null",),
        see=tuple(f"echo {value} > {path} && test $(cat {path}) = {value}" for value in (0, 1)),
    )


ORACLES = (
    Oracle("ipvs.genl", do=("ipvsadm -l",), see=("ipvsadm -l | grep -q '^IP Virtual Server version [1-9].* (size='",)),
    _timeout("tcp", 1),
    _timeout("udp", 3),
    v4("service.inet", 8000).oracle(),
    Service("service.inet6", "[2001:db8::1]:8000", "[2001:db8:1::1]:8080", "[2001:db8:1::2]:8080").oracle(),
    v4("service.udp", 8000, option="-u").oracle(),
    v4("service.persistent", 8001, more=" -p 10800").oracle(),
    *(v4(f"sched.{name}", 8010 + number, name).oracle() for number, name in enumerate(SCHEDULERS)),
    *map(_sysctl, SYSCTLS),
)

REFUSED = (
    r"^Can't initialize ipvs: Protocol not available$",
    r"^Scheduler or persistence engine not found$",
)
