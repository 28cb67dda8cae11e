"""Chapter three: what is complete, what is Missing, and how both change by themselves."""

from .api import metadata
from .book import CANDIDATE
from .checks import equal, expect
from .material import docx, eicar, pdf


def tell(book):
    other = next(number for number in book.sampled if number != CANDIDATE)
    place = f"/api/v1/samples/{book.sample}/candidates/{other}/sections"
    at = f"{book.sample}/{other}"

    def counts(state, provided, missing):
        row = book.row(other)
        found = (row["state"], row["provided"], row["required"], row["missing"])
        equal(found, (state, provided, 2, missing), "state, sections provided, sections required, any Missing")

    def flag(section, **why):
        return book.teacher.ask("PUT", f"{place}/{section}/missing", {"reason": "lost", **why})

    with book.check("a candidate without files is not started, at 0 of 2"):
        counts("not_started", 0, False)
    with book.check("a section marked Missing counts as resolved, not as provided"):
        equal(flag("URS").status, 204, "PUT missing")
        counts("in_progress", 0, True)
    with book.check("Missing asks for a note where the reason is other, and takes required sections only"):
        equal(flag("Evidence", reason="other").code(), (400, "invalid_request"), "other without a note")
        equal(flag("Witness").code(), (409, "missing_not_allowed"), "an optional section")
    with book.check("a section with an upload on its way cannot be marked Missing; cancelled, it can"):
        begun = book.teacher.create(f"{at}/Evidence", "slow.pdf", 1000)
        file = begun.headers["Location"].rsplit("/", 1)[1]
        answer = flag("Evidence")
        equal((answer.code(), answer.json()["files"]), ((409, "missing_not_allowed"), [file]), "PUT missing")
        cancelled = book.teacher.ask("DELETE", f"/files/{file}", headers={"Tus-Resumable": "1.0.0"})
        equal(cancelled.status, 204, "cancelling")
        equal(flag("Evidence").status, 204, "PUT missing once it is cancelled")
        counts("complete_with_missing", 0, True)
    with book.check("an infected file leaves Missing as it is"):
        book.teacher.settled_as(book.teacher.send(f"{at}/URS", "sheet.txt", eicar()), "infected")
        counts("complete_with_missing", 0, True)
    with book.check("an accepted file clears Missing by itself, and the candidate becomes complete"):
        for provided, (section, name, data) in enumerate(
            [("URS", "Recording sheet.docx", docx("Recorded")), ("Evidence", "Essay.pdf", pdf("Essay"))], 1
        ):
            material = book.material(name, data)
            url = book.teacher.create(f"{at}/{section}", name, material.size, data).headers["Location"]
            book.accepted(url, other, section, material)
            counts(*(("complete_with_missing", 1, True) if provided == 1 else ("complete", 2, False)))
    with book.check("a section with an accepted file cannot be marked Missing"):
        answer = flag("URS")
        sheet = next(sent.file for sent in book.sent.values() if (sent.candidate, sent.section) == (other, "URS"))
        equal((answer.code(), answer.json()["files"]), ((409, "missing_not_allowed"), [sheet]), "PUT missing")
    with book.check("deleting a file undoes completeness, hides its bytes, and brings no Missing back"):
        equal(book.teacher.ask("DELETE", f"/api/v1/files/{sheet}").status, 204, "DELETE")
        counts("in_progress", 1, False)
        equal(book.teacher.get(f"/api/v1/files/{sheet}/content").status, 404, "its bytes")
    with book.check("restoring it brings everything back"):
        equal(book.teacher.ask("POST", f"/api/v1/files/{sheet}/restore").status, 204, "restore")
        counts("complete", 2, False)
        content = book.teacher.get(f"/api/v1/files/{sheet}/content")
        equal(content.body, book.sent[sheet].material.path.read_bytes(), "its bytes")
    with book.check("a Missing that is taken back is gone"):
        third = book.sampled[-1]
        path = f"/api/v1/samples/{book.sample}/candidates/{third}/sections/URS/missing"
        equal(book.teacher.ask("PUT", path, {"reason": "damaged"}).status, 204, "PUT missing")
        equal(book.teacher.ask("DELETE", path).status, 204, "DELETE missing")
        equal((book.row(third)["state"], book.row(third)["missing"]), ("not_started", False), "the candidate")
    with book.check("an upload tells again what its sender said of it"):
        said = metadata(filename="later.pdf")
        begun = book.teacher.create(f"{book.sample}/{third}/Evidence", "later.pdf", 1000)
        answer = book.teacher.ask("HEAD", begun.headers["Location"], headers={"Tus-Resumable": "1.0.0"})
        equal((answer.status, answer.headers["Upload-Metadata"]), (200, said), "HEAD")
        end = book.teacher.ask("DELETE", begun.headers["Location"], headers={"Tus-Resumable": "1.0.0"})
        equal(end.status, 204, "cancelling")
    with book.check("the sample's counts equal a recount over its candidates"):
        counted = book.teacher.read(f"/api/v1/samples/{book.sample}")["counts"]
        rows = book.teacher.read(f"/api/v1/samples/{book.sample}/candidates?limit=500")["items"]
        rows = [row for row in rows if row["in_sample"] and row["status"] == "entered"]
        equal(counted["candidates"], len(rows), "candidates")
        for state in ("complete", "complete_with_missing", "in_progress", "not_started"):
            equal(counted[state], sum(row["state"] == state for row in rows), state)
        expect(counted["complete"] >= 2, f"two candidates are complete, and the sample says {counted}")
