"""The bytes of an uploaded file to text, whatever program saved it."""

from __future__ import annotations

import codecs
import re

from questionnaires.dataset.records import ImportFailure

_ENCODINGS_BY_MARK = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Three such bytes in a row are a Cyrillic word in windows-1251; French or German in windows-1252 has one or two.
_CYRILLIC_RUN = re.compile(rb"[\xc0-\xff]{3}")
_UTF16_NUL_SHARE = 0.05  # of all bytes; even Cyrillic text has that many spaces and quotes
_WRITTEN = re.compile("[\t-\r\x20-\u058f\u2000-\u206f]")  # European alphabets and punctuation
_WRITTEN_SHARE = 0.7  # of characters; bytes taken for UTF-16 by mistake become characters of all sorts
_OTHER_FILES = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (b"SQLite format 3", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"{\\rtf", "RTF"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b]")
_MAX_CONTROL_SHARE = 0.1  # of characters; a few come from broken programs and are dropped later


def decode_text(data: bytes) -> str:
    """Decode UTF-8 or UTF-16, each with or without a byte order mark, windows-1251 or windows-1252."""
    _refuse_other_files(data)
    encoding, mark = _encoding(data)
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ImportFailure(
            "these bytes are not text in {encoding}. Save the file as UTF-8 and choose it again.",
            line,
            encoding=encoding,
        ) from None
    if len(_CONTROL.findall(text)) > len(text) * _MAX_CONTROL_SHARE:
        raise ImportFailure("this is no text. Choose a table, JSON, or a text with questions and answers.", 1)
    return text


def _refuse_other_files(data: bytes) -> None:
    for beginning, kind in _OTHER_FILES:
        if data.startswith(beginning):
            raise ImportFailure(
                "this is a {kind} file, whatever its name says. Choose a table, JSON, or a text with questions and "
                "answers.",
                1,
                kind=kind,
            )


def encoding_name(data: bytes) -> str:
    """What `decode_text` takes the bytes for, as people call it."""
    encoding, mark = _encoding(data)
    return {"utf-8": "UTF-8"}.get(encoding, encoding.upper() if encoding.startswith("utf") else encoding) + (
        " (BOM)" if mark else ""
    )


def _encoding(data: bytes) -> tuple[str, bytes]:
    for mark, encoding in _ENCODINGS_BY_MARK:
        if data.startswith(mark):
            return encoding, mark
    if data.count(0) > len(data) * _UTF16_NUL_SHARE:
        encoding = "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
        if _looks_written(data.decode(encoding, "replace")):
            return encoding, b""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return ("windows-1251" if _CYRILLIC_RUN.search(data) else "windows-1252"), b""
    return "utf-8", b""


def _looks_written(text: str) -> bool:
    return len(_WRITTEN.findall(text)) >= len(text) * _WRITTEN_SHARE
