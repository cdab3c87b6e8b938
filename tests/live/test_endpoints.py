"""Real endpoints: Debian's etcd plain, with TLS and with client certificates; and what only looks like one."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from kprobe import evidence, reach
from kprobe.errors import InputError
from kprobe.evidence import Probe
from tests.unit import node_lib


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def judged(etcd: str = "", apiserver: str = "", kube_proxy: str = "") -> dict[str, Probe]:
    """Derived rows of a healthy node that was told to ask these."""
    found = reach.facts(*((url,) if url else () for url in (etcd, apiserver, kube_proxy)))
    assert [evidence.encode(fact) for fact in found]
    return node_lib.rows({fact.id: fact.value for fact in found})


def outcomes(rows: dict[str, Probe], fact: str) -> tuple[str, str]:
    return rows[f"{fact}.reachable"].outcome, rows[f"{fact}.healthy"].outcome


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("tls")
    key, cert = place / "key.pem", place / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


@pytest.fixture(params=["http", "https", "client certificates"])
def etcd(request: pytest.FixtureRequest, tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[tuple[str, str]]:
    """A real etcd of one member, and how it is asked."""
    assert shutil.which("etcd"), "apt-get install etcd-server"
    key, cert = certificate
    scheme = "http" if request.param == "http" else "https"
    url, peer = f"{scheme}://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    command = ["etcd", "--data-dir", str(tmp_path), "--listen-client-urls", url, "--advertise-client-urls", url]
    command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
    command += ["--initial-cluster", f"default={peer}"]
    command += [] if scheme == "http" else ["--key-file", str(key), "--cert-file", str(cert)]
    command += ["--client-cert-auth", "--trusted-ca-file", str(cert)] if request.param == "client certificates" else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 30
            while time.monotonic() < until and process.poll() is None:
                (fact,) = reach.facts([url])
                if fact.value[url].get("health") in {"works", "denied"}:
                    break
                time.sleep(0.2)
            assert process.poll() is None, "etcd did not start"
            yield request.param, url
        finally:
            process.terminate()


def test_a_real_etcd(etcd: tuple[str, str]) -> None:
    how, url = etcd
    rows = judged(etcd=url)
    expected = ("works", "unknown") if how == "client certificates" else ("works", "works")
    assert outcomes(rows, "node.etcd") == expected, rows["node.etcd.healthy"].reason
    if how == "http":  # the counter-tests: TLS where there is none, another program's endpoint, and a closed port
        assert outcomes(judged(etcd=url.replace("http:", "https:")), "node.etcd") == ("broken", "broken")
        assert outcomes(judged(apiserver=url), "node.apiserver") == ("works", "broken")
        assert outcomes(judged(etcd=f"http://127.0.0.1:{free_port()}"), "node.etcd") == ("broken", "broken")
    if how == "https":
        assert outcomes(judged(etcd=url.replace("https:", "http:")), "node.etcd") == ("works", "broken")


class Answers(BaseHTTPRequestHandler):
    """Says what it was told to say, and keeps what it was asked."""

    paths: ClassVar[dict[str, tuple[int, str]]] = {}
    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, text = self.paths.get(self.path, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as found:
        if request.param == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate[1], certificate[0])
            found.socket = context.wrap_socket(found.socket, server_side=True)
        Answers.asked.clear()
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"{request.param}://127.0.0.1:{found.server_port}"
        found.shutdown()


VERSION = (200, json.dumps({"major": "1", "minor": "31", "gitVersion": "v1.31.2"}))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"/version": VERSION, "/readyz": (200, "ok")}, ("works", "works")),
        ({"/version": VERSION, "/readyz": (500, "etcd failed")}, ("works", "broken")),
        ({"/version": VERSION, "/readyz": (403, "forbidden")}, ("works", "unknown")),
        ({"/version": (401, "Unauthorized")}, ("works", "unknown")),
        ({"/version": (200, "<html>hello")}, ("works", "broken")),
        ({"/version": (200, "[" * 5000)}, ("works", "broken")),
        ({}, ("works", "broken")),
    ],
)
def test_what_speaks_as_the_kubernetes_api(
    server: str, paths: dict[str, tuple[int, str]], expected: tuple[str, str]
) -> None:
    Answers.paths = paths
    rows = judged(apiserver=server)
    assert outcomes(rows, "node.apiserver") == expected
    if expected == ("works", "works"):
        assert rows["node.kubernetes.version"].outcome == "works"
    for _, headers in Answers.asked:
        assert set(headers) <= {"host", "accept", "accept-encoding", "user-agent"}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"/version": (200, '{"etcdserver":"3.5.16"}'), "/health": (503, '{"health":"false"}')}, ("works", "broken")),
        ({"/version": (200, '{"etcdserver":"3.5.16"}'), "/health": (200, '{"health":"true"}')}, ("works", "works")),
        ({"/version": (200, '{"etcdserver":"2.3.8"}'), "/health": (200, '{"health":"true"}')}, ("works", "broken")),
        ({"/version": (200, '{"gitVersion":"v1.31.2"}'), "/health": (200, "ok")}, ("works", "broken")),
    ],
)
def test_what_speaks_as_etcd(server: str, paths: dict[str, tuple[int, str]], expected: tuple[str, str]) -> None:
    Answers.paths = paths
    assert outcomes(judged(etcd=server), "node.etcd") == expected


@pytest.mark.parametrize(("mode", "expected"), [("iptables", "works"), ("userspace", "broken"), ("ipvs", "broken")])
def test_what_speaks_as_kube_proxy(server: str, mode: str, expected: str) -> None:
    """The healthy node's rules and flag say iptables: another answer contradicts them."""
    Answers.paths = {"/proxyMode": (200, mode)}
    assert judged(kube_proxy=server)["node.kube-proxy.mode"].outcome == expected


def test_an_endpoint_that_does_not_speak_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        url = f"http://127.0.0.1:{dumb.getsockname()[1]}"

        def answer() -> None:
            for _ in range(2):
                peer, _address = dumb.accept()
                peer.sendall(b"220 mail.example ESMTP\r\n")
                peer.close()

        threading.Thread(target=answer, daemon=True).start()
        assert outcomes(judged(etcd=url), "node.etcd") == ("works", "broken")


def test_an_endpoint_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        for scheme, reachable in (("http", "works"), ("https", "broken")):
            url = f"{scheme}://127.0.0.1:{dumb.getsockname()[1]}"
            assert outcomes(judged(etcd=url), "node.etcd") == (reachable, "broken")


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://user:secret@x:1", "https://x:notaport", "https://x/path"]
)
def test_what_is_no_endpoint_is_refused_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(InputError) as error:
        reach.facts([url])
    assert "secret" not in str(error.value)
