import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import products.validators


class Migration(migrations.Migration):
    """Imports of products from files, with what each row changes and has changed."""

    dependencies = [
        ("products", "0044_stock_checks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ProductImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=200, validators=[products.validators.printable_line, products.validators.visible]
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("format", models.CharField(max_length=20)),
                ("header", models.JSONField(default=list)),
                ("fields", models.JSONField(default=list)),
                ("ignored", models.JSONField(default=list)),
                (
                    "note",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                ("created_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("READ", "read"),
                            ("APPLYING", "being applied"),
                            ("APPLIED", "applied"),
                            ("UNDOING", "being undone"),
                            ("UNDONE", "undone"),
                        ],
                        default="READ",
                        max_length=10,
                    ),
                ),
                ("new", models.IntegerField(default=0)),
                ("changed", models.IntegerField(default=0)),
                ("unchanged", models.IntegerField(default=0)),
                ("bad", models.IntegerField(default=0)),
                ("applied_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "import of products",
                "verbose_name_plural": "imports of products",
                "ordering": ["-id"],
                "default_permissions": (),
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ProductImportRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.IntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("NEW", "new"), ("CHANGED", "changed"), ("UNCHANGED", "unchanged"), ("BAD", "bad")],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "waiting"),
                            ("APPLIED", "applied"),
                            ("REFUSED", "refused"),
                            ("UNDONE", "undone"),
                            ("KEPT", "not undone"),
                        ],
                        default="WAITING",
                        max_length=10,
                    ),
                ),
                ("sku", models.CharField(max_length=200)),
                ("cells", models.JSONField(default=list)),
                ("changes", models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ("reasons", models.JSONField(default=list)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="products.productimport",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="products.product"
                    ),
                ),
            ],
            options={
                "ordering": ["line"],
                "default_permissions": (),
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="productimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["READ", "APPLYING", "APPLIED", "UNDOING", "UNDONE"])),
                name="an_import_has_a_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="productimportrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["NEW", "CHANGED", "UNCHANGED", "BAD"])),
                name="a_row_of_an_import_has_a_known_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="productimportrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["WAITING", "APPLIED", "REFUSED", "UNDONE", "KEPT"])),
                name="a_row_of_an_import_has_a_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="productimportrow",
            constraint=models.UniqueConstraint(fields=("batch", "line"), name="an_import_names_a_line_once"),
        ),
    ]
