"""The clients that send: tus-js-client (in Node), tuspy, curl. Each answers with the upload's address."""

import json
import pathlib
import re
import subprocess
import time

from tusclient import client as tuspy

from .api import metadata
from .checks import Wrong, expect

HERE = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 120


def tus_js(actor, material, about, *, chunk=None, with_creation=False, cut_at=None):
    """tus-js-client. `cut_at`: abort after so many bytes were sent, then begin anew as a reopened page does."""
    wish = {
        "endpoint": f"{actor.base}/files/", "token": actor.token, "path": str(material.path),
        "metadata": {"filename": material.name, **about},
        "chunkSize": chunk, "uploadDataDuringCreation": with_creation, "cutAt": cut_at,
    }
    done = subprocess.run(
        ["node", "send.mjs"], cwd=HERE, input=json.dumps(wish), capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode != 0:
        raise Wrong(f"tus-js-client did not send {material.name}: {done.stderr.strip()[-1000:]}")
    answer = json.loads(done.stdout)
    return answer["url"], answer


def tus_py(actor, material, about, *, chunk=None):
    """tuspy; without `chunk`, the file in one request."""
    sender = tuspy.TusClient(f"{actor.base}/files/", headers=actor.headers())
    options = {"metadata": {"filename": material.name, **about}}
    if chunk:
        options["chunk_size"] = chunk
    upload = sender.uploader(str(material.path), **options)
    upload.upload()
    return upload.url


def curl(actor, *arguments, data=None, may_end=(0,)):
    """curl's exit status, and the status, headers and body of the answer it got."""
    command = ["curl", "--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", str(PATIENCE)]
    command += ["-H", "Tus-Resumable: 1.0.0"]
    for key, value in actor.headers().items():
        command += ["-H", f"{key}: {value}"]
    done = subprocess.run([*command, *arguments], input=data, capture_output=True, timeout=PATIENCE + 10)
    if done.returncode not in may_end:
        raise Wrong(f"curl ended with {done.returncode}: {done.stderr.decode().strip()}")
    # An interim answer (100 Continue) comes before the one that counts.
    text = re.sub(rb"\AHTTP/1\.1 100[^\r]*\r\n\r\n", b"", done.stdout)
    head, _, body = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
    status = int(lines[0].split()[1]) if lines[0] else None
    return done.returncode, status, headers, body


def curl_post(actor, material, place):
    """The address says where, Content-Disposition what it is called; the body is the file."""
    quoted = "".join(f"%{byte:02X}" for byte in material.name.encode())
    _, status, headers, body = curl(
        actor, "-X", "POST", "-T", str(material.path),
        "-H", "Content-Type: application/offset+octet-stream", "-H", f"Upload-Length: {material.size}",
        "-H", f"Content-Disposition: attachment; filename*=UTF-8''{quoted}", f"{actor.base}/files/to/{place}",
    )  # fmt: skip
    expect(status == 201, f"POST by curl: expected 201, got {status} {body[:300]!r}")
    return headers["location"]


def curl_by_hand(actor, material, about, *, rate, seconds, watch=lambda: None):
    """POST, a PATCH that is cut by its own time limit, HEAD, and a PATCH from where it stands."""
    tail = metadata(filename=material.name, **about)
    _, status, headers, body = curl(
        actor, "-X", "POST", "-H", f"Upload-Length: {material.size}", "-H", f"Upload-Metadata: {tail}",
        f"{actor.base}/files",
    )  # fmt: skip
    expect(status == 201, f"creation by curl: expected 201, got {status} {body[:300]!r}")
    url = headers["location"]
    sending = ["-X", "PATCH", "-H", "Content-Type: application/offset+octet-stream"]
    ended, *_ = curl(
        actor, *sending, "-H", "Upload-Offset: 0", "--limit-rate", str(rate), "--max-time", str(seconds),
        "-T", str(material.path), url, may_end=(0, 28),
    )  # fmt: skip
    expect(ended == 28, "the first PATCH was to be cut by --max-time, and was not")
    offset, headers = head(actor, url)
    watch()
    expect(headers.get("upload-length") == str(material.size), f"HEAD tells another length: {headers}")
    expect(headers.get("upload-metadata") == tail, f"HEAD gives other metadata back: {headers}")
    expect(0 < offset < material.size, f"after the cut HEAD is to tell what arrived, and tells {offset}")
    _, status, headers, body = curl(
        actor, *sending, "-H", f"Upload-Offset: {offset}", "--data-binary", "@-", url,
        data=material.path.read_bytes()[offset:],
    )  # fmt: skip
    expect(status == 204, f"PATCH from {offset}: expected 204, got {status} {body[:300]!r}")
    expect(headers["upload-offset"] == str(material.size), f"the last PATCH ends at {headers['upload-offset']}")
    return url, offset


def head(actor, url):
    """HEAD, again while the answer is 423."""
    until = time.monotonic() + PATIENCE
    while True:
        _, status, headers, _ = curl(actor, "--head", url)
        if status == 200:
            return int(headers["upload-offset"]), headers
        expect(status == 423 and time.monotonic() < until, f"HEAD: expected 200, got {status}")
        time.sleep(0.5)


