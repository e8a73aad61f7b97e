"""Build the image, and place an order in a container of it (`make image-test`):

    python -m tests_http.image

By Docker's engine; or, where there is none, as root by Debian's tools: `apt-get install buildah debootstrap podman
runc`. Those build upon a Debian with its own Python, in place of python:3.12-slim, which has to come from a registry.
Without either it says so, and ends well. The container has a read-only root, no capabilities and its secrets as files.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from products.tests.postgres import PostgresServer, free_port
from tests_http.proxy import NAME
from tests_http.sample_shop import CREATE
from tests_http.server import ROOT

PATIENCE = 30  # seconds for a start
NEEDED = ["buildah", "debootstrap", "podman", "runc"]
HERE = ROOT / "build" / "image"
BASE, IMAGE, CONTAINER = "localhost/shop-base", "localhost/shop-test", "shop-test"
LARGEST = 45_000_000
"""Bytes that the image may add to its base, compressed. python:3.12-slim has about as many, and the limit is 90 MB."""

FROM_THE_PROXY = {"Host": NAME, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
RESTRICTED = ["--network=host", "--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]


class Docker:
    """Docker's engine."""

    base = "python:3.12-slim"
    program = ["docker"]
    run = ["docker", "run", *RESTRICTED]

    def build(self) -> None:
        execute("docker", "build", f"--build-arg=PYTHON_IMAGE={self.base}", f"--tag={IMAGE}", ".")
        execute("docker", "pull", "--quiet", self.base)  # to know its size


class WithoutEngine:
    """buildah and podman, which keep what they make in build/image."""

    base = BASE
    storage = [f"--root={HERE}/storage", f"--runroot={HERE}/run", "--storage-driver=overlay"]
    program = ["podman", *storage, "--cgroup-manager=cgroupfs", "--runtime=runc"]
    # Without systemd there is nobody to run health checks, and an unprivileged root may not raise a limit.
    run = [*program, "run", *RESTRICTED, "--no-healthcheck", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]

    def build(self) -> None:
        if subprocess.run([*self.program, "image", "exists", BASE]).returncode:
            self._build_base()
        execute(
            *["buildah", *self.storage, "build", "--isolation=chroot", "--format=docker", "--network=host", "--quiet"],
            # This machine may have a mirror with a certificate of its own.
            "--volume=/etc/ssl/certs:/etc/ssl/certs:ro",
            *[f"--build-arg=PYTHON_IMAGE={BASE}", f"--tag={IMAGE}", "."],
        )

    def _build_base(self) -> None:
        HERE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HERE) as folder:
            execute(
                *["debootstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-venv"],
                *["bookworm", folder, os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")],
            )
            (Path(folder) / "usr/bin/python").symlink_to("python3")
            for package in (Path(folder) / "var/cache/apt/archives").glob("*.deb"):
                package.unlink()
            with (HERE / "base.tar").open("wb") as archive:
                execute("tar", "--directory", folder, "--create", ".", stdout=archive)
        execute(*self.program, "import", HERE / "base.tar", BASE)
        (HERE / "base.tar").unlink()


Engine = Docker | WithoutEngine


def main() -> None:
    engine = find_engine()
    if isinstance(engine, str):
        tell(f"Skipped: {engine}")
        return
    engine.build()
    check_size(engine)
    with PostgresServer(tcp=True) as server, tempfile.TemporaryDirectory() as folder:
        check_that_it_refuses_to_start(engine)
        environment = settings(Path(folder), server.url)
        manage(engine, environment, "check", "--deploy", "--fail-level=WARNING")
        manage(engine, environment, "migrate", "--verbosity=0")
        token, product = manage(engine, environment, "shell", "--verbosity=0", f"--command={CREATE}").split()
        port = free_port()
        with running(engine, [*environment, f"--env=PORT={port}"], port):
            place_order(port, token, int(product))
            check_static_files(port)
            check_confinement(engine)


def find_engine() -> "Engine | str":
    """Return what builds and runs images here, or why nothing does."""
    if shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True).returncode:
        return Docker()
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        return f"Docker's engine does not answer, and {', '.join(missing)} cannot be found."
    if os.getuid():
        return "Docker's engine does not answer, and buildah needs root here."
    return WithoutEngine()


def check_size(engine: Engine) -> None:
    """Print the compressed size of the image, and check the part of it that is ours."""
    whole, base = (compressed_size(engine, name) for name in (IMAGE, engine.base))
    tell(f"The image has {whole / 1e6:.1f} MB compressed, of which {(whole - base) / 1e6:.1f} MB are not the base's.")
    demand(whole - base < LARGEST, f"The image adds more than {LARGEST / 1e6:.0f} MB to its base.")


