"""Archives of the other families' files: by 7-Zip, Info-ZIP, bsdtar, GNU tar, gzip and Python, and as the shells of
macOS and Windows write them."""

import gzip
import io
import os
import shutil
import struct
import tarfile
import zipfile
import zlib

from kit import ESSAY, folder, run


def work(root, made):
    """A candidate's folder."""
    top = made / "work"
    if top.exists():
        shutil.rmtree(top)
    (top / "Week 1" / "empty folder").mkdir(parents=True)
    (top / "Übung").mkdir()
    (top / "site" / "js").mkdir(parents=True)
    shutil.copy(root / "documents" / "essay.docx", top / "Week 1" / "My essay (final).docx")
    shutil.copy(root / "documents" / "talk.pptx", top / "Week 1")
    shutil.copy(root / "documents" / "office.pdf", top / "Übung" / "Café – fertig.pdf")
    shutil.copy(root / "pictures" / "photo.jpg", top / "Übung" / "日本語の写真.jpg")
    shutil.copy(root / "recordings" / "film.mp4", top)
    (top / "notes.txt").write_text(ESSAY)
    (top / "nothing.txt").write_text("")
    (top / "site" / "index.html").write_text("<!DOCTYPE html><script src='js/app.js'></script>")
    (top / "site" / "js" / "app.js").write_text("document.title = 'x';\n")
    return top


def files_of(top):
    return sorted(path for path in top.rglob("*") if path.is_file())


def by_python(made, top):
    for name, method in {"python.zip": zipfile.ZIP_DEFLATED, "python-stored.zip": zipfile.ZIP_STORED}.items():
        with zipfile.ZipFile(made / name, "w", method) as archive:
            for path in sorted(top.rglob("*")):
                archive.write(path, path.relative_to(top))
    with zipfile.ZipFile(made / "python-comment.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(top / "notes.txt", "notes.txt")
        archive.comment = "Made for Ms Müller".encode()

    # To a stream: sizes follow the content. So do download pages of the web, some in the long form.
    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise io.UnsupportedOperation("seek")

        def tell(self):
            raise io.UnsupportedOperation("tell")

    for name, long in {"python-streamed.zip": False, "drive.zip": True}.items():
        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files_of(top):
                with archive.open(str(path.relative_to(top)), "w", force_zip64=long) as member:
                    member.write(path.read_bytes())
        (made / name).write_bytes(pipe.getvalue())

    shutil.make_archive(str(made / "python"), "tar", top)
    shutil.make_archive(str(made / "python"), "gztar", top)
    for name, kind in {"python-gnu.tar": tarfile.GNU_FORMAT, "python-ustar.tar": tarfile.USTAR_FORMAT}.items():
        with tarfile.open(made / name, "w", format=kind) as archive:
            archive.add(top, "work")
    with gzip.open(made / "python.txt.gz", "wb") as packed:
        packed.write(ESSAY.encode())
    (made / "two-members.txt.gz").write_bytes(gzip.compress(b"One.\n") + gzip.compress(b"Two.\n"))


class Zip:
    """A zip written member by member, headers as a certain program writes them."""

    def __init__(self):
        self.bytes, self.directory, self.count = bytearray(), bytearray(), 0

    def add(self, name, content, *, maker, version, flags, extra=b"", described_behind=False, mode=0, store=False, names_extra=None):
        folder_ = name.endswith(b"/")
        packed, method = content, 0
        if not (store or folder_):
            packer = zlib.compressobj(wbits=-15)
            packed, method = packer.compress(content) + packer.flush(), 8
        if described_behind and not folder_:
            flags |= 8
        crc, place = zlib.crc32(content), len(self.bytes)
        told = (0, 0, 0) if flags & 8 else (crc, len(packed), len(content))
        when = (0x6000, 0x5C2F)
        self.bytes += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", version, flags, method, *when, *told, len(name), len(extra))
        self.bytes += name + extra + packed
        if flags & 8:
            self.bytes += struct.pack("<4sIII", b"PK\7\x08", crc, len(packed), len(content))
        listed = extra if names_extra is None else names_extra
        attributes = mode << 16 | (0x10 if folder_ else 0x20 if maker == 0 else 0)
        self.directory += struct.pack(
            "<4sBBHHHHHIIIHHHHHII", b"PK\1\2", version, maker, version, flags, method, *when,
            crc, len(packed), len(content), len(name), len(listed), 0, 0, 0, attributes, place,
        ) + name + listed
        self.count += 1

    def finish(self):
        end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, self.count, self.count, len(self.directory), len(self.bytes), 0)
        return bytes(self.bytes + self.directory + end)


