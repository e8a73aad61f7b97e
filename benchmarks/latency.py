"""A TCP proxy that adds latency between a server and its database.

python -m benchmarks.latency PORT SOCKET MILLISECONDS

Listens on 127.0.0.1:PORT, forwards to the UNIX socket SOCKET and adds MILLISECONDS to each round trip, half of it in
each direction. Runs until its standard input is closed.
"""

import asyncio
import selectors
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Any

CHUNK = 65_536


async def serve(port: int, socket: str, milliseconds: float) -> None:
    """Forward connections until standard input is closed."""
    one_way = milliseconds / 2_000

    async def forward(from_client: StreamReader, to_client: StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_unix_connection(socket)
        except OSError:
            to_client.close()
            return
        await asyncio.gather(delay(from_client, to_server, one_way), delay(from_server, to_client, one_way))

    await asyncio.start_server(forward, "127.0.0.1", port)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def delay(source: StreamReader, sink: StreamWriter, seconds: float) -> None:
    """Copy `source` to `sink`, each chunk `seconds` after it arrived.

    Chunks are read while earlier ones still wait, so the delay adds latency without limiting throughput.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, data = await chunks.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                return
            sink.write(data)
            await sink.drain()

    async def receive() -> None:
        data = b"not the end yet"
        while data:
            try:
                data = await source.read(CHUNK)
            except ConnectionError:
                data = b""
            chunks.put_nowait((loop.time() + seconds, data))

    receiving = asyncio.create_task(receive())
    with suppress(ConnectionError):
        await send()
    sink.close()
    await receiving


def main(port: int, socket: str, milliseconds: float) -> None:
    # epoll rounds timeouts up to whole milliseconds, which would turn 0.5 ms into 1 ms and more; select does not.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.get_loop().set_exception_handler(ignore_cancellation)
        runner.run(serve(port, socket, milliseconds))


def ignore_cancellation(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report errors as usual, except for the connections that are cut off when the proxy stops."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
