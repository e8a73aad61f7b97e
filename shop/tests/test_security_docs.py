"""The security page claims nothing that no test holds: each test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:products|shop|tests_http)/\S+?\.py)::(\w+)`", PAGE)))
# Everything in backticks that has a colon pair in it, so that no name is overlooked for the way it is written.
CLAIMED = set(re.findall(r"`([^`]*::[^`]*)`", PAGE))
ROWS = re.findall(r"^\| (API\d+|V\d+\.\d+\.\d+)\b(.*) \|$", PAGE.partition("## Not met")[0], flags=re.MULTILINE)


def found_in(path):
    """The tests of a file that pytest would run."""
    module = ast.parse(ROOT.joinpath(path).read_text(encoding="utf-8"))
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(path, name):
    assert Path(path).name.startswith("test_")
    assert name in found_in(path)


def test_every_name_on_the_page_was_understood():
    assert {f"{path}::{name}" for path, name in NAMED} == CLAIMED


def test_all_ten_risks_of_the_api_top_ten_are_there_in_their_order():
    assert [name for name, _ in ROWS if name.startswith("API")] == [f"API{number}" for number in range(1, 11)]


def test_every_requirement_is_there_once_and_names_a_test_or_says_that_it_does_not_apply():
    names = [name for name, _ in ROWS]

    assert len(names) == len(set(names))
    assert len(names) >= 10 + 40
    assert [name for name, rest in ROWS if "::" not in rest and "Does not apply" not in rest] == []


def test_what_is_said_not_to_be_met_is_not_said_to_be_met_as_well():
    not_met = re.findall(r"V\d+\.\d+\.\d+", PAGE.partition("## Not met")[2])

    assert set(not_met).isdisjoint(name for name, _ in ROWS)
    assert sorted(not_met, key=lambda name: [int(part) for part in name[1:].split(".")]) == not_met
