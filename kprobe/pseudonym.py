# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Pseudonyms under a key: the same for the same, and addresses that share a prefix still share one of that length.

Addresses are changed bit by bit as in Crypto-PAn (Xu, Fan, Ammar, Moon: "Prefix-preserving IP address anonymization",
2002): bit *i* is flipped by one bit of a keyed hash of the *i* bits before it, here BLAKE2s in the place of AES.
On the way to a block that everybody has (10/8, 192.168/16, fe80::/10, …) nothing is flipped, so that such a block
stays itself, as a whole and prefix-preserving, and only what is within it changes.
"""

import ipaddress
from base64 import b32encode
from collections.abc import Iterable
from hashlib import blake2s

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

BLOCKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "224.0.0.0/4",
    "fe80::/64", "fc00::/7", "ff00::/8", "2000::/3",
)  # fmt: skip
KEPT = frozenset(
    map(
        ipaddress.ip_address,
        ("0.0.0.0", "255.255.255.255", "169.254.1.1", "169.254.169.254", "::", "::1", "ff02::1", "ff02::2"),  # noqa: S104
    )
)
"""Addresses that mean the same on every node; 169.254.1.1 is the gateway that Calico gives to pods."""
MACS = frozenset({"ee:ee:ee:ee:ee:ee", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"})
EVERYBODYS = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)
"""Loopback, and the networks for documentation (RFC 5737, RFC 3849), with which kprobe's own rows are made."""


def _paths(blocks: Iterable[str]) -> frozenset[tuple[int, int, int]]:
    """Return the nodes above each block as (bits of the address, length of the prefix, the prefix)."""
    found: set[tuple[int, int, int]] = set()
    for text in blocks:
        net = ipaddress.ip_network(text)
        bits = net.max_prefixlen
        found |= {(bits, length, int(net.network_address) >> (bits - length)) for length in range(net.prefixlen)}
    return frozenset(found)


_PATHS = _paths(BLOCKS)
_MASKS = frozenset((2**32 - 1) >> (32 - length) << (32 - length) for length in range(8, 33))


class Pseudonyms:
    """Makes pseudonyms under one key of 16 to 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.bits: dict[tuple[int, int, int], int] = {}

    def token(self, kind: str, name: str) -> str:
        """Return a token for a name; it does not depend on the kind, which is there for the reader."""
        digest = self._digest(b"name", name.encode("utf-8", "surrogatepass"))
        return f"{kind}-{b32encode(digest)[:8].decode().lower()}"

    def mac(self, text: str) -> str:
        """Return a locally administered hardware address of the same length."""
        plain = text.lower().replace("-", ":")
        if plain in MACS:
            return text
        size = plain.count(":") + 1
        digest = self._digest(b"mac", plain.encode())[:size].ljust(size, b"\0")
        return ":".join(f"{byte:02x}" for byte in bytes([digest[0] & 0xFC | 2]) + digest[1:])

    def address(self, text: str) -> str | None:
        """Return another address, or network as in ``10.0.0.0/24``; None for what is neither."""
        plain, slash, length = text.partition("/")
        try:
            address: Address = ipaddress.ip_address(plain)
        except ValueError:
            return None
        if slash and int(length) > address.max_prefixlen:
            return None
        if _stays(address):
            return text
        bits = address.max_prefixlen
        number = self._walk(bits, int(address))
        if slash and int(address) & (2 ** (bits - int(length)) - 1) == 0:
            number = number >> (bits - int(length)) << (bits - int(length))
        return f"{type(address)(number)}{slash}{length}"

    def _walk(self, bits: int, number: int) -> int:
        mapped = number >> 32 == 0xFFFF and bits == 128
        if mapped:  # ::ffff:0:0/96 holds IPv4
            return 0xFFFF << 32 | self._walk(32, number & 0xFFFFFFFF)
        found = 0
        for length in range(bits):
            prefix = number >> (bits - length)
            bit = number >> (bits - 1 - length) & 1
            found = found << 1 | bit ^ self._flip(bits, length, prefix)
        return found

    def _flip(self, bits: int, length: int, prefix: int) -> int:
        node = (bits, length, prefix)
        if node in _PATHS:
            return 0
        found = self.bits.get(node)
        if found is None:
            data = bytes((bits, length)) + prefix.to_bytes(16)
            found = self.bits[node] = self._digest(b"bit", data)[0] & 1
        return found

    def _digest(self, person: bytes, data: bytes) -> bytes:
        return blake2s(data, key=self.key, person=person).digest()


def _stays(address: Address) -> bool:
    if address in KEPT or any(address in net for net in EVERYBODYS):
        return True
    return isinstance(address, ipaddress.IPv4Address) and int(address) in _MASKS
