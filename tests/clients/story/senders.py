"""The clients that send: tus-js-client (in Node), tuspy, aiotus, curl. Each answers with the upload's address."""

import asyncio
import base64
import io
import json
import pathlib
import re
import subprocess
import time

import aiotus
from tusclient import client as tuspy

from .api import metadata
from .checks import Wrong, equal, expect

HERE = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 120
TUS = {"Tus-Resumable": "1.0.0"}


def tus_js(actor, material, about, *, cut_at=None, client="tus-js-client", source="file", place="", url=None, keep=None,
           **options):  # fmt: skip
    """tus-js-client, told `options` in its own words. `cut_at`: abort after so many bytes were taken, then begin anew
    as a reopened page does. `place`: where the file goes is in the address. `url`: an upload that was begun. `keep`:
    see send.mjs."""
    wish = {
        "client": client, "source": source, "options": options, "token": actor.token, "path": str(material.path),
        "endpoint": f"{actor.base}/files/to/{place}" if place else f"{actor.base}/files/",
        "metadata": {"filename": material.name, **about}, "cutAt": cut_at, "keep": keep,
    }  # fmt: skip
    if url:
        wish["address"] = {"uploadUrl": url}
    done = subprocess.run(
        ["node", "send.mjs"], cwd=HERE, input=json.dumps(wish), capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode != 0:
        raise Wrong(f"{client} did not send {material.name}: {done.stderr.strip()[-1000:]}")
    answer = json.loads(done.stdout)
    return answer["url"], answer


def tus_py(actor, material, about, *, chunk=None, checksums=False, url=None, stop_at=None, headers=None):
    """tuspy; without `chunk`, the file in one request. `url`: an upload that was begun. `stop_at`: no further."""
    sender = tuspy.TusClient(f"{actor.base}/files/", headers=actor.headers() | (headers or {}))
    options = {"metadata": {"filename": material.name, **about}, "upload_checksum": checksums, "url": url}
    if chunk:
        options["chunk_size"] = chunk
    upload = sender.uploader(str(material.path), **options)
    upload.upload(stop_at)
    return upload.url


def aio_tus(actor, material, about, *, chunk, parts=1):
    """aiotus, in requests of `chunk` bytes; as so many partial uploads at a time, which are put together."""
    endpoint = f"{actor.base}/files/"
    said = {key: value.encode() for key, value in {"filename": material.name, **about}.items()}
    how = {"config": aiotus.RetryConfiguration(retry_attempts=3), "headers": actor.headers(), "chunksize": chunk}

    async def send():
        if parts == 1:
            with material.path.open("rb") as file:
                return await aiotus.upload(endpoint, file, said, **how)
        data, size = material.path.read_bytes(), -(-material.size // parts)
        files = [io.BytesIO(data[start : start + size]) for start in range(0, material.size, size)]
        return await aiotus.upload_multiple(endpoint, files, said, parallel_uploads=parts, **how)

    url = asyncio.run(send())
    expect(url, f"aiotus did not send {material.name}")
    return str(url)


def uppy(actor, films):
    """Uppy in a browser, a film in each of its ways: `{way: (material, meta)}`; for each way what became of it."""
    wish = {"base": actor.base, "token": actor.token}
    wish["films"] = {way: {"path": str(film.path), "meta": meta} for way, (film, meta) in films.items()}
    done = subprocess.run(
        ["node", "uppy/send.mjs"], cwd=HERE, input=json.dumps(wish), capture_output=True, text=True,
        timeout=3 * PATIENCE,
    )  # fmt: skip
    if done.returncode != 0:
        raise Wrong(f"Uppy sent nothing: {done.stderr.strip()[-1000:]}")
    return json.loads(done.stdout)


def curl(actor, *arguments, data=None, may_end=(0,), speaking=TUS):
    """curl's exit status, and the status, headers and body of the answer it got."""
    command = ["curl", "--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", str(PATIENCE)]
    for key, value in (speaking | actor.headers()).items():
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


def named(material):
    """`Content-Disposition`."""
    quoted = "".join(f"%{byte:02X}" for byte in material.name.encode())
    return f"Content-Disposition: attachment; filename*=UTF-8''{quoted}"


def curl_post(actor, material, place):
    """The address says where, Content-Disposition what it is called; the body is the file."""
    _, status, headers, body = curl(
        actor, "-X", "POST", "-T", str(material.path),
        "-H", "Content-Type: application/offset+octet-stream", "-H", f"Upload-Length: {material.size}",
        "-H", named(material), f"{actor.base}/files/to/{place}",
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


def curl_resumable(actor, material, place, *, rate=None, seconds=None):
    """As HTTP itself is to have it, no version named: POST with the bytes; or, with a `rate`, an empty one, a PATCH
    that is cut after `seconds`, HEAD, and a PATCH with the rest. The address, and where it went on."""
    digest = base64.b64encode(bytes.fromhex(material.sha256)).decode()
    whole = f"sha-256=:{digest}:"
    begin = ["-X", "POST", "-H", named(material), "-H", f"Repr-Digest: {whole}", f"{actor.base}/files/to/{place}"]
    if rate is None:
        _, status, headers, body = curl(
            actor, *begin, "-T", str(material.path), "-H", "Upload-Complete: ?1", speaking={}
        )  # fmt: skip
        expect(status == 201, f"POST by curl: expected 201, got {status} {body[:300]!r}")
        told = [headers.get(key) for key in ("upload-complete", "upload-offset", "repr-digest")]
        equal(told, ["?1", str(material.size), whole], "what the answer tells")
        return headers["location"], 0
    _, status, headers, body = curl(
        actor, *begin, "-H", "Upload-Complete: ?0", "-H", f"Upload-Length: {material.size}", speaking={}
    )
    expect(status == 201, f"creation by curl: expected 201, got {status} {body[:300]!r}")
    equal(headers.get("upload-complete"), "?0", "Upload-Complete of what is begun")
    url = headers["location"]
    sending = ["-X", "PATCH", "-H", "Content-Type: application/partial-upload", "-H", "Upload-Complete: ?1"]
    ended, *_ = curl(
        actor, *sending, "-H", "Upload-Offset: 0", "--limit-rate", str(rate), "--max-time", str(seconds),
        "-T", str(material.path), url, may_end=(0, 28), speaking={},
    )  # fmt: skip
    expect(ended == 28, "the first PATCH was to be cut by --max-time, and was not")
    _, status, headers, _ = curl(actor, "--head", url, speaking={})
    expect(status == 204, f"HEAD: expected 204, got {status}")
    offset = int(headers["upload-offset"])
    equal(headers["upload-complete"], "?0", "Upload-Complete of what was cut")
    expect(0 < offset < material.size, f"after the cut HEAD is to tell what arrived, and tells {offset}")
    _, status, headers, body = curl(
        actor, *sending, "-H", f"Upload-Offset: {offset}", "--data-binary", "@-", url,
        data=material.path.read_bytes()[offset:], speaking={},
    )  # fmt: skip
    expect(status == 204, f"PATCH from {offset}: expected 204, got {status} {body[:300]!r}")
    told = [headers.get(key) for key in ("upload-complete", "upload-offset", "repr-digest")]
    equal(told, ["?1", str(material.size), whole], "what the last answer tells")
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


