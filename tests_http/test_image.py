"""`make image-test` needs tools that are not everywhere; what it then says. The test itself is a program of its own."""

import subprocess
import sys

from tests_http.server import ROOT


def test_without_an_engine_and_without_debians_tools_it_says_what_is_missing() -> None:
    command = [sys.executable, "-m", "tests_http.image"]

    process = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True)

    said = "Skipped: Docker's engine does not answer, and buildah, debootstrap, podman, runc cannot be found.\n"
    assert (process.returncode, process.stdout) == (0, said)
