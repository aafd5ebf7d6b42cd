"""An archive from somebody: nothing of it is believed before it was checked.

A zip with a manifest that names every member with its size and SHA-256, no other members, no paths that lead anywhere
else, and lines that fit the tables' columns. Sizes are counted while reading, whatever the zip says of them.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from privacy.archive_writing import (
    ACCOUNT,
    BANK,
    FILE_OF_UPLOAD,
    FILES_OF_RUN,
    FILES_OF_VERSION,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
)
from privacy.catalogue import TABLES
from questionnaires.services import Refused

MOST_MEMBERS = 20_000
MOST_BYTES = 20 * 10**9  # of all members, unpacked
MOST_TIMES = 200  # as large as the file itself; text that compresses better is no text of a person
MOST_MANIFEST, MOST_LINE = 20_000_000, 8_000_000
FREE_BYTES = 50_000_000  # below this the ratio says nothing
_PIECE = 1 << 20
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FILE = re.compile(
    rf"files/(?:runs/{_UUID}/(?:{'|'.join(map(re.escape, FILES_OF_RUN))})"
    rf"|uploads/{_UUID}/{re.escape(FILE_OF_UPLOAD)}"
    rf"|models/{_UUID}/(?:{'|'.join(map(re.escape, FILES_OF_VERSION))}))"
)


class ArchiveRefused(Refused):
    """A sentence about what is wrong with an archive."""


@dataclass(frozen=True)
class Manifest:
    made_at: str
    program_version: str
    counts: dict[str, int]
    members: dict[str, dict[str, Any]]


class Archive:
    """An open archive whose manifest fits what is in it."""

    def __init__(self, opened: zipfile.ZipFile, size: int) -> None:
        self._zip = opened
        infos = opened.infolist()
        _check_members(infos, size)
        self.manifest = _manifest(opened)
        _check_complete({info.filename for info in infos}, self.manifest)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The member's bytes, checked against the manifest; the last piece comes only if they are the right ones."""
        said = self.manifest.members[name]
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name) as member:
            while piece := member.read(_PIECE):
                size += len(piece)
                if size > int(said["bytes"]):
                    raise _damaged(name)
                digest.update(piece)
                yield piece
        if size != said["bytes"] or digest.hexdigest() != said["sha256"]:
            raise _damaged(name)

    def lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Line by line, with its number, none longer than a limit."""
        rest, number = b"", 0
        for piece in self.pieces(name):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > MOST_LINE:
                raise ArchiveRefused(
                    _("%(name)s, line %(line)d: the line is too long.") % {"name": name, "line": number}
                )
            for line in lines:
                number += 1
                yield number, line
        if rest:
            raise _damaged(name)

    def files(self) -> list[str]:
        return [name for name in self.manifest.members if name.startswith("files/")]


@contextmanager
def archive_open(path: Path) -> Iterator[Archive]:
    """The archive at `path`. ArchiveRefused with a sentence where it is none, at any point of the reading."""
    try:
        with zipfile.ZipFile(path) as opened:
            yield Archive(opened, path.stat().st_size)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise ArchiveRefused(_("This is no archive that can be read. Download it again where it was made.")) from error


def _check_members(infos: list[zipfile.ZipInfo], size: int) -> None:
    names = [info.filename for info in infos]
    known = {MANIFEST, ACCOUNT, BANK, *(table.member for table in TABLES)}
    total = sum(info.file_size for info in infos)
    if len(names) > MOST_MEMBERS or total > MOST_BYTES or total > max(FREE_BYTES, MOST_TIMES * size):
        raise ArchiveRefused(_("The archive unpacks to more than an archive of this program can hold."))
    if len(set(names)) != len(names):
        raise ArchiveRefused(_("The archive holds a file twice."))
    for info in infos:
        if (info.filename not in known and not _FILE.fullmatch(info.filename)) or info.flag_bits & 1:
            raise ArchiveRefused(
                _("“%(name)s” does not belong into an archive of this program.") % {"name": info.filename[:80]}
            )


def _manifest(opened: zipfile.ZipFile) -> Manifest:
    try:
        info = opened.getinfo(MANIFEST)
        if info.file_size > MOST_MANIFEST:
            raise ValueError
        with opened.open(info) as member:
            told = json.loads(member.read(MOST_MANIFEST))
        version = told["format_version"]
        found = Manifest(str(told["made_at"]), str(told["program_version"]), told["tables"], told["members"])
        fits = told["format"] == FORMAT and isinstance(version, int) and _is_sound(found)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise ArchiveRefused(
            _("The archive has no manifest of this program. Choose the zip as it was downloaded.")
        ) from None
    if not fits:
        raise ArchiveRefused(_("The archive has no manifest of this program. Choose the zip as it was downloaded."))
    if version > FORMAT_VERSION:
        raise ArchiveRefused(_("The archive was made by a newer version of this program. Update this one first."))
    return found


def _is_sound(manifest: Manifest) -> bool:
    counts = all(isinstance(count, int) for count in manifest.counts.values())
    members = manifest.members.values()
    return counts and all(isinstance(m["bytes"], int) and isinstance(m["sha256"], str) for m in members)


def _check_complete(names: set[str], manifest: Manifest) -> None:
    told = set(manifest.members) | {MANIFEST}
    if strange := sorted(names - told):
        raise ArchiveRefused(_("“%(name)s” is not in the manifest of the archive.") % {"name": strange[0][:80]})
    if missing := sorted(told - names):
        raise ArchiveRefused(_("“%(name)s” is missing from the archive.") % {"name": missing[0][:80]})


def _damaged(name: str) -> ArchiveRefused:
    return ArchiveRefused(_("“%(name)s” is not as it was when the archive was made.") % {"name": name[:80]})
