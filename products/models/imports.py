"""Imports of products from a file: for each row its changes, its outcome, and the values before."""

from datetime import datetime

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Count, F, Q
from django.utils import timezone

from products.validators import printable_line, visible

PURGED_AT_ONCE = 20
"""Imports, which have up to 50,000 rows each."""


class ImportState(models.TextChoices):
    """The state of an import. An interrupted one is APPLYING or UNDOING, and continues where it stopped."""

    READ = "READ", "read"
    APPLYING = "APPLYING", "being applied"
    APPLIED = "APPLIED", "applied"
    UNDOING = "UNDOING", "being undone"
    UNDONE = "UNDONE", "undone"


class RowKind(models.TextChoices):
    """The kind of a row, compared with the products when the file was read."""

    NEW = "NEW", "new"
    CHANGED = "CHANGED", "changed"
    UNCHANGED = "UNCHANGED", "unchanged"
    BAD = "BAD", "bad"


class RowState(models.TextChoices):
    """The outcome of a row. A KEPT row could not be undone completely."""

    WAITING = "WAITING", "waiting"
    APPLIED = "APPLIED", "applied"
    REFUSED = "REFUSED", "refused"
    UNDONE = "UNDONE", "undone"
    KEPT = "KEPT", "not undone"


class ProductImportQuerySet(models.QuerySet["ProductImport"]):
    def older_than(self, moment: datetime) -> "ProductImportQuerySet":
        return self.filter(created_at__lt=moment)

    def purge(self) -> int:
        """Delete these imports with their rows, oldest first and a few at a time; return their number."""
        purged = 0
        while batch := list(self.order_by("pk").values_list("pk", flat=True)[:PURGED_AT_ONCE]):
            ProductImportRow.objects.filter(batch__in=batch).delete()
            purged += models.QuerySet.delete(self.filter(pk__in=batch))[0]
        return purged


class ProductImport(models.Model):
    """One file of products, which is applied and undone as one batch."""

    name = models.CharField(max_length=200, validators=[printable_line, visible])
    digest = models.CharField(max_length=64)
    format = models.CharField(max_length=20)
    header = models.JSONField(default=list)
    fields = models.JSONField(default=list)
    ignored = models.JSONField(default=list)
    note = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.READ)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    bad = models.IntegerField(default=0)
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = ProductImportQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-id"]
        default_permissions = ()  # The permissions for products and their stock decide who may import them.
        verbose_name = "import of products"
        verbose_name_plural = "imports of products"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="an_import_has_a_known_state"),
        ]

    def __str__(self) -> str:
        return f"Import {self.pk} of {self.name}"

    def tally(self) -> dict[str, int]:
        """Return how many rows are in each state, without those that change nothing: {state: rows}."""
        rows = self.rows.filter(kind__in=(RowKind.NEW, RowKind.CHANGED)).order_by()
        return dict.fromkeys(RowState.values, 0) | dict(rows.values_list("state").annotate(Count("pk")))


class ProductImportRowQuerySet(models.QuerySet["ProductImportRow"]):
    def to_apply(self) -> "ProductImportRowQuerySet":
        return self.filter(state=RowState.WAITING, kind__in=(RowKind.NEW, RowKind.CHANGED))

    def to_undo(self) -> "ProductImportRowQuerySet":
        return self.filter(state=RowState.APPLIED)

    def by_product(self) -> "ProductImportRowQuerySet":
        """Return the rows in the order in which orders lock products, new ones last."""
        return self.order_by(F("product").asc(nulls_last=True), "line")

    def with_reasons(self) -> "ProductImportRowQuerySet":
        """Return the rows that were not applied: the invalid and the refused ones."""
        return self.filter(Q(kind=RowKind.BAD) | Q(state=RowState.REFUSED))


class ProductImportRow(models.Model):
    """One product of a file: the cells it was read from, what they change, and what was done.

    `changes` are {field: [old value, new value]}, as JSON has them; `stock` is among them.
    """

    batch = models.ForeignKey(ProductImport, models.CASCADE, related_name="rows", db_index=False)
    line = models.IntegerField()
    kind = models.CharField(max_length=10, choices=RowKind.choices)
    state = models.CharField(max_length=10, choices=RowState.choices, default=RowState.WAITING)
    sku = models.CharField(max_length=200)
    product = models.ForeignKey("Product", models.SET_NULL, null=True, related_name="+")
    cells = models.JSONField(default=list)
    changes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reasons = models.JSONField(default=list)

    objects = ProductImportRowQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["line"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=RowKind.values), name="a_row_of_an_import_has_a_known_kind"),
            models.CheckConstraint(condition=Q(state__in=RowState.values), name="a_row_of_an_import_has_a_known_state"),
            models.UniqueConstraint(fields=["batch", "line"], name="an_import_names_a_line_once"),
        ]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.sku}"
