"""Text and web pages, as editors and word processors write them."""

import csv
import io

from kit import ESSAY, folder

# What Word writes as "web page, filtered".
WORD_PAGE = """<html>

<head>
<meta http-equiv=Content-Type content="text/html; charset=windows-1252">
<meta name=Generator content="Microsoft Word 15 (filtered)">
<style>
<!--
 /* Font Definitions */
 @font-face
\t{font-family:Calibri;
\tpanose-1:2 15 5 2 2 2 4 3 2 4;}
p.MsoNormal
\t{margin:0cm;
\tfont-size:11.0pt;}
-->
</style>

</head>

<body lang=EN-GB style='word-wrap:break-word'>

<!--[if gte mso 9]><xml><o:OfficeDocumentSettings/></xml><![endif]-->
<div class=WordSection1>

<p class=MsoNormal>The harbour in winter \x96 caf\xe9</p>

</div>

</body>

</html>
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>My portfolio</title><script>document.title += '!';</script></head>
<body><h1>Fotos &amp; café</h1><img src="photo.jpg" alt="Harbour"></body>
</html>
"""


def table():
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["date", "tide (m)", "remark"])
    writer.writerows([[f"2026-01-{day:02}", 1.5 + day / 10, "=B2*2" if day == 3 else "calm, cold"] for day in range(1, 29)])
    return lines.getvalue()


def make(root):
    made = folder(root, "text")
    windows = ESSAY.replace("\n", "\r\n")
    for name, content in {
        "essay.txt": ESSAY.encode(),
        "essay-bom.txt": b"\xef\xbb\xbf" + windows.encode(),
        "essay-utf16le.txt": b"\xff\xfe" + windows.encode("utf-16-le"),
        "essay-utf16be.txt": b"\xfe\xff" + ESSAY.encode("utf-16-be"),
        "essay-windows-1252.txt": windows.encode("cp1252"),
        "essay-latin1.txt": "Ein schöner Aufsatz, fünf Seiten.\r\n".encode("latin-1"),
        "essay-old-mac.txt": ESSAY.replace("\n", "\r").encode("mac-roman"),
        "essay-no-end.txt": b"One line",
        "essay-form-feed.txt": b"Page one\r\n\x0cPage two\r\n",
        "essay-dos-end.txt": windows.encode("ascii", "replace") + b"\x1a",
        "emoji.txt": "Notes 👩‍🎨 – done ✅\n".encode(),
        "table.txt": table().encode(),
        "table-tabs.txt": table().replace(",", "\t").encode("utf-16"),
        "program.txt": b"#include <stdio.h>\nint main(void) { puts(\"MZ\"); }\n",
        "begins-with-MZ.txt": b"MZ is how programs of Windows begin.\n",
        "page.html": PAGE.encode(),
        "page-word.htm": WORD_PAGE.replace("\n", "\r\n").encode("latin-1"),
        "page-utf16.html": PAGE.encode("utf-16"),
        "page-fragment.html": b"\n\n<p>Only a piece.</p>\n",
    }.items():
        (made / name).write_bytes(content)
