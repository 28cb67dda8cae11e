"""Makes every ordinary file in a folder: families side by side where none needs another's files."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import archives
import documents
import pictures
import recordings
import texts


def timed(family, root):
    started = time.monotonic()
    family.make(root)
    print(f"{family.__name__}: {time.monotonic() - started:.1f} s", file=sys.stderr)


def main():
    root = Path(sys.argv[1]).absolute()
    root.mkdir(parents=True)
    timed(pictures, root)
    timed(texts, root)
    with ThreadPoolExecutor() as pool:
        for task in [pool.submit(timed, family, root) for family in (recordings, documents)]:
            task.result()
    timed(archives, root)


main()
