"""Refusals: a rule says no with a code for programs, a sentence for people, and the facts for both."""

import inspect

import pytest

from products import models
from products.models import ForbiddenMove, InsufficientStock, InvalidOrder, Problem, Refusal, refusals

ALL = [thing for thing in vars(refusals).values() if inspect.isclass(thing) and issubclass(thing, Refusal)]


def test_every_refusal_can_be_imported_from_the_models():
    assert [refusal for refusal in ALL if getattr(models, refusal.__name__, None) is not refusal] == []
    assert {refusal.__name__ for refusal in ALL} <= set(models.__all__)


def test_every_refusal_has_a_code_of_its_own():
    codes = [refusal.code for refusal in ALL]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("refusal", [InvalidOrder, InsufficientStock])
def test_a_refusal_lists_everything_that_is_wrong(refusal):
    problems = (Problem("one", "First.", (0,)), Problem("two", "Second.", (1, 2), {"product": 7}))

    raised = refusal(*problems)

    assert raised.problems == problems
    assert str(raised) == "First. Second."


def test_a_forbidden_move_says_from_where_to_where():
    raised = ForbiddenMove(None, "PAID")

    assert raised.code == "forbidden_move"
    assert str(raised) == "An order that is new cannot become PAID."
    assert raised.problems[0].facts == {"from": None, "to": "PAID"}


def test_a_shortage_knows_its_products_and_what_would_do():
    short = Problem("insufficient_stock", "MUG: 2 asked for, 1 there.", (0,), {"product": 7})

    raised = InsufficientStock(short, acceptable=((7, 1),))

    assert raised.product_ids == [7]
    assert raised.acceptable == [(7, 1)]
    assert raised.overdue == []
