"""Django's asynchronous methods in tests that are not asynchronous."""

from collections.abc import Coroutine

from asgiref.sync import async_to_sync


def finish(work: Coroutine):
    """Run the asynchronous work to its end, with this thread's connection."""

    async def run():
        return await work

    return async_to_sync(run)()
