# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence without names: what a maintainer needs stays, what tells who and where becomes a pseudonym. Pure; ADR 8.

Nothing passes because it looks harmless; it passes because kprobe itself could have written it: each word of every
text is looked up in a vocabulary (kprobe/words.txt, made from the collector's own sources by ``make docs``), and a
word that is not in it is replaced together with all that it is joined to. The same thing always gets the same token
under one key; the key is drawn for each command and kept nowhere. Addresses keep their structure: see kprobe.pseudonym.
"""

import errno
import re
from collections.abc import Callable
from typing import Any

import msgspec

from kprobe.evidence import Begin, End, Evidence, Fact, Probe
from kprobe.pseudonym import Pseudonyms

_ERRORS = frozenset(errno.errorcode.values()) | {"ENOTSUPP", "EPROBE_DEFER", "ERESTARTSYS", "ENOTSUP"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MASK = re.compile(r"[0-9a-f]{1,16}")
_RELEASE = re.compile(r"[2-9](\.\d+)+")
"""The version of Linux; a larger first number may be an address."""
_FLAVOUR = re.compile(r"[A-Za-z0-9_.+~-]*")
_HEX_DETAILS = {"helpers": re.compile(r"[0-9a-f]{64}")}
"""Details of rows that are bit masks."""
_CAPABILITIES = frozenset({"effective", "permitted", "bounding", "inheritable", "ambient"})
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DASHED_ADDRESS = re.compile(r"\d{1,3}([-_.])\d{1,3}\1\d{1,3}\1\d{1,3}")
_MADE_UP = re.compile(r"(cali|veth|lxc|azv|eni|tap)[0-9a-f]{6,11}|0x[0-9a-f]{1,8}")
"""Names of interfaces that CNI plug-ins and container engines make up, and small numbers."""
_EVERYBODYS = re.compile(
    r"localhost|lo|(eth|wlan|bond|br|virbr|docker|cni|flannel\.|tunl|ifb|dummy|sit|wg|veth)\d+|(cali|veth|lxc)[0-9a-f]+"
    r"|(vxlan|vxlan-v6)\.calico|(wireguard|wg-v6|bpfin|bpfout)\.cali|cilium_\w+|kube-ipvs0|nodelocaldns"
    r"|gre(tap)?0|erspan0|ip6(gre|tnl)0|ip6?_vti0|ip_vti0|teql0"
)
"""Names of hosts and interfaces that stay where one is expected."""
_LETTERS = re.compile(r"[a-z]{2,}")
_STRANGE = re.compile(r"[^ -~]|@|\d[.:_-]\d|[0-9a-fA-F]:|::|\d{6}|[A-Za-z0-9+/]{40}")
_DISTINCT = re.compile(r"[a-z].*[-.].*\d|[a-z].*\d.*[-.]", re.IGNORECASE)
"""Names of known words, such as node-7, that are like nothing else and so are replaced in texts too."""
MAX_LITERALS = 32
MAX_KNOWN = 20_000
MAX_RELEASES = 50
Known = dict[str, set[str]]
"""By the kernel's release, texts that stay what they are on every node that has no name in them."""
DIGITS = 11
"""The longest number that passes in a text; what is longer may identify somebody."""
COLONS = 2
"""The most colons in what is a time and no broken address."""
MANY_DIGITS = 16
"""The most digits in a joined word, of a key or a serial number that has hardly a letter."""

_MAC = r"[0-9A-Fa-f]{2}(?P<sep>[:-])[0-9A-Fa-f]{2}(?:(?P=sep)[0-9A-Fa-f]{2}){4,18}"
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?!\w|\.\d)"
_IPV6 = r"(?=[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]{1,44}[0-9A-Fa-f:](?:/\d{1,3})?(?![\w:])"
_KEY = r"[A-Za-z0-9+/]{40,}={0,2}"
_WORD = r"\w(?:[\w.@+~-]*\w)?"
_TOKEN = re.compile(rf"(?<![\w:])(?P<mac>{_MAC})(?![\w:])|(?<![\w.])(?P<ipv4>{_IPV4})|(?<![\w:.])(?P<ipv6>{_IPV6})"
                    rf"|(?<![\w+/=])(?P<key>{_KEY})|(?P<word>{_WORD})")  # fmt: skip


def redact(evidence: Evidence, key: bytes, words: frozenset[str], known: Known | None = None) -> Evidence:
    """Replace what names somebody or something. ``key``: 32 random bytes; ``words``: see kprobe.redact.vocabulary.

    ``known`` remembers from one evidence to the next, under the same key, which texts stay what they are.
    """
    return _Redactor(evidence, key, words, {} if known is None else known).evidence(evidence)


