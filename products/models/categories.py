"""Categories: a tree in which each may be below another one."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import BooleanField, Expression, F, Func, Max, Min, Q, Subquery

from products.db.retry import atomic_with_retry
from products.exceptions import CategoryInUse, SlugTaken
from products.models.querysets import ValidatedQuerySet, validated_fields
from products.validators import clean_fields, printable_line, visible

MAX_DEPTH = 8
"""How deep categories are nested; those at the top have depth 1."""

MOVED_BY_SAVE = "save() of each category sets its parent and its depth: it makes sure that the categories stay a tree."

PLACE = {"parent", "parent_id", "depth"}
"""What says where a category is in the tree."""


class Branch(Func):
    """The ids of the categories that a subquery returns, and of all below them.

    UNION drops what was found before, so that the query ends even if there should be a cycle.
    """

    template = (
        "(WITH RECURSIVE branch (id) AS (SELECT %(expressions)s UNION SELECT below.id "
        "FROM products_category AS below JOIN branch ON below.parent_id = branch.id) SELECT id FROM branch)"
    )
    output_field = models.BigAutoField()


class IsIn(Func):
    """Whether a column has one of the values of a subquery."""

    template, arg_joiner, arity = "%(expressions)s", " IN ", 2
    output_field = BooleanField()


def in_branch(column: str, slug: "str | Expression") -> IsIn:
    """Return the condition that the category in `column` is the one with this slug, or is below it."""
    return IsIn(F(column), Branch(Subquery(Category.objects.filter(slug=slug).order_by().values("pk"))))


class CategoryQuerySet(ValidatedQuerySet["Category"]):
    """Queries over categories. Products show their category, so changing a category also changes its products."""

    def lock_tree(self) -> None:
        """Keep others from moving, adding and removing categories until the transaction ends."""
        list(self.all().order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def hold(self, pk: int) -> None:
        """Keep others from changing or removing a category until the transaction ends.

        Raises ValidationError if it is gone. The foreign key would notice only at the commit.
        """
        if not self.filter(pk=pk).select_for_update(no_key=True).values_list("pk"):
            raise ValidationError({"category": ValidationError("There is no such category.", "unknown_category")})

    def branch_of(self, category: "Category") -> "CategoryQuerySet":
        """Return the category and all below it."""
        root = self.model.objects.filter(pk=category.pk).order_by().values("pk")
        return self.filter(IsIn(F("pk"), Branch(Subquery(root))))

    def deepen(self, levels: int) -> None:
        """Add to the depth of these categories, which have been moved with the one that they are below."""
        super().update(depth=F("depth") + levels)

    def update(self, **values: Any) -> int:
        """Update these categories, and the `updated_at` of their products. Raises TypeError for the place in the tree.

        Only save() compares it with the whole tree.
        """
        if PLACE & set(values):
            raise TypeError(MOVED_BY_SAVE)
        with transaction.atomic(using=self.db):
            categories = list(self.values_list("pk", flat=True))  # before, as they may no longer match the filter
            updated = super().update(**values)
            products_of(categories, self.db).touch()
        return updated

    def bulk_create(self, objs: Iterable["Category"], *arguments: Any, **options: Any) -> list["Category"]:
        """Create these categories, or update existing ones and the `updated_at` of their products.

        All of them are at the top. Raises TypeError for one below another category.
        """
        new = list(objs)
        if PLACE & set(options.get("update_fields") or ()) or any(each.parent_id or each.depth != 1 for each in new):
            raise TypeError(MOVED_BY_SAVE)
        with transaction.atomic(using=self.db):
            categories = super().bulk_create(new, *arguments, **options)
            written = self.filter(slug__in=[category.slug for category in categories])
            products_of(list(written), self.db).touch()
        return categories


class Category(models.Model):
    """A category of the catalog, at the top or below its `parent`."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100, validators=[printable_line, visible])
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    depth = models.PositiveSmallIntegerField(
        default=1, db_default=1, editable=False, validators=[MinValueValidator(1), MaxValueValidator(MAX_DEPTH)]
    )

    objects = CategoryQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["name", "id"]
        verbose_name_plural = "categories"
        constraints = [
            models.CheckConstraint(condition=~Q(parent=F("id")), name="a_category_is_not_its_own_parent"),
            models.CheckConstraint(
                condition=Q(depth__gte=1, depth__lte=MAX_DEPTH), name="categories_are_nested_at_most_8_deep"
            ),
            models.CheckConstraint(
                condition=Q(parent=None, depth=1) | Q(parent__isnull=False, depth__gt=1),
                name="only_a_category_at_the_top_has_no_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Write the category and its place in the tree, and the `updated_at` of the products that this concerns.

        These are its own products if their output changes, and those of the categories below it if it has moved. Raises
        SlugTaken, and ValidationError for a place that would make a cycle or is too deep.
        """
        fields = options.get("update_fields")
        clean_fields(self, validated_fields(Category) if fields is None else {*fields} - PLACE)
        try:
            atomic_with_retry(lambda: self._write(options))
        except IntegrityError:
            taken = Category.objects.filter(slug=self.slug).exclude(pk=self.pk).first()
            if taken is not None:
                raise SlugTaken(taken.pk, taken.slug) from None
            raise

    def clean(self) -> None:
        """Validate the place in the tree, for forms. Raises ValidationError."""
        super().clean()
        self.check_place()

    def check_place(self) -> int:
        """Return the depth below this parent. Raises ValidationError if it is too deep or in its own branch.

        It holds until the transaction ends if the tree was locked before.
        """
        if self.parent_id is None:
            above: list[int] = []
        else:
            parents = dict(Category.objects.values_list("pk", "parent_id"))
            if self.parent_id not in parents:
                _refuse("There is no such category.", "unknown_category")
            above = _path(self.parent_id, parents)
        if self.pk in above:
            _refuse("A category cannot be below itself.", "category_cycle")
        below = Category.objects.branch_of(self).aggregate(levels=Max("depth") - Min("depth"))["levels"] or 0
        if len(above) + 1 + below > MAX_DEPTH:
            _refuse(f"Categories are nested at most {MAX_DEPTH} deep.", "category_too_deep")
        return len(above) + 1

    def delete(self, *arguments: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Remove the category. Raises CategoryInUse if it has products, or categories below it."""
        return atomic_with_retry(lambda: self._delete(*arguments, **options))

    def _delete(self, *arguments: Any, **options: Any) -> tuple[int, dict[str, int]]:
        # Locked against new references too, not only against changes of the row.
        list(Category.objects.filter(pk=self.pk).select_for_update())
        products, children = self.products.count(), self.children.count()
        if products or children:
            raise CategoryInUse(self.slug, products=products, children=children)
        return super().delete(*arguments, **options)

    def _write(self, options: dict[str, Any]) -> None:
        fields = options.get("update_fields")
        if fields is None or PLACE & {*fields}:
            if not self._state.adding or self.parent_id is not None:
                Category.objects.lock_tree()  # or two moves at once could make a cycle together
            self.depth = self.check_place()
            if fields is not None:
                options = options | {"update_fields": {*fields, "depth"}}
        shown = Category.objects.filter(pk=self.pk).values("slug", "name", "parent_id", "depth")
        before = shown.first()
        super().save(**options)
        if before is not None and before != (after := shown.get()):
            self._follow(before, after)

    def _follow(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Move the categories below along, and touch the products whose output or branch changes."""
        concerned = Category.objects.filter(pk=self.pk)
        if before["parent_id"] != after["parent_id"]:
            concerned = Category.objects.branch_of(self)
            concerned.exclude(pk=self.pk).deepen(after["depth"] - before["depth"])
        products_of(list(concerned.values_list("pk", flat=True))).touch()


def products_of(categories: Any, alias: str | None = None) -> Any:
    """Return the products that are directly in one of these categories."""
    products: Any = Category._meta.get_field("products").related_model
    return products.objects.using(alias).filter(category__in=categories)


def _path(pk: int, parents: Mapping[int, int | None]) -> list[int]:
    """Return the ids from a category up to the top."""
    path: list[int] = []
    above: int | None = pk
    while above is not None and above not in path:
        path.append(above)
        above = parents.get(above)
    return path


def _refuse(sentence: str, code: str) -> NoReturn:
    raise ValidationError({"parent": ValidationError(sentence, code)})
