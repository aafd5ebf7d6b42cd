"""“Which one is me?”: the person's pages, and the one page that friends can open."""

import uuid
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fidelity import friend_guesses, friend_tasks, friends
from fidelity.models import FriendGuess, FriendLink
from questionnaires.models import Persona
from questionnaires.services import Refused
from questionnaires.views import persona_or_404
from training.models import PersonaModel

# The person's pages


def link_or_404(request: HttpRequest, persona_id: UUID, link_id: UUID) -> FriendLink:
    """The visitor's link; anybody else's is not found."""
    rows = FriendLink.objects.for_owner(request.user).select_related("persona", "version", "other__persona")
    link: FriendLink = get_object_or_404(rows, pk=link_id, persona=persona_id)
    return link


@never_cache
@require_http_methods(["GET", "POST"])
def friend_links(request: HttpRequest, persona_id: UUID) -> HttpResponse:
    """All links; and the held-out answers of the version in use, to choose those that friends may see."""
    persona = persona_or_404(request, persona_id)
    version = PersonaModel.objects.filter(persona=persona, is_current=True).select_related("run").first()
    if request.method == "GET":
        return _chooser(request, persona, version)
    try:
        if version is None:
            raise Refused(_("There is no version to ask yet. Train one first."), 409)
        link = friends.link_create(version=version, answers=request.POST.getlist("answer"))
    except Refused as refused:
        return _chooser(request, persona, version, refused)
    _ring(link)
    return redirect("friend_link", persona.pk, link.pk)


def _ring(link: FriendLink) -> None:
    """A link that nobody rings for says so, with a button to try again."""
    if not friend_tasks.enqueue(link.pk):
        friends.link_fail(link=link, error=_("The worker cannot be reached just now. Try again in a minute."))


def _chooser(
    request: HttpRequest, persona: Persona, version: PersonaModel | None, fault: Refused | None = None
) -> HttpResponse:
    chosen = request.POST.getlist("answer")
    candidates = friends.candidates_get(version=version) if version else []
    context = {
        "room": "likeness",
        "persona": persona,
        "version": version,
        "candidates": [(each, each.id in chosen) for each in candidates],
        "enough": len(candidates) >= friends.FEWEST,
        "fewest": friends.FEWEST,
        "most": friends.MOST,
        "other": friends.other_of(version=version) if version else None,
        "links": FriendLink.objects.filter(persona=persona).select_related("version"),
        "fault": str(fault) if fault else "",
    }
    return render(request, "fidelity/friends.html", context, status=fault.status if fault else 200)


@never_cache
@require_GET
def friend_link(request: HttpRequest, persona_id: UUID, link_id: UUID) -> HttpResponse:
    """One link: what friends would see, its address, and what came in."""
    return _link_page(request, link_or_404(request, persona_id, link_id))


def _link_page(request: HttpRequest, link: FriendLink, fault: Refused | None = None) -> HttpResponse:
    guesses = FriendGuess.objects.filter(question__link=link).select_related("question")
    score, questions = friend_guesses.score_of(list(guesses)), list(link.questions.all())
    context: dict[str, Any] = {
        "room": "likeness",
        "persona": link.persona,
        "link": link,
        "questions": questions,
        "made": sum(len(question.replies) for question in questions),
        "wanted": len(questions) * friends.replies_wanted(link),
        "is_open": friends.is_open(link),
        "is_slow": friends.is_slow(link),
        "address": request.build_absolute_uri(reverse("friend", args=(link.token,))),
        "lives": friends.LIVES,
        "score": score,
        "few": score is not None and score.friends < friend_guesses.ENOUGH_FRIENDS,
        "lines": friend_guesses.score_lines(score, link.persona.name) if score else [],
        "fault": str(fault) if fault else "",
    }
    return render(request, "fidelity/friend_link.html", context, status=fault.status if fault else 200)


@require_POST
def friend_link_open(request: HttpRequest, persona_id: UUID, link_id: UUID) -> HttpResponse:
    """Opens the link with the questions that the person ticked."""
    link, days = link_or_404(request, persona_id, link_id), request.POST.get("days", "")
    try:
        number = int(days) if days.isascii() and days.isdecimal() and len(days) < 4 else 0
        friends.link_open(link=link, approved=request.POST.getlist("question"), days=number)
    except Refused as refused:
        return _link_page(request, link, refused)
    return redirect("friend_link", persona_id, link.pk)