# A resource fork as macOS keeps it beside a file: AppleDouble, with the finder's view and an extended attribute.
APPLE_DOUBLE = (
    b"\0\5\x16\7\0\2\0\0Mac OS X        \0\2\0\0\0\x09\0\0\0\x32\0\0\0\x70\0\0\0\2\0\0\0\xa2\0\0\0\0" + bytes(34)
    + b"ATTR\0\0\0\0\0\0\0\xa2\0\0\0\x98\0\0\0\x0a" + bytes(12) + b"\0\0\0\0\0\0\0\1" + bytes(40)
)
DS_STORE = b"\0\0\0\1Bud1\0\0\x10\0\0\0\x08\0\0\0\x10\0\0\0\0\x0a" + bytes(6000)


def by_shells(made, top):
    """macOS (Finder, `ditto`) and Windows (Explorer)."""
    import unicodedata

    times = b"UX\x08\0" + struct.pack("<II", 1768554000, 1768554000)
    owner = b"UX\x0c\0" + struct.pack("<IIHH", 1768554000, 1768554000, 501, 20)
    mac = {"maker": 3, "version": 20, "names_extra": times}
    archive = Zip()
    archive.add(b"work/", b"", flags=0, extra=owner, mode=0o40755, **(mac | {"version": 10}))
    archive.add(b"work/.DS_Store", DS_STORE, flags=0, extra=owner, mode=0o100644, described_behind=True, **mac)
    archive.add(b"__MACOSX/work/._.DS_Store", APPLE_DOUBLE, flags=0, extra=owner, mode=0o100644, described_behind=True, **mac)
    for path in files_of(top):
        # Composed letters are taken apart, and the flag for UTF-8 is not set.
        name = unicodedata.normalize("NFD", f"work/{path.relative_to(top)}")
        beside = f"__MACOSX/{os.path.dirname(name)}/._{os.path.basename(name)}"
        for member, content in [(name, path.read_bytes()), (beside, APPLE_DOUBLE)]:
            archive.add(member.encode(), content, flags=0, extra=owner, mode=0o100644, described_behind=True, **mac)
    archive.add(b"work/Icon\r", b"", flags=0, extra=owner, mode=0o100644, store=True, **mac)
    (made / "macos.zip").write_bytes(archive.finish())

    for name, encoding in {"windows-437.zip": "cp437", "windows-850.zip": "cp850", "windows.zip": "utf-8"}.items():
        archive = Zip()
        for path in files_of(top):
            inside = str(path.relative_to(top)).replace("日本語の写真", "foto ü").replace("–", "-")
            if encoding == "utf-8":
                inside = str(path.relative_to(top))
            plain = inside.isascii()
            archive.add(inside.encode(encoding), path.read_bytes(), maker=0, version=20, flags=0 if plain or encoding != "utf-8" else 0x800)
        (made / name).write_bytes(archive.finish())

    # Pages and Keynote: a package, stored, one of its parts an archive or a tree of its own.
    for name, parts in {
        "poster.pages": {"Index/Document.iwa": b"\0\x10\0\0" + bytes(200), "Index/Metadata.iwa": b"\0\4\0\0abcd", "Metadata/Properties.plist": b"bplist00", "preview.jpg": None},
        "old.pages": {"Index.zip": "iwa", "Metadata/BuildVersionHistory.plist": b"<?xml version='1.0'?><plist/>", "preview.jpg": None},
        "older.pages": {"index.xml.gz": gzip.compress(b"<?xml version='1.0'?><sl:document/>"), "thumbs/PageCapThumbV2.tiff": b"MM\0*"},
        "talk.key": {"Index/Document.iwa": b"\0\x10\0\0" + bytes(200), "Data/photo-12.jpg": None, "Data/film-4.mp4": "film", "preview-micro.jpg": None},
        "old.key": {"index.apxl": b"<?xml version='1.0'?><key:presentation/>", "theme-files/a.png": b"\x89PNG\r\n\x1a\n"},
    }.items():
        with zipfile.ZipFile(made / name, "w", zipfile.ZIP_STORED) as archive:
            for part, content in parts.items():
                if content is None:
                    content = (top / "Übung" / "日本語の写真.jpg").read_bytes()
                elif content == "film":
                    content = (top / "film.mp4").read_bytes()
                elif content == "iwa":
                    inner = io.BytesIO()
                    with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as index:
                        index.writestr("Index/Document.iwa", b"\0\x10\0\0" + bytes(200))
                    content = inner.getvalue()
                archive.writestr(part, content)


