"""Migrate the database that DATABASE_URL names, create people and products, and print them as one JSON object.

Run as `python -m chaos.sample_data`; the only part of this program, besides the servers, that runs Django.
"""

import json
import os
import sys

import django

CUSTOMERS = 8
PRICES = ["4.50", "19.99", "0.10", "120.00", "7.77", "3.33"]


def main() -> None:
    # Imported here because the models need Django to be set up.
    from django.contrib.auth.models import Permission, User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    from products.models import ApiToken, Product  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    customers = [User.objects.create_user(f"customer-{number}") for number in range(1, CUSTOMERS + 1)]
    staff = User.objects.create_user("stockkeeper", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="products"))
    people = [
        {"name": user.username, "user": user.pk, "token": ApiToken.objects.issue(user)[1]}
        for user in [*customers, staff]
    ]
    products = []
    for number, price in enumerate(PRICES, 1):
        # Every second product is scarce, so that orders compete for the last items.
        opening, delivery = (5_000, 200) if number % 2 else (40, 25)
        product = Product.objects.create(sku=f"HOT-{number}", name=f"Hot product {number}", price=price)
        product.receive(opening)
        products.append({"id": product.pk, "price": price, "opening": opening, "delivery": delivery})
    json.dump({"people": people, "products": products}, sys.stdout)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    main()
