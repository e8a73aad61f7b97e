import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import products.validators


class Migration(migrations.Migration):
    """One verb for many orders, with the outcome of every order."""

    dependencies = [
        ("products", "0045_product_imports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("pay", "Mark as paid"),
                            ("ship", "Ship"),
                            ("deliver", "Mark as delivered"),
                            ("cancel", "Cancel"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
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
                    "reason",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=200,
                        validators=[products.validators.printable_line, products.validators.visible],
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BulkJobItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("WAITING", "waiting"), ("DONE", "done"), ("REFUSED", "refused")],
                        default="WAITING",
                        max_length=10,
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
                ("code", models.CharField(blank=True, default="", max_length=40)),
                ("sentence", models.CharField(blank=True, default="", max_length=500)),
                ("done_at", models.DateTimeField(null=True)),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="products.bulkjob",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="products.order"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="bulkjob",
            index=models.Index(fields=["created_at"], name="bulk_jobs_by_moment"),
        ),
        migrations.AddConstraint(
            model_name="bulkjob",
            constraint=models.CheckConstraint(
                condition=models.Q(("verb__in", ["pay", "ship", "deliver", "cancel"])),
                name="a_bulk_job_has_a_known_verb",
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkjob",
            constraint=models.CheckConstraint(
                condition=models.Q(("finished_at", None), ("started_at__isnull", False), _connector="OR"),
                name="a_finished_bulk_job_was_started",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkjobitem",
            index=models.Index(fields=["job", "state", "id"], name="bulk_job_items_by_state"),
        ),
        migrations.AddConstraint(
            model_name="bulkjobitem",
            constraint=models.UniqueConstraint(fields=("job", "order"), name="a_bulk_job_has_an_order_once"),
        ),
        migrations.AddConstraint(
            model_name="bulkjobitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["WAITING", "DONE", "REFUSED"])),
                name="a_bulk_job_item_has_a_known_state",
            ),
        ),
    ]
