"""What the page before a training shows: places, base models, recipes, what it comes to, and what stands against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from engine.recipes import RECIPES as ENGINE_RECIPES
from questionnaires.dataset import Item
from questionnaires.models import Persona
from questionnaires.services import dataset_build
from training import services
from training.choices import LIMITS, WHOLE, Choice, Reading, field_label, needs_model, settable
from training.connections import consent_to, deployment_note_of, host_of, models_of, notices_of
from training.estimates import Plan, plan_of_files
from training.local_models import limit_in_words, local_models, why_not
from training.models import Connection, TrainingRun
from training.providers.presets import Offer, Preset
from training.row_files import RowFiles, row_files
from training.trials import trial_state


@dataclass(frozen=True)
class ExpertField:
    """A hyperparameter that can be set. `value` is what was typed, `usual` what holds without."""

    name: str
    label: str
    value: str
    usual: str
    least: float
    most: float
    whole: bool
    fault: str = ""


@dataclass(frozen=True)
class RemoteModel:
    """A base model at a provider, with what the preset knows of it."""

    name: str
    offer: Offer | None
    chosen: bool


def start_context(persona: Persona, data: Mapping[str, str], reading: Reading) -> dict[str, Any]:
    """Everything about the start itself that templates/training/train.html needs."""
    choice = reading.choice
    items = dataset_build(persona=persona)
    plans = [
        plan_of_files(files_of(persona, each, items), each)
        for each in (replace(choice, recipe=recipe) for recipe in services.RECIPES)
    ]
    plan = next(plan for plan in plans if plan.recipe == choice.recipe)
    found: dict[str, Any] = {
        "choice": choice,
        "items": items,
        "plans": plans,
        "plan": plan,
        "obstacles": services.obstacles(items),
        "against": against(choice, plan),
        "faults": reading.faults,
        "fields": expert_fields(data, reading),
        "formats": choice.preset.formats if choice.preset else ("chat", "marker"),
        "seed": data.get("seed", ""),
    }
    return found | (_remote_context(data, choice, *choice.remote) if choice.remote else _local_context(choice, persona))


def _local_context(choice: Choice, persona: Persona) -> dict[str, Any]:
    models = local_models(choice.base_model)
    chosen = next(model for model in models if model.name == choice.base_model)
    return {
        "models": models,
        "model": chosen,
        "near": [model for model in models if model.present or model is chosen],
        "far": [model for model in models if not (model.present or model is chosen)],
        "russian": persona.language == "ru",
        "wrong_language": persona.language == "ru" and chosen.knows_no_russian,
        "russian_fits": any(model.speaks_russian and not model.against for model in models),
        "limit": limit_in_words(),
        "trial": trial_state(base_model=choice.base_model),
    }


def _remote_context(data: Mapping[str, str], choice: Choice, connection: Connection, preset: Preset) -> dict[str, Any]:
    offer = preset.offer(choice.base_model)
    offered = [each.id for each in preset.offers]
    names = [*offered, *([choice.base_model] if choice.base_model and choice.base_model not in offered else [])]
    return {
        "host": host_of(connection),
        "price": data.get("price", ""),
        "usual_price": f"{offer.train:g}" if offer and offer.train is not None else "",
        "remote_models": [RemoteModel(name, preset.offer(name), name == choice.base_model) for name in names],
        "other_names": [name for name in models_of(connection) if name not in names],
        "notices": [*notices_of(preset), *_shutdown(preset, choice.base_model)],
        "deployment_note": deployment_note_of(preset),
    }


def _shutdown(preset: Preset, model: str) -> list[str]:
    offer = preset.offer(model)
    if offer is None or offer.shutdown is None:
        return []
    return [
        _("%(model)s and everything trained from it stops answering on %(day)s.")
        % {"model": model, "day": date_format(offer.shutdown)}
    ]


def files_of(persona: Persona, choice: Choice, items: Sequence[Item]) -> RowFiles:
    """The files of a training as chosen, from these answers."""
    is_local = choice.connection is None
    return row_files(
        items, name=persona.name, format=choice.format, recipe=choice.recipe, seed=choice.seed, is_local=is_local
    )


def run_order(*, persona: Persona, choice: Choice, shown: str) -> tuple[TrainingRun, bool]:
    """The run as chosen, and whether it is a new one. `shown` is the SHA-256 of the files that the person looked at
    before agreeing to send them; it is not needed for a training here. Refused.
    """
    files = files_of(persona, choice, dataset_build(persona=persona))
    return services.run_create(
        persona=persona,
        recipe=choice.recipe,
        format=choice.format,
        seed=choice.seed,
        connection=choice.connection,
        base_model=choice.base_model,
        overrides=choice.hyperparameters,
        estimate=plan_of_files(files, choice).as_json(),
        consent=consent_to(choice.connection, shown) if choice.connection else {},
    )


def against(choice: Choice, plan: Plan | None = None) -> list[str]:
    """Sentences about why this choice cannot be started; empty if it can."""
    if choice.remote is None:
        return [sentence for sentence in [why_not(choice.base_model)] if sentence]
    preset = choice.remote[1]
    found = [sentence for sentence in [needs_model(choice)] if sentence]
    offer = preset.offer(choice.base_model)
    if offer and offer.shutdown and offer.shutdown <= timezone.localdate():
        found.append(_("This model was shut down on %(day)s.") % {"day": date_format(offer.shutdown)})
    if plan and plan.rows < preset.least_examples:
        text = ngettext(
            "The provider wants at least %(least)d rows; there is %(n)d. Answer more, or choose the thorough recipe.",
            "The provider wants at least %(least)d rows; there are %(n)d. Answer more, or choose the thorough recipe.",
            plan.rows,
        )
        found.append(text % {"least": preset.least_examples, "n": plan.rows})
    if plan and offer and 0 < offer.max_tokens < plan.longest:
        text = _("Your longest row has %(tokens)d tokens; %(model)s cuts at %(most)d. Shorten that answer.")
        found.append(text % {"tokens": plan.longest, "model": choice.base_model, "most": offer.max_tokens})
    return found


def faults_of(reading: Reading) -> str:
    """One text of all that is wrong with a choice; empty if it can be started."""
    return reading.sentence or " ".join(against(reading.choice))


def expert_fields(data: Mapping[str, str], reading: Reading) -> list[ExpertField]:
    choice = reading.choice
    return [
        ExpertField(
            name=name,
            label=field_label(name),
            value=data.get(name, ""),
            usual=_usual(name, choice),
            least=LIMITS[name][0],
            most=LIMITS[name][1],
            whole=name in WHOLE,
            fault=reading.faults.get(name, ""),
        )
        for name in settable(choice.preset)
    ]


def _usual(name: str, choice: Choice) -> str:
    """What holds where the field is left empty."""
    preset = choice.preset
    if preset is None:
        return f"{getattr(ENGINE_RECIPES[choice.recipe], name):g}"
    if name == "epochs":
        return str(replace(choice, overrides={}).epochs)
    value = preset.defaults.get(preset.hyperparameters[name])
    return f"{value:g}" if value is not None else _("the provider chooses")
