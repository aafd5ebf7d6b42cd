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
    parser.add_argument("--plot", type=Path, help="an SVG of the newest report; nothing is asked anew")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "persona_site.settings")
    import django

    django.setup()
    if options.plot:
        options.plot.write_text(plot(), encoding="utf-8")
        return 0
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


def plot() -> str:
    """A line a control: its agreement and the 95 % interval, on a scale from 0 to 80 %."""
    from fidelity.models import Report
    from fidelity.report_words import control_label

    report = Report.objects.filter(persona__name=NAME, state=Report.State.DONE).first()
    if report is None:
        raise SystemExit("There is no report yet. Run this without --plot first.")
    shown = [each for each in report.result["controls"] if each["agreement"]]
    rows = "".join(
        line_of(control_label(each["name"]), each["agreement"], 30 * place) for place, each in enumerate(shown, start=1)
    )
    scale = "".join(
        f'<text x="{x_of(tenth / 10):.0f}" y="14" fill="#6b6257" text-anchor="middle">{10 * tenth} %</text>'
        for tenth in range(0, 9, 2)
    )
    size = f'viewBox="0 0 720 {30 * len(shown) + 30}" font-family="sans-serif" font-size="13"'
    paper = '<rect width="100%" height="100%" fill="#fbf7ef"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{scale}{rows}</svg>\n'


def line_of(label: str, figure: dict[str, float], y: int) -> str:
    low, at, high = (x_of(figure[name]) for name in ("low", "value", "high"))
    middle = y + 4
    return (
        f'<text x="270" y="{y + 8}" text-anchor="end" fill="#2b2620">{label}</text>'
        f'<line x1="{low:.0f}" x2="{high:.0f}" y1="{middle}" y2="{middle}" stroke="#8a7f70" stroke-width="2"/>'
        f'<circle cx="{at:.0f}" cy="{middle}" r="5" fill="#8c3b2e"/>'
    )


def x_of(share: float) -> float:
    return 285 + 500 * share


def call(command: str, *arguments: str, **options: object) -> None:
    from django.core.management import call_command

    call_command(command, *arguments, **options)


if __name__ == "__main__":
    sys.exit(main())
