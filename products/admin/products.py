"""Categories and products. Stock is shown here and changes through object actions (products.admin.stock)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from products import policies
from products.admin.actions import ObjectAction, ObjectActionAdmin
from products.admin.money import money_column
from products.admin.stock import Correct, Count, Receive
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
    """Compares the place of a category with the whole tree, which stays as it is until the category is saved."""

    def clean(self) -> dict[str, Any]:
        Category.objects.lock_tree()
        return super().clean()


@admin.register(Category)
class CategoryAdmin(VersionedAdmin, ObjectActionAdmin):
    form = CategoryForm
    list_display = ["name", "slug", "parent"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["parent"]
    prepopulated_fields = {"slug": ["name"]}


class OnSaleFilter(admin.SimpleListFilter):
    title, parameter_name = "sale", "sale"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("on", "On sale"), ("retired", "Retired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return {"on": queryset.on_sale, "retired": queryset.retired}.get(self.value() or "", queryset.all)()


@admin.register(Product)
class ProductAdmin(VersionedAdmin, ObjectActionAdmin):
    object_actions = [Receive, Correct, Count, Retire, BringBack]
    actions = ["retire_selected", "bring_back_selected"]

    list_display = ["sku", "name", "category", "shown_price", "stock", "on_sale"]
    list_display_links = ["sku", "name"]
    list_filter = [OnSaleFilter, "category"]
    list_select_related = ["category"]
    search_fields = ["sku", "name", "=barcode"]

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
    ]
    readonly_fields = ["stock", "retired_at", "created_at", "updated_at"]
    autocomplete_fields = ["category"]

    shown_price = money_column("price")

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def summary(self, obj: Product) -> str:
        return f"In stock: {obj.stock}."

    def save_model(self, request: HttpRequest, obj: Product, form: forms.ModelForm, change: bool) -> None:
        by: Any = request.user
        if not change:
            obj.save(by=by)
        elif form.changed_data:
            obj.save(by=by, update_fields=[*form.changed_data, "updated_at"])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Each product has an event at least, which nobody deletes: it is retired instead.
        return False

    @admin.display(description="on sale", boolean=True, ordering="retired_at")
    def on_sale(self, product: Product) -> bool:
        return product.retired_at is None

    @admin.action(description="Retire selected products", permissions=["change"])
    def retire_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.execute_for_each(request, products.on_sale(), Retire)

    @admin.action(description="Bring selected products back", permissions=["change"])
    def bring_back_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.execute_for_each(request, products.retired(), BringBack)
