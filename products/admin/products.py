"""Categories and products. Stock is shown here and changes through object actions (products.admin.stock)."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format

from products import policies
from products.admin.actions import ObjectAction, ObjectActionAdmin, ProtectedMixin
from products.admin.money import money_column
from products.admin.product_history import ProductHistoryMixin
from products.admin.product_ledger import LedgerMixin
from products.admin.stock import Correct, Count, Receive
from products.admin.stock_sheet import StockSheetMixin
from products.admin.versioned_forms import VersionedAdmin, VersionedForm
from products.models import Category, Product
from products.models.products import ProductQuerySet


class Retire(ObjectAction[Product]):
    name, label, permission = "retire", "Retire", policies.CHANGE_PRODUCTS
    explanation = "Take the product off sale. Its stock and history are kept, and it can be brought back."

    @classmethod
    def is_available(cls, obj: Product) -> bool:
        return obj.retired_at is None

    def execute(self, by: Any) -> str:
        self.obj.retire(by=by)
        return f"{self.obj} is no longer on sale."


class BringBack(ObjectAction[Product]):
    name, label, permission = "bring_back", "Bring back", policies.CHANGE_PRODUCTS
    explanation = "Put the product back on sale."

    @classmethod
    def is_available(cls, obj: Product) -> bool:
        return obj.retired_at is not None

    def execute(self, by: Any) -> str:
        self.obj.bring_back(by=by)
        return f"{self.obj} is on sale again."


class CategoryForm(VersionedForm):
    """Checks the category's parent against the whole tree, which is locked until the category is saved."""

    def clean(self) -> dict[str, Any]:
        Category.objects.lock_tree()
        return super().clean()


@admin.register(Category)
class CategoryAdmin(ProtectedMixin, VersionedAdmin, ObjectActionAdmin):
    form = CategoryForm
    protected_by = ["children", "products"]
    list_display = ["name", "slug", "parent"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["parent"]
    prepopulated_fields = {"slug": ["name"]}


class StateFilter(admin.SimpleListFilter):
    """Filters products by state. All states except "retired" include only products on sale."""

    title = parameter_name = "state"

    STATES: ClassVar[dict[str, tuple[str, Callable[[ProductQuerySet], ProductQuerySet]]]] = {
        "on_sale": ("On sale", lambda products: products.on_sale()),
        "in_stock": ("In stock", lambda products: products.on_sale().in_stock()),
        "running_low": ("Running low", lambda products: products.on_sale().running_low()),
        "sold_out": ("Sold out", lambda products: products.on_sale().sold_out()),
        "retired": ("Retired", lambda products: products.retired()),
    }

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self.STATES.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        _, chosen = self.STATES.get(self.value() or "", ("", None))
        return chosen(queryset) if chosen else queryset


class BranchFilter(admin.SimpleListFilter):
    """Filters products by a category, including the categories below it."""

    title, parameter_name = "category and below", "category"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        below: dict[int | None, list[Category]] = {}
        for category in Category.objects.order_by("name", "pk"):
            below.setdefault(category.parent_id, []).append(category)

        def branch(parent: int | None) -> Iterator[tuple[str, str]]:
            for category in below.get(parent, []):
                yield category.slug, f"{'– ' * (category.depth - 1)}{category.name}"
                yield from branch(category.pk)

        return list(branch(None))

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_branch(self.value()) if self.value() else queryset


@admin.register(Product)
class ProductAdmin(StockSheetMixin, LedgerMixin, ProductHistoryMixin, VersionedAdmin, ObjectActionAdmin):
    object_actions = [Receive, Correct, Count, Retire, BringBack]
    actions = ["retire_selected", "bring_back_selected"]

    list_display = ["sku", "name", "shown_stock", "shown_price", "category", "on_sale"]
    list_display_links = ["sku", "name"]
    list_filter = [StateFilter, BranchFilter]
    list_select_related = ["category"]
    search_fields = ["sku", "name", "=barcode"]
    search_help_text = "Words of the name or the SKU, or a barcode."

    fields = [
        "sku",
        "name",
        "description",
        "category",
        "vendor",
        "barcode",
        "weight",
        "tags",
        "images",
        "price",
        "list_price",
        "tax_class",
        "low_stock",
    ]
    fields_of_record = ["retired_at", "created_at", "updated_at"]
    readonly_fields = ["shown_stock", *fields_of_record]
    autocomplete_fields = ["category"]

    shown_price = money_column("price")

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        return ["shown_stock", *self.fields, *self.fields_of_record] if obj else self.fields

    def summary(self, obj: Product) -> str:
        return f"In stock: {stock_of(obj)}."

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"may_use_sheet": self.may_use_sheet(request)}
        return super().changelist_view(request, shown | (extra_context or {}))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        shown = {"may_view_ledger": self.may_view_ledger(request)}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Product, form: forms.ModelForm, change: bool) -> None:
        by: Any = request.user
        if not change:
            obj.save(by=by)
        elif form.changed_data:
            obj.save(by=by, update_fields=[*form.changed_data, "updated_at"])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Every product has at least one event, which cannot be deleted, so products are retired instead.
        return False

    @admin.display(description="stock", ordering="stock")
    def shown_stock(self, product: Product) -> str:
        return stock_of(product)

    @admin.display(description="on sale", boolean=True, ordering="retired_at")
    def on_sale(self, product: Product) -> bool:
        return product.retired_at is None

    @admin.action(description="Retire selected products", permissions=["change"])
    def retire_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.execute_for_each(request, products.on_sale(), Retire)

    @admin.action(description="Bring selected products back", permissions=["change"])
    def bring_back_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.execute_for_each(request, products.retired(), BringBack)


def stock_of(product: Product) -> str:
    """Return the stock in words, with a warning if it is running low."""
    number = number_format(product.stock)
    if product.is_running_low:
        return f"{number} (running low)"
    return number if product.stock else f"{number} (sold out)"