@require_POST
def friend_link_close(request: HttpRequest, persona_id: UUID, link_id: UUID) -> HttpResponse:
    link = link_or_404(request, persona_id, link_id)
    friends.link_close(link=link)
    messages.success(request, _("The link is closed: nobody comes in any more. The guesses are kept."))
    return redirect("friend_link", persona_id, link.pk)


@require_POST
def friend_link_retry(request: HttpRequest, persona_id: UUID, link_id: UUID) -> HttpResponse:
    """Goes on with the replies that are missing."""
    link = link_or_404(request, persona_id, link_id)
    friends.link_retry(link=link)
    _ring(link)
    return redirect("friend_link", persona_id, link.pk)


@require_POST
def friend_link_delete(request: HttpRequest, persona_id: UUID, link_id: UUID) -> HttpResponse:
    friends.link_delete(link=link_or_404(request, persona_id, link_id))
    messages.success(request, _("The link and its guesses were deleted."))
    return redirect("friends", persona_id)


# The friends' page


def _open_link_or_404(token: str) -> FriendLink:
    link = friend_guesses.link_find(token=token)
    if link is None:
        raise Http404
    return link


@login_not_required
@never_cache
@require_GET
def friend(request: HttpRequest, token: str) -> HttpResponse:
    """What a friend sees: what it is about, then a question, at last the thanks."""
    return _friend_page(request, _open_link_or_404(token))


@login_not_required
@never_cache
@require_POST
def friend_begin(request: HttpRequest, token: str) -> HttpResponse:
    """From here on the friend has a session, under a number that says nothing of them."""
    link = _open_link_or_404(token)
    if refusal := _refusal(request, link):
        return _friend_page(request, link, refusal)
    request.session.setdefault(_name(link), str(uuid.uuid4()))
    return redirect("friend", token)


@login_not_required
@never_cache
@require_POST
def friend_guess(request: HttpRequest, token: str) -> HttpResponse:
    """Keeps a guess and shows the next question."""
    link = _open_link_or_404(token)
    guesser, place = _friend(request, link), request.POST.get("place", "")
    if guesser is None:
        return redirect("friend", token)
    if refusal := _refusal(request, link):
        return _friend_page(request, link, refusal)
    try:
        friend_guesses.guess_save(
            link=link,
            friend=guesser,
            question_id=request.POST.get("question", ""),
            place=int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else -1,
        )
    except Refused as refused:
        return _friend_page(request, link, refused)
    return redirect("friend", token)


def _refusal(request: HttpRequest, link: FriendLink) -> Refused | None:
    """Why a post is not taken: the person's own, one too many, or to a closed link."""
    if request.user.pk == link.owner_id:
        return Refused(_("You are logged in as the person whom this is about; your own guesses are not counted."), 403)
    if not friends.is_open(link):
        return Refused(_("This link is closed."), 410)
    if not friend_guesses.post_allow(link=link):
        return Refused(_("Too many guesses came in within an hour. Please come back in an hour."), 429)
    return None


def _friend_page(request: HttpRequest, link: FriendLink, fault: Refused | None = None) -> HttpResponse:
    """Nothing but what the person approved, and nothing at all once the link is closed."""
    is_open, guesser = friends.is_open(link), _friend(request, link)
    shown = friend_guesses.next_shown(link=link, friend=guesser) if is_open and guesser else None
    context = {
        "link": link,
        "whose": link.persona,
        "is_open": is_open,
        "is_owner": request.user.pk == link.owner_id,
        "has_begun": guesser is not None,
        "shown": shown,
        "count": link.questions.filter(approved=True).count() if is_open else 0,
        "found": friend_guesses.found_by(link=link, friend=guesser) if is_open and guesser and not shown else None,
        "fault": str(fault) if fault else "",
    }
    status = fault.status if fault else 200 if is_open else 410
    response = render(request, "fidelity/friend.html", context, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow"
    if status == 429:
        response["Retry-After"] = str(int(friend_guesses.HOUR.total_seconds()))
    return response


def _name(link: FriendLink) -> str:
    return f"friend-{link.pk}"


def _friend(request: HttpRequest, link: FriendLink) -> UUID | None:
    found = request.session.get(_name(link))
    return UUID(found) if found else None
