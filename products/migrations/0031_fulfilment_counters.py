from decimal import Decimal

from django.db import migrations, models

import products.models.money
from products.db import triggers


class Migration(migrations.Migration):
    """Lines count their pieces, orders the money, and a movement names the cancellation or return that it belongs to.

    The triggers count for the running release, which writes the status only, from here on.
    """

    dependencies = [("products", "0030_product_details")]

    operations = [
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AddField(
            model_name="order",
            name="paid",
            field=products.models.money.MoneyField(
                db_default=Decimal("0.00"), default=Decimal("0.00"), editable=False, max_digits=16
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="refunded",
            field=products.models.money.MoneyField(
                db_default=Decimal("0.00"), default=Decimal("0.00"), editable=False, max_digits=16
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="cancelled",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="orderline",
            name="restocked",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="orderline",
            name="returned",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="orderline",
            name="shipped",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="part",
            field=models.IntegerField(
                db_default=0,
                default=0,
                help_text="The number of the order's cancellation or return that moved it; 1 for the sale by a late payment.",
            ),
        ),
        # SQLite has dropped the triggers of these tables, and PostgreSQL's refuse every change of a placed line.
        migrations.RunPython(triggers.install, triggers.remove),
    ]
