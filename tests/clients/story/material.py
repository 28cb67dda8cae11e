"""Files as candidates make them, and files as nobody should send them. Everything is made here, nothing is copied."""

import hashlib
import io
import pathlib
import random
import struct
import zipfile
import zlib

MIB = 1 << 20


class Material:
    """One file on disk, with what the sender knows of it."""

    def __init__(self, path, data):
        self.path = pathlib.Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(data)
        self.name = self.path.name
        self.size = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()


def noise(count, seed):
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(count)


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """A zip of `{path: bytes}`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return out.getvalue()


def docx(text):
    """A Word document of one paragraph."""
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = (
        f'{head}<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>'
    )
    relations = (
        f'{head}<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    body = f'{head}<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'
    return zipped({"[Content_Types].xml": types, "_rels/.rels": relations, "word/document.xml": body})


def pdf(text, padding=0, seed=0):
    """A PDF of one page, with a stream of `padding` bytes beside it to be as large as wished."""
    drawn = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    if padding:
        # Hexadecimal, so that nothing in it can be taken for a word of the format.
        filling = noise(padding // 2, seed).hex().encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(filling), filling))
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def png(width, height, seed):
    """A picture of noise."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + noise(width * 3, seed + row) for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def mp4(size, seed, index=True):
    """A film's boxes, `size` bytes in all: type, index (a recorder writes it when it is stopped), a body of noise."""

    def box(kind, data):
        return struct.pack(">I", 8 + len(data)) + kind + data

    times = struct.pack(">IIII", 0, 0, 1000, 0) + struct.pack(">IH", 0x10000, 0x100) + bytes(10)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    header = box(b"mvhd", bytes(4) + times + matrix + bytes(24) + struct.pack(">I", 1))
    start = box(b"ftyp", b"isom\0\0\2\0isommp41") + (box(b"moov", header + box(b"trak", b"")) if index else b"")
    return start + box(b"mdat", noise(size - len(start) - 8, seed))


def eicar():
    """The harmless file every scanner must find. Put together here, so that no scanner finds this source."""
    return b"".join([rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!", b"$H+H*"])


def program():
    """A Windows program's beginning: DOS header, PE header, one section."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 0xE0, 0x102)
    optional = struct.pack("<H", 0x10B) + bytes(0xE0 - 2)
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 512, 4096, 512, 512, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(1024, b"\0")


def elf():
    """A Linux program's header."""
    head = b"\x7fELF\2\1\1" + bytes(9)
    rest = struct.pack("<HHIQQQIHHHHHH", 2, 0x3E, 1, 0x400078, 64, 0, 0, 64, 56, 0, 64, 0, 0)
    return (head + rest).ljust(512, b"\0")


def encrypted_zip(name, data, password):
    """A zip with one member under traditional encryption (APPNOTE.TXT, section 6.1)."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value, byte):
        # zlib inverts the register before and after; the format's update does not.
        return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte):
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    def encrypt(byte):
        half = (keys[2] | 2) & 0xFFFF
        hidden = byte ^ (((half * (half ^ 1)) >> 8) & 0xFF)
        update(byte)
        return hidden

    for byte in password:
        update(byte)
    checksum = zlib.crc32(data)
    body = bytes(encrypt(byte) for byte in bytes(11) + bytes([checksum >> 24]) + data)
    name = name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, checksum, len(body), len(data), len(name), 0)
    local = b"PK\3\4" + fields + name
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    start = len(local) + len(body)
    return local + body + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), start, 0)
