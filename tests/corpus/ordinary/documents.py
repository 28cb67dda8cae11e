"""Documents: by LibreOffice, Python's libraries for Office and PDF, Chromium and Ghostscript."""

import io
import json
import queue
import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docx
import fpdf
import msaccessdb
import openpyxl
import pikepdf
import pptx
import pypdf
import xlsxwriter
from docx.enum.text import WD_BREAK
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from openpyxl.chart import LineChart, Reference
from openpyxl.drawing.image import Image as SheetImage
from openpyxl.worksheet.datavalidation import DataValidation
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from pypdf.annotations import FreeText
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from kit import ESSAY, WORKERS, folder, run
from texts import PAGE, table

NUMBERS = [(day, 1.5 + day / 10) for day in range(1, 29)]


class Office:
    """LibreOffice without a screen, as often as there are processors: each with settings of its own."""

    def __init__(self, home):
        self.homes = queue.SimpleQueue()
        for number in range(WORKERS):
            self.homes.put(Path(home, f"office-{number}").as_uri())

    def convert(self, how, targets, options=None):
        """Saves each source of `targets` as its target, all of one ending, by the filter `how`."""
        suffix = next(iter(targets.values())).suffix
        kind = f"{suffix[1:]}:{how}"
        if options:
            kind += ":" + json.dumps({name: {"type": type_, "value": value} for name, (type_, value) in options.items()})
        home = self.homes.get()
        try:
            with tempfile.TemporaryDirectory() as out:
                settings = f"-env:UserInstallation={home}"
                run("soffice", settings, "--headless", "--norestore", "--convert-to", kind, "--outdir", out, *targets)
                for source, target in targets.items():
                    shutil.move(Path(out, source.stem + suffix), target)
        finally:
            self.homes.put(home)


def word(made, pictures):
    essay = docx.Document()
    essay.core_properties.author = "Zoë"
    essay.add_heading("The harbour in winter", 0)
    for paragraph in ESSAY.split("\n\n"):
        essay.add_paragraph(paragraph)
    essay.add_picture(str(pictures / "photo.jpg"), width=docx.shared.Inches(3))
    essay.add_picture(str(pictures / "picture-clear.png"), width=docx.shared.Inches(2))
    grid = essay.add_table(rows=1, cols=2, style="Table Grid")
    for day, tide in NUMBERS[:5]:
        cells = grid.add_row().cells
        cells[0].text, cells[1].text = str(day), str(tide)
    essay.sections[0].header.paragraphs[0].text = "Candidate 0042"
    essay.sections[0].footer.paragraphs[0].text = "Centre 12345"
    # A link that a person may follow, a field that counts pages, a note.
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), essay.part.relate_to("https://example.org/tides?a=1&b=2", RELATIONSHIP_TYPE.HYPERLINK, True))
    piece = OxmlElement("w:r")
    words = OxmlElement("w:t")
    words.text = "Tide tables"
    piece.append(words)
    link.append(piece)
    essay.paragraphs[-1]._p.append(link)
    for kind, instruction in [("begin", None), (None, "PAGE"), ("end", None)]:
        run_ = essay.sections[0].footer.paragraphs[0].add_run()._r
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = instruction
        run_.append(part)
    essay.add_comment(essay.paragraphs[1].runs[0], "Good opening. MS", author="Ms Smith", initials="MS")
    essay.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    essay.save(made / "essay.docx")
    docx.Document().save(made / "empty.docx")
    # As programs that put the largest parts first.
    with zipfile.ZipFile(made / "essay.docx") as source, zipfile.ZipFile(made / "other-order.docx", "w") as target:
        for name in sorted(source.namelist(), reverse=True):
            target.writestr(name, source.read(name), zipfile.ZIP_DEFLATED)


def sheets(made, pictures):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["day", "tide"])
    for line in NUMBERS:
        sheet.append(line)
    sheet["D1"] = "=SUM(B2:B29)"
    sheet["D2"] = '=HYPERLINK("https://example.org","Tides")'
    sheet["D3"].hyperlink = "https://example.org/a"
    sheet.add_image(SheetImage(str(pictures / "photo.jpg")), "F20")
    chart = LineChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=29), titles_from_data=True)
    sheet.add_chart(chart, "F2")
    choice = DataValidation(type="list", formula1='"calm,rough"')
    sheet.add_data_validation(choice)
    choice.add("C2:C29")
    sheet["B2"].comment = openpyxl.comments.Comment("Measured twice", "Zoë")
    book.create_sheet("Übersicht")
    book.save(made / "tides.xlsx")

    with xlsxwriter.Workbook(str(made / "survey.xlsx")) as book:
        sheet = book.add_worksheet("Answers")
        bold = book.add_format({"bold": True})
        sheet.write_row(0, 0, ["day", "tide"], bold)
        for row, line in enumerate(NUMBERS, 1):
            sheet.write_row(row, 0, line)
        sheet.write_comment("A1", "Counted by hand")
        sheet.write_url("D4", "https://example.org/#top")
        sheet.conditional_format("B2:B29", {"type": "data_bar"})
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Answers!$B$2:$B$29"})
        sheet.insert_chart("D6", chart)
        sheet.insert_image("L6", str(pictures / "photo.jpg"))
        sheet.insert_textbox("D2", "A box")


