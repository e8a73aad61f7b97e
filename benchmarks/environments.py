"""The baselines' own Python environments, each created from its own pinned requirements.

python -m benchmarks.environments NAME…   creates those that are missing or out of date
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOMES = {"drf": HERE / "baselines/drf", "fastapi": HERE / "baselines/fastapi", "tools": HERE / "tools"}
ENVIRONMENTS = HERE / ".environments"


def python_of(name: str) -> Path:
    """Return the interpreter of the environment `name`, creating it first if it is missing or out of date."""
    folder, requirements = ENVIRONMENTS / name, HOMES[name] / "requirements.txt"
    python, created_from = folder / "bin/python", folder / "created-from.txt"
    if not created_from.exists() or created_from.read_text() != requirements.read_text():
        sys.stderr.write(f"Installing {requirements.relative_to(HERE.parent)} …\n")
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, requirements)
        created_from.write_text(requirements.read_text())
    return python


def _install(folder: Path, requirements: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python"]
        subprocess.run([*install, "--requirement", requirements], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--requirement", requirements], check=True)


def versions_in(python: Path) -> dict[str, str]:
    """Return {distribution: version} of what is installed for `python`."""
    done = subprocess.run(
        [python, "-c", "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


if __name__ == "__main__":
    for wanted in sys.argv[1:] or HOMES:
        python_of(wanted)
