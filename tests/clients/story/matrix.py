"""Chapter seven: every way the clients of others have of sending, each with a film that must arrive byte for byte.

The films go to a sample that nothing else of the story touches, so that none of its counts change.
"""

import hashlib
import http.client
import socket
import threading
import time

from . import senders
from .api import PATIENCE, metadata
from .checks import Wrong, equal, expect
from .material import MIB, mp4

COMPONENT = "01_3357_R091_01"
SECTION = "Concept"
# What the section takes of one candidate.
A_CANDIDATE = 10
SIZE = 12 * MIB + 4321
PIECE = 5 * MIB

FOUR, FIVE = "tus-js-client", "tus-js-client-5"
WAYS = [
    ("in one request", {}),
    ("in pieces of 5 MiB", {"chunkSize": PIECE}),
    ("with its bytes in the request that creates it", {"uploadDataDuringCreation": True}),
    ("with its first piece in the request that creates it", {"uploadDataDuringCreation": True, "chunkSize": PIECE}),
    ("from a stream whose length is told with its last piece",
     {"source": "stream", "uploadLengthDeferred": True, "chunkSize": PIECE}),
    ("as four partial uploads at once, too small to be parts of an object", {"parallelUploads": 4}),
    ("as two partial uploads at once, large enough to be", {"parallelUploads": 2}),
    ("by POST with X-HTTP-Method-Override", {"overridePatchMethod": True, "chunkSize": PIECE}),
    ("as ietf-draft-05", {"protocol": "ietf-draft-05"}),
    ("as ietf-draft-05, in pieces", {"protocol": "ietf-draft-05", "chunkSize": PIECE}),
    ("as ietf-draft-05, its bytes in the request that creates it",
     {"protocol": "ietf-draft-05", "uploadDataDuringCreation": True}),
]  # fmt: skip


def tell(book):
    stage = Stage(book)
    for client in (FOUR, FIVE):
        tus_js(stage, client)
    busy(stage)
    tuspy(stage)
    aiotus(stage)
    curl(stage)
    uppy(stage)


