from django.db import transaction
from rest_framework import serializers, status
from rest_framework.exceptions import APIException

from store.models import Order, OrderLine, Product


class OutOfStock(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "out_of_stock"


class ProductSerializer(serializers.ModelSerializer):
    category = serializers.SlugRelatedField(slug_field="slug", read_only=True)

    class Meta:
        model = Product
        fields = [
            "id",
            "sku",
            "name",
            "description",
            "category",
            "price",
            "stock",
            "in_stock",
            "created_at",
            "updated_at",
        ]


class OrderLineSerializer(serializers.ModelSerializer):
    amount = serializers.DecimalField(max_digits=14, decimal_places=2, read_only=True)

    class Meta:
        model = OrderLine
        fields = ["id", "product", "sku", "name", "quantity", "unit_price", "amount"]
        read_only_fields = ["sku", "name", "unit_price"]
        extra_kwargs = {"quantity": {"min_value": 1}}


class OrderSerializer(serializers.ModelSerializer):
    lines = OrderLineSerializer(many=True, allow_empty=False)

    class Meta:
        model = Order
        fields = ["id", "customer", "status", "lines", "total", "currency", "placed_at"]
        read_only_fields = ["customer", "status", "total", "currency"]

    @transaction.atomic
    def create(self, validated_data):
        requested = validated_data.pop("lines")
        ids = [line["product"].pk for line in requested]
        # Lock in id order, so that two orders for the same products cannot deadlock.
        products = {each.pk: each for each in Product.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
        lines = []
        for line in requested:
            product, quantity = products[line["product"].pk], line["quantity"]
            if product.stock < quantity:
                raise OutOfStock(f"Only {product.stock} of {product.sku} left.")
            product.stock -= quantity
            product.save(update_fields=["stock"])
            lines.append(
                OrderLine(
                    product=product, sku=product.sku, name=product.name, quantity=quantity, unit_price=product.price
                )
            )
        order = Order.objects.create(total=sum(line.amount for line in lines), **validated_data)
        for line in lines:
            line.order = order
        OrderLine.objects.bulk_create(lines)
        return order
