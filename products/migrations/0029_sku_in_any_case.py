from collections import defaultdict

from django.core.management.base import CommandError
from django.db import migrations, models
from django.db.models.functions import Coalesce

from products.skus import LowerAscii, sku_key, stored_key

SHOWN = 20


def compare_skus(apps, schema_editor):
    """Stop if two products have one SKU but for its case: which of them is to have another, only the shop knows."""
    products = apps.get_model("products", "Product")._base_manager.using(schema_editor.connection.alias).order_by("pk")
    skus = defaultdict(list)
    for pk, sku in products.values_list("pk", "sku").iterator():
        skus[sku_key(sku)].append(sku)
        if stored_key(sku) is not None:  # Only by SQL can a product have such a SKU already.
            products.filter(pk=pk).update(folded_sku=stored_key(sku))
    clashes = [" and ".join(each) for each in skus.values() if len(each) > 1]
    if clashes:
        more = f", and {len(clashes) - SHOWN} more" if len(clashes) > SHOWN else ""
        raise CommandError(
            "From this release on, SKUs that differ only in case are the same SKU. "
            f"Give one of each its own SKU, and migrate again: {', '.join(clashes[:SHOWN])}{more}."
        )


class Migration(migrations.Migration):
    """A SKU belongs to one product, in whatever case it is written."""

    dependencies = [("products", "0028_wide_skus")]

    operations = [
        migrations.RunPython(compare_skus, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                Coalesce("folded_sku", LowerAscii("sku"), output_field=models.TextField()),
                name="a_sku_belongs_to_one_product_in_any_case",
            ),
        ),
    ]
