from django.db import migrations, models

import products.skus
import products.validators


class Migration(migrations.Migration):
    """A SKU is any printable text of one line; the key of one that is not in ASCII is stored."""

    dependencies = [("products", "0027_nested_categories")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="folded_sku",
            field=models.TextField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="product",
            name="sku",
            field=models.CharField(
                max_length=64,
                unique=True,
                validators=[
                    products.validators.wholly_visible,
                    products.skus.trimmed,
                ],
                verbose_name="SKU",
            ),
        ),
    ]
