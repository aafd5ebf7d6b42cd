"""Advice on passes (epochs) in plain words."""

from collections.abc import Callable

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.advice import Advice, Verdict, advise
from training.curves import Check, points_of, steps_per_epoch
from training.models import PersonaModel, TrainingRun

Figures = dict[str, float]


def advice_sentences(run: TrainingRun, version: PersonaModel | None, checks: list[Check]) -> list[str]:
    """What a finished training teaches about the next one; empty without checks or known passes."""
    per_epoch = steps_per_epoch(run)
    if not per_epoch:
        return []
    best = version.figures.get("published_step") if version else 0
    found = advise(
        points_of(checks),
        steps_per_epoch=per_epoch,
        best_step=best if isinstance(best, int) else 0,
        last_step=run.step,
        total_steps=run.total_steps,
    )
    return [sentence(advice) for advice in found]


def sentence(advice: Advice) -> str:
    """The words for a piece of advice."""
    return WORDS[advice.verdict](advice.figures)


def _too_few(figures: Figures) -> str:
    count = int(figures["checks"])
    return ngettext(
        "There was %(n)d check on answers kept aside: too few to tell whether another pass (epoch) would help.",
        "There were %(n)d checks on answers kept aside: too few to tell whether another pass (epoch) would help.",
        count,
    ) % {"n": count}


def _stopped_learning(figures: Figures) -> str:
    return _("It stopped learning from you after pass (epoch) %(epoch)s; more would only memorise.") % _epoch(figures)


def _settled(figures: Figures) -> str:
    return _("It had learned what it could by pass (epoch) %(epoch)s; more would change little.") % _epoch(figures)


def _still_learning(figures: Figures) -> str:
    return _(
        "It was still learning when it ended: its surprise fell by %(percent)d %% in the last pass (epoch). "
        "Another one may help."
    ) % {"percent": round(figures["gained"])}


def _memorises(figures: Figures) -> str:
    return _(
        "Answers it did not learn surprise it %(times)s times as much as those it learned: it memorises. More "
        "answers will help it more than more passes (epochs)."
    ) % {"times": number_format(figures["times"], 1)}


def _stopped_early(figures: Figures) -> str:
    return _("It ended early, after step %(step)d of %(total)d: no more was to be gained.") % figures


def _best_kept(figures: Figures) -> str:
    kept = {"step": int(figures["step"]), **_epoch(figures)}
    return _("Kept was the best checkpoint: step %(step)d, in pass (epoch) %(epoch)s.") % kept


def _epoch(figures: Figures) -> dict[str, str]:
    """As in "2" or "1.5"."""
    epoch = round(figures["epoch"], 1)
    return {"epoch": number_format(epoch, 0 if epoch == int(epoch) else 1)}


WORDS: dict[Verdict, Callable[[Figures], str]] = {
    Verdict.TOO_FEW: _too_few,
    Verdict.STOPPED_LEARNING: _stopped_learning,
    Verdict.SETTLED: _settled,
    Verdict.STILL_LEARNING: _still_learning,
    Verdict.MEMORISES: _memorises,
    Verdict.STOPPED_EARLY: _stopped_early,
    Verdict.BEST_KEPT: _best_kept,
}