class Stage:
    """Where the films go, one after the other."""

    def __init__(self, book):
        self.book, self.teacher = book, book.teacher
        samples = self.teacher.read(f"/api/v1/samples?component={COMPONENT}")["items"]
        self.sample = samples[0]["id"]
        rows = self.teacher.read(f"/api/v1/samples/{self.sample}/candidates?limit=500")["items"]
        self.candidates = [row["number"] for row in rows if row["in_sample"]]
        self.sent = 0

    def film(self, size=SIZE):
        """A film of its own, where it goes as metadata, and the same as an address."""
        candidate = self.candidates[self.sent // A_CANDIDATE]
        self.sent += 1
        material = self.book.material(f"Film {self.sent}.mp4", mp4(size, 1000 + self.sent))
        about = {"sample": self.sample, "candidate": candidate, "section": SECTION}
        return material, about, f"{self.sample}/{candidate}/{SECTION}"

    def begun(self, material, place):
        """An upload that has no bytes yet."""
        answer = self.teacher.create(place, material.name, material.size)
        equal(answer.status, 201, "the answer to the creation")
        return answer.headers["Location"]

    def arrived(self, url, material, folder=""):
        """The film is accepted; what is reported of it and what is stored are its bytes."""
        equal(senders.head(self.teacher, url)[0], material.size, "the offset of what is finished")
        file = url.rsplit("/", 1)[1]
        known = self.teacher.settled_as(file, "accepted")
        told = known["size"], known["sha256"], known["original_name"], known["path"]
        equal(told, (material.size, material.sha256, material.name, folder), "what the service says of it")
        equal(self.stored(file), (material.size, material.sha256), "what the service has stored")

    def stored(self, file):
        """Length and SHA-256 of what a download brings."""
        connection = http.client.HTTPConnection(self.teacher.host, timeout=PATIENCE)
        try:
            connection.request("GET", f"/api/v1/files/{file}/content", headers=self.teacher.headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise Wrong(f"GET content: expected 200, got {answer.status} {answer.read(300)!r}")
            length, digest = 0, hashlib.sha256()
            while piece := answer.read(MIB):
                length += len(piece)
                digest.update(piece)
            return length, digest.hexdigest()
        finally:
            connection.close()


def tus_js(stage, client):
    name = {FOUR: "tus-js-client", FIVE: "tus-js-client 5"}[client]
    for way, how in WAYS:
        with stage.book.check(f"{name} sends a film {way}"):
            material, about, place = stage.film()
            if "protocol" in how:
                how, about = how | {"place": place}, {}
            url, told = senders.tus_js(stage.teacher, material, about, client=client, **how)
            wrong = [request for request in told["requests"] if request[1] >= 400]
            equal(wrong, [], "the requests that were refused")
            stage.arrived(url, material)
    with stage.book.check(f"{name} as ietf-draft-03 is told that it is not spoken here, and nothing is begun"):
        material, _, place = stage.film()
        before = stage.teacher.read("/api/v1/uploads?state=open")["items"]
        try:
            senders.tus_js(stage.teacher, material, {}, client=client, place=place, protocol="ietf-draft-03")
        except Wrong as error:
            expect("6, 8 and 9 are spoken here" in str(error), f"it says instead: {error}")
        else:
            raise Wrong("it was taken")
        equal(stage.teacher.read("/api/v1/uploads?state=open")["items"], before, "the open uploads")
    with stage.book.check(f"{name}, stopped, finds the address it kept and goes on from there"):
        material, about, _ = stage.film()
        keep = str(stage.book.folder / f"addresses of {client}.json")
        how = {"client": client, "chunkSize": 2 * MIB, "keep": keep}
        url, _ = senders.tus_js(stage.teacher, material, about, cut_at=4 * MIB, **how)
        again, told = senders.tus_js(stage.teacher, material, about, **how)
        equal(again, url, "the upload it goes on with")
        method, status, offset = told["requests"][0]
        equal((method, status), ("HEAD", 200), "what it asks first, and the answer")
        expect(4 * MIB <= int(offset) < material.size, f"it is to go on behind what was taken, and was told {offset}")
        stage.arrived(url, material)
    with stage.book.check(f"{name}, aborted in the middle of ietf-draft-05, goes on from where it was"):
        material, _, place = stage.film()
        how = {"client": client, "chunkSize": 2 * MIB, "protocol": "ietf-draft-05", "place": place}
        url, told = senders.tus_js(stage.teacher, material, {}, cut_at=4 * MIB, **how)
        method, status, offset = told["resumedBy"][0]
        equal((method, status), ("HEAD", 204), "what it asks first, and the answer")
        expect(4 * MIB <= int(offset) < material.size, f"it is to go on behind what was taken, and was told {offset}")
        stage.arrived(url, material)


def busy(stage):
    with stage.book.check("tus-js-client goes on at once where another connection hangs in the middle of a PATCH"):
        material, _, place = stage.film()
        url, arrived = stage.begun(material, place), 3 * MIB
        host, port = stage.teacher.host.split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as hanging:
            lines = [f"PATCH /files/{url.rsplit('/', 1)[1]} HTTP/1.1", f"Host: {host}:{port}", "Upload-Offset: 0"]
            lines += ["Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream"]
            lines += [f"Content-Length: {material.size}", *(": ".join(one) for one in stage.teacher.headers().items())]
            hanging.sendall("\r\n".join([*lines, "", ""]).encode() + material.path.read_bytes()[:arrived])
            _, told = senders.tus_js(stage.teacher, material, {}, url=url)
        waited = [status for method, status, _ in told["requests"] if method == "HEAD"]
        expect(waited[-1] == 200 and set(waited[:-1]) <= {423} and len(waited) <= 3, f"HEAD is answered {waited}")
        offset = next(offset for method, status, offset in told["requests"] if (method, status) == ("HEAD", 200))
        equal(int(offset), arrived, "the offset it was told: every byte that had arrived")
        stage.arrived(url, material)
    with stage.book.check("tus-js-client, asked away by HEAD again and again while it sends, loses no byte"):
        material, _, place = stage.film(96 * MIB)
        url, asked, done = stage.begun(material, place), [], threading.Event()

        def ask():
            for _ in range(3):
                if done.wait(0.3):
                    return
                asked.append(senders.head(stage.teacher, url)[0])

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            senders.tus_js(stage.teacher, material, {}, url=url, chunkSize=32 * MIB)
        finally:
            done.set()
            asking.join(PATIENCE)
        expect(asked, "the film was there before anyone asked")
        equal(asked, sorted(asked), "the offsets HEAD was told, which never go back")
        stage.arrived(url, material)


def tuspy(stage):
    with stage.book.check("tuspy sends a film in pieces of 5 MiB, each with its SHA-1"):
        material, about, _ = stage.film()
        stage.arrived(senders.tus_py(stage.teacher, material, about, chunk=PIECE, checksums=True), material)
    with stage.book.check("tuspy stops after a piece and goes on by the address, each piece with its SHA-1"):
        material, about, _ = stage.film()
        url = senders.tus_py(stage.teacher, material, about, chunk=PIECE, checksums=True, stop_at=PIECE)
        equal(senders.head(stage.teacher, url)[0], PIECE, "the offset after the first piece")
        senders.tus_py(stage.teacher, material, {}, chunk=PIECE, checksums=True, url=url)
        stage.arrived(url, material)
    with stage.book.check("tuspy fills an upload whose length was left open, and tells it with the bytes"):
        material, _, place = stage.film()
        headers = {"Tus-Resumable": "1.0.0", "Upload-Defer-Length": "1"}
        headers["Upload-Metadata"] = metadata(filename=material.name)
        answer = stage.teacher.ask("POST", f"/files/to/{place}", None, headers)
        equal(answer.status, 201, "the answer to the creation")
        url = answer.headers["Location"]
        equal(senders.head(stage.teacher, url)[1].get("upload-defer-length"), "1", "Upload-Defer-Length")
        told = {"Upload-Length": str(material.size)}
        senders.tus_py(stage.teacher, material, {}, chunk=PIECE, checksums=True, url=url, headers=told)
        stage.arrived(url, material)


def aiotus(stage):
    with stage.book.check("aiotus sends a film in pieces of 5 MiB"):
        material, about, _ = stage.film()
        stage.arrived(senders.aio_tus(stage.teacher, material, about, chunk=PIECE), material)
    with stage.book.check("aiotus sends a film as three partial uploads at once"):
        material, about, _ = stage.film()
        stage.arrived(senders.aio_tus(stage.teacher, material, about, chunk=PIECE, parts=3), material)


def curl(stage):
    with stage.book.check("curl posts a film as HTTP itself is to have it, and is told its SHA-256"):
        material, _, place = stage.film()
        stage.arrived(senders.curl_resumable(stage.teacher, material, place)[0], material)
    with stage.book.check("curl, cut in the middle of a PATCH of HTTP's own, asks HEAD and goes on"):
        material, _, place = stage.film()
        url, _ = senders.curl_resumable(stage.teacher, material, place, rate=4 * MIB, seconds=1)
        stage.arrived(url, material)


def uppy(stage):
    films, folder = {}, "Shoot 1/Takes"
    # What its dashboard says of where a file came from: a path that ends with the name, or null.
    for way, size, path in [
        ("small", 300_000, None), ("pieces", 20 * MIB, f"{folder}/{{}}"), ("trouble", 40 * MIB, None),
        ("closed", 40 * MIB, None), ("parallel", 20 * MIB, None),
    ]:  # fmt: skip
        material, about, _ = stage.film(size)
        films[way] = material, about | {"relativePath": path and path.format(material.name)}
    told = {}
    with stage.book.check("Uppy in a browser has its page and sends"):
        told = senders.uppy(stage.teacher, films)

    def arrived(way, folder=""):
        expect(not told[way]["error"], f"Uppy says: {told[way]['error']}")
        url = told[way]["url"]
        stage.arrived(f"{stage.teacher.base}/files/{url.rsplit('/', 1)[1]}", films[way][0], folder)
        return told[way]["requests"]

    with stage.book.check("Uppy sends a small film"):
        equal([(method, status) for method, status, _ in arrived("small")], [("POST", 201), ("PATCH", 204)], "requests")
    with stage.book.check("Uppy sends 20 MiB in pieces of 5 MiB, from a folder"):
        patches = [(method, status) for method, status, _ in arrived("pieces", folder)][1:]
        equal(patches, [("PATCH", 204)] * 4, "the requests for the pieces")
    with stage.book.check("Uppy, paused, resumed, and cut off from the network, goes on where it was"):
        went_on(arrived("trouble"), 2)
    with stage.book.check("Uppy sends a film as four partial uploads at once"):
        requests = arrived("parallel")
        equal([status for method, status, _ in requests if method == "POST"], [201] * 5, "the creations")
    with stage.book.check("Uppy, its page closed and opened again, goes on where it was"):
        requests = arrived("closed")
        equal(requests[0][:2], ["HEAD", 200], "what the new page asks first, and the answer")
        expect(int(requests[0][2]) > 10 * MIB, f"it is to go on behind what was sent, and was told {requests[0][2]}")


def went_on(requests, times):
    """Nothing was begun again: one POST, and offsets that only grow; HEAD was answered as often as `times`."""
    equal([method for method, *_ in requests].count("POST"), 1, "the creations")
    offsets = [int(offset) for _, _, offset in requests if offset is not None]
    equal(offsets, sorted(offsets), "the offsets it was told, which never go back")
    heads = [status for method, status, _ in requests if method == "HEAD"]
    expect(heads.count(200) >= times and set(heads) <= {200, 423}, f"HEAD was answered {heads}")
