"""What the chapters share: who takes part, where the work goes, and what was sent so far."""

import dataclasses
import re

from . import senders
from .api import Actor
from .checks import equal, expect
from .material import Material

COMPONENT = "01_3357_R085_01"
CENTRE = "98765"
CANDIDATE = "1005"
PEOPLE = (
    "teacher.98765", "officer.98765", "teacher.20461", "moderator.1", "moderator.2", "board",
)  # fmt: skip
# From the right: number, stamp, section, candidate and centre have their shapes; the rest is the component.
UNIQUE_NAME = re.compile(
    r"^(?P<component>.+?)_(?P<centre>[A-Za-z0-9]{5})(?:_(?P<candidate>\d{4}))?_(?P<section>[A-Za-z0-9]{1,24})"
    r"_\d{2}_\d{2}_\d{4}_\d{2}_\d{2}_\d{2}(?:_\d+)?\.(?P<extension>tar\.gz|[a-z0-9]+)$"
)


@dataclasses.dataclass
class Sent:
    """A file that was accepted."""

    file: str
    candidate: str | None
    section: str
    folder: str
    material: Material
    unique_name: str

    @property
    def member(self):
        """Where it lies in the moderator's zip."""
        parts = [CENTRE, self.candidate, self.section] if self.candidate else [CENTRE, "Documents"]
        return "/".join([*parts, *([self.folder] if self.folder else []), self.material.name])


class Book:
    """One telling of the story."""

    def __init__(self, server, checks, folder):
        self.server, self.checks, self.folder = server, checks, folder
        self.people = {person: Actor(server.base, server.token(person)) for person in PEOPLE}
        self.stranger = Actor(server.base)
        self.teacher, self.officer = self.people["teacher.98765"], self.people["officer.98765"]
        self.moderator = self.people["moderator.1"]
        samples = self.teacher.read(f"/api/v1/samples?component={COMPONENT}")["items"]
        equal([item["centre"] for item in samples], [CENTRE], "the centres whose samples the teacher sees")
        self.sample = samples[0]["id"]
        rows = self.teacher.read(f"/api/v1/samples/{self.sample}/candidates?limit=500")["items"]
        self.sampled = [row["number"] for row in rows if row["in_sample"]]
        self.sent = {}
        self.refused = []
        self.receipt = None

    def check(self, sentence):
        return self.checks.check(sentence)

    def material(self, name, data):
        """A file in the story's folder, which keeps one of each name."""
        return Material(self.folder / str(len(list(self.folder.iterdir()))) / name, data)

    def about(self, candidate, section, **more):
        """`Upload-Metadata` that says where a file goes."""
        who = {"candidate": candidate} if candidate else {}
        return {"sample": self.sample, **who, "section": section, **more}

    def row(self, candidate):
        """The candidate's row as the list shows it."""
        return self.teacher.read(f"/api/v1/samples/{self.sample}/candidates/{candidate}")

    def accepted(self, url, candidate, section, material, folder=""):
        """The file at `url` is accepted, with these bytes and a name of its own; from now on it is part of the work."""
        file = url.rsplit("/", 1)[1]
        known = self.teacher.settled_as(file, "accepted")
        equal(known["sha256"], material.sha256, f"SHA-256 of {material.name}")
        equal(known["size"], material.size, f"size of {material.name}")
        equal(known["original_name"], material.name, "the name it came with")
        equal(known["path"], folder, "the folder it came from")
        parsed = UNIQUE_NAME.match(known["unique_name"])
        expect(parsed, f"{known['unique_name']} is no unique name")
        extension = material.name.rsplit(".", 1)[1].lower()
        expected = {
            "component": COMPONENT, "centre": CENTRE, "candidate": candidate, "section": section,
            "extension": extension,
        }  # fmt: skip
        equal(parsed.groupdict(), expected, f"the parts of {known['unique_name']}")
        taken = [other.unique_name for other in self.sent.values()]
        expect(known["unique_name"] not in taken, f"{known['unique_name']} is given twice")
        self.sent[file] = Sent(file, candidate, section, folder, material, known["unique_name"])
        return file

    def head(self, url):
        return senders.head(self.teacher, url)
