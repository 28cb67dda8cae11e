"""Checks: each a sentence that holds or does not, counted and said at once."""

import contextlib
import sys
import time
import traceback


class Wrong(AssertionError):
    """What was expected and did not happen."""


def expect(condition, why):
    """Fails the check with `why` unless the condition holds."""
    if not condition:
        raise Wrong(why)


def equal(got, expected, what):
    """Fails the check unless both are equal."""
    if got != expected:
        raise Wrong(f"{what}: expected {expected!r}, got {got!r}")


class Checks:
    """The tally."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    @contextlib.contextmanager
    def check(self, sentence):
        """The block shows that the sentence holds; whatever it raises shows that it does not."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # Any fault is this check's failure; the others are still asked.
            self.failed.append(sentence)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = "" if isinstance(error, Wrong) else f"{type(error).__name__}: "
            print(f"FAILED  {sentence}\n        {kind}{error}\n        at {frame.filename}:{frame.lineno}")
        else:
            self.passed += 1
            print(f"ok      {sentence} ({time.monotonic() - started:.1f} s)")
        sys.stdout.flush()

    def close(self):
        """The closing lines; the exit status."""
        for sentence in self.failed:
            print(f"failed: {sentence}")
        print(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed or not self.passed else 0
