"""Chapter two: what is not taken is refused with its own reason, and can never be read."""

from .book import CANDIDATE
from .checks import equal, expect
from .material import docx, eicar, elf, encrypted_zip, mp4, pdf, program, zipped

GIB = 1 << 30


def unknown(id):
    """An id of the same form that nothing has."""
    return "".join("1" if letter == "0" else "0" if letter.isdigit() else letter for letter in id[:-6]) + id[-6:]


def tell(book):
    at_creation(book)
    after_checking(book)
    never_readable(book)


def at_creation(book):
    here = f"{book.sample}/{CANDIDATE}"
    other = book.sampled[-1]
    for sentence, place, name, length, expected in [
        ("film.mp4.exe is refused for its two endings", f"{here}/Film", "film.mp4.exe", 100, (422, "double_extension")),
        ("work.url is refused because it is only a link", f"{here}/Evidence", "work.url", 100, (422, "link_only")),
        ("a film is refused where documents are asked for", f"{book.sample}/{other}/URS", "a.mp4", 100,
         (422, "type_not_allowed")),
        ("25 GB and a byte more is refused before it is sent", f"{here}/Film", "a.mp4", 25 * GIB + 1,
         (413, "too_large")),
        ("a picture of 15 MB and a byte more is refused before it is sent", f"{here}/Evidence", "a.png",
         (15 << 20) + 1, (413, "too_large")),
        ("a document that the virus scanner cannot look at is refused before it is sent", f"{here}/Evidence", "a.pdf",
         2 * GIB, (413, "too_large")),
        ("an unknown section is not found", f"{here}/Nonsense", "a.pdf", 100, (404, "not_found")),
        ("an unknown candidate is not found", f"{book.sample}/1999/Evidence", "a.pdf", 100, (404, "not_found")),
        ("an unknown sample is not found", f"{unknown(book.sample)}/{CANDIDATE}/Evidence", "a.pdf", 100,
         (404, "not_found")),
        ("a second file is refused where one is taken", f"{here}/URS", "again.docx", 100, (409, "section_full")),
        ("an absent candidate's work is refused", f"{book.sample}/1011/Evidence", "a.pdf", 100, (409, "absent")),
    ]:  # fmt: skip
        with book.check(sentence):
            before = book.teacher.read("/api/v1/uploads?state=open")["items"]
            answer = book.teacher.create(place, name, length)
            equal(answer.code(), expected, "the answer")
            equal(book.teacher.read("/api/v1/uploads?state=open")["items"], before, "the open uploads")


def after_checking(book):
    good = next(sent.material for sent in book.sent.values() if sent.section == "Evidence")
    inner = zipped({"inner.zip": zipped({"notes.txt": eicar()})})
    whole = pdf("Cut short")
    for sentence, section, name, data, expected in [
        ("a virus is found", "Witness", "statement.txt", eicar(), ("infected", "infected")),
        ("a virus is found in a zip within a zip", "Evidence", "work.zip", inner, ("infected", "infected")),
        ("a Windows program called .pdf is refused", "Evidence", "essay.pdf", program(), ("rejected", "type_mismatch")),
        ("a Linux program called .pdf is refused", "Evidence", "poem.pdf", elf(), ("rejected", "type_mismatch")),
        ("a program in a zip is refused", "Evidence", "game.zip", zipped({"game.exe": program()}),
         ("rejected", "type_not_allowed")),
        ("a zip with a password is refused", "Evidence", "secret.zip", encrypted_zip("a.txt", b"text", b"pass"),
         ("rejected", "encrypted")),
        ("a zip that leaves its folder is refused", "Evidence", "way out.zip", zipped({"../way.txt": b"out"}),
         ("rejected", "archive_unsafe")),
        ("an empty file is refused", "Evidence", "nothing.pdf", b"", ("rejected", "empty")),
        ("a PDF that was cut short is refused", "Evidence", "cut.pdf", whole[: len(whole) // 2],
         ("rejected", "corrupt")),
        ("a film without its index is refused", "Film", "broken.mp4", mp4(4096, 1, index=False), ("rejected", "corrupt")),
        ("the same bytes a second time in one section are refused", "Evidence", "copy.pdf",
         good.path.read_bytes(), ("rejected", "duplicate")),
    ]:  # fmt: skip
        with book.check(sentence):
            before = book.row(CANDIDATE)["files"]
            file = book.teacher.send(f"{book.sample}/{CANDIDATE}/{section}", name, data)
            book.refused.append(file)
            known = book.teacher.settled(file)
            equal((known["state"], known["reason"]), expected, f"the verdict ({known['message']})")
            expect(known["message"], "a person is to be told in a sentence")
            equal(book.row(CANDIDATE)["files"], before, "the candidate's files")
    with book.check("a file that is not what its sender promised by SHA-256 is refused"):
        place, data = f"{book.sample}/{CANDIDATE}/Witness", docx("Changed on the way")
        file = book.teacher.send(place, "changed.docx", data, sha256="0" * 64)
        book.refused.append(file)
        equal(book.teacher.settled(file)["reason"], "digest_mismatch", "the reason")


def never_readable(book):
    with book.check("nothing that was refused can be read, by whoever asks"):
        expect(len(book.refused) >= 12, f"only {len(book.refused)} files were refused")
        for file in book.refused:
            for actor in (book.teacher, book.officer, book.moderator):
                equal(actor.get(f"/api/v1/files/{file}/content").code(), (404, "not_found"), f"the bytes of {file}")
