#!/usr/bin/env python3
"""What foreign test suites lack, between them and the service: a bearer token, and where a file goes.

    proxy.py UPSTREAM_PORT TOKEN /files/to/SAMPLE/CANDIDATE/SECTION

Listens on a free port of 127.0.0.1 and prints it. Every request gets the token; a POST to /files or /files/ goes to the
address given, with a name in Content-Disposition when it says none. One request a connection; everything else passes
byte for byte, both ways, with its framing.
"""

import asyncio
import sys

PORT, TOKEN, TARGET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
NAME = b'Content-Disposition: inline; filename="conformance.txt"'
LONGEST_HEAD = 64 << 10
# asyncio itself holds its tasks weakly.
running = set()


def changed(head):
    """A request's head as it goes on: without the blank line that ends it."""
    first, *lines = head.split(b"\r\n")
    method, path, *version = first.split(b" ")
    names = [line.split(b":")[0].strip().lower() for line in lines]
    lines = [line for line, name in zip(lines, names) if name != b"connection"]
    lines += [b"Connection: close", b"Authorization: Bearer " + TOKEN.encode()]
    if method == b"POST" and path in (b"/files", b"/files/"):
        path = TARGET.encode()
        if b"content-disposition" not in names:
            lines.append(NAME)
    return b"\r\n".join([b" ".join([method, path, *version]), *lines])


async def copy(source, target):
    try:
        while data := await source.read(64 << 10):
            target.write(data)
            await target.drain()
        target.write_eof()
    except (ConnectionError, OSError):
        pass


async def serve(reader, writer):
    upstream = None
    running.add(asyncio.current_task())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        source, upstream = await asyncio.open_connection("127.0.0.1", PORT)
        upstream.write(changed(head[:-4]) + b"\r\n\r\n")
        sending = asyncio.create_task(copy(reader, upstream))
        await copy(source, writer)
        # The rest of a body that was refused is read, so that the answer is not lost in a reset.
        await asyncio.wait([sending], timeout=1)
        sending.cancel()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, OSError):
        pass
    finally:
        for end in (writer, upstream):
            if end is not None:
                end.close()
        running.discard(asyncio.current_task())


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LONGEST_HEAD)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
