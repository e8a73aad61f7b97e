"""The architecture decision records: numbered, indexed, and without broken links."""

import re
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR, "docs", "adr")
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


def test_the_pages_are_numbered_without_gaps():
    assert [page.name[:4] for page in PAGES] == [f"{number:04}" for number in range(1, len(PAGES) + 1)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_index_has_the_title_date_and_status_of_each_page(page):
    number, title, date, status = re.match(
        r"# (\d{4})\. (.+)\n\n(\d{4}-\d\d-\d\d), (.+)\n\n## Context\n", page.read_text(encoding="utf-8")
    ).groups()

    index = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert page.name.startswith(f"{number}-")
    assert f"| {number} | [{title}]({page.name}) | {date} | {status} |" in index.splitlines()


@pytest.mark.parametrize(
    "page", [*PAGES, FOLDER / "README.md", FOLDER.parent / "architecture.md"], ids=lambda p: p.name
)
def test_every_link_leads_to_a_file(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []
