"""The book as PDF, A5, set in Literata by reportlab (BSD): Latin, Cyrillic and Greek.

A sign that the face lacks, as an emoji, is shown as an empty box; the text beneath keeps it, so it can be copied, and
the last page says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus.tableofcontents import TableOfContents

from questionnaires.dataset.book import Context, chapters, through_file
from questionnaires.dataset.epub import xml_text
from questionnaires.dataset.items import Item

FONTS = Path(__file__).parents[1] / "data" / "fonts"
_INK, _SOFT = "#1d1b18", "#6b655a"
_REGULAR, _BOLD, _ITALIC = "Literata-Regular", "Literata-SemiBold", "Literata-Italic"


def _style(name: str, font: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    more = {"textColor": _INK, "splitLongWords": 1, "allowWidows": 0, "allowOrphans": 0} | more
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=leading, **more)


_TITLE = _style("title", _REGULAR, 30, 38, alignment=TA_CENTER)
_SUBTITLE = _style("subtitle", _ITALIC, 12, 18, alignment=TA_CENTER, textColor=_SOFT, spaceBefore=4 * mm)
_CONTENTS = _style("contents", _REGULAR, 20, 26, spaceAfter=8 * mm)
_LINE = _style("line", _REGULAR, 10, 14)
_CHAPTER = _style("chapter", _REGULAR, 22, 28, spaceBefore=18 * mm, spaceAfter=12 * mm)
_QUESTION = _style("question", _BOLD, 11, 15, spaceBefore=7 * mm, spaceAfter=2 * mm, keepWithNext=1)
_ANSWER = _style("answer", _REGULAR, 10, 15, spaceAfter=2 * mm)
_END = _style("end", _ITALIC, 9, 13, textColor=_SOFT, spaceBefore=15 * mm)


def pdf(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """Pieces of the file."""
    return through_file(lambda file: _write(file, items, context))


def _write(file: IO[bytes], items: Iterable[Item], context: Context) -> None:
    _register()
    _Book(file, context).multiBuild(list(_story(items, context)), maxPasses=4)


@cache
def _register() -> None:
    for face in (_REGULAR, _BOLD, _ITALIC):
        registerFont(TTFont(face, FONTS / f"{face}.ttf"))


@cache
def _drawable() -> frozenset[int]:
    return frozenset(TTFont("probe", FONTS / f"{_REGULAR}.ttf").face.charToGlyph)


class _Book(BaseDocTemplate):  # type: ignore[misc]
    """Tells the table of contents, the outline and the foot of the page where a chapter begins."""

    def __init__(self, file: IO[bytes], context: Context) -> None:
        margins = {"leftMargin": 19 * mm, "rightMargin": 19 * mm, "topMargin": 20 * mm, "bottomMargin": 22 * mm}
        super().__init__(file, pagesize=A5, title=context.name, author=context.name, lang=context.language, **margins)
        frame = Frame(self.leftMargin, self.bottomMargin, self.width, self.height, 0, 0, 0, 0)
        self.addPageTemplates(
            [PageTemplate("cover", frame), PageTemplate("text", frame, onPageEnd=lambda canvas, _: self._foot(canvas))]
        )
        self.title_now = ""

    def _foot(self, canvas: Canvas) -> None:
        canvas.setFont(_REGULAR, 8.5)
        canvas.setFillColor(_SOFT)
        canvas.drawCentredString(A5[0] / 2, 12 * mm, str(canvas.getPageNumber()))

    def afterFlowable(self, flowable: Flowable) -> None:
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        key = f"p{self.seq.nextf('place')}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(flowable.plain, key, level, closed=level == 0)
        if level == 0:
            self.notify("TOCEntry", (0, xml_text(flowable.plain), self.page, key))


def _story(items: Iterable[Item], context: Context) -> Iterator[Flowable]:
    yield Spacer(0, 50 * mm)
    yield Paragraph(xml_text(context.name), _TITLE)
    yield Paragraph(xml_text(context.words.subtitle), _SUBTITLE)
    yield from (NextPageTemplate("text"), PageBreak(), Paragraph(xml_text(context.words.contents), _CONTENTS))
    yield TableOfContents(levelStyles=[_LINE], dotsMinLevel=-1)
    missing = 0
    for title, chapter in chapters(items, context):
        yield PageBreak()
        yield _heading(title, _CHAPTER, 0)
        for item in chapter:
            missing += _missing(item.question) + _missing(item.answer)
            yield _heading(item.question, _QUESTION, 1)
            for paragraph in filter(str.strip, item.answer.split("\n\n")):
                yield Paragraph("<br/>".join(map(xml_text, paragraph.strip("\n").split("\n"))), _ANSWER)
    if missing:
        yield Paragraph(xml_text(context.words.missing.format(count=missing)), _END)
    yield Spacer(0, 1)


def _heading(text: str, style: ParagraphStyle, level: int) -> Paragraph:
    heading = Paragraph(xml_text(" ".join(text.split())) or "–", style)
    heading.plain, heading.outline_level = text, level
    return heading


def _missing(text: str) -> int:
    return sum(ord(sign) not in _drawable() for sign in text if sign.isprintable())
