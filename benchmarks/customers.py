"""Migrate the shop's database, create customers and print [[name, token], …].

python -m benchmarks.customers PASSWORD NAME…

`make bench ARGS='--before …'` runs this module in the other checkout, so its name and arguments must not change.
"""

import json
import os
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from products.models import ApiToken  # noqa: E402


def create(password: str, names: list[str]) -> list[tuple[str, str]]:
    call_command("migrate", verbosity=0)
    users = [User.objects.create_user(name, password=password) for name in names]
    return [(user.username, ApiToken.objects.issue(user)[1]) for user in users]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(create(sys.argv[1], sys.argv[2:])))
