import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A category may be below another one."""

    dependencies = [("products", "0026_place_order_with_money")]

    operations = [
        migrations.AddField(
            model_name="category",
            name="depth",
            field=models.PositiveSmallIntegerField(
                db_default=1,
                default=1,
                editable=False,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(8),
                ],
            ),
        ),
        migrations.AddField(
            model_name="category",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="children",
                to="products.category",
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=models.Q(("parent", models.F("id")), _negated=True), name="a_category_is_not_its_own_parent"
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=models.Q(("depth__gte", 1), ("depth__lte", 8)), name="categories_are_nested_at_most_8_deep"
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("depth", 1), ("parent", None)),
                    models.Q(("depth__gt", 1), ("parent__isnull", False)),
                    _connector="OR",
                ),
                name="only_a_category_at_the_top_has_no_parent",
            ),
        ),
    ]
