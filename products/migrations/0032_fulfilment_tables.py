from decimal import Decimal

import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import products.models.money
import products.validators


class Migration(migrations.Migration):
    """Shipments, cancellations, returns and refunds, with their lines."""

    dependencies = [("products", "0031_fulfilment_counters"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Cancellation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("idempotency_key", models.CharField(blank=True, max_length=255, null=True)),
                ("request_digest", models.CharField(blank=True, default="", max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
            ],
            options={
                "ordering": ["order", "number"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="CancellationLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quantity", models.IntegerField()),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("idempotency_key", models.CharField(blank=True, max_length=255, null=True)),
                ("request_digest", models.CharField(blank=True, default="", max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("amount", products.models.money.MoneyField(max_digits=16)),
                (
                    "reference",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
            ],
            options={
                "ordering": ["order", "number"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="RefundLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quantity", models.IntegerField()),
                ("amount", products.models.money.MoneyField(default=Decimal("0.00"), max_digits=16)),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Return",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("idempotency_key", models.CharField(blank=True, max_length=255, null=True)),
                ("request_digest", models.CharField(blank=True, default="", max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["order", "number"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ReturnLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quantity", models.IntegerField()),
                ("restocked", models.IntegerField()),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("idempotency_key", models.CharField(blank=True, max_length=255, null=True)),
                ("request_digest", models.CharField(blank=True, default="", max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "carrier",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=100,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                (
                    "tracking_number",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=100,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
            ],
            options={
                "ordering": ["order", "number"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ShipmentLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quantity", models.IntegerField()),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="cancellation",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="cancellation",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="products.order",
            ),
        ),
        migrations.AddField(
            model_name="cancellationline",
            name="cancellation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="products.cancellation",
            ),
        ),
        migrations.AddField(
            model_name="cancellationline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="%(class)ss", to="products.orderline"
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="products.order",
            ),
        ),
        migrations.AddField(
            model_name="refundline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="%(class)ss", to="products.orderline"
            ),
        ),
        migrations.AddField(
            model_name="refundline",
            name="refund",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="products.refund"
            ),
        ),
        migrations.AddField(
            model_name="return",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="return",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="products.order",
            ),
        ),
        migrations.AddField(
            model_name="returnline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="%(class)ss", to="products.orderline"
            ),
        ),
        migrations.AddField(
            model_name="returnline",
            name="return_of",
            field=models.ForeignKey(
                db_column="return_id",
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="products.return",
            ),
        ),
        migrations.AddField(
            model_name="shipment",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="shipment",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="products.order",
            ),
        ),
        migrations.AddField(
            model_name="shipmentline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="%(class)ss", to="products.orderline"
            ),
        ),
        migrations.AddField(
            model_name="shipmentline",
            name="shipment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="products.shipment",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellation",
            constraint=models.UniqueConstraint(
                fields=("order", "number"), name="a_cancellation_has_its_own_number_in_its_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("order", "idempotency_key"),
                name="one_cancellation_per_order_and_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationline",
            constraint=models.UniqueConstraint(
                fields=("cancellation", "line"), name="a_cancellation_names_a_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="cancellationline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1)), name="a_cancellation_line_is_for_at_least_1_piece"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                fields=("order", "number"), name="a_refund_has_its_own_number_in_its_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("order", "idempotency_key"),
                name="one_refund_per_order_and_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="a_refund_pays_something_back"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundline",
            constraint=models.UniqueConstraint(fields=("refund", "line"), name="a_refund_names_a_line_once"),
        ),
        migrations.AddConstraint(
            model_name="refundline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1)), name="a_refund_line_is_for_at_least_1_piece"
            ),
        ),
        migrations.AddConstraint(
            model_name="return",
            constraint=models.UniqueConstraint(
                fields=("order", "number"), name="a_return_has_its_own_number_in_its_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="return",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("order", "idempotency_key"),
                name="one_return_per_order_and_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnline",
            constraint=models.UniqueConstraint(fields=("return_of", "line"), name="a_return_names_a_line_once"),
        ),
        migrations.AddConstraint(
            model_name="returnline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1)), name="a_return_line_is_for_at_least_1_piece"
            ),
        ),
        migrations.AddConstraint(
            model_name="returnline",
            constraint=models.CheckConstraint(
                condition=models.Q(("restocked__gte", 0), ("restocked__lte", models.F("quantity"))),
                name="a_return_restocks_at_most_what_came_back",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.UniqueConstraint(
                fields=("order", "number"), name="a_shipment_has_its_own_number_in_its_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("order", "idempotency_key"),
                name="one_shipment_per_order_and_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="shipmentline",
            constraint=models.UniqueConstraint(fields=("shipment", "line"), name="a_shipment_names_a_line_once"),
        ),
        migrations.AddConstraint(
            model_name="shipmentline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1)), name="a_shipment_line_is_for_at_least_1_piece"
            ),
        ),
    ]