def vocabulary() -> frozenset[str]:
    """Return the words that kprobe itself writes into evidence, and those that the kernel is known to."""
    import pkgutil

    return frozenset((pkgutil.get_data("kprobe", "words.txt") or b"").decode().split())


class _Told(dict[str, str]):
    """Texts and what became of them."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self.redact = redact

    def __missing__(self, text: str) -> str:
        found = self[text] = self.redact(text)
        return found


def _lists(probe: Probe) -> tuple[tuple[str, ...], ...]:
    return (probe.modules, probe.kconfig, probe.needs, probe.log, probe.loaded)


def _any_of(names: list[str]) -> re.Pattern[str]:
    longest = sorted(names, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest) or r"(?!)")


class _Redactor:
    """Replaces in one evidence: knows its names from the fields that hold one."""

    def __init__(self, evidence: Evidence, key: bytes, words: frozenset[str], known: Known) -> None:
        self.words = words
        self.fake = Pseudonyms(key)
        self.told = _Told(self._text)
        self.names: dict[str, str] = {}
        uname = evidence.begin.uname
        self._name(uname.nodename, "host")
        nics = next((fact.value for fact in evidence.facts if fact.id == "node.nics"), None)
        for name in nics if isinstance(nics, dict) else ():
            self._name(str(name), "if")
        self.release = self._release(uname.release)
        literal = [name for name in self.names if self._passes(name) and _DISTINCT.search(name)][:MAX_LITERALS]
        self.named = _any_of(literal) if literal else None
        if uname.release:
            self.names[uname.release] = self.names[uname.release.rstrip("+~.-")] = self.release
            literal.append(uname.release)
        self.literal = _any_of(literal)
        if uname.release not in known and len(known) >= MAX_RELEASES:
            known.clear()
        self.known = known.setdefault(uname.release, set())

    def _name(self, name: str, kind: str) -> None:
        if name and not _EVERYBODYS.fullmatch(name):
            self.names[name] = self.fake.token(kind, name)

    def evidence(self, found: Evidence) -> Evidence:
        """Return the evidence, each part redacted by its own rule."""
        return Evidence(
            source=self.text(found.source),
            begin=self.begin(found.begin),
            facts=tuple(map(self.fact, found.facts)),
            probes=tuple(map(self.probe, found.probes)),
            end=None if found.end is None else self.end(found.end),
            torn=found.torn,
        )

    def begin(self, begin: Begin) -> Begin:
        """Host name and release by their own rules; who asked is root or not."""
        uname = begin.uname
        return msgspec.structs.replace(
            begin,
            uid=0 if begin.uid == 0 else 1000,
            version=self.text(begin.version),
            time=begin.time if _TIME.fullmatch(begin.time) else "",
            uname=msgspec.structs.replace(
                uname,
                sysname=self.text(uname.sysname),
                nodename=self.names.get(uname.nodename, uname.nodename),
                release=self.release,
                version=self.text(uname.version),
                machine=self.text(uname.machine),
            ),
            caps=msgspec.structs.replace(
                begin.caps, effective=self.mask(begin.caps.effective), bounding=self.mask(begin.caps.bounding)
            ),
            flags=self.each(begin.flags),
            select=self.text(begin.select),
            plan={self.text(family): self.each(rows) for family, rows in begin.plan.items()},
        )

    def fact(self, fact: Fact) -> Fact:
        """Keys and texts word by word; numbers, yes and no stay."""
        mask = fact.id == "node.capabilities"
        return Fact(
            id=self.text(fact.id),
            source=self.text(fact.source),
            value=self.value(fact.value, masks=_CAPABILITIES if mask else frozenset()),
            error=self.error(fact.error),
        )

    def value(self, value: Any, masks: frozenset[str] = frozenset()) -> Any:
        """Redact any JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(str(key)): self.mask(item) if key in masks and isinstance(item, str) else self.value(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def probe(self, probe: Probe) -> Probe:
        """Every text of a row; the numbers stay."""
        if not self._changes(probe):
            return probe
        return msgspec.structs.replace(
            probe,
            id=self.text(probe.id),
            family=self.text(probe.family),
            title=self.text(probe.title),
            modules=self.each(probe.modules),
            kconfig=self.each(probe.kconfig),
            since=self.text(probe.since),
            needs=self.each(probe.needs),
            step=self.text(probe.step),
            error=self.error(probe.error),
            extack=self.text(probe.extack),
            reason=self.text(probe.reason),
            detail={self.text(key): self.detail(key, value) for key, value in probe.detail.items()},
            log=self.each(probe.log),
            loaded=self.each(probe.loaded),
        )

    def _changes(self, probe: Probe) -> bool:
        """Whether anything in a row is not its redacted self: most rows are taken over as they are."""
        told = self.told
        single = (probe.id, probe.family, probe.title, probe.since, probe.step, probe.extack, probe.reason)
        for text in single:
            if told[text] != text:
                return True
        return (
            any(self.each(texts) != texts for texts in _lists(probe) if texts)
            or (bool(probe.error) and self.error(probe.error) != probe.error)
            or any(told[key] != key or self.detail(key, value) != value for key, value in probe.detail.items())
        )

    def detail(self, key: str, value: str) -> str:
        """Text, or a bit mask where the key says so."""
        mask = _HEX_DETAILS.get(key)
        return value if mask is not None and mask.fullmatch(value) else self.text(value)

    def end(self, end: End) -> End:
        """Redact the module ledger."""
        return msgspec.structs.replace(
            end,
            loaded=self.each(end.loaded),
            unloaded=self.each(end.unloaded),
            left=tuple(
                msgspec.structs.replace(
                    left,
                    module=self.text(left.module),
                    command=self.text(left.command),
                    reason=self.text(left.reason),
                )
                for left in end.left
            ),
            leaks={self.text(kind): number for kind, number in end.leaks.items()},
        )

    def each(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Redact each text of a list."""
        return tuple(map(self.text, texts))

    def mask(self, text: str) -> str:
        """Let a set of capabilities pass, nothing else."""
        return text if _MASK.fullmatch(text) else self.text(text)

    def error(self, text: str) -> str:
        """Let the name of an errno pass; facts may join it to a word."""
        return text if text in _ERRORS else self.text(text)

    def text(self, text: str) -> str:
        """Redact a text word by word."""
        return self.told[text]

    def _text(self, text: str) -> str:
        if text in self.known and (self.named is None or self.named.search(text) is None):
            return text
        parts: list[str] = []
        start = 0
        for match in self.literal.finditer(text):
            parts += (self._words(text[start : match.start()]), self.names[match[0]])
            start = match.end()
        told = "".join((*parts, self._words(text[start:])))
        if told == text and len(self.known) < MAX_KNOWN:
            self.known.add(text)
        return told

    def _words(self, text: str) -> str:
        # Most texts are known words with nothing between them that could be an address, a key or a name.
        if _STRANGE.search(text) is None and self.words.issuperset(_LETTERS.findall(text.lower())):
            return text
        return _TOKEN.sub(self._token, text)

    def _token(self, match: re.Match[str]) -> str:
        text = match[0]
        kind = match.lastgroup or ""
        if kind == "mac":
            return self.fake.mac(text)
        if kind in {"ipv4", "ipv6"}:
            return self._address(text)
        if kind == "key":
            return text if self._path(text) else self.fake.token("key", text)
        return self._word(match)

    def _address(self, text: str) -> str:
        """Replace what looks like an address, with the end of a sentence behind it or not."""
        for end in range(len(text), max(len(text) - 3, 1), -1):
            if (found := self.fake.address(text[:end])) is not None:
                return found + text[end:]
            if text[end - 1] not in ".:":
                break
        if "::" in text or text.count(":") > COLONS:
            return self.fake.token("name", text)
        return _WORDS.sub(self._word, text)

    def _word(self, match: re.Match[str]) -> str:
        text = match[0]
        if self._passes(text):
            return text
        return self.names.get(text) or self.fake.token("name", text)

    def _path(self, text: str) -> bool:
        return "=" not in text and all(self._passes(part) for part in re.split(r"[/+]", text) if part)

    def _passes(self, word: str) -> bool:
        """Whether kprobe or the kernel could have written a word, joined ones included."""
        if word in _ERRORS or _MADE_UP.fullmatch(word):
            return True
        if "@" in word or _DASHED_ADDRESS.search(word) or sum(map(str.isdigit, word)) > MANY_DIGITS:
            return False
        return all(self._piece(piece) for piece in _PIECE.findall(word))

    def _piece(self, piece: str, shortest: int = 1) -> bool:
        if piece.isdecimal():
            return len(piece) <= DIGITS and piece.isascii()
        if len(piece) <= shortest or piece.lower() in self.words:
            return piece.isascii()
        parts = _CAMEL.findall(piece)
        return len(parts) > 1 and "".join(parts) == piece and all(part.lower() in self.words for part in parts)

    def _release(self, release: str) -> str:
        """Keep the version of a kernel and its flavour; a word of more than three letters must be a known one."""
        head = _RELEASE.match(release)
        if head is None:
            return _TOKEN.sub(self._token, release)
        rest = release[head.end() :]
        plain = _FLAVOUR.fullmatch(rest) and not _DASHED_ADDRESS.search(rest)
        if plain and all(self._piece(piece, shortest=3) for piece in _PIECE.findall(rest)):
            return release
        return head[0] + _WORDS.sub(lambda match: self.fake.token("name", match[0]), rest)


_WORDS = re.compile(_WORD)
