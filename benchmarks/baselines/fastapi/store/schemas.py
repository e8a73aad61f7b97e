import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field


class ProductOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    sku: str
    name: str
    description: str
    category: str = Field(validation_alias=AliasPath("category", "slug"))
    price: Decimal
    stock: int
    created_at: datetime
    updated_at: datetime


class LineIn(BaseModel):
    product: int
    quantity: Annotated[int, Field(ge=1, le=10_000)]


class OrderIn(BaseModel):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=100)]


class LineOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    product: int = Field(validation_alias="product_id")
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    amount: Decimal


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    customer: int = Field(validation_alias="customer_id")
    status: str
    lines: list[LineOut]
    total: Decimal
    currency: str
    placed_at: datetime


class TokenOut(BaseModel):
    access_token: str
    token_type: str = "bearer"
