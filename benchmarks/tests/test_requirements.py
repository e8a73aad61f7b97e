"""The environments of the baselines and the tools are the same on every machine, today and next year."""

import re

import pytest

from benchmarks.environments import HOMES


@pytest.mark.parametrize("name", HOMES)
def test_every_requirement_is_pinned_and_comes_from_the_default_index(name):
    lines = (HOMES[name] / "requirements.txt").read_text().splitlines()

    requirements = [line for line in lines if line and not line.startswith("#")]

    assert requirements
    assert [line for line in requirements if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


def test_the_drf_baseline_has_the_shops_versions_of_django_driver_and_server():
    def versions(path):
        return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), re.MULTILINE))

    baseline = versions(HOMES["drf"] / "requirements.txt")
    ours = {name.lower(): version for name, version in versions(HOMES["drf"].parents[2] / "requirements.txt").items()}

    assert {name: ours.get(name.lower()) for name in baseline} == baseline
