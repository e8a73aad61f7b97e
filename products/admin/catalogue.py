"""Categories and products. Stock is shown here and moves through forms of its own."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from products.admin.stock_verbs import BringBack, Correct, Count, Receive, Retire
from products.admin.verbs import AdminWithVerbs
from products.models import Category, Product
from products.models.products import ProductQuerySet


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


class OnSale(admin.SimpleListFilter):
    title, parameter_name = "sale", "sale"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("on", "On sale"), ("retired", "Retired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return {"on": queryset.on_sale, "retired": queryset.retired}.get(self.value() or "", queryset.all)()


@admin.register(Product)
class ProductAdmin(AdminWithVerbs):
    verbs = [Receive, Correct, Count, Retire, BringBack]
    actions = ["retire_selected", "bring_back_selected"]

    list_display = ["sku", "name", "category", "price", "stock", "on_sale"]
    list_display_links = ["sku", "name"]
    list_filter = [OnSale, "category"]
    list_select_related = ["category"]
    search_fields = ["sku", "name"]

    fields = ["sku", "name", "description", "category", "price"]
    shown = ["stock", "retired_at", "created_at", "updated_at"]
    autocomplete_fields = ["category"]

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        return [*self.fields, *self.shown] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        return self.shown

    def situation(self, thing: Product) -> str:
        return f"{thing.stock} can be sold now."

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **options: Any) -> Any:
        # The form carries what it showed, so changed_data is what its user changed, and not what others did since.
        return super().formfield_for_dbfield(db_field, request, show_hidden_initial=True, **options)

    def save_model(self, request: HttpRequest, obj: Product, form: forms.ModelForm, change: bool) -> None:
        by: Any = request.user
        if not change:
            obj.save(by=by)
        elif form.changed_data:
            obj.refresh_from_db(fields=[name for name in form.fields if name not in form.changed_data])
            obj.save(by=by, update_fields=[*form.changed_data, "updated_at"])

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # What has a history is retired instead.
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a deletion would take with it. A history forbids it, and is counted, as it can be long."""
        history = [line for product in objs for line in _history_of(product)]
        return ([], {}, set(), history) if history else super().get_deleted_objects(objs, request)

    @admin.display(description="on sale", boolean=True, ordering="retired_at")
    def on_sale(self, product: Product) -> bool:
        return product.retired_at is None

    @admin.action(description="Retire the selected products", permissions=["change"])
    def retire_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.call_for_each(request, products.on_sale(), Retire)

    @admin.action(description="Bring the selected products back", permissions=["change"])
    def bring_back_selected(self, request: HttpRequest, products: ProductQuerySet) -> None:
        self.call_for_each(request, products.retired(), BringBack)


def _history_of(product: Product) -> Iterator[str]:
    for kind, rows in [
        ("order lines", product.order_lines.count()),
        ("stock movements", product.movements.count()),
        ("events", product.events.count()),
    ]:
        if rows:
            yield f"{product}: {rows} {kind}"
