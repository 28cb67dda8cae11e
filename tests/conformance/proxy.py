#!/usr/bin/env python3
"""What foreign test suites lack, between them and the service: a bearer token, and where a file goes.

    proxy.py [--files] UPSTREAM_PORT TOKEN /files/to/SAMPLE/CANDIDATE/SECTION ...

Listens on a free port of 127.0.0.1 and prints it. Every request gets the token; a POST to /files or /files/ goes to the
addresses given, one after the other, with a name in Content-Disposition when it says none; a partial upload needs
neither. One request a connection; everything else passes byte for byte, both ways, with its framing.

--files: an upload that is whole is a file, and what GET and DELETE want of it is done where files are: at the
interface, once its check is over.
"""

import argparse
import asyncio
import itertools
import json
import re
import time
import urllib.error
import urllib.request

asked = argparse.ArgumentParser()
asked.add_argument("--files", action="store_true")
asked.add_argument("port", type=int)
asked.add_argument("token")
asked.add_argument("target", nargs="+")
asked = asked.parse_args()
PORT, TOKEN = asked.port, asked.token
targets = itertools.cycle(asked.target)
UPLOAD = re.compile(rb"/files/([0-9a-f]+)")
# How long a check may take, seconds.
PATIENCE = 60
NAME = b'Content-Disposition: inline; filename="conformance.txt"'
LONGEST_HEAD = 64 << 10
# asyncio itself holds its tasks weakly.
running = set()


def whole(upload):
    """Whether all of an upload is there, and nobody works on it any more."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/v1/files/{upload}")
    request.add_header("Authorization", f"Bearer {TOKEN}")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                state = json.load(answer)["state"]
        except urllib.error.HTTPError:
            return False
        if state not in ("received", "checking"):
            return state not in ("created", "receiving", "paused")
        time.sleep(0.1)
    return False


def as_file(method, path):
    """Where a request on an upload goes that is meant for the file."""
    upload = UPLOAD.fullmatch(path)
    if not asked.files or method not in (b"GET", b"DELETE") or not upload or not whole(upload[1].decode()):
        return path
    return b"/api/v1" + path + (b"/content" if method == b"GET" else b"")


def changed(head):
    """A request's head as it goes on: without the blank line that ends it."""
    first, *lines = head.split(b"\r\n")
    method, path, *version = first.split(b" ")
    names = [line.split(b":")[0].strip().lower() for line in lines]
    lines = [line for line, name in zip(lines, names) if name != b"connection"]
    lines += [b"Connection: close", b"Authorization: Bearer " + TOKEN.encode()]
    partial = any(line.lower() == b"upload-concat: partial" for line in lines)
    if method == b"POST" and path in (b"/files", b"/files/") and not partial:
        path = next(targets).encode()
        if b"content-disposition" not in names:
            lines.append(NAME)
    path = as_file(method, path)
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
        upstream.write(await asyncio.to_thread(changed, head[:-4]) + b"\r\n\r\n")
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
