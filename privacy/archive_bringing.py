"""An archive on its way in: looked through first, then all of its rows in one transaction, or none.

A row may refer to rows of the same archive and to the bank, and to nothing else: what is not there is left empty, and a
row that is nothing without it is left out and counted. Ids are kept; where one is taken, all of them are changed, in
the same way each time, so that an archive that is brought in again is recognised.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, transaction
from django.utils.translation import gettext as _

from privacy.archive_files import Placed, files_place
from privacy.archive_fitting import Fitter, Known
from privacy.archive_reading import Archive, ArchiveRefused, archive_open
from privacy.catalogue import RETURNING, Table
from privacy.table_words import table_in_words
from questionnaires.models import Persona
from questionnaires.services import persona_delete

Beat = Callable[[int, int, str], None]
_CHUNK = 500
_HEX = re.compile(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
# Questions first: others refer to them by keys that only this database gives. What points forward waits for the end of
# the transaction.
_ORDER = ("questionnaires.Question", *(label for label in RETURNING if label != "questionnaires.Question"))


@dataclass
class Brought:
    """`counts`: rows by table. `left_out`: sentences."""

    counts: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass
class Look:
    """What bringing an archive in would do."""

    made_at: str
    program_version: str
    personas: list[str]
    counts: dict[str, int]
    left_out: dict[str, int]
    not_coming_back: dict[str, int]
    renamed: bool  # ids are taken here, so all get others
    known: Known
    has_demo: bool
    files: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def archive_look(*, path: Path, owner: User) -> Look:
    """Reads all of it, checks all of it, and changes nothing. ArchiveRefused with a sentence."""
    with archive_open(path) as archive:
        look = _look(archive, owner, renamed=False)
        if look.renamed:
            look = _look(archive, owner, renamed=True)
        for name in archive.files():
            for _piece in archive.pieces(name):
                pass  # its hash is looked at
        look.files = len(archive.files())
    return look


def _look(archive: Archive, owner: User, *, renamed: bool) -> Look:
    known, names, has_demo = Known(), [], False
    rename = _renaming(archive, owner) if renamed else _same
    counts, left_out = Counter[str](), Counter[str]()
    for label, table in RETURNING.items():
        fitter = Fitter(table, known)
        for number, line in _lines(archive, table):
            values = fitter.read(number, rename(line))
            if fitter.fits(values, forward=False):
                known.add(table, values)
                counts[label] += 1
                if label == "questionnaires.Persona":
                    names.append(values["name"])
                    has_demo = has_demo or values["is_demo"]
            else:
                left_out[label] += 1
    others = {name: count for name, count in archive.manifest.counts.items() if name not in RETURNING and count}
    taken = _is_taken(known, owner, names)
    manifest = archive.manifest
    return Look(
        manifest.made_at,
        manifest.program_version,
        names,
        dict(counts),
        dict(left_out),
        others,
        renamed or taken,
        known,
        has_demo,
    )


def _lines(archive: Archive, table: Table) -> Iterator[tuple[int, bytes]]:
    """None for a table that the program which made the archive did not have."""
    if table.member in archive.manifest.members:
        yield from archive.lines(table.member)


def _is_taken(known: Known, owner: User, names: list[str]) -> bool:
    """Whether any id is taken here. ArchiveRefused if it is by the very portraits of the archive."""
    here = Persona.objects.filter(owner=owner, pk__in=list(known.ids("questionnaires.Persona")))
    if found := here.first():
        raise ArchiveRefused(
            _("“%(name)s” of this archive is here already. Delete that portrait first, or leave the archive.")
            % {"name": found.name},
            409,
        )
    for label, table in RETURNING.items():
        keys = list(known.ids(label))
        column = "slug" if label == "questionnaires.Question" else "pk"
        for start in range(0, len(keys), _CHUNK):
            if table.model._base_manager.filter(**{f"{column}__in": keys[start : start + _CHUNK]}).exists():
                return True
    return False


def _same(line: bytes) -> bytes:
    return line


def _renaming(archive: Archive, owner: User) -> Callable[[bytes], bytes]:
    """Changes every id of the archive's own rows, wherever it stands, into one that goes with this account."""
    own: set[bytes] = set()
    for table in RETURNING.values():
        for _number, line in _lines(archive, table):
            if found := re.match(rb'\{"(?:id|slug)":"(?:own-)?(%s)"' % _HEX.pattern, line):
                own.add(found[1].replace(b"-", b""))

    def other(match: re.Match[bytes]) -> bytes:
        plain = match[0].replace(b"-", b"")
        if plain not in own:
            return match[0]
        new = renamed_id(plain.decode(), owner)
        return (str(new) if b"-" in match[0] else new.hex).encode()

    return lambda line: _HEX.sub(other, line)


def renamed_id(old: str, owner: User) -> uuid.UUID:
    return uuid.uuid5(uuid.UUID(old), f"account {owner.pk}")


def archive_bring(*, path: Path, owner: User, beat: Beat) -> Brought:
    """All of the archive becomes the person's, or nothing. ArchiveRefused with a sentence; `beat` may raise."""
    look = archive_look(path=path, owner=owner)
    brought = Brought(left_out=[_left_out(label, count) for label, count in look.left_out.items()])
    with archive_open(path) as archive:
        rename = _file_renaming(owner) if look.renamed else None
        placed = files_place(archive, look.known, rename=rename, beat=beat)
        brought.left_out += placed.sentences
        try:
            with transaction.atomic():
                _rows_bring(archive, look, owner, brought, beat)
                placed.move()
        except (IntegrityError, DataError) as error:
            placed.take_back()
            raise ArchiveRefused(_("Rows of the archive contradict each other. Nothing was brought in.")) from error
        except BaseException:
            placed.take_back()
            raise
        finally:
            shutil.rmtree(placed.folder, ignore_errors=True)
    brought.left_out += placed.share()
    return brought


def _file_renaming(owner: User) -> Callable[[str], str]:
    return lambda key: str(renamed_id(key, owner))


def _rows_bring(archive: Archive, look: Look, owner: User, brought: Brought, beat: Beat) -> None:
    rename = _renaming(archive, owner) if look.renamed else _same
    look.known.has_demo = _demo_stays(look, owner)
    done = 0
    for label in _ORDER:
        fitter = Fitter(RETURNING[label], look.known)
        fitter.bank_read(archive, owner)
        for number, line in _lines(archive, RETURNING[label]):
            values = fitter.read(number, rename(line))
            if not fitter.fits(values, forward=True):
                continue
            fitter.store(values, owner)
            done += 1
            beat(done, look.total, label)
            brought.counts[label] = brought.counts.get(label, 0) + 1


def _demo_stays(look: Look, owner: User) -> bool:
    """An account has one demo persona. One that nobody used makes way for the archive's; beside another one the
    archive's comes as a portrait."""
    here = Persona.objects.filter(owner=owner, is_demo=True).first()
    if here is None or not look.has_demo:
        return here is not None
    used = (here.runs, here.versions, here.conversations, here.item_answers)
    if any(rows.exists() for rows in used):
        return True
    persona_delete(persona=here)
    return False


def _left_out(label: str, count: int) -> str:
    """What the person reads about rows that stayed behind."""
    what = {"count": count, "table": table_in_words(label)}
    return _("Left out, since what they are about is not in the archive: %(table)s (%(count)d).") % what


__all__ = ["Brought", "Look", "Placed", "archive_bring", "archive_look"]