def slides(target, pictures, book, film=None):
    talk = pptx.Presentation()
    slide = talk.slides.add_slide(talk.slide_layouts[5])
    slide.shapes.title.text = "The harbour"
    slide.shapes.add_picture(str(pictures / "photo.jpg"), Inches(1), Inches(2), width=Inches(3))
    if film:
        slide.shapes.add_movie(str(film), Inches(5), Inches(2), Inches(3), Inches(2), mime_type="video/mp4")
    figures = CategoryChartData()
    figures.categories = [str(day) for day, _ in NUMBERS[:6]]
    figures.add_series("tide", [tide for _, tide in NUMBERS[:6]])
    slide = talk.slides.add_slide(talk.slide_layouts[6])
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(1), Inches(6), Inches(4), figures)
    slide.shapes.add_ole_object(str(book), "Excel.Sheet.12", Inches(1), Inches(5))
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    frame = slide.shapes.add_textbox(Inches(1), Inches(6), Inches(3), Inches(1)).text_frame
    frame.text = "Tides"
    frame.paragraphs[0].runs[0].hyperlink.address = "https://example.org"
    talk.save(target)


def by_office(made, office, page, lines):
    essay, talk, plain_talk = made / "essay.docx", made / "talk.pptx", made / "plain-talk.pptx"
    tides, survey = made / "tides.xlsx", made / "survey.xlsx"
    odt, odp = made / "office.odt", made / "office.odp"
    office.convert("writer8", {essay: odt, page: made / "from-page.odt"})
    office.convert("impress8", {talk: odp})
    tasks = [
        ("MS Word 2007 XML", {odt: "office.docx", page: "from-page.docx"}),
        ("Office Open XML Text", {odt: "office-strict.docx"}),
        ("MS Word 2007 XML Template", {odt: "office.dotx"}),
        ("MS Word 97", {odt: "office.doc", essay: "from-word.doc"}),
        ("Rich Text Format", {odt: "office.rtf", essay: "from-word.rtf"}),
        ("HTML (StarWriter)", {odt: "office.html"}),
        ("Text (encoded):UTF8", {odt: "office.txt"}),
        ("Calc MS Excel 2007 XML", {lines: "from-lines.xlsx", tides: "office.xlsx"}),
        ("MS Excel 97", {lines: "from-lines.xls", tides: "office.xls", survey: "survey.xls"}),
        ("Impress MS PowerPoint 2007 XML", {talk: "office.pptx", odp: "from-odp.pptx"}),
        ("MS PowerPoint 97", {talk: "office.ppt", odp: "from-odp.ppt"}),
        ("impress_png_Export", {odp: "slide.png"}),
        ("impress_jpg_Export", {odp: "slide.jpg"}),
        ("impress_wmf_Export", {odp: "slide.wmf"}),
        ("impress_gif_Export", {odp: "slide.gif"}),
        ("impress_tif_Export", {odp: "slide.tif"}),
        ("impress_bmp_Export", {odp: "slide.bmp"}),
        ("writer_pdf_Export", {essay: "office.pdf"}),
        ("calc_pdf_Export", {tides: "tides.pdf"}),
        # A film would be embedded in it, which no PDF may do here.
        ("impress_pdf_Export", {plain_talk: "talk.pdf"}),
    ]
    tasks = [(how, {source: made / name for source, name in targets.items()}, None) for how, targets in tasks]
    for name, options in {
        "archive-1.pdf": {"SelectPdfVersion": ("long", "1")},
        "archive-2.pdf": {"SelectPdfVersion": ("long", "2"), "UseTaggedPDF": ("boolean", "true")},
        "archive-3.pdf": {"SelectPdfVersion": ("long", "3")},
        "tagged.pdf": {
            "UseTaggedPDF": ("boolean", "true"),
            "ExportBookmarks": ("boolean", "true"),
            "ExportNotes": ("boolean", "true"),
        },
        "no-printing.pdf": {
            "RestrictPermissions": ("boolean", "true"),
            "PermissionPassword": ("string", "teacher"),
            "Printing": ("long", "0"),
        },
    }.items():
        tasks.append(("writer_pdf_Export", {essay: made / name}, options))
    with ThreadPoolExecutor(WORKERS) as pool:
        for task in [pool.submit(office.convert, *task) for task in tasks]:
            task.result()
    shutil.copy(made / "office.rtf", made / "rich-text.doc")


