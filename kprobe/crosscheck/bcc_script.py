# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Run by whichever Python has bcc, in namespaces of its own: compiles, loads, attaches and counts, one part a row.

Prints a JSON object a line: row, told (works, absent, denied, broken, none), said. Or one with ``not_asked`` alone. It
imports nothing of kprobe, which that Python need not have.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "kprobe-bcc"
TIMES = 5
HALVES = [int.from_bytes(NAME.encode().ljust(16, b"\0")[at : at + 8], sys.byteorder) for at in (0, 8)]
ONLY_US = f"""
static inline int us(void) {{
    union {{ char text[16]; u64 half[2]; }} name = {{}};
    bpf_get_current_comm(&name, sizeof(name));
    return name.half[0] == {HALVES[0]}ULL && name.half[1] == {HALVES[1]}ULL;
}}
"""
COUNT = "u32 zero = 0; u64 *n = seen.lookup(&zero); if (n) __sync_fetch_and_add(n, 1);"
FORKED = f"if (us()) {{ {COUNT} }} return 0;"
TAKEN = f"{COUNT} return 0;"
ARRAY = "BPF_ARRAY(seen, u64, 1);"
TRACEPOINT = "TRACEPOINT_PROBE(sched, sched_process_fork)"


def fork() -> None:
    """Make TIMES processes."""
    for _ in range(TIMES):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def send() -> None:
    """Send TIMES packets over the loopback device of this namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(TIMES):
            sender.sendto(b"kprobe", ("127.0.0.1", 9))


def burn() -> None:
    """Use the processor for a while."""
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass


def counted(bpf: Any) -> int:
    """Return what the program counted."""
    return int(bpf["seen"][0].value)


def table(bpf: Any) -> int:
    """Return what it counted in a hash of names."""
    return sum(int(value.value) for value in bpf["names"].values())


def polled(bpf: Any) -> int:
    """Return the events that came through the perf buffer."""
    got: list[int] = []
    bpf["events"].open_perf_buffer(lambda _cpu, _data, size: got.append(size))
    fork()
    bpf.perf_buffer_poll(timeout=500)
    return len(got)


def ringed(bpf: Any) -> int:
    """Return the events that came through the ring buffer."""
    got: list[int] = []
    bpf["events"].open_ring_buffer(lambda _ctx, _data, size: got.append(size))
    fork()
    bpf.ring_buffer_poll(500)
    return len(got)


def attach_socket(bpf: Any, bcc: Any) -> None:
    """Attach a filter to a packet socket on the loopback device."""
    bpf.attach_raw_socket(bpf.load_func("program", bcc.BPF.SOCKET_FILTER), "lo")


def attach_xdp(bpf: Any, bcc: Any) -> None:
    """Attach to the loopback device, where XDP is generic."""
    bpf.attach_xdp("lo", bpf.load_func("program", bcc.BPF.XDP), 0)


def attach_perf(bpf: Any, bcc: Any) -> None:
    """Attach to the clock of the processors."""
    bpf.attach_perf_event(
        ev_type=bcc.PerfType.SOFTWARE, ev_config=bcc.PerfSWConfig.CPU_CLOCK, fn_name="program", sample_freq=99
    )


def attach_kprobe(bpf: Any, bcc: Any) -> None:
    """Attach to a system call; what cannot be attached was loaded none the less.

    Only by perf_event_open(), which forgets the probe when we die (v4.17): what bcc did before that would stay.
    """
    bpf.load_func("program", bcc.BPF.KPROBE)
    if not Path("/sys/bus/event_source/devices/kprobe").exists():
        raise LoadedError("loaded; not attached: no kprobes here that go when their maker dies")
    try:
        bpf.attach_kprobe(event=bpf.get_syscall_fnname("getppid"), fn_name="program")
    except Exception as error:
        raise LoadedError(f"loaded; this kernel attaches no kprobe: {error}") from error


class LoadedError(Exception):
    """The row's question is answered, and no more can be asked."""


def by_itself(_bpf: Any, _bcc: Any) -> None:
    """Leave it to bcc, which attaches by the function's name."""