def compressed_size(engine: Engine, name: str) -> int:
    save = subprocess.Popen([*engine.program, "save", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return int(subprocess.run("gzip | wc -c", shell=True, check=True, stdin=save.stdout, stdout=-1).stdout)


def check_that_it_refuses_to_start(engine: Engine) -> None:
    process = subprocess.run([*engine.run, "--rm", IMAGE], capture_output=True, text=True)
    demand(process.returncode == 1, "It starts without its secrets.")
    demand("SECRET_KEY is not set" in process.stderr, f"It does not say what it lacks, but: {process.stderr}")
    tell("Without its secrets it does not start, and says what it lacks.")


def settings(folder: Path, database_url: str) -> list[str]:
    """Write the secrets into files, and return the options that bring them and the settings into a container."""
    folder.chmod(0o755)
    for name, secret in {"secret_key": secrets.token_urlsafe(64), "database_url": database_url}.items():
        (folder / name).write_text(secret)
    environment = {
        "SECRET_KEY_FILE": "/run/secrets/shop/secret_key",
        "DATABASE_URL_FILE": "/run/secrets/shop/database_url",
        "ALLOWED_HOSTS": NAME,
        "TRUSTED_PROXIES": "1",
    }
    return [
        f"--volume={folder}:/run/secrets/shop:ro",
        *(f"--env={name}={value}" for name, value in environment.items()),
    ]


def manage(engine: Engine, environment: list[str], *arguments: str) -> str:
    """Run manage.py in a container, and return what it prints."""
    command = [*engine.run, "--rm", *environment, IMAGE, "python", "manage.py", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def running(engine: Engine, environment: list[str], port: int) -> Iterator[None]:
    """Let a server run, stop it, and check its log."""
    execute(*engine.run, "--detach", f"--name={CONTAINER}", *environment, IMAGE, stdout=subprocess.DEVNULL)
    try:
        began = time.monotonic()
        while not answers(port):
            demand(time.monotonic() < began + PATIENCE, "It does not answer.")
            time.sleep(0.05)
        tell(f"It is ready after {time.monotonic() - began:.1f} s.")
        yield
        execute(*engine.program, "stop", "-t", "30", CONTAINER, stdout=subprocess.DEVNULL)
        log = subprocess.run([*engine.program, "logs", CONTAINER], check=True, capture_output=True, text=True)
        lines = [json.loads(line) for line in (log.stdout + log.stderr).splitlines()]
        orders = [line["status"] for line in lines if line.get("route") == "api/orders"]
        demand(orders == [201, 201], f"The log has other answers to the orders: {orders}")
        tell(f"It stops when told, and each of the {len(lines)} lines of its log is JSON.")
    finally:
        execute(*engine.program, "rm", "--force", CONTAINER, stdout=subprocess.DEVNULL)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return True
    except OSError:
        return False


def place_order(port: int, token: str, product: int) -> None:
    """Place an order, and repeat it as a client does that has had no answer."""
    body = json.dumps({"product": product, "quantity": 2}).encode()
    headers = {
        **FROM_THE_PROXY,
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": "image-test",
    }
    placed: list[dict[str, Any]] = []
    for _ in range(2):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/orders", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                placed.append(json.load(response))
        except urllib.error.HTTPError as error:
            sys.exit(f"The order is refused: {error.status} {error.read().decode()}")
    demand(placed[0]["id"] == placed[1]["id"], "A retry is a second order.")
    tell(f"An order is placed: {placed[0]['number']}, {placed[0]['total']} {placed[0]['currency']}.")


def check_static_files(port: int) -> None:
    """Check that the pages' files are there, with hashes in their names: the image leaves some of them out."""
    pages = [text_of(port, path).decode() for path in ("/api/docs", "/admin/login/")]
    files = {path for page in pages for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)}
    demand(len(files) > 5, f"The pages have few static files: {sorted(files)}")
    for path in sorted(files):
        demand(re.search(r"\.[0-9a-f]{12}\.", path) is not None, f"{path} was not collected.")
        demand(text_of(port, path) != b"", f"{path} is empty.")
    tell(f"The docs and the admin have their {len(files)} static files.")


def text_of(port: int, path: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=FROM_THE_PROXY)
    with urllib.request.urlopen(request, timeout=10) as response:
        text: bytes = response.read()
        return text


def check_confinement(engine: Engine) -> None:
    inside = "id -u; grep CapEff /proc/self/status; touch /app/x 2>&1; touch /tmp/x && echo written"
    command = [*engine.program, "exec", CONTAINER, "sh", "-c", inside]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    demand(said[0] == "10001", f"Its user is {said[0]}.")
    demand(said[1].endswith("0000000000000000"), f"It has capabilities: {said[1]}")
    demand("Read-only file system" in said[2] and said[3] == "written", f"It can write elsewhere than to /tmp: {said}")
    tell("It runs as user 10001, without capabilities, and writes nowhere but to /tmp and /dev/shm.")


def execute(*command: str | Path, **options: Any) -> None:
    subprocess.run(command, check=True, cwd=ROOT, **options)


def tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def demand(is_so: bool, complaint: str) -> None:
    if not is_so:
        sys.exit(complaint)


if __name__ == "__main__":
    main()
