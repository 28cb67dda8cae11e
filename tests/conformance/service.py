#!/usr/bin/env python3
"""A service for the suites: the built binary on the demonstration data, with a section that takes anything.

    service.py ROLE

On the backend that STRONGROOM_TEST_BACKEND names, as tests/clients/run has it. Prints its port, a token, and the
address of that section for each of some candidates; ends when its standard input does.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/clients"))
from story.server import Server  # noqa: E402

COMPONENT, CENTRE = "01_3357_R085_01", "98765"
ANYTHING = """
[[section]]
code = "Anything"
title = "Anything"
max = 100000
max_size = "1 GB"
accepts = ["documents", "images", "audio", "video", "data", "presentations", "archives"]
zip = "allowed"
"""


def main():
    with tempfile.TemporaryDirectory(prefix="strongroom-suites-") as folder:
        config = pathlib.Path(folder)
        for part in ("demo", "components"):
            shutil.copytree(ROOT / "config" / part, config / part)
        with (config / "components" / f"{COMPONENT}.toml").open("a") as definition:
            definition.write(ANYTHING)
        with Server(str(config / "demo"), sys.argv[1]) as server:
            token = server.token("officer.98765")

            def read(path):
                request = urllib.request.Request(f"{server.base}/api/v1{path}")
                request.add_header("Authorization", f"Bearer {token}")
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)["items"]

            sample = read(f"/samples?component={COMPONENT}&centre={CENTRE}")[0]["id"]
            rows = read(f"/samples/{sample}/candidates?limit=500")
            places = [f"/files/to/{sample}/{row['number']}/Anything" for row in rows if row["in_sample"]]
            print(server.base.rsplit(":", 1)[1], token, *places, flush=True)
            sys.stdin.read()


main()
