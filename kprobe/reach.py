# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Asks endpoints that the user named: etcd, the Kubernetes API, kube-proxy. The only module that opens a connection.

Nothing is sent but a GET of public paths: no credentials, no cookies, through no proxy. TCP, TLS and health are told
apart. Certificates are not checked: the cluster's authority is not known here, and nothing secret is sent. Called by
option only (docs/adr/0006): the static collector has no TLS, and sends nothing to anybody.
"""

import errno
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from kprobe.errors import InputError
from kprobe.evidence import Fact

SECONDS = 3.0
"""For each step of each endpoint."""

MOST = 64 * 1024
KUBE_PROXY = "http://127.0.0.1:10249"

WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "HANDSHAKE_FAILURE")
"""Alerts of a server that wants a certificate of the client's: TLS works, and whose turn it is is clear."""


class Answer(NamedTuple):
    """One GET: status 0 where none came, and then why."""

    status: int
    text: str


class _Endpoint(NamedTuple):
    url: str
    tls: bool
    host: str
    port: int


def endpoint(url: str, port: int, option: str) -> _Endpoint:
    """Take a URL apart; refuse what is none, and any credentials in it."""
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        number = parts.port
    except ValueError as error:
        raise InputError(str(error), f"{option} {url}", "write https://HOST:PORT") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise InputError("not a URL of an endpoint", f"{option} {url}", "write https://HOST:PORT")
    if "@" in parts.netloc:
        raise InputError("credentials are not sent", option, "write the URL without user and password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    named = f"{parts.scheme}://{host}:{number or port}"
    return _Endpoint(named, parts.scheme == "https", parts.hostname, number or port)


def facts(etcd: Iterable[str] = (), apiserver: Iterable[str] = (), kube_proxy: Iterable[str] = ()) -> list[Fact]:
    """Ask every endpoint; one fact a kind. URLs are checked before the first is asked."""
    wanted = [
        ("node.etcd", "--etcd", _etcd, [endpoint(url, 2379, "--etcd") for url in etcd]),
        ("node.apiserver", "--apiserver", _apiserver, [endpoint(url, 6443, "--apiserver") for url in apiserver]),
        ("node.kube-proxy", "--kube-proxy", _proxy, [endpoint(url, 10249, "--kube-proxy") for url in kube_proxy]),
    ]
    return [
        Fact(id=name, source=option, value={end.url: _ask(end, how) for end in ends})
        for name, option, how, ends in wanted
        if ends
    ]


def _ask(end: _Endpoint, how: Callable[[_Endpoint], dict[str, str]]) -> dict[str, str]:
    """Connect, shake hands, and ask; what came of each step, shortened."""
    try:
        with socket.create_connection((end.host, end.port), SECONDS):
            pass
    except OSError as error:
        return {"tcp": _why(error)}
    if end.tls:
        try:
            _connect(end).close()
        except ssl.SSLError as error:
            if _wants_certificate(error):
                return {
                    "tcp": "works",
                    "tls": "works",
                    "health": "denied",
                    "said": "it wants a certificate of its client",
                }
            return {"tcp": "works", "tls": _why(error)}
        except OSError as error:
            return {"tcp": "works", "tls": _why(error)}
    found = {"tcp": "works", **({"tls": "works"} if end.tls else {}), **how(end)}
    return {key: re.sub(r"[^\x20-\x7e]", "?", value)[:120] for key, value in found.items()}


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    return errno.errorcode.get(error.errno or 0, str(error))


def _wants_certificate(error: ssl.SSLError) -> bool:
    return any(alert in (error.reason or "") for alert in WANTS_CERTIFICATE)


def _connect(end: _Endpoint) -> socket.socket:
    plain = socket.create_connection((end.host, end.port), SECONDS)
    if not end.tls:
        return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(plain, server_hostname=end.host)
    except BaseException:
        plain.close()
        raise


def _get(end: _Endpoint, path: str) -> Answer:
    """GET one path on a connection of its own."""
    http = HTTPConnection(end.host, end.port, timeout=SECONDS)
    try:
        http.sock = _connect(end)
        http.request("GET", path, headers={"Accept": "application/json, text/plain", "User-Agent": "kprobe"})
        answer = http.getresponse()
        return Answer(answer.status, answer.read(MOST).decode(errors="replace"))
    except ssl.SSLError as error:
        if _wants_certificate(error):
            return Answer(401, "it wants a certificate of its client")
        return Answer(0, _why(error))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(
            0, _why(error) if isinstance(error, OSError) else f"it does not speak HTTP ({type(error).__name__})"
        )
    finally:
        http.close()


def _member(answer: Answer, *names: str) -> str:
    """Return the first of some members of a JSON object, as text."""
    try:
        found = msgspec.json.decode(answer.text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    value = next((found[name] for name in names if name in found), "")
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else ""


def _refusal(answer: Answer) -> dict[str, str]:
    if answer.status in {401, 403}:
        return {"health": "denied", "said": f"HTTP {answer.status} {answer.text[:60]}".strip()}
    return {"health": "broken", "said": f"HTTP {answer.status}" if answer.status else answer.text}


def _etcd(end: _Endpoint) -> dict[str, str]:
    """Etcd v3: /version names the server, /health is what its own probes use."""
    version = _get(end, "/version")
    if version.status != 200:
        return _refusal(version)
    server = _member(version, "etcdserver")
    if not re.match(r"\d+\.\d+", server):
        return {"health": "broken", "said": "this is not etcd: /version names no etcdserver"}
    if int(server.partition(".")[0]) < 3:
        return {"health": "broken", "said": f"etcd {server} has no v3 API", "version": server}
    health = _get(end, "/health")
    if _member(health, "health") == "true":
        return {"health": "works", "version": server}
    reason = _member(health, "reason") or (f"HTTP {health.status}" if health.status else health.text)
    return {"health": "broken", "said": f"etcd says that it is not healthy: {reason}", "version": server}


def _apiserver(end: _Endpoint) -> dict[str, str]:
    """Kubernetes: who is nobody may read /version and /readyz by default (system:public-info-viewer)."""
    version = _get(end, "/version")
    if version.status != 200:
        return _refusal(version)
    server = _member(version, "gitVersion")
    if not re.match(r"v?\d+\.\d+", server):
        return {"health": "broken", "said": "this is not Kubernetes: /version names no gitVersion"}
    ready = _get(end, "/readyz")
    if ready.status == 200:
        return {"health": "works", "version": server}
    return {**_refusal(ready), "version": server}


def _proxy(end: _Endpoint) -> dict[str, str]:
    """kube-proxy's metrics server names its mode."""
    mode = _get(end, "/proxyMode")
    if mode.status != 200:
        return _refusal(mode)
    return {"health": "works", "said": mode.text.strip()}
