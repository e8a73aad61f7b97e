"""What the peers and tools are made of is the same everywhere and next year."""

import re

import pytest

from benchmarks.environments import HOMES


@pytest.mark.parametrize("name", HOMES)
def test_every_requirement_is_pinned_and_comes_from_the_usual_index(name):
    lines = (HOMES[name] / "requirements.txt").read_text().splitlines()

    wanted = [line for line in lines if line and not line.startswith("#")]

    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


def test_both_django_shops_have_the_same_django_driver_and_server():
    def versions(path):
        return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), re.MULTILINE))

    peer = versions(HOMES["drf"] / "requirements.txt")
    ours = {name.lower(): version for name, version in versions(HOMES["drf"].parents[2] / "requirements.txt").items()}

    assert {name: ours.get(name.lower()) for name in peer} == peer
