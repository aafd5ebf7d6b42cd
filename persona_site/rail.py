"""What the rail beside every page of a persona shows."""

from typing import Any

from django.http import HttpRequest

from fidelity.rail import likeness_percent
from questionnaires.models import Answer, Persona
from training.ended import ended_unseen
from training.models import PersonaModel


def rail(request: HttpRequest) -> dict[str, Any]:
    """`personas` of the visitor; on a persona's page also `persona`, `answered`, `current_version`, its `likeness`, and
    the training that `ended` since they last looked.
    """
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    personas = list(Persona.objects.for_owner(request.user))
    match = request.resolver_match
    persona_id = match.kwargs.get("persona_id") if match else None
    persona = next((p for p in personas if p.pk == persona_id), None)
    if persona is None:
        return {"personas": personas}
    answers = Answer.objects.for_owner(request.user).filter(persona=persona, state=Answer.State.ANSWERED)
    version = PersonaModel.objects.for_owner(request.user).filter(persona=persona, is_current=True).first()
    return {
        "personas": personas,
        "persona": persona,
        "answered": answers.count(),
        "current_version": version,
        "likeness": likeness_percent(persona=persona),
        "ended": ended_unseen(request.session, persona),
    }
