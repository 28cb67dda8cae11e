"""Tells the story: starts the server, goes through the chapters, stops it."""

import argparse
import pathlib
import sys
import tempfile
import time

from . import archive, counters, matrix, refusals, strangers, submission, uploads
from .book import Book
from .checks import Checks
from .server import Server

CHAPTERS = [uploads, refusals, counters, submission, archive, strangers, matrix]


def name(chapter):
    return chapter.__name__.rsplit(".", 1)[1]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    names = [name(chapter) for chapter in CHAPTERS]
    arguments.add_argument("--chapter", choices=names, help="only this one; it must need none before it")
    only = arguments.parse_args().chapter
    checks, started = Checks(), time.monotonic()
    with Server() as server, tempfile.TemporaryDirectory(prefix="strongroom-material-") as folder:
        print(f"backend {server.backend}")
        book = Book(server, checks, pathlib.Path(folder))
        for chapter in CHAPTERS:
            if only in (None, name(chapter)):
                with checks.check(f"the chapter {name(chapter)} is told to its end"):
                    chapter.tell(book)
        if checks.failed:
            print(f"--- the server's last words\n{server.log()}")
    print(f"{time.monotonic() - started:.0f} s")
    return checks.close()


sys.exit(main())
