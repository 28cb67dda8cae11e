"""The server under the story: the built binary on the demonstration data, in a folder (and a database) of its own."""

import json
import os
import pathlib
import secrets
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
READY = 120
STOP = 60


def told(name):
    """An address the board backend needs."""
    if not os.environ.get(name):
        raise SystemExit(f"{name} is needed for the board backend; tests/support/services tells it")
    return os.environ[name]


class Server:
    """`with Server() as server`: started and ready; stopped by its id, and all it stood on removed."""

    def __init__(self, reference="config/demo", role="all"):
        """`reference`: the folder of the board's data. `role`: what the process does, as `serve --role` names it."""
        self.reference, self.role = reference, role
        self.binary = os.environ.get("STRONGROOM_TEST_BINARY") or str(ROOT / "target/debug/strongroom")
        self.backend = os.environ.get("STRONGROOM_TEST_BACKEND") or "embedded"
        if self.backend not in ("embedded", "board"):
            raise SystemExit(f"STRONGROOM_TEST_BACKEND is {self.backend!r}, neither embedded nor board")
        self.folder = tempfile.TemporaryDirectory(prefix="strongroom-story-")
        self.data = str(pathlib.Path(self.folder.name) / "data")
        self.environment = dict(os.environ)
        self.database = None
        self.process = None

    def __enter__(self):
        try:
            if self.backend == "board":
                self._make_database()
            self.run("import", self.reference)
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.database:
            self._sql(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.folder.cleanup()

    def run(self, *arguments):
        """A command of the binary on this data; what it printed."""
        command = [self.binary, *arguments, "--data", self.data]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=READY)
        if done.returncode != 0:
            raise RuntimeError(f"strongroom {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout.strip()

    def token(self, person):
        """A token of a demonstration person."""
        return self.run("token", "create", "--user", person, "--expires-in", "1h").splitlines()[-1]

    def log(self):
        """The last lines the server wrote."""
        return "\n".join((pathlib.Path(self.folder.name) / "log").read_text(errors="replace").splitlines()[-40:])

    def _serve(self):
        log = open(pathlib.Path(self.folder.name) / "log", "wb")
        command = [self.binary, "serve", "--data", self.data, "--bind", "127.0.0.1:0", "--role", self.role]
        with log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        said = []
        reader = threading.Thread(target=lambda: said.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(READY)
        if not said or not said[0].startswith("ready http"):
            raise RuntimeError(f"the server did not say that it is ready:\n{self.log()}")
        self.base = said[0].split()[1]
        until = time.monotonic() + READY
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.base}/health/ready", timeout=10) as answer:
                    if json.load(answer)["ready"]:
                        return
            except OSError:
                pass  # Not yet; the deadline is above.
            time.sleep(0.2)
        raise RuntimeError(f"the server did not become ready:\n{self.log()}")

    def _make_database(self):
        name = f"strongroom_{secrets.token_hex(16)}"
        self._sql(f"CREATE DATABASE {name}")
        self.database = name
        server = told("STRONGROOM_TEST_POSTGRES").rsplit("/", 1)[0]
        self.environment |= {
            "STRONGROOM__DATABASE__URL": f"{server}/{name}",
            "STRONGROOM__STORE__KIND": "s3",
            "STRONGROOM__STORE__ENDPOINT": told("STRONGROOM_TEST_S3_ENDPOINT"),
            "STRONGROOM__STORE__REGION": told("STRONGROOM_TEST_S3_REGION"),
            "STRONGROOM__STORE__BUCKET": told("STRONGROOM_TEST_S3_BUCKET"),
            "STRONGROOM__STORE__PREFIX": name,
            "STRONGROOM__STORE__ACCESS_KEY": told("STRONGROOM_TEST_S3_ACCESS_KEY"),
            "STRONGROOM__STORE__SECRET_KEY": told("STRONGROOM_TEST_S3_SECRET_KEY"),
            "STRONGROOM__STORE__PATH_STYLE": "true",
        }

    @staticmethod
    def _sql(statement):
        command = ["psql", "--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", told("STRONGROOM_TEST_POSTGRES")]
        subprocess.run([*command, "-c", statement], check=True, timeout=60)
