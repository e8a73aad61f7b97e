from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from products.models import ApiToken


@pytest.fixture
def tokens(db) -> Callable[[int], list[str]]:
    """Make customers, and give a token of each."""

    def make(number: int) -> list[str]:
        customers = [User.objects.create_user(f"customer-{index}") for index in range(number)]
        return [ApiToken.objects.issue(customer)[1] for customer in customers]

    return make
