"""Chapter six: to whoever it is not for, a sample is the same as one that was never there."""

import re

from .api import Actor, metadata
from .book import CANDIDATE
from .checks import equal, expect
from .refusals import unknown

TUS = {"Tus-Resumable": "1.0.0"}
PATCH = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
CREATE = TUS | {"Upload-Length": "10"}
PLACE = "/samples/{sample}/candidates/{number}/sections/{section}"
SECTION = f"{PLACE}/missing"
ABSENT = "/api/v1/samples/{sample}/candidates/{number}/absent"
LATER = {"due_at": "2099-01-01T00:00:00Z", "reason": "later"}
HOLD = {"kind": "appeal", "reference": "A-1"}
DECLARED = {"declarations": []}
BACK = {"reason": "again", "due_at": "2099-01-01T00:00:00Z"}

# Every route that names a sample or a file: method, path, body, headers.
ROUTES = [
    ("GET", "/api/v1/samples/{sample}", None, {}),
    ("GET", "/api/v1/samples/{sample}/candidates", None, {}),
    ("GET", "/api/v1/samples/{sample}/candidates/{number}", None, {}),
    ("PUT", f"/api/v1{SECTION}", {"reason": "lost"}, {}),
    ("DELETE", f"/api/v1{SECTION}", None, {}),
    ("PUT", f"/api/v1{PLACE}/incomplete", {"reason": "no more"}, {}),
    ("DELETE", f"/api/v1{PLACE}/incomplete", None, {}),
    ("PUT", f"/api/v1{PLACE}/other_means", {"means": "posted"}, {}),
    ("DELETE", f"/api/v1{PLACE}/other_means", None, {}),
    ("PUT", ABSENT, {"reason": "ill"}, {}),
    ("DELETE", ABSENT, None, {}),
    ("POST", "/api/v1/samples/{sample}/extensions", LATER, {}),
    ("GET", "/api/v1/samples/{sample}/holds", None, {}),
    ("POST", "/api/v1/samples/{sample}/holds", HOLD, {}),
    ("DELETE", "/api/v1/samples/{sample}/holds/{sample}", None, {}),
    ("GET", "/api/v1/samples/{sample}/check", None, {}),
    ("POST", "/api/v1/samples/{sample}/submissions", DECLARED, {}),
    ("GET", "/api/v1/samples/{sample}/submissions/1", None, {}),
    ("GET", "/api/v1/samples/{sample}/submissions/1/manifest.json", None, {}),
    ("GET", "/api/v1/samples/{sample}/submissions/1/manifest.csv", None, {}),
    ("GET", "/api/v1/samples/{sample}/submissions/1/receipt.pdf", None, {}),
    ("POST", "/api/v1/samples/{sample}/returns", BACK, {}),
    ("GET", "/api/v1/samples/{sample}/bulk_plans", None, {}),
    ("POST", "/api/v1/samples/{sample}/bulk_plans", {"files": [{"name": "a.pdf", "size": 1}]}, {}),
    ("GET", "/api/v1/samples/{sample}/archive", None, {}),
    ("GET", "/api/v1/samples/{sample}/archive?candidates={number}", None, {}),
    ("GET", "/api/v1/samples/{sample}/archive?files={file}", None, {}),
    ("GET", "/api/v1/files/{file}", None, {}),
    ("GET", "/api/v1/files/{file}/content", None, {}),
    ("GET", "/api/v1/incidents/{file}/content", None, {}),
    ("DELETE", "/api/v1/files/{file}", None, {}),
    ("POST", "/api/v1/files/{file}/restore", None, {}),
    ("POST", "/api/v1/files/{file}/move", {"candidate": "1005", "section": "URS"}, {}),
    ("POST", "/files/to/{sample}/{number}/{section}", None, CREATE | {"Upload-Metadata": metadata(filename="a.pdf")}),
    ("POST", "/files/to/{sample}/Documents", None, CREATE | {"Upload-Metadata": metadata(filename="a.pdf")}),
    ("POST", "/files/to/{sample}/Documents/Coversheet", None, CREATE | {"Upload-Metadata": metadata(filename="a.pdf")}),
    ("HEAD", "/files/{file}", None, TUS),
    ("GET", "/files/{file}", None, {"Upload-Draft-Interop-Version": "8"}),
    ("PATCH", "/files/{file}", b"0123456789", PATCH),
    ("DELETE", "/files/{file}", None, TUS),
]
# The pages of the same, for who is signed in.
PAGES = [
    ("GET", "/samples/{sample}", None, {}),
    ("GET", "/samples/{sample}/documents", None, {}),
    ("GET", "/samples/{sample}/help", None, {}),
    ("GET", "/samples/{sample}/upload-many", None, {}),
    ("GET", "/samples/{sample}/files/{file}", None, {}),
    ("GET", "/samples/{sample}/files/{file}/move", None, {}),
    ("GET", "/samples/{sample}/candidates/{number}/filing?names=1007.pdf", None, {}),
    ("GET", "/samples/{sample}/candidates/{number}/absent", None, {}),
    ("GET", SECTION, None, {}),
    ("GET", PLACE + "/fewer", None, {}),
    ("GET", PLACE + "/other", None, {}),
    ("GET", PLACE + "/send", None, {}),
    ("GET", "/samples/{sample}/documents/Coversheet/send", None, {}),
    ("GET", "/samples/{sample}/check", None, {}),
    ("GET", "/samples/{sample}/declarations/authentication", None, {}),
    ("GET", "/samples/{sample}/submit", None, {}),
    ("GET", "/samples/{sample}/submissions/1", None, {}),
    ("GET", "/moderation/{sample}", None, {}),
]


