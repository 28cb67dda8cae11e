"""Chapter one: three clients send real files, whole, in pieces and interrupted, and every byte arrives."""

import threading
import time

from . import senders
from .api import RUNNING
from .book import CANDIDATE
from .checks import equal, expect
from .material import MIB, docx, mp4, pdf, png, zipped

LARGE = 64 * MIB


def tell(book):
    with_tus_js(book)
    with_tuspy(book)
    with_curl(book)
    large_files(book)
    other_places(book)


def with_tus_js(book):
    def send(section, material, folder="", **how):
        about = book.about(CANDIDATE, section, **({"path": folder} if folder else {}))
        url, told = senders.tus_js(book.teacher, material, about, **how)
        book.accepted(url, CANDIDATE, section, material, folder)
        return told

    with book.check("tus-js-client sends a Word document in one piece"):
        send("URS", book.material("Unit recording sheet.docx", docx("R085, Jordan Adeyemi")))
    with book.check("tus-js-client sends a PDF in pieces of 1 MiB, each confirmed"):
        told = send("Evidence", book.material("Site plan.pdf", pdf("Site plan", 3 * MIB)), chunkSize=MIB)
        patches = [status for method, status, _ in told["requests"] if method == "PATCH"]
        equal(patches, [204] * 4, "the answers to the pieces")
    with book.check("tus-js-client sends a picture within the request that creates it"):
        told = send("Evidence", book.material("Wireframe.png", png(200, 150, 1)), uploadDataDuringCreation=True)
        equal([method for method, *_ in told["requests"]], ["POST"], "the requests")
    with book.check("tus-js-client, aborted in the middle, goes on from where it was"):
        told = send("Film", book.material("Tour.mp4", mp4(6 * MIB, 2)), chunkSize=MIB, cut_at=2 * MIB)
        (method, _, offset), *rest = told["resumedBy"]
        equal(method, "HEAD", "what it asks first")
        expect(2 * MIB <= int(offset) < 6 * MIB, f"it is to go on behind what was confirmed, and was told {offset}")
        equal(len(rest), (6 * MIB - int(offset)) // MIB, "the pieces that were left")


def with_tuspy(book):
    def send(section, material, folder="", **how):
        about = book.about(CANDIDATE, section, **({"path": folder} if folder else {}))
        book.accepted(senders.tus_py(book.teacher, material, about, **how), CANDIDATE, section, material, folder)

    with book.check("tuspy sends a PDF in one piece, its name in three scripts"):
        send("Evidence", book.material("李 Ελένη Zoë.pdf", pdf("Three scripts")))
    with book.check("tuspy sends a zip of a website from its folder in pieces of 1 MiB"):
        site = {"index.html": b"<!doctype html><title>Site</title>", "img/logo.png": png(900, 900, 3)}
        send("Evidence", book.material("website.zip", zipped(site)), folder="Week 1/Build", chunk=MIB)
    with book.check("tuspy sends a witness statement"):
        send("Witness", book.material("Witness.docx", docx("I was there.")))


def with_curl(book):
    with book.check("curl posts a picture to an address that says where it goes"):
        material = book.material("Home page (final).png", png(120, 90, 4))
        url = senders.curl_post(book.teacher, material, f"{book.sample}/{CANDIDATE}/Evidence")
        book.accepted(url, CANDIDATE, "Evidence", material)
    with book.check("curl, cut in the middle of a PATCH, asks HEAD and goes on from its Upload-Offset"):
        material, seen = book.material("Interview.mp4", mp4(5 * MIB, 5)), []
        about = book.about(CANDIDATE, "Evidence")

        def watch():
            seen.extend(item["state"] for item in book.teacher.read("/api/v1/uploads?state=open")["items"])

        url, _ = senders.curl_by_hand(book.teacher, material, about, rate=MIB, seconds=2, watch=watch)
        expect("receiving" in seen, f"cut, it is to be seen receiving, and the open uploads are {seen}")
        book.accepted(url, CANDIDATE, "Evidence", material)
        equal(book.head(url)[0], material.size, "the offset of what is finished")
    with book.check("two files of one name in one section keep both their bytes"):
        material = book.material("Home page (final).png", png(120, 90, 6))
        url = senders.curl_post(book.teacher, material, f"{book.sample}/{CANDIDATE}/Evidence")
        book.accepted(url, CANDIDATE, "Evidence", material)


class Watch(threading.Thread):
    """Every state a file is seen in, from its creation to its verdict."""

    def __init__(self, actor, name):
        super().__init__(daemon=True)
        self.actor, self.name, self.states = actor, name, []
        self.start()

    def run(self):
        file, until = None, time.monotonic() + 60
        while time.monotonic() < until:
            if file is None:
                uploads = self.actor.read("/api/v1/uploads?state=open")["items"]
                file = next((item["id"] for item in uploads if item["original_name"] == self.name), None)
            else:
                state = self.actor.read(f"/api/v1/files/{file}")["state"]
                if self.states[-1:] != [state]:
                    self.states.append(state)
                if state not in RUNNING:
                    return
            time.sleep(0.01)


def large_files(book):
    def tus_js(material):
        return senders.tus_js(book.teacher, material, book.about(CANDIDATE, "Film"), chunkSize=16 * MIB)[0]

    def tuspy(material):
        return senders.tus_py(book.teacher, material, book.about(CANDIDATE, "Film"), chunk=16 * MIB)

    def curl(material):
        return senders.curl_post(book.teacher, material, f"{book.sample}/{CANDIDATE}/Film")

    for seed, (client, send) in enumerate({"tus-js-client": tus_js, "tuspy": tuspy, "curl": curl}.items()):
        with book.check(f"a film of 64 MiB by {client} goes receiving, checking, accepted, and keeps every byte"):
            material = book.material(f"Film by {client}.mp4", mp4(LARGE, 10 + seed))
            watch = Watch(book.teacher, material.name)
            book.accepted(send(material), CANDIDATE, "Film", material)
            watch.join(60)
            order = [state for state in watch.states if state in ("receiving", "checking", "accepted")]
            equal(order, ["receiving", "checking", "accepted"], f"the states in their order ({watch.states})")


def other_places(book):
    with book.check("supporting material and a sample document find their places"):
        material = book.material("Planning notes.docx", docx("Notes"))
        url, _ = senders.tus_js(book.teacher, material, book.about(CANDIDATE, "Supporting"))
        book.accepted(url, CANDIDATE, "Supporting", material)
        material = book.material("Coversheet.pdf", pdf("Coversheet"))
        url = senders.curl_post(book.officer, material, f"{book.sample}/Documents/Coversheet")
        book.accepted(url, None, "Documents", material)
