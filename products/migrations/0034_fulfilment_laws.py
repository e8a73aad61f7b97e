import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.db import migrations, models

from products.db import triggers


class Migration(migrations.Migration):
    """The laws of the counters; and a line gives its stock back in parts.

    SQLite has dropped the triggers with the tables, and the tables of 0032 have none yet.
    """

    dependencies = [("products", "0033_count_fulfilled_lines")]

    operations = [
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid__gte", 0), ("refunded__gte", 0)), name="paid_and_refunded_are_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded__lte", models.F("paid"))), name="refunded_is_at_most_what_was_paid"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "quantity__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("shipped"), "+", models.F("cancelled")
                        ),
                    )
                ),
                name="shipped_and_cancelled_are_at_most_the_quantity",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("returned__lte", models.F("shipped"))), name="returned_is_at_most_what_was_shipped"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "restocked__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("returned"), "+", models.F("cancelled")
                        ),
                    )
                ),
                name="restocked_is_at_most_what_came_back",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cancelled__gte", 0), ("restocked__gte", 0), ("returned__gte", 0), ("shipped__gte", 0)
                ),
                name="counters_of_a_line_are_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.UniqueConstraint(
                fields=("line", "reason", "part"), name="one_movement_per_line_reason_and_part"
            ),
        ),
        migrations.RemoveConstraint(
            model_name="stockmovement",
            name="one_movement_per_line_and_reason",
        ),
        migrations.RemoveConstraint(
            model_name="stockmovement",
            name="an_order_line_gives_its_stock_back_once",
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
