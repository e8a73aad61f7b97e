"""A proxy that puts the database at a distance: each message is passed on half a round trip late, in each direction.

python -m benchmarks.latency PORT SOCKET MILLISECONDS   until its standard input is closed
"""

import asyncio
import sys
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable

CHUNK = 65_536


async def pump(source: Reader, sink: Writer, delay: float) -> None:
    """Pass on everything, `delay` seconds after it came; later messages do not wait for earlier ones to be sent."""
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def send() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                sink.close()
                return
            sink.write(data)
            await sink.drain()

    sending = asyncio.create_task(send())
    try:
        while data := await source.read(CHUNK):
            queue.put_nowait((loop.time() + delay, data))
    except ConnectionError:
        pass
    queue.put_nowait((loop.time() + delay, b""))
    await asyncio.gather(sending, return_exceptions=True)


def serving(connect: Callable[[], Awaitable[tuple[Reader, Writer]]], delay: float) -> Callable[..., Awaitable[None]]:
    """Return the handler of one client's connection."""

    async def serve(from_client: Reader, to_client: Writer) -> None:
        from_server, to_server = await connect()
        await asyncio.gather(pump(from_client, to_server, delay), pump(from_server, to_client, delay))

    return serve


async def main(port: int, socket: str, milliseconds: float) -> None:
    handler = serving(lambda: asyncio.open_unix_connection(socket), milliseconds / 2_000)
    server = await asyncio.start_server(handler, "127.0.0.1", port)
    async with server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
