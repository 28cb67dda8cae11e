"""Chapter five: the moderator downloads what was submitted, all of it and nothing else, and can prove it."""

import csv
import hashlib
import json
import subprocess
import zipfile

from .book import CANDIDATE, CENTRE
from .checks import equal, expect
from .senders import PATIENCE

OURS = {"manifest.csv", "manifest.json", "SHA256SUMS"}


def tell(book):
    here = f"/api/v1/samples/{book.sample}/archive"
    with book.check("the moderator sees the sample that was submitted"):
        listed = {item["id"]: item["state"] for item in book.moderator.read("/api/v1/samples")["items"]}
        equal(listed.get(book.sample), "submitted", "its state in the moderator's list")
        rows = book.moderator.read(f"/api/v1/samples/{book.sample}/candidates?limit=500")["items"]
        equal({row["number"] for row in rows}, set(book.sampled), "the candidates")
    whole_zip(book, here)
    in_parts(book, here)
    chosen(book, here)
    one_file(book)


def fetch(book, path, target, *options, may_end=(0,)):
    """curl, as the moderator, into a file; the status of the answer."""
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(PATIENCE), "-o", str(target)]
    command += ["-w", "%{http_code}", "-H", f"Authorization: Bearer {book.moderator.token}"]
    done = subprocess.run([*command, *options, f"{book.server.base}{path}"], capture_output=True, timeout=PATIENCE + 10)
    expect(done.returncode in may_end, f"curl ended with {done.returncode}: {done.stderr.decode().strip()}")
    return int(done.stdout)


def expected_members(sent):
    """Where each file lies in a zip; a name taken already gets a number."""
    members, taken = {}, set()
    for one in sorted(sent, key=lambda one: (one.candidate or "", one.section, one.unique_name)):
        path, count = one.member, 1
        while path in taken:
            count += 1
            stem, extension = one.member.rsplit(".", 1)
            path = f"{stem} ({count}).{extension}"
        taken.add(path)
        members[path] = one
    return members


def digest(archive, member):
    with archive.open(member) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def whole_zip(book, here):
    target = book.whole = book.folder / "all.zip"
    with book.check("the moderator downloads the sample as a zip that is whole"):
        equal(fetch(book, here, target), 200, "GET archive")
        with zipfile.ZipFile(target) as archive:
            equal(archive.testzip(), None, "the first broken member")
    with book.check("every member has its folder, its name and the bytes that were sent"):
        members = expected_members(book.sent.values())
        with zipfile.ZipFile(target) as archive:
            equal(set(archive.namelist()), set(members) | OURS, "the members")
            equal(len(archive.namelist()), len(members) + len(OURS), "how many there are")
            found = {path: digest(archive, path) for path in members}
        # Two of one name: which of them has the number is the service's to say.
        by_path = lambda pairs: sorted((one.member, digest) for one, digest in pairs)
        equal(
            by_path((members[path], got) for path, got in found.items()),
            by_path((one, one.material.sha256) for one in members.values()),
            "SHA-256 of the members",
        )
    with book.check("manifest.json in the zip is the submission's, byte for byte"):
        with zipfile.ZipFile(target) as archive:
            equal(archive.read("manifest.json"), book.manifest, "manifest.json")
    with book.check("manifest.csv lists every member with its digest and names"):
        with zipfile.ZipFile(target) as archive:
            rows = list(csv.DictReader(archive.read("manifest.csv").decode().splitlines()))
            equal({row["path"] for row in rows}, set(members), "the paths")
            by_name = {sent.unique_name: sent for sent in book.sent.values()}
            for row in rows:
                sent = by_name[row["unique_name"]]
                said = (row["sha256"], int(row["size"]), row["original_name"], row["folder"], row["candidate"])
                known = (sent.material.sha256, sent.material.size, sent.material.name, sent.folder)
                equal(said, (*known, sent.candidate or ""), row["path"])
                equal(digest(archive, row["path"]), row["sha256"], f"the bytes of {row['path']}")
    with book.check("sha256sum --check agrees with what was unpacked"):
        unpacked = book.folder / "unpacked"
        with zipfile.ZipFile(target) as archive:
            archive.extractall(unpacked)
            total = len(archive.namelist())
        command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, timeout=PATIENCE)
        equal(done.returncode, 0, f"sha256sum ({done.stdout[-500:]} {done.stderr[-500:]})")
        # SHA256SUMS alone cannot stand in itself.
        equal(done.stdout.count(": OK"), total - 1, "lines that hold")


