"""The competitors' own Python environments, each made from its own pinned requirements.

python -m benchmarks.environments NAME…   makes those that are missing or out of date
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOMES = {"drf": HERE / "peers/drf", "fastapi": HERE / "peers/fastapi", "tools": HERE / "tools"}
ENVIRONMENTS = HERE / ".environments"


def python_of(name: str) -> Path:
    """The interpreter of the environment `name`, which is made first where it is missing or out of date."""
    folder, requirements = ENVIRONMENTS / name, HOMES[name] / "requirements.txt"
    python, made_from = folder / "bin/python", folder / "made-from.txt"
    if not made_from.exists() or made_from.read_text() != requirements.read_text():
        sys.stderr.write(f"Installing {requirements.relative_to(HERE.parent)} …\n")
        shutil.rmtree(folder, ignore_errors=True)
        _install(folder, requirements)
        made_from.write_text(requirements.read_text())
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
    """What is installed beside `python`: {distribution: version}."""
    said = subprocess.run(
        [python, "-c", "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(line.split(" ", 1) for line in said.stdout.splitlines())


if __name__ == "__main__":
    for wanted in sys.argv[1:] or HOMES:
        python_of(wanted)
