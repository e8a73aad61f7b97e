"""The pages of the operations: their links, and the names, commands and statements in them."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.db import connection

from products.tests.side_by_side import on_postgresql
from shop import settings as project

DOCS = Path(settings.BASE_DIR, "docs")
PAGES = [DOCS / "operations.md", DOCS / "scaling.md", *sorted((DOCS / "operations").glob("*.md"))]
MAKEFILE = Path(settings.BASE_DIR, "Makefile").read_text(encoding="utf-8")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_to_a_heading_of_a_file(page):
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))

    broken = [
        f"{path}#{anchor}"
        for path, anchor in links
        for target in [(page.parent / path) if path else page]
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


@each_page
def test_every_command_exists(page):
    text = page.read_text(encoding="utf-8")

    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    targets = set(re.findall(r"(?:`|^)make ([a-z]+(?:-[a-z]+)*)\b", text, flags=re.MULTILINE))

    assert commands - {*get_commands()} == set()
    assert [target for target in targets if f"\n{target}: " not in MAKEFILE] == []


@each_page
def test_every_variable_of_the_shop_exists(page):
    suffixes = "SECONDS|MINUTES|DAYS|TOKEN|URL|FALLBACKS|PUBLIC|PGBOUNCER|NOTICES|PROXIES|HOSTS"
    named = set(re.findall(rf"`([A-Z][A-Z_]+_(?:{suffixes}))\b", page.read_text(encoding="utf-8")))

    known = {*project.env.defaults, "GRACEFUL_TIMEOUT_SECONDS", "KEEP_ALIVE_SECONDS"}

    assert named - known == set()


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        statement
        for page in PAGES
        for block in re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for statement in re.findall(r"^SELECT .*?;", block, flags=re.DOTALL | re.MULTILINE)
    ],
)
def test_every_question_to_postgresql_is_answered(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)

        assert cursor.fetchall() != []
