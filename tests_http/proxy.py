"""Run nginx with the shipped configuration in front of test servers."""

import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Collection
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Self

import pytest

from products.tests.postgres import free_port
from tests_http.server import LEASH, PATIENCE, ROOT

Address = tuple[str, int]

SHIPPED = ROOT / "deploy" / "nginx" / "shop.conf"
NAME = "shop.example"
SERVER = "server {}:{} max_fails=1 fail_timeout=1s;"

# What a distribution's nginx.conf contains, without paths that only root may write to.
MAIN = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/shop.conf;
}}
"""


def required(program: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {program})")
    return path


class Nginx:
    """Context manager: pass requests to `https` and `http` (host, port) on to one or two upstream servers."""

    def __init__(self, folder: Path, *upstream: Address) -> None:
        self.program, self.folder, self.upstream = required("nginx"), folder, upstream
        self.https, self.http = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        self.certificate, self.key = folder / "shop.crt", folder / "shop.key"
        self._make_certificate()
        self._write()

    def __enter__(self) -> Self:
        command = [self.program, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        self.leash = subprocess.Popen(["/bin/sh", "-c", LEASH, "leash", *command], stdin=subprocess.PIPE)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.leash.poll() is None, (self.folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.05)
        return self

    def __exit__(self, *exception: object) -> None:
        self.leash.communicate(timeout=PATIENCE)  # closes its input

    def connect(self) -> HTTPSConnection:
        """Return a TLS connection that trusts this certificate only."""
        return HTTPSConnection(*self.https, timeout=PATIENCE, context=self.tls())

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False  # The tests connect to an IP address.
        return context

    def test(self) -> subprocess.CompletedProcess[str]:
        """Return what `nginx -t` prints about the configuration."""
        command = [self.program, "-t", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True)

    def use(self, *, down: Collection[Address]) -> None:
        """Mark these upstream servers as `down`, and reload the configuration."""
        self._write(down)
        os.kill(int((self.folder / "nginx.pid").read_text()), signal.SIGHUP)
        time.sleep(0.5)  # Until the new worker has taken over.

    def _write(self, down: Collection[Address] = ()) -> None:
        """Write the shipped configuration with other addresses and paths, and no other change."""
        text = SHIPPED.read_text()
        servers = [SERVER.format(*each).replace(";", " down;" if each in down else ";") for each in self.upstream]
        replacements = {
            SERVER.format("127.0.0.1", 8000): servers[0],
            "# " + SERVER.format("127.0.0.1", 8001): "".join(servers[1:]),
            "listen 80;": "listen {}:{};".format(*self.http),
            "listen 443 ssl;": "listen {}:{} ssl;".format(*self.https),
            "/etc/nginx/tls/shop.crt": str(self.certificate),
            "/etc/nginx/tls/shop.key": str(self.key),
            "/var/log/nginx/shop.log": str(self.folder / "access.log"),
        }
        for shipped, here in replacements.items():
            assert text.count(shipped) == 1, shipped
            text = text.replace(shipped, here)
        # As root, nginx would start its workers as another user, who cannot read this folder.
        user = "user root;" if Path("/proc/self").owner() == "root" else ""
        self.folder.joinpath("shop.conf").write_text(text)
        self.folder.joinpath("nginx.conf").write_text(MAIN.format(user=user, folder=self.folder))

    def _make_certificate(self) -> None:
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        files = ["-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([required("openssl"), *request, *names, *files], check=True, capture_output=True)

    def _answers(self) -> bool:
        probe = HTTPConnection(*self.http, timeout=5)
        try:
            probe.request("GET", "/health/live")
            return probe.getresponse().status == 404
        except OSError:
            return False
        finally:
            probe.close()
