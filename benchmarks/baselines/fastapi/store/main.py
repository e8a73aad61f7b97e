from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import OAuth2PasswordRequestForm
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from store.models import Order, OrderLine, Product
from store.schemas import OrderIn, OrderOut, ProductOut, TokenOut
from store.security import CurrentUser, Session, current_user, issue_token

app = FastAPI(title="Textbook shop")

Offset = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=100)]


@app.post("/token")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()], session: Session) -> TokenOut:
    return TokenOut(access_token=await issue_token(session, form.username, form.password))


@app.get("/products", response_model=list[ProductOut], dependencies=[Depends(current_user)])
async def list_products(session: Session, search: str = "", offset: Offset = 0, limit: Limit = 20):
    statement = select(Product).options(joinedload(Product.category, innerjoin=True))
    for word in search.split():
        columns = (Product.name, Product.sku, Product.description)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    return (await session.scalars(statement.order_by(Product.id).offset(offset).limit(limit))).all()


@app.get("/products/{product_id}", response_model=ProductOut, dependencies=[Depends(current_user)])
async def read_product(product_id: int, session: Session):
    product = await session.get(Product, product_id, options=[joinedload(Product.category, innerjoin=True)])
    if product is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Product not found")
    return product


@app.get("/orders", response_model=list[OrderOut])
async def list_orders(user: CurrentUser, session: Session, offset: Offset = 0, limit: Limit = 20):
    mine = select(Order).where(Order.customer_id == user.id).options(selectinload(Order.lines))
    page = mine.order_by(Order.placed_at.desc(), Order.id.desc()).offset(offset).limit(limit)
    return (await session.scalars(page)).all()


@app.post("/orders", response_model=OrderOut, status_code=status.HTTP_201_CREATED)
async def place_order(requested: OrderIn, user: CurrentUser, session: Session):
    ids = {line.product for line in requested.lines}
    # Lock in id order, so that two orders for the same products cannot deadlock.
    locked = select(Product).where(Product.id.in_(ids)).order_by(Product.id).with_for_update()
    products = {product.id: product for product in await session.scalars(locked)}
    if missing := ids - products.keys():
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"No such products: {sorted(missing)}")
    lines = [take(products[line.product], line.quantity) for line in requested.lines]
    order = Order(customer_id=user.id, lines=lines, total=sum(line.amount for line in lines))
    session.add(order)
    await session.commit()
    return order


def take(product: Product, quantity: int) -> OrderLine:
    if product.stock < quantity:
        raise HTTPException(status.HTTP_409_CONFLICT, f"Only {product.stock} of {product.sku} left")
    product.stock -= quantity
    return OrderLine(
        product_id=product.id, sku=product.sku, name=product.name, quantity=quantity, unit_price=product.price
    )
