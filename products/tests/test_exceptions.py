"""Domain errors: a rule rejects with a code for programs, a sentence for people, and the facts for both."""

import inspect

import pytest

from products import exceptions, models
from products.models import DomainError, InsufficientStock, InvalidOrder, InvalidTransition, Violation

ALL = [thing for thing in vars(exceptions).values() if inspect.isclass(thing) and issubclass(thing, DomainError)]


def test_every_refusal_can_be_imported_from_the_models():
    assert [refusal for refusal in ALL if getattr(models, refusal.__name__, None) is not refusal] == []
    assert {refusal.__name__ for refusal in ALL} <= set(models.__all__)


def test_every_refusal_has_a_code_of_its_own():
    codes = [refusal.code for refusal in ALL]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("refusal", [InvalidOrder, InsufficientStock])
def test_a_refusal_lists_everything_that_is_wrong(refusal):
    problems = (Violation("one", "First.", (0,)), Violation("two", "Second.", (1, 2), {"product": 7}))

    raised = refusal(*problems)

    assert raised.violations == problems
    assert str(raised) == "First. Second."


def test_a_forbidden_move_says_from_where_to_where():
    raised = InvalidTransition(None, "PAID")

    assert raised.code == "forbidden_move"
    assert str(raised) == "An order that is new cannot become PAID."
    assert raised.violations[0].facts == {"from": None, "to": "PAID"}


def test_a_shortage_knows_its_products_and_what_would_do():
    short = Violation("insufficient_stock", "MUG: 2 requested, 1 available.", (0,), {"product": 7})

    raised = InsufficientStock(short, acceptable=((7, 1),))

    assert raised.product_ids == [7]
    assert raised.acceptable == [(7, 1)]
    assert raised.overdue == []
