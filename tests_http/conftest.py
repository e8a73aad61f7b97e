"""The fixtures of the application's tests, and tokens for clients in processes of their own."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from products.models import ApiToken
from products.testing import allows_flush
from products.tests.conftest import _quick_passwords, a_product, alice, bob, staff

__all__ = ["_quick_passwords", "a_product", "alice", "allows_flush", "bob", "staff"]


@pytest.fixture
def tokens(db) -> Callable[[int], list[str]]:
    """Create that many customers, and return a token for each."""

    def make(number: int) -> list[str]:
        customers = [User.objects.create_user(f"customer-{index}") for index in range(number)]
        return [ApiToken.objects.issue(customer)[1] for customer in customers]

    return make
