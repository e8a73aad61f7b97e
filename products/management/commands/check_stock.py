from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.models import Product


class Command(BaseCommand):
    help = "Compare each product's stock with the sum of its movements; exit with status 1 if any differ."

    def handle(self, **options: Any) -> None:
        mismatches = list(Product.objects.out_of_balance())
        for product in mismatches:
            ledger = product.ledger  # type: ignore[attr-defined] # annotated by out_of_balance()
            self.stdout.write(f"{product.sku}: stock is {product.stock}, but its movements add up to {ledger}.")
        counts = f"Products: {Product.objects.count()}. Differences: {len(mismatches)}."
        if mismatches:
            raise CommandError(counts)
        self.stdout.write(counts)