def by_pdf_libraries(made, pictures, page):
    photo = str(pictures / "photo.jpg")
    canvas = Canvas(str(made / "report.pdf"), pageCompression=1)
    canvas.setTitle("Tides")
    canvas.drawString(72, 720, "The harbour in winter")
    canvas.drawImage(photo, 72, 400, 200, 150)
    canvas.linkURL("https://example.org", (72, 700, 200, 730))
    canvas.bookmarkPage("tides")
    canvas.addOutlineEntry("Tides", "tides")
    canvas.linkRect("", "tides", (72, 650, 200, 690))
    canvas.showPage()
    canvas.drawString(72, 720, "Page two")
    canvas.save()
    canvas = Canvas(str(made / "report-plain.pdf"), pageCompression=0)
    canvas.drawString(72, 720, "Nothing is packed")
    canvas.save()
    canvas = Canvas(str(made / "form.pdf"))
    canvas.drawString(72, 740, "Declaration")
    canvas.acroForm.textfield(name="name", x=72, y=700, width=200)
    canvas.acroForm.checkbox(name="own", x=72, y=660, checked=True)
    canvas.acroForm.choice(name="subject", x=72, y=620, width=120, options=["Art", "Music"], value="Art")
    canvas.save()
    canvas = Canvas(str(made / "no-copying.pdf"), encrypt=StandardEncryption("", "teacher", canCopy=0))
    canvas.drawString(72, 720, "To be read by all")
    canvas.save()

    paper = fpdf.FPDF()
    paper.add_page()
    paper.set_font("Helvetica", size=12)
    paper.multi_cell(0, 8, "Tides\n" + "Calm. " * 200)
    paper.image(photo, w=80)
    paper.output(str(made / "fpdf.pdf"))
    scans = [Image.open(photo), Image.open(pictures / "scan-lzw.tif").convert("L")]
    scans[0].save(made / "scans.pdf", save_all=True, append_images=scans[1:])

    source = made / "report.pdf"
    with pikepdf.open(source) as opened:
        opened.save(made / "linear.pdf", linearize=True)
        opened.save(made / "packed-objects.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate)
        opened.save(made / "no-changes.pdf", encryption=pikepdf.Encryption(owner="teacher", user="", R=6))
        opened.save(made / "no-changes-rc4.pdf", encryption=pikepdf.Encryption(owner="teacher", user="", R=3, aes=False, metadata=False))
    for name, kept in {"notes-added.pdf": source, "notes-added-packed.pdf": made / "packed-objects.pdf"}.items():
        writer = pypdf.PdfWriter(io.BytesIO(kept.read_bytes()), incremental=True)
        note = FreeText(text="Well observed", rect=(72, 500, 200, 540))
        writer.add_annotation(0, note)
        writer.add_metadata({"/Author": "Zoë"})
        with open(made / name, "wb") as target:
            writer.write(target)
    filled = pypdf.PdfWriter(io.BytesIO((made / "form.pdf").read_bytes()), incremental=True)
    filled.update_page_form_field_values(filled.pages[0], {"name": "Zoë"})
    with open(made / "form-filled.pdf", "wb") as target:
        filled.write(target)
    (made / "newlines-behind.pdf").write_bytes(source.read_bytes() + b"\r\n\r\n")

    gs = ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite"]
    run(*gs, f"-sOutputFile={made / 'ghostscript.pdf'}", made / "office.pdf")
    run(*gs, "-dCompatibilityLevel=1.3", f"-sOutputFile={made / 'ghostscript-old.pdf'}", made / "talk.pdf")
    run("pdfunite", made / "office.pdf", made / "talk.pdf", made / "report.pdf", made / "united.pdf")
    with tempfile.TemporaryDirectory() as home:
        run(
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
            f"--print-to-pdf={made / 'printed.pdf'}", page.as_uri(),
        )
        run(
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
            f"--screenshot={made / 'screen.png'}", page.as_uri(),
        )


def make(root):
    made, pictures = folder(root, "documents"), root / "pictures"
    with tempfile.TemporaryDirectory() as rough:
        page, lines, film = Path(rough, "page.html"), Path(rough, "lines.csv"), Path(rough, "film.mp4")
        page.write_text(PAGE)
        lines.write_text(table())
        run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15", "-t", "1", film)
        word(made, pictures)
        sheets(made, pictures)
        slides(made / "talk.pptx", pictures, made / "tides.xlsx", film)
        slides(made / "plain-talk.pptx", pictures, made / "tides.xlsx")
        pptx.Presentation().save(made / "empty.pptx")
        by_office(made, Office(rough), page, lines)
        by_pdf_libraries(made, pictures, page)
    msaccessdb.create(str(made / "survey.mdb"))
    msaccessdb.create(str(made / "survey.accdb"))
