"""Chapter four: what blocks is named, what is declared is kept, and what is submitted stays as it is."""

import hashlib
import json

from .book import CANDIDATE
from .checks import equal, expect
from .material import docx, pdf


def tell(book):
    here = f"/api/v1/samples/{book.sample}"
    before_it(book, here)
    blocked(book, here)
    declared(book, here)
    locked(book, here)
    proof(book, here)


def answers(book, here, accepted=lambda id: True):
    declarations = book.officer.read(f"{here}/check")["declarations"]
    equal(len(declarations), 3, "the declarations")
    said = [{"id": one["id"], "version": one["version"], "accepted": accepted(one["id"])} for one in declarations]
    return {"declarations": said}


def before_it(book, here):
    with book.check("before it is submitted, the sample does not exist for its moderator"):
        file = next(iter(book.sent))
        for path in (here, f"{here}/candidates", f"{here}/archive", f"{here}/submissions/1",
                     f"/api/v1/files/{file}", f"/api/v1/files/{file}/content"):  # fmt: skip
            equal(book.moderator.get(path).code(), (404, "not_found"), path)
        listed = [item["id"] for item in book.moderator.read("/api/v1/samples")["items"]]
        expect(book.sample not in listed, "the moderator's list has it")


def blocked(book, here):
    third = book.sampled[-1]
    with book.check("the check names every unresolved section and no other"):
        found = book.officer.read(f"{here}/check")["blocking"]
        unresolved = {(item["candidate"], item["section"]) for item in found if item["code"] == "section_unresolved"}
        done = {sent.candidate for sent in book.sent.values()}
        expected = {(number, code) for number in book.sampled if number not in done for code in ("URS", "Evidence")}
        equal(unresolved, expected, "what is unresolved")
    with book.check("a sample with something unresolved is not submitted, and the answer says what"):
        answer = book.officer.ask("POST", f"{here}/submissions", answers(book, here))
        equal(answer.code(), (409, "blocked"), "POST submissions")
        expect(any(item.get("candidate") == third for item in answer.json()["blocking"]), "the answer names no one")
    with book.check("files complete a candidate and Missing the others; then only what is moving blocks"):
        for section, name, data in [("URS", "Sheet.docx", docx("Third")), ("Evidence", "Work.pdf", pdf("Third"))]:
            material = book.material(name, data)
            url = book.officer.create(f"{book.sample}/{third}/{section}", name, len(data), data).headers["Location"]
            book.accepted(url, third, section, material)
        done = {sent.candidate for sent in book.sent.values()}
        for number in book.sampled:
            for section in ("URS", "Evidence") if number not in done else ():
                path = f"{here}/candidates/{number}/sections/{section}/missing"
                why = {"reason": "not_produced", "note": "left the course", "reference": "SC-1"}
                equal(book.officer.ask("PUT", path, why).status, 204, path)
        begun = book.teacher.create(f"{book.sample}/{third}/Witness", "on its way.pdf", 1000).headers["Location"]
        moving = book.officer.read(f"{here}/check")["blocking"]
        equal([(item["code"], item.get("file")) for item in moving], [("file_running", begun.rsplit("/", 1)[1])],
              "what blocks")  # fmt: skip
        equal(book.teacher.ask("DELETE", begun, headers={"Tus-Resumable": "1.0.0"}).status, 204, "cancelling")
        equal(book.officer.read(f"{here}/check")["blocking"], [], "what blocks in the end")


def declared(book, here):
    with book.check("a teacher does not submit"):
        answer = book.teacher.ask("POST", f"{here}/submissions", answers(book, here))
        equal(answer.code(), (403, "forbidden"), "POST submissions")
    with book.check("with one declaration unticked nothing is submitted"):
        for one in ("authentication", "standardisation", "use_of_work"):
            body = answers(book, here, lambda id, one=one: id != one)
            equal(book.officer.ask("POST", f"{here}/submissions", body).code(), (422, "not_declared"), one)
        equal(book.officer.read(here)["state"], "open", "the sample")
    with book.check("the officer submits and gets a receipt"):
        body = answers(book, here)
        answer = book.officer.ask("POST", f"{here}/submissions", body)
        equal(answer.status, 201, f"POST submissions ({answer.body[:300]!r})")
        book.receipt = answer.json()
        equal(book.receipt["revision"], 1, "the revision")
        equal(book.receipt["files"], len(book.sent), "the files on the receipt")
        equal(book.receipt["bytes"], sum(sent.material.size for sent in book.sent.values()), "their bytes")
        missing = {(item["candidate"], item["section"]) for item in book.receipt["missing"]}
        done = {sent.candidate for sent in book.sent.values()}
        equal(missing, {(n, s) for n in book.sampled if n not in done for s in ("URS", "Evidence")}, "Missing on it")
    with book.check("submitting again gives the same receipt"):
        answer = book.officer.ask("POST", f"{here}/submissions", body)
        equal(answer.status, 200, "the second answer")
        equal(answer.json(), book.receipt, "the second receipt")
        equal(book.officer.read(f"{here}/submissions/1"), book.receipt, "the receipt as it is kept")


def locked(book, here):
    file = next(iter(book.sent))
    flag = f"{here}/candidates/{CANDIDATE}/sections/URS/missing"
    for sentence, method, path, body in [
        ("after submission a file cannot be deleted", "DELETE", f"/api/v1/files/{file}", None),
        ("after submission nothing is restored", "POST", f"/api/v1/files/{file}/restore", None),
        ("after submission nothing becomes Missing", "PUT", flag, {"reason": "lost"}),
        ("after submission no Missing is taken back", "DELETE", flag, None),
    ]:
        with book.check(sentence):
            equal(book.teacher.ask(method, path, body).code(), (409, "submitted"), f"{method} {path}")
    with book.check("after submission nothing is uploaded, wherever it is meant for"):
        for place in (f"{CANDIDATE}/Evidence", f"{CANDIDATE}/Supporting", "Documents/Coversheet"):
            answer = book.teacher.create(f"{book.sample}/{place}", "late.pdf", 1000)
            equal(answer.code(), (409, "submitted"), place)


def proof(book, here):
    with book.check("the manifest has the digest of the receipt, and every file that was sent"):
        text = book.officer.get(f"{here}/submissions/1/manifest.json")
        equal(text.status, 200, "manifest.json")
        equal(hashlib.sha256(text.body).hexdigest(), book.receipt["manifest_sha256"], "its SHA-256")
        entries = {entry["id"]: entry for entry in json.loads(text.body)["files"]}
        equal(set(entries), set(book.sent), "the files")
        for file, sent in book.sent.items():
            entry, material = entries[file], sent.material
            found = (entry["sha256"], entry["size"], entry["original_name"], entry["path"], entry["unique_name"])
            expected = (material.sha256, material.size, material.name, sent.folder, sent.unique_name)
            equal(found, expected, "an entry")
            equal(entry["verdict"], "clean", f"the verdict on {material.name}")
        book.manifest = text.body
