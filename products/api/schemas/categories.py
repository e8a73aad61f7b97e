"""Categories: the list's query parameters, new ones and changes, and the response."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from products.api.http.fields import StrictSerializer, StrictTextField, text_of
from products.api.schemas.pages import PageQuery
from products.models import Category
from products.models.categories import MAX_DEPTH

PARENT = f"The slug of the category that it is below; null at the top. Categories are nested at most {MAX_DEPTH} deep."


class CategoryQuery(PageQuery):
    slug = StrictTextField(required=False, max_length=60)
    parent = StrictTextField(  # type: ignore[assignment]  # DRF takes what is declared out of the class
        required=False, max_length=60, help_text="The slug of a category: lists those directly below it."
    )


class CategoryField(StrictTextField):
    """A category, named by its slug."""

    default_error_messages = {"unknown_category": "There is no such category."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=60, allow_null=True, required=False, **options)

    def run_validation(self, data: Any = empty) -> Category | None:
        slug = super().run_validation(data)
        if slug is None:
            return None
        category = Category.objects.filter(slug=slug).first()
        if category is None:
            self.fail("unknown_category")
        return category


class NewCategory(StrictSerializer):
    """A category, at the top or below another one."""

    slug = text_of(Category, "slug")
    name = text_of(Category, "name")
    parent = CategoryField(help_text=PARENT)  # type: ignore[assignment]


class CategoryChange(NewCategory):
    """The fields to change; all others keep their values. A new parent moves the category and all below it."""

    slug = text_of(Category, "slug", required=False)
    name = text_of(Category, "name", required=False)


class CategoryResponse(serializers.Serializer):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    parent = serializers.CharField(allow_null=True, help_text=PARENT)  # type: ignore[assignment]
    depth = serializers.IntegerField(min_value=1, max_value=MAX_DEPTH, help_text="1 at the top.")


def category_body(category: Category) -> dict[str, Any]:
    return {
        "id": category.pk,
        "slug": category.slug,
        "name": category.name,
        "parent": category.parent.slug if category.parent else None,
        "depth": category.depth,
    }
