# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Fetch Debian packages with an apt of our own: nothing is installed, the machine's own lists stay untouched.

apt checks the signatures (debian-archive-keyring) and the hashes. The mirror is the one that this machine's Debian
sources name, or KPROBE_DEBIAN_MIRROR (and KPROBE_DEBIAN_SECURITY_MIRROR) on a machine that is no Debian.
"""

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Want

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PARTS = re.compile(r"linux-(?:base|binary|modules)-[^ ,|]*\d[^ ,|]*")  # from 6.19 on a kernel comes in these three
WHOLE = 100_000  # bytes; a package that is smaller holds no kernel and only names its parts
CANDIDATES = 4

# Container images switch these caches off in apt.conf.d, and every call is slow; only the command line overrides it.
COMMON = ["-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"]
CONF = """\
APT::Architecture "amd64"; APT::Architectures {{ {arches} }};
Dir::Etc::sourcelist "{root}/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "{root}/lists"; Dir::Cache "{root}/cache"; Dir::State::status "{root}/status";
Acquire::Languages "none"; APT::Sandbox::User "root"; Acquire::Retries "3";
"""


class FetchError(Exception):
    """A package that could not be had, and what apt said."""


@dataclass(frozen=True)
class Package:
    """What an index says of a package."""

    name: str
    version: str
    arch: str
    size: int
    depends: str

    @property
    def file(self) -> str:
        """The name under which apt-get download leaves it."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.arch}.deb"


Index = Mapping[str, Package]


def fetch(wants: Sequence[Want], root: Path, debs: Path) -> tuple[dict[str, tuple[Path, ...]], str]:
    """Bring each want's packages into `debs`: name -> files of those that could be had, and what apt complained of."""
    said = _update(wants, root)
    indices = _indices(root)
    left = {w.name: iter(list(_candidates(w, indices))[:CANDIDATES]) for w in wants}
    done: dict[str, tuple[Path, ...]] = {}
    while batch := {name: c for name, more in left.items() if (c := next(more, None)) is not None}:
        said += _download([p for group in batch.values() for p in group], root, debs)
        for name, group in batch.items():
            files = tuple(debs / p.file for p in group)
            if all(f.exists() for f in files):
                done[name] = files
                del left[name]
    return done, said.strip()


def mirrors() -> dict[str, str]:
    """The `main` and the `security` mirror that this machine uses."""
    found = {
        "main": os.environ.get("KPROBE_DEBIAN_MIRROR", ""),
        "security": os.environ.get("KPROBE_DEBIAN_SECURITY_MIRROR", ""),
    }
    release = platform.freedesktop_os_release()
    code = release.get("VERSION_CODENAME", "")
    if release.get("ID") == "debian":
        command = [
            "apt-get",
            "indextargets",
            "--no-release-info",
            "--format",
            "$(RELEASE) $(REPO_URI)",
            "Created-By: Packages",
        ]
        for line in _run(command, {}).stdout.splitlines():
            suite, _, uri = line.partition(" ")
            kind = {code: "main", f"{code}-security": "security"}.get(suite)
            if kind and not found[kind]:
                found[kind] = uri
    if not found["main"]:
        raise FetchError("no Debian mirror in this machine's apt sources: set KPROBE_DEBIAN_MIRROR")
    return found


def _update(wants: Sequence[Want], root: Path) -> str:
    """Refresh the lists of the wanted suites. One that fails is not fatal: another may have the package."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    arches: dict[str, set[str]] = {}
    for want in wants:
        for source in want.sources:
            arches.setdefault(source.suite, set()).add(want.listed)
    uri = mirrors()
    lines = []
    for suite, names in sorted(arches.items()):
        mirror = uri["security" if suite.endswith("-security") else "main"]
        if mirror:
            options = f"arch={','.join(sorted(names))} target=Packages signed-by={KEYRING}"
            lines.append(f"deb [{options}] {mirror} {suite} main\n")
    (root / "sources.list").write_text("".join(lines))
    quoted = " ".join(f'"{a}";' for a in sorted(set().union(*arches.values(), {"amd64"})))
    (root / "apt.conf").write_text(CONF.format(root=root, arches=quoted))
    result = _apt(root, ["update", "-qq", "-o", "Acquire::GzipIndexes=false"], root)
    return result.stdout + result.stderr


def _indices(root: Path) -> dict[tuple[str, str], bytes]:
    """(suite, architecture) -> the text of its Packages file."""
    form = "$(RELEASE)|$(ARCHITECTURE)|$(FILENAME)"
    found = {}
    for line in _apt(root, ["indextargets", "--format", form, "Created-By: Packages"], root).stdout.splitlines():
        suite, arch, name = line.split("|", 2)
        if Path(name).exists():
            found[suite, arch] = Path(name).read_bytes()
    return found


def _candidates(want: Want, indices: Mapping[tuple[str, str], bytes]) -> Iterator[tuple[Package, ...]]:
    """The groups of packages that would do, best first."""
    for source in want.sources:
        text = indices.get((source.suite, want.listed))
        if text is None:
            continue
        along = tuple(stanzas(text, "|".join(map(re.escape, want.along))).values()) if want.along else ()
        heads = stanzas(text, source.package)
        for head in sorted(heads.values(), key=lambda p: (natural(p.name), natural(p.version)), reverse=True):
            names = PARTS.findall(head.depends)
            parts = tuple(stanzas(text, "|".join(re.escape(n) for n in names)).values()) if names else ()
            if head.size > WHOLE:
                yield (head, *parts, *along)
            elif parts and len(parts) == len(names):
                yield parts


def stanzas(text: bytes, pattern: str) -> dict[str, Package]:
    """The packages of a Packages file whose name matches, each at its highest version."""
    found: dict[str, Package] = {}
    for match in re.finditer(rb"^Package: (" + f"(?:{pattern})".encode() + rb")\n(?:.+\n)*", text, re.MULTILINE):
        fields = dict(line.split(": ", 1) for line in match[0].decode().splitlines() if re.match(r"[\w-]+: ", line))
        package = Package(
            fields["Package"], fields["Version"], fields["Architecture"], int(fields["Size"]), fields.get("Depends", "")
        )
        old = found.get(package.name)
        if old is None or natural(old.version) < natural(package.version):
            found[package.name] = package
    return found


def natural(text: str) -> tuple[int, ...]:
    """A sort key that takes the numbers of a version as numbers; `~` sorts before the end, as Debian wants."""
    return (*(-1 if part == "~" else int(part) for part in re.findall(r"\d+|~", text)), 0)


def _download(packages: Sequence[Package], root: Path, debs: Path) -> str:
    """One apt-get call for all; only files of the size that the index names are kept."""
    debs.mkdir(parents=True, exist_ok=True)
    missing = [p for p in packages if not (debs / p.file).exists()]
    if not missing:
        return ""
    with tempfile.TemporaryDirectory(dir=debs) as folder:
        result = _apt(root, ["download", "-q", *(_spec(p) for p in missing)], Path(folder))
        for package in missing:
            file = Path(folder) / package.file
            if file.exists() and file.stat().st_size == package.size:
                file.replace(debs / package.file)
    return result.stderr


def _spec(package: Package) -> str:
    """How apt-get is told of exactly this package; one for all architectures has none in its name."""
    arch = "" if package.arch == "all" else f":{package.arch}"
    return f"{package.name}{arch}={package.version}"


def _apt(root: Path, args: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return _run(["apt-get", *COMMON, *args], {"APT_CONFIG": str(root / "apt.conf")}, cwd)


def _run(command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, "LC_ALL": "C", **env}
    return subprocess.run(command, env=full, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
