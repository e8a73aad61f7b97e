from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products import reconciliation
from products.models import Order, Product


class Command(BaseCommand):
    help = (
        "Compare every product's stock with the ledger, and every order's lines, total and status with the ledger and "
        "the events; exit with 1 where they differ."
    )

    def handle(self, **options: Any) -> None:
        different = 0
        for sentence in reconciliation.differences():
            self.stdout.write(sentence)
            different += 1
        products, orders = Product.objects.count(), Order.objects.placed().count()
        counts = f"Products: {products}. Orders: {orders}. Differences: {different}."
        if different:
            raise CommandError(counts)
        self.stdout.write(counts)
