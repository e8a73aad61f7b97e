import secrets
from typing import Annotated

from fastapi import Depends, HTTPException, status
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer
from pwdlib import PasswordHash
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.database import get_session
from store.models import AccessToken, User

Session = Annotated[AsyncSession, Depends(get_session)]

oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
password_hash = PasswordHash.recommended()


async def current_user(token: Annotated[str, Depends(oauth2_scheme)], session: Session) -> User:
    found = select(User).join(AccessToken, AccessToken.user_id == User.id).where(AccessToken.token == token)
    user = await session.scalar(found)
    if user is None or not user.is_active:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Could not validate credentials",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return user


async def issue_token(session: AsyncSession, username: str, password: str) -> str:
    user = await session.scalar(select(User).where(User.username == username))
    # In a thread, because hashing would block the event loop.
    if user is None or not await run_in_threadpool(password_hash.verify, password, user.hashed_password):
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Incorrect username or password")
    token = AccessToken(token=secrets.token_urlsafe(32), user_id=user.id)
    session.add(token)
    await session.commit()
    return token.token


CurrentUser = Annotated[User, Depends(current_user)]
