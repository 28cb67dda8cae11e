"""What the makers of files share."""

import subprocess
from pathlib import Path

# No program takes longer than this, seconds.
PATIENCE = 120
# Programs that run at once.
WORKERS = 2

ESSAY = """The harbour in winter

I first saw the harbour on a morning in January. The boats lay still, and the water was the colour of slate.
My grandfather told me that forty boats went out each day when he was young. Today there are six.

“Why did they stop?” I asked. He shrugged – “Ask the fish.”

In this essay I look at three reasons: the price of diesel, the rules on quotas, and the café on the quay,
which earns more in one August than the boats do in a year (£38,000, by its own account).
"""


def run(*command, cwd=None, stdin=None):
    """Runs a program to its end and returns its output; what it complains of is shown when it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        said = (done.stdout[-2000:] + done.stderr[-4000:]).decode(errors="replace")
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


def folder(root, name):
    """A family's folder."""
    made = Path(root) / name
    made.mkdir(exist_ok=True)
    return made