Attach = Callable[[Any, Any], None]
Part = tuple[str, str, Attach, Callable[[], Any], Callable[[Any], int], int]
PARTS: tuple[Part, ...] = (
    ("bpf.prog.tracepoint", f"{ARRAY} {TRACEPOINT} {{ {FORKED} }}", by_itself, fork, counted, TIMES),
    (
        "bpf.prog.raw_tracepoint",
        f"{ARRAY} RAW_TRACEPOINT_PROBE(sched_process_fork) {{ {FORKED} }}",
        by_itself,
        fork,
        counted,
        TIMES,
    ),
    (
        "bpf.prog.kprobe",
        f"{ARRAY} int program(struct pt_regs *ctx) {{ {FORKED} }}",
        attach_kprobe,
        lambda: [os.getppid() for _ in range(TIMES)],
        counted,
        TIMES,
    ),
    (
        "bpf.prog.perf_event",
        f"{ARRAY} int program(struct bpf_perf_event_data *ctx) {{ {FORKED} }}",
        attach_perf,
        burn,
        counted,
        1,
    ),
    (
        "bpf.prog.socket_filter",
        f"{ARRAY} int program(struct __sk_buff *skb) {{ {TAKEN} }}",
        attach_socket,
        send,
        counted,
        TIMES,
    ),
    (
        "bpf.prog.xdp",
        f"{ARRAY} int program(struct xdp_md *ctx) {{ {COUNT} return XDP_PASS; }}",
        attach_xdp,
        send,
        counted,
        TIMES,
    ),
    (
        "bpf.map.hash",
        (
            "struct key { char name[16]; }; BPF_HASH(names, struct key, u64);"
            f"{TRACEPOINT} {{ if (us()) {{ struct key k = {{}}; bpf_get_current_comm(&k.name, sizeof(k.name));"
            " names.increment(k); } return 0; }"
        ),
        by_itself,
        fork,
        table,
        TIMES,
    ),
    (
        "bpf.map.perf_event_array",
        (
            "BPF_PERF_OUTPUT(events);"
            f"{TRACEPOINT} {{ u64 one = 1; if (us()) events.perf_submit(args, &one, sizeof(one)); return 0; }}"
        ),
        by_itself,
        lambda: None,
        polled,
        TIMES,
    ),
    (
        "bpf.map.ringbuf",
        (
            "BPF_RINGBUF_OUTPUT(events, 1);"
            f"{TRACEPOINT} {{ u64 one = 1; if (us()) events.ringbuf_output(&one, sizeof(one), 0); return 0; }}"
        ),
        by_itself,
        lambda: None,
        ringed,
        TIMES,
    ),
)


def outcome(error: str, said: str) -> str:
    """Tell a refusal of the kernel from what bcc could not do by itself."""
    words = f"{error}\n{said}"
    if "Operation not permitted" in words or "Permission denied" in words:
        return "denied"
    # Where the verifier has read the program, the type is there, and something is wrong with what we wrote.
    refused = "Failed to load BPF program" in error and "processed " not in said
    refused = refused or "could not open bpf map" in said
    return "absent" if refused and ("Invalid argument" in words or "not supported" in words) else "none"


def ask(part: Part, bcc: Any) -> dict[str, str]:
    """Do one part; what bcc and its compiler say meanwhile is heard, and told where it failed."""
    row, text, attach, cause, count, wanted = part
    told, said = "works", ""
    with tempfile.TemporaryFile() as heard:
        saved = os.dup(1), os.dup(2)
        os.dup2(heard.fileno(), 1)
        os.dup2(heard.fileno(), 2)
        try:
            bpf = bcc.BPF(text=ONLY_US + text)
            attach(bpf, bcc)
            cause()
            found = count(bpf)
            # A clock ticks as often as it likes, and other packets than ours may come by.
            told = "works" if found >= wanted else "broken"
            said = f"compiled, loaded, attached; counted {found} of {wanted}"
        except LoadedError as loaded:
            said = str(loaded)
        except Exception as error:  # noqa: BLE001 - bcc raises nothing more exact
            heard.seek(0)
            warned = heard.read().decode(errors="replace")
            told, said = outcome(str(error), warned), f"{error}\n{warned[-500:]}".strip()
        finally:
            for to, fd in enumerate(saved, 1):
                os.dup2(fd, to)
                os.close(fd)
    return {"row": row, "told": told, "said": said}


def headers() -> bool:
    """Tell whether there are headers where bcc looks for them."""
    release = os.uname().release
    places = (f"/lib/modules/{release}/build", f"/lib/modules/{release}/source", "/sys/kernel/kheaders.tar.xz")
    return "BCC_KERNEL_SOURCE" in os.environ or any(Path(place).exists() for place in places)


def main() -> None:
    """Answer, or say why that cannot be."""
    try:
        import bcc
    except ImportError as error:
        print(json.dumps({"not_asked": f"bcc cannot be imported: {error}"}))  # noqa: T201
        return
    if not headers():
        why = "no kernel headers: /lib/modules/RELEASE/build, /sys/kernel/kheaders.tar.xz or BCC_KERNEL_SOURCE"
        print(json.dumps({"not_asked": why.replace("RELEASE", os.uname().release)}))  # noqa: T201
        return
    Path("/proc/self/comm").write_text(NAME)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)  # noqa: S607
    for part in PARTS:
        if part[0] in sys.argv[1:] or len(sys.argv) == 1:
            print(json.dumps(ask(part, bcc)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
