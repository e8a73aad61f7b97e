"""Sets the stage in the database that DATABASE_URL names: `python -m chaos.stage`.

The only part of all this, besides the server, that runs Django. Prints one JSON object: people and products.
"""

import json
import os
import sys

import django

CUSTOMERS = 8
PRICES = ["4.50", "19.99", "0.10", "120.00", "7.77", "3.33"]


def main() -> None:
    # Here, as the models need the settings first.
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
        # Every other one is scarce, so that orders race for the last pieces of it.
        opening, delivery = (5_000, 200) if number % 2 else (40, 25)
        product = Product.objects.create(sku=f"HOT-{number}", name=f"Hot product {number}", price=price)
        product.receive(opening)
        products.append({"id": product.pk, "price": price, "opening": opening, "delivery": delivery})
    json.dump({"people": people, "products": products}, sys.stdout)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    main()
