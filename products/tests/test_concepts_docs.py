import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

import products.models
from products.db.triggers import RULES
from products.models import TRANSITIONS, DomainError
from products.models.events import MIN_RETENTION


@pytest.fixture
def page():
    return Path(settings.BASE_DIR, "docs", "concepts.md").read_text(encoding="utf-8")


def table(page, chapter):
    """Return the cells of the table in this chapter, without its header."""
    rows = re.findall(r"^\| (.+) \| (.+) \|$", page.partition(f"## {chapter}\n")[2].partition("\n## ")[0], re.MULTILINE)
    return rows[1:]


def test_the_page_lists_the_constraints_of_the_database(page):
    listed = [
        f"{model.__name__}.{field.name}` is unique"
        for model in apps.get_app_config("products").get_models()
        for field in model._meta.local_fields
        if field.unique and not field.primary_key
    ]
    for model in apps.get_app_config("products").get_models():
        listed += [f"{constraint.name}`" for constraint in model._meta.constraints]

    assert sorted(constraint for _, constraint in table(page, "What the database holds")) == sorted(
        f"`{words}" for words in listed
    )


def test_the_page_lists_the_transitions_of_an_order(page):
    written = {before: re.findall(r"\w+", after) for before, after in table(page, "The life of an order")}

    assert {before: set(after) for before, after in written.items()} == {
        f"`{before}`" if before else "not written yet": set(after) for before, after in TRANSITIONS.items()
    }


def test_every_exception_that_the_page_names_exists(page):
    errors = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", page))

    assert {name for name in errors if not issubclass(getattr(products.models, name), DomainError)} == set()
    assert errors >= {"InvalidOrder", "InsufficientStock", "InvalidTransition", "IdempotencyKeyConflict"}


def test_the_page_describes_the_triggers(page):
    assert {(rule.action, rule.exempts_old_rows) for rule in RULES if rule.table.endswith("movement")} == {
        ("UPDATE", False),
        ("DELETE", False),
    }
    assert f"until they are {MIN_RETENTION.days} days old" in page
