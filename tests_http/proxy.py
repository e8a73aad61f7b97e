"""nginx with the shipped configuration, as a plain process in front of a server of the tests."""

import shutil
import ssl
import subprocess
import time
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Self

import pytest
from django.conf import settings

from products.tests.postgres import free_port
from tests_http.server import LEASH, PATIENCE

SHIPPED = settings.BASE_DIR / "deploy" / "nginx" / "shop.conf"
NAME = "shop.example"

# What a distribution's nginx.conf says around it, with no path that only root could write to.
AROUND = """
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


def needed(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {program})")
    return path


class Nginx:
    """A context manager: takes what comes to `https` and `http` (host, port), and passes it on to `upstream`."""

    def __init__(self, folder: Path, upstream: tuple[str, int]) -> None:
        self.program, self.folder = needed("nginx"), folder
        self.https, self.http = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        self.certificate, self.key = folder / "shop.crt", folder / "shop.key"
        self._make_a_certificate()
        self._write(upstream)

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
        """A connection with TLS, which believes this certificate only."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False  # it is reached by its address
        return HTTPSConnection(*self.https, timeout=PATIENCE, context=context)

    def test(self) -> subprocess.CompletedProcess[str]:
        """What nginx itself says of the configuration."""
        command = [self.program, "-t", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True)

    def _write(self, upstream: tuple[str, int]) -> None:
        """The shipped configuration, with nothing changed but where things are."""
        text = SHIPPED.read_text()
        places = {
            "127.0.0.1:8000": "{}:{}".format(*upstream),
            "listen 80;": "listen {}:{};".format(*self.http),
            "listen 443 ssl;": "listen {}:{} ssl;".format(*self.https),
            "/etc/nginx/tls/shop.crt": str(self.certificate),
            "/etc/nginx/tls/shop.key": str(self.key),
            "/var/log/nginx/shop.log": str(self.folder / "access.log"),
        }
        for shipped, here in places.items():
            assert text.count(shipped) == 1, shipped
            text = text.replace(shipped, here)
        # The folder is the test's alone, and nobody else's may be whom nginx would choose to work as.
        user = "user root;" if Path("/proc/self").owner() == "root" else ""
        self.folder.joinpath("shop.conf").write_text(text)
        self.folder.joinpath("nginx.conf").write_text(AROUND.format(user=user, folder=self.folder))

    def _make_a_certificate(self) -> None:
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        files = ["-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([needed("openssl"), *request, *names, *files], check=True, capture_output=True)

    def _answers(self) -> bool:
        probe = HTTPConnection(*self.http, timeout=5)
        try:
            probe.request("GET", "/health/live")
            return probe.getresponse().status == 404
        except OSError:
            return False
        finally:
            probe.close()