def by_programs(made, top):
    everything = sorted(path.name for path in top.iterdir())

    def seven(name, *options):
        run("7zz", "a", "-bso0", *options, made / name, *everything, cwd=top)

    seven("seven.zip")
    seven("seven-best.zip", "-mx9")
    seven("seven-stored.zip", "-mx0")
    seven("seven-utf8.zip", "-mcu=on")
    seven("seven.7z")
    seven("seven-separate.7z", "-ms=off", "-m0=LZMA")
    seven("seven-headers-plain.7z", "-mhc=off")
    seven("seven-stored.7z", "-mx0")
    seven("seven.tar", "-ttar")
    run("7zz", "a", "-bso0", "-tgzip", made / "seven.txt.gz", "notes.txt", cwd=top)

    run("zip", "-q", "-r", made / "info.zip", ".", cwd=top)
    run("zip", "-q", "-r", "-0", "-X", made / "info-stored.zip", *everything, cwd=top)
    run("zip", "-q", "-r", "-9", "-D", made / "info-best.zip", *everything, cwd=top)
    (made / "info-piped.zip").write_bytes(run("zip", "-q", "-r", "-", *everything, cwd=top))
    run("zip", "-q", "-r", "-fz", made / "info-long.zip", *everything, cwd=top)
    run("zip", "-q", "-r", "-z", made / "info-comment.zip", "notes.txt", cwd=top, stdin=b"For Ms Smith\n")
    shutil.copy(made / "info-best.zip", made / "info-updated.zip")
    run("zip", "-q", "-d", made / "info-updated.zip", "nothing.txt", cwd=top)
    run("zip", "-q", made / "info-updated.zip", "nothing.txt", cwd=top)

    run("bsdtar", "-a", "-c", "-f", made / "bsd.zip", *everything, cwd=top)
    for kind in ["ustar", "pax", "gnutar"]:
        run("bsdtar", "--format", kind, "-c", "-f", made / f"bsd-{kind}.tar", *everything, cwd=top)
    run("bsdtar", "-c", "-z", "-f", made / "bsd.tgz", *everything, cwd=top)
    for kind in ["v7", "oldgnu", "gnu", "ustar", "posix"]:
        names = ["notes.txt", "site"] if kind in ("v7", "ustar") else everything
        run("tar", f"--format={kind}", "-c", "-f", made / f"gnu-{kind}.tar", *names, cwd=top)
    deep = top / ("a long name of a folder " * 4).strip() / ("and another one of some length " * 4).strip()
    deep.mkdir(parents=True)
    (deep / ("the last of the long names, for a short file " * 3 + ".txt")).write_text("Short.\n")
    run("tar", "--format=gnu", "-c", "-f", made / "gnu-long-names.tar", ".", cwd=top)
    run("tar", "--format=posix", "-c", "-z", "-f", made / "gnu-long-names.tar.gz", ".", cwd=top)
    run("tar", "-c", "-z", "-f", made / "gnu.tgz", ".", cwd=top)
    shutil.copy(top / "notes.txt", made / "notes.txt")
    run("gzip", "-k", "-9", made / "notes.txt")
    (made / "piped.gz").write_bytes(run("gzip", "-c", stdin=ESSAY.encode()))
    shutil.rmtree(deep.parent)
    # As macOS does: its view of each file beside it, extended attributes in the headers.
    for path in files_of(top):
        (path.parent / f"._{path.name}").write_bytes(APPLE_DOUBLE)
        os.setxattr(path, "user.quarantine", b"0081;6789abcd;Safari;\n\xff")
    run("bsdtar", "--format", "pax", "-c", "-f", made / "macos.tar", "work", cwd=made)
    run("bsdtar", "-c", "-z", "-f", made / "macos.tar.gz", "work", cwd=made)


def make(root):
    made = folder(root, "archives")
    top = work(root, made)
    by_python(made, top)
    by_shells(made, top)
    by_programs(made, top)
    shutil.rmtree(top)
    (made / "notes.txt").unlink()
