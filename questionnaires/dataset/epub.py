"""The book as EPUB 3, written by hand as a zip of XHTML: the kept library for it is under the AGPL.

https://www.w3.org/TR/epub-33/
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from questionnaires.dataset.book import Context, chapters, through_file
from questionnaires.dataset.items import Item

# What XML 1.0 cannot hold, not even as a reference.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MIMETYPE = "application/epub+zip"
_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
_STYLE = """body { line-height: 1.5; margin: 0 5%; }
h1 { font-weight: normal; margin: 3em 0 2em; }
h2 { font-size: 1.1em; margin: 2.4em 0 0.8em; page-break-after: avoid; break-after: avoid; }
p { margin: 0 0 0.8em; text-align: start; }
.title { text-align: center; margin-top: 30%; }
"""


def epub(items: Iterable[Item], context: Context) -> Iterator[bytes]:
    """Pieces of the file. Characters that XML cannot hold are shown as U+FFFD; nothing else is changed."""
    return through_file(lambda file: _write(file, items, context))


def _write(file: IO[bytes], items: Iterable[Item], context: Context) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _MIMETYPE, zipfile.ZIP_STORED)  # first and plain: that is how a reader knows it
        archive.writestr("META-INF/container.xml", _CONTAINER)
        archive.writestr("book/style.css", _STYLE)
        name, subtitle = xml_text(context.name), xml_text(context.words.subtitle)
        cover = f'<section class="title"><h1>{name}</h1><p>{subtitle}</p></section>'
        archive.writestr("book/title.xhtml", _page(context.name, [cover], context))
        titles = []
        for number, (title, chapter) in enumerate(chapters(items, context), 1):
            titles.append(title)
            with archive.open(_chapter_path(number), "w") as page:
                page.writelines(piece.encode() for piece in _page_pieces(title, _chapter(title, chapter), context))
        archive.writestr("book/nav.xhtml", _page(context.words.contents, [_navigation(titles, context)], context))
        archive.writestr("book/content.opf", _package(len(titles), context))


def xml_text(text: str) -> str:
    """The text as XML shows it."""
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _chapter_path(number: int) -> str:
    return f"book/chapter-{number:03}.xhtml"


def _page(title: str, body: Iterable[str], context: Context) -> str:
    return "".join(_page_pieces(title, body, context))


def _page_pieces(title: str, body: Iterable[str], context: Context) -> Iterator[str]:
    language = quoteattr(context.language)
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" lang={language} xml:lang={language}><head>'
        f'<title>{xml_text(title) or "-"}</title><link rel="stylesheet" href="style.css"/></head><body>\n'
    )
    yield from body
    yield "\n</body></html>\n"


def _chapter(title: str, items: Iterable[Item]) -> Iterator[str]:
    yield f'<h1 dir="auto">{xml_text(title)}</h1>'
    for item in items:
        yield f'\n<h2 dir="auto">{xml_text(item.question)}</h2>'
        for paragraph in item.answer.split("\n\n"):
            lines = "<br/>".join(map(xml_text, paragraph.split("\n")))
            yield f'\n<p dir="auto">{lines}</p>'


def _navigation(titles: list[str], context: Context) -> str:
    entries = "".join(
        f'<li><a href="{_chapter_path(number).removeprefix("book/")}">{xml_text(title) or number}</a></li>'
        for number, title in enumerate(titles, 1)
    )
    cover = f'<li><a href="title.xhtml">{xml_text(context.name) or "-"}</a></li>'
    return f'<nav epub:type="toc"><h1>{xml_text(context.words.contents)}</h1><ol>{cover}{entries}</ol></nav>'


def _package(count: int, context: Context) -> str:
    pages = [f"chapter-{number:03}" for number in range(1, count + 1)]
    kind = 'media-type="application/xhtml+xml"'
    manifest = "".join(f'<item id="{page}" href="{page}.xhtml" {kind}/>' for page in ["title", *pages])
    spine = "".join(f'<itemref idref="{page}"/>' for page in ["title", "nav", *pages])
    name = xml_text(context.name) or "-"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">{xml_text(context.identity)}</dc:identifier>
<dc:title>{name}</dc:title><dc:creator>{name}</dc:creator><dc:language>{xml_text(context.language)}</dc:language>
<meta property="dcterms:modified">{context.made:%Y-%m-%dT%H:%M:%SZ}</meta></metadata>
<manifest><item id="nav" href="nav.xhtml" {kind} properties="nav"/>
<item id="style" href="style.css" media-type="text/css"/>
{manifest}</manifest><spine>{spine}</spine></package>
"""
