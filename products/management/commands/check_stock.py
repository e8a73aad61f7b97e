from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.models import Product


class Command(BaseCommand):
    help = "Compare every product's stock with the sum of its movements; exit with 1 where they differ."

    def handle(self, **options: Any) -> None:
        different = list(Product.objects.out_of_balance())
        for product in different:
            ledger = product.ledger  # type: ignore[attr-defined] # given by out_of_balance()
            self.stdout.write(f"{product.sku}: the stock is {product.stock}, its movements come to {ledger}")
        counts = f"Products: {Product.objects.count()}. Differences: {len(different)}."
        if different:
            raise CommandError(counts)
        self.stdout.write(counts)
