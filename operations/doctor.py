"""Looks over an installation: what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from operations import doctor_machine as machine
from operations import doctor_rows as rows
from operations.findings import WRONG, Finding

LOOKS: Sequence[Callable[[], Iterator[Finding]]] = (
    machine.python,
    machine.packages,
    machine.folder,
    machine.secrets,
    machine.exposure,
    machine.catalogues,
    machine.port,
    machine.base_model,
    rows.database,
    rows.migrations,
    rows.parts,
    rows.orphans,
    rows.versions,
    rows.leases,
    rows.keys,
    rows.telegram,
    rows.backups,
)


def doctor_look() -> Iterator[Finding]:
    """Each finding as soon as it is found."""
    for each in LOOKS:
        yield from rows.asked(each)


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong; what has to be looked at soon is not wrong yet."""
    return not any(finding.level == WRONG for finding in findings)
