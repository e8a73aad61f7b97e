import os

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

url = URL.create(
    "postgresql+asyncpg",
    username="shop",
    database=os.environ["DATABASE_NAME"],
    query={"host": os.environ["DATABASE_HOST"]},
)
engine = create_async_engine(url, pool_size=10)
# Objects stay usable after the commit, as the documentation recommends for async code.
new_session = async_sessionmaker(engine, expire_on_commit=False)


async def get_session():
    async with new_session() as session:
        yield session
