"""Create the tables and the customers and print [[name, token], …]. Usage: seed.py PASSWORD NAME…"""

import asyncio
import json
import secrets
import sys

from store.database import engine, new_session
from store.models import AccessToken, Base, User
from store.security import password_hash


async def seed(password: str, names: list[str]) -> list[list[str]]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    customers = []
    async with new_session.begin() as session:
        for name in names:
            user = User(username=name, hashed_password=password_hash.hash(password))
            token = AccessToken(token=secrets.token_urlsafe(32), user=user)
            session.add_all([user, token])
            customers.append([name, token.token])
    await engine.dispose()
    return customers


sys.stdout.write(json.dumps(asyncio.run(seed(sys.argv[1], sys.argv[2:]))))