def in_parts(book, here):
    with book.check("a download that was cut goes on by Range and ends as the same zip"):
        target = book.folder / "resumed.zip"
        fetch(book, here, target, "--limit-rate", "20M", "--max-time", "2", may_end=(28,))
        size, whole = target.stat().st_size, book.whole.stat().st_size
        expect(0 < size < whole, f"{size} of {whole} bytes arrived before the cut")
        equal(fetch(book, here, target, "--continue-at", "-"), 206, "the rest")
        equal(target.read_bytes() == book.whole.read_bytes(), True, "the same bytes")
    with book.check("a range holds while the zip is the same, and is not mixed with another"):
        first = book.moderator.get(here, {"Range": "bytes=0-99"})
        whole = book.whole.stat().st_size
        equal((first.status, first.headers["Content-Range"]), (206, f"bytes 0-99/{whole}"), "the first hundred")
        tag = first.headers["ETag"]
        last = book.moderator.get(here, {"Range": "bytes=-100", "If-Range": tag})
        with book.whole.open("rb") as stream:
            equal(first.body, stream.read(100), "the first hundred bytes")
            stream.seek(-100, 2)
            equal((last.status, last.body), (206, stream.read()), "the last hundred bytes")
        equal(book.moderator.get(here, {"Range": f"bytes={whole}-"}).status, 416, "behind the end")
        equal(book.moderator.get(here, {"If-None-Match": tag}).status, 304, "the same as before")


def chosen(book, here):
    other = next(sent.candidate for sent in book.sent.values() if sent.candidate not in (None, CANDIDATE))
    with book.check("chosen candidates alone are in their zip"):
        target = book.folder / "chosen.zip"
        equal(fetch(book, f"{here}?candidates={other}", target), 200, "GET archive")
        with zipfile.ZipFile(target) as archive:
            equal(archive.testzip(), None, "the first broken member")
            own = {sent.member for sent in book.sent.values() if sent.candidate == other}
            equal(set(archive.namelist()), own | OURS, "the members")
            expect(all(path.startswith(f"{CENTRE}/{other}/") for path in own), f"foreign folders in {own}")
    with book.check("chosen files alone are in their zip"):
        file, sent = next((file, sent) for file, sent in book.sent.items() if sent.folder)
        target = book.folder / "file.zip"
        equal(fetch(book, f"{here}?files={file}", target), 200, "GET archive")
        with zipfile.ZipFile(target) as archive:
            equal(set(archive.namelist()), {sent.member} | OURS, "the members")
            equal(digest(archive, sent.member), sent.material.sha256, "its SHA-256")
            equal(len(json.loads(archive.read("manifest.json"))["files"]), len(book.sent), "files of the submission")
    with book.check("a candidate who is not in the submission gives no zip"):
        equal(book.moderator.get(f"{here}?candidates=1999").code(), (404, "not_found"), "GET archive")


def one_file(book):
    file, sent = max(book.sent.items(), key=lambda item: item[1].material.size)
    path, data = f"/api/v1/files/{file}/content", sent.material.path.read_bytes()
    with book.check("one file is downloaded whole, as an attachment that no browser runs"):
        answer = book.moderator.get(path)
        equal((answer.status, hashlib.sha256(answer.body).hexdigest()), (200, sent.material.sha256), "the file")
        expect(answer.headers["Content-Disposition"].startswith("attachment"), "it is to be an attachment")
        equal(answer.headers["X-Content-Type-Options"], "nosniff", "X-Content-Type-Options")
    with book.check("one file is read from its middle by Range"):
        middle = len(data) // 2
        answer = book.moderator.get(path, {"Range": f"bytes={middle}-{middle + 999}"})
        told = (answer.status, answer.headers["Content-Range"])
        equal(told, (206, f"bytes {middle}-{middle + 999}/{len(data)}"), "the answer")
        equal(answer.body, data[middle : middle + 1000], "the thousand bytes")
    with book.check("the centre reads its own submission; the board does not download work"):
        equal(book.teacher.get(path, {"Range": "bytes=0-9"}).body, data[:10], "the teacher's")
        equal(book.people["board"].get(path).code()[0] in (403, 404), True, "the board is refused")