def tell(book):
    file = next(iter(book.sent))
    real = {"sample": book.sample, "file": file}
    none = {"sample": unknown(book.sample), "file": unknown(file)}

    def ask(actor, route, ids):
        """Status and body, but for the request's id and the ids that were asked for."""
        method, path, body, headers = route
        path = path.format(**ids, number=CANDIDATE, section="Evidence")
        answer = actor.ask(method, path, body, dict(headers))
        text = answer.body.decode()
        for told in (answer.headers.get("X-Request-Id"), *ids.values()):
            text = text.replace(told, "") if told else text
        return answer.status, text, answer.headers.get("Content-Type")

    def compare(actor, routes, status):
        """Both answers are this status and nothing tells them apart."""
        wrong = []
        for route in routes:
            theirs, nobodys = ask(actor, route, real), ask(actor, route, none)
            if theirs != nobodys or theirs[0] != status:
                wrong.append(f"{route[0]} {route[1]}: {theirs} but for an unknown id {nobodys}")
        expect(not wrong, f"{len(wrong)} of {len(routes)} are wrong:\n        " + "\n        ".join(wrong))

    strangers = {"moderator.2": "a moderator without the allocation", "teacher.20461": "another centre's teacher"}
    for person, who in strangers.items():
        session = Actor.signed_in(book.server.base, person)
        for actor, routes, what in (book.people[person], ROUTES, "route"), (session, PAGES, "page"):
            with book.check(f"to {who} every {what} of the sample and its files answers as for an unknown id: 404"):
                compare(actor, routes, 404)
    with book.check("their lists do not have it either"):
        for person in strangers:
            listed = [item["id"] for item in book.people[person].read("/api/v1/samples?limit=500")["items"]]
            expect(book.sample not in listed, f"{person} has it in the list")
            equal(book.people[person].read("/api/v1/uploads")["items"], [], f"the uploads {person} sees")
    with book.check("without a token the interface answers 401, whatever is asked for"):
        compare(book.stranger, ROUTES, 401)
    with book.check("the table of this chapter has every route of the interface's own description"):
        described = book.stranger.read("/api/openapi.json")["paths"]
        known = {"{revision}": "1", "{document}": "Coversheet"}
        variable = lambda found: known.get(found.group(), "{}")
        plain = lambda path: re.sub(r"\{\w+\}", variable, path.split("?")[0])
        tried = {(method, plain(path)) for method, path, *_ in ROUTES}
        named = {
            (method.upper(), plain(path)) for path, methods in described.items() for method in methods
            if ("{sample}" in path or "{file}" in path) and method != "options"
        }  # fmt: skip
        expect(named, "the description names no route")
        expect(named <= tried, f"not tried: {sorted(named - tried)}")
    with book.check("after all of this, the submission is what it was"):
        equal(book.officer.read(f"/api/v1/samples/{book.sample}/submissions/1"), book.receipt, "the receipt")
