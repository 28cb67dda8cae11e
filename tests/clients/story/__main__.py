"""Tells the story: starts the server, goes through the chapters, stops it."""

import argparse
import pathlib
import sys
import tempfile
import time

from . import archive, counters, refusals, strangers, submission, uploads
from .book import Book
from .checks import Checks
from .server import Server

CHAPTERS = [uploads, refusals, counters, submission, archive, strangers]


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    checks, started = Checks(), time.monotonic()
    with Server() as server, tempfile.TemporaryDirectory(prefix="strongroom-material-") as folder:
        print(f"backend {server.backend}")
        book = Book(server, checks, pathlib.Path(folder))
        for chapter in CHAPTERS:
            with checks.check(f"the chapter {chapter.__name__.rsplit('.', 1)[1]} is told to its end"):
                chapter.tell(book)
        if checks.failed:
            print(f"--- the server's last words\n{server.log()}")
    print(f"{time.monotonic() - started:.0f} s")
    return checks.close()


sys.exit(main())
