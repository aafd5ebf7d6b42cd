"""Files that the program does not read itself, back to questions and answers, by the tools of their own ecosystem."""

import io
import zipfile
from xml.etree import ElementTree

XHTML = "{http://www.w3.org/1999/xhtml}"


def from_parquet(data: bytes) -> list[tuple[str, str]]:
    from arro3.io import read_parquet

    table = read_parquet(io.BytesIO(data)).read_all()
    return list(zip(*(table.column(name).to_pylist() for name in ("question", "answer")), strict=True))


def from_epub(data: bytes) -> list[tuple[str, str]]:
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in sorted(n for n in archive.namelist() if "chapter-" in n):
            for element in ElementTree.fromstring(archive.read(name)).find(f"{XHTML}body"):
                if element.tag == f"{XHTML}h2":
                    found.append((text_of(element), []))
                elif element.tag == f"{XHTML}p":
                    found[-1][1].append(text_of(element))
    return [(question, "\n\n".join(paragraphs)) for question, paragraphs in found]


def text_of(element) -> str:
    return (element.text or "") + "".join("\n" + (line_break.tail or "") for line_break in element)
