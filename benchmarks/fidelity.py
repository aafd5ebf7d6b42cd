"""A report on the invented person of the development data, all controls: `python -m benchmarks.fidelity FILE`.

FILE is persona_nora.json. DATA_DIR is a folder of its own; what is there already (persona, trainings) is used again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
CHOICES = ROOT / "benchmarks" / "data" / "nora_choices.yaml"
NAME = "Nora"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path, help="her answers, to import")
    parser.add_argument("--form", default="full", choices=["quick", "full"])
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")
    import django

    django.setup()
    prepare(options.answers)
    begun = time.monotonic()
    call("fidelity_run", persona=NAME, form=options.form, json=False)
    print(f"{time.monotonic() - begun:.0f} s with the start of the servers")
    return 0


def prepare(answers: Path) -> None:
    """The two personas, each trained once by the quick recipe, and her choices."""
    from persona_site.entry import owner_get
    from questionnaires.demo import demo_create
    from questionnaires.models import Persona

    call("migrate", verbosity=0)
    call("load_questionnaires")
    owner = owner_get()
    demo = demo_create(owner=owner)
    if not Persona.objects.filter(name=NAME).exists():
        call("import_answers", str(answers), persona=NAME, create=True)
    nora = Persona.objects.get(name=NAME)
    for persona in (nora, demo):
        if not persona.versions.exists():
            call("train", persona=persona.name, here=True)
    keep_choices(nora)


def keep_choices(persona) -> None:  # type: ignore[no-untyped-def]
    from fidelity.models import ItemAnswer

    for slug, entry in yaml.safe_load(CHOICES.read_text("utf-8")).items():
        ItemAnswer.objects.update_or_create(
            persona=persona,
            kind=ItemAnswer.Kind.CHOICE,
            item=slug,
            round=ItemAnswer.FIRST,
            defaults={"owner": persona.owner, "value": entry["option"]},
        )


def call(command: str, *arguments: str, **options: object) -> None:
    from django.core.management import call_command

    call_command(command, *arguments, **options)


if __name__ == "__main__":
    sys.exit(main())
