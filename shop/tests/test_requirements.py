"""What is installed has none of the holes that are known, and nothing that Django would silently use instead."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-dev.txt"]


def asked_for(name):
    lines = ROOT.joinpath(name).read_text().splitlines()
    wishes = (line.partition("#")[0].strip() for line in lines if not line.startswith("-r"))
    return [Requirement(wish) for wish in wishes if wish]


def locked(name):
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", ROOT.joinpath(name).read_text(), flags=re.MULTILINE)
    return {package: Version(version) for package, version in found}


def test_these_may_not_be_older_than_the_first_versions_without_known_holes():
    floors = {wish.name: str(wish.specifier) for wish in asked_for("requirements.in") if wish.specifier}

    # Repeated here, so that anybody who lowers one sees its reason.
    assert floors == {"django": "<5.3,>=5.2.19", "djangorestframework": ">=3.18.3", "gunicorn": "<28,>=27.0.1"}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_is_at_or_above_every_floor_and_lacks_nothing(lock):
    versions = locked(lock)

    wishes = asked_for("requirements.in") + (asked_for("requirements-dev.in") if "dev" in lock else [])

    assert [str(wish) for wish in wishes if not wish.specifier.contains(versions[wish.name])] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_psycopg_3_is_not_there_which_django_would_silently_use(lock):
    assert "psycopg2-binary" in locked(lock)
    assert not {name for name in locked(lock) if re.fullmatch(r"psycopg(-(c|binary|pool))?", name)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_file_that_is_installed_is_known_by_its_hash_and_comes_from_no_address(lock):
    text = ROOT.joinpath(lock).read_text()

    entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]

    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.findall(r"https?://|file:|--index-url|--extra-index-url|--find-links|^-e ", text, flags=re.MULTILINE)


def test_the_javascript_tools_are_pinned_and_come_from_npm_only():
    folder = ROOT / "tests_http" / "generated_clients"
    wishes = json.loads(folder.joinpath("package.json").read_text())["devDependencies"]
    entries = json.loads(folder.joinpath("package-lock.json").read_text())["packages"]

    installed = {name.removeprefix("node_modules/"): entry for name, entry in entries.items() if name}

    assert {name: installed[name]["version"] for name in wishes} == wishes
    assert [name for name, entry in installed.items() if not entry["integrity"].startswith("sha512-")] == []
    sources = {entry["resolved"].partition("/-/")[0] for entry in installed.values() if "resolved" in entry}
    assert [source for source in sources if not source.startswith("https://registry.npmjs.org/")] == []
