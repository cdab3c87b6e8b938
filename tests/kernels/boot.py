# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Boot a kernel with a script inside, and bring back what the script left in /out."""

import io
import re
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cpio, uml
from .catalogue import HERE
from .store import Image

MEMORY = 512  # MiB
ONE_CPU = "1"
START_SECONDS = 60  # what a guest may take to get to its script, and to power off, on a busy machine
READY = re.compile(r"kprobe-vm: script starts after ([0-9.]+) s")
NOTHING: Mapping[str, Path] = {}

OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"

# One machine an architecture: emulator and its options, the console's name for the kernel, where virtio devices sit.
# neoverse-n1 knows 16k pages and is three times as fast to emulate as `max`; x-vof starts without the slow firmware.
MACHINES = {
    "amd64": (("qemu-system-x86_64", "-M", "q35", "-cpu", "max"), "ttyS0", "pci"),
    "arm64": (("qemu-system-aarch64", "-M", "virt", "-cpu", "neoverse-n1"), "ttyAMA0", "pci"),
    "armhf": (("qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"), "ttyAMA0", "pci"),
    "i386": (("qemu-system-x86_64", "-M", "q35", "-cpu", "max"), "ttyS0", "pci"),
    "ppc64el": (("qemu-system-ppc64", "-M", "pseries,x-vof=on", "-cpu", "power9"), "hvc0", "pci"),
    "riscv64": (("qemu-system-riscv64", "-M", "virt", "-bios", OPENSBI), "ttyS0", "pci"),
    "s390x": (("qemu-system-s390x", "-M", "s390-ccw-virtio", "-cpu", "max"), "ttysclp0", "ccw"),
}


@dataclass(frozen=True)
class VMResult:
    """What became of one boot."""

    name: str
    release: str
    console: str
    out: Mapping[str, bytes]  # the files that the script left in /out, by their path below it
    rc: int | None  # the script's exit status; 137 when it overran; None when the guest never got to its end
    ready: float | None  # seconds of guest time from power-on to the script
    seconds: float  # wall time of it all

    def text(self, name: str) -> str:
        """One of the files of /out, as text; what the console said when it is not there."""
        if name not in self.out:
            raise AssertionError(f"{self.name}: /out/{name} is missing; rc {self.rc}; console:\n{self.console[-3000:]}")
        return self.out[name].decode(errors="replace")


def boot(
    image: Image,
    script: str,
    files: Mapping[str, Path] = NOTHING,
    append: str = "",
    timeout: float = 60,
    memory: int = MEMORY,
    smp: str = ONE_CPU,
) -> VMResult:
    """Run a shell script (busybox) in a fresh guest, for at most `timeout` seconds of its own.

    `files` maps paths in the guest to files here; all of them are executable. /vm/bin is in the guest's PATH. `append`
    goes to the kernel's command line, `smp` is QEMU's word for the processors. Never raises for what the guest does:
    look at `rc`.
    """
    with tempfile.TemporaryDirectory(prefix="kprobe-vm-") as temporary:
        folder = Path(temporary)
        _initrd(folder / "initrd", image.initrd, script, files)
        command = _command(image, folder, f"kprobe.seconds={max(1, int(timeout))} {append}", memory, smp)
        started = time.monotonic()
        console = _run(command, timeout + START_SECONDS)
        seconds = time.monotonic() - started
        out = _read(folder / "out")
    rc = out.pop(".rc", b"").strip()
    ready = READY.search(console)
    return VMResult(
        image.name, image.release, console, out, int(rc) if rc else None, float(ready[1]) if ready else None, seconds
    )


def cut(
    image: Image, script: str, files: Mapping[str, Path], enough: Callable[[bytes], bool], timeout: float = 120
) -> bytes:
    """Run a script that writes to /dev/vport0p1, and kill the whole machine once what came out of there is `enough`.

    All that came; a TimeoutError when it never was enough.
    """
    with tempfile.TemporaryDirectory(prefix="kprobe-vm-") as temporary:
        folder = Path(temporary)
        _initrd(folder / "initrd", image.initrd, script, files)
        command = _command(image, folder, f"kprobe.seconds={max(1, int(timeout))}", MEMORY)
        limit = time.monotonic() + timeout + START_SECONDS
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as machine:
            try:
                while not enough(found := (folder / "out").read_bytes() if (folder / "out").exists() else b""):
                    if machine.poll() is not None or time.monotonic() > limit:
                        raise TimeoutError(f"{image.name}: {len(found)} bytes were not enough")
                    time.sleep(0.2)
            finally:
                machine.kill()
        return (folder / "out").read_bytes()


def _initrd(path: Path, base: Path, script: str, files: Mapping[str, Path]) -> None:
    """The kernel's own image with this run's files behind it: the later archive wins."""
    entries = [
        cpio.Entry("init", (HERE / "guest" / "init").read_bytes(), 0o755),
        cpio.Entry("vm/script", script.encode()),
    ]
    entries += [cpio.Entry(guest, here.read_bytes(), 0o755) for guest, here in files.items()]
    with path.open("wb") as out:
        out.write(base.read_bytes())
        cpio.write(out, entries)


def _command(image: Image, folder: Path, append: str, memory: int, smp: str = ONE_CPU) -> Sequence[str]:
    if image.kind == "uml":
        return uml.command(image.vmlinux, folder, append, memory)
    machine, console, bus = MACHINES[image.arch]
    return [
        *machine,
        *(("-cpu", image.cpu) if image.cpu else ()),  # the last one counts
        *("-device", f"virtio-serial-{bus}"),
        *("-accel", "tcg", "-smp", smp, "-m", str(memory), "-display", "none", "-nodefaults", "-no-reboot"),
        *("-serial", "stdio", "-chardev", f"file,id=out,path={folder / 'out'}"),
        *("-device", "virtserialport,chardev=out,name=kprobe.out"),
        *("-kernel", str(image.vmlinux), "-initrd", str(folder / "initrd")),
        # Emulated on a busy machine, a tick may be late; x86 kernels then panic: "IO-APIC + timer doesn't work".
        *("-append", f"console={console} quiet panic=-1 no_timer_check {append}"),
    ]


def _run(command: Sequence[str], limit: float) -> str:
    """The console's text. QEMU is killed when it takes longer than the limit."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace") + f"\nkprobe-vm: killed after {limit:.0f} s\n"
    return done.stdout.decode(errors="replace")


def _read(path: Path) -> dict[str, bytes]:
    """The files of the archive that came through the port; those before the cut when it is cut."""
    found: dict[str, bytes] = {}
    data = path.read_bytes() if path.exists() else b""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name.removeprefix("./")] = content.read()
    except tarfile.TarError:
        found.pop(".rc", None)
    return found
