"""Which version is more like the person: pairs by lot, picks once, an exact interval."""

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from chat import blind
from chat.models import BlindPair
from questionnaires.services import Refused
from tests.chat.conftest import TOLD, make_version


@pytest.fixture
def both(persona):
    return make_version(persona, number=1), make_version(persona, number=2)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.3085), (10, 10, 0.6915, 1), (8, 10, 0.4439, 0.9748), (15, 30, 0.3130, 0.6870)],
)
def test_the_interval_is_clopper_s_and_pearson_s(successes, trials, low, high):
    assert blind.interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "verdict"), [(0, 5, "open"), (0, 6, "better"), (6, 0, "worse"), (3, 7, "open"), (9, 1, "worse")]
)
def test_a_verdict_needs_more_than_chance(old, new, verdict):
    low, high = blind.interval(new, old + new)
    assert blind.Score(old, new, 4, low, high).verdict == verdict


def test_a_pair_asks_both_versions_a_question_of_the_person(engine, told, persona, both):
    engine.replies = [["By the sea."], ["In Nida."]]
    pair = async_to_sync(blind.pair_make)(persona=persona, old=both[0], new=both[1])
    assert (pair.old_text, pair.new_text) == ("By the sea.", "In Nida.")
    assert pair.question.removesuffix(" Tell me.") in [question for question, _answer in TOLD]
    assert [request["model"] for request in engine.generated] == [str(version.pk) for version in both]


def test_versions_that_say_the_same_are_said_so(engine, told, persona, both):
    with pytest.raises(Refused, match="word for word"):
        async_to_sync(blind.pair_make)(persona=persona, old=both[0], new=both[1])
    assert not BlindPair.objects.exists()


@pytest.fixture
def pair(persona, both):
    return BlindPair.objects.create(
        owner=persona.owner, persona=persona, old=both[0], new=both[1], question="Where?",
        old_text="Old words.", new_text="New words.", new_first=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("new_first", "side", "pick"),
    [(True, "first", "new"), (True, "second", "old"), (False, "first", "old"), (True, "neither", "neither")],
)
def test_a_pick_counts_for_the_version_that_stood_there_once(pair, new_first, side, pick):
    pair.new_first = new_first
    blind.pair_pick(pair=pair, side=side)
    blind.pair_pick(pair=pair, side="neither")
    pair.refresh_from_db()
    assert pair.pick == pick


def test_the_page_does_not_tell_whose_words_they_are_until_the_pick(pair, persona, visitor, both):
    address = reverse("blind", args=[persona.pk])
    page = visitor.get(address).content.decode().split("<main")[1]
    assert page.index("New words.") < page.index("Old words.")
    assert "ersion 2" not in page
    done = visitor.post(reverse("blind_pick", args=[persona.pk, pair.pk]), {"side": "second"}, follow=True)
    assert "That was version 1." in done.content.decode()
    assert reverse("version_current", args=[persona.pk, both[0].pk]) in done.content.decode()


def test_the_next_pair_is_made_by_the_page(engine, told, persona, visitor, both):
    engine.replies = [["By the sea."], ["In Nida."]]
    page = visitor.post(reverse("blind", args=[persona.pk]), follow=True).content.decode()
    assert "By the sea." in page
    engine.status["/v1/rerank"] = 500
    BlindPair.objects.update(pick="old")
    failed = visitor.post(reverse("blind", args=[persona.pk]))
    assert failed.status_code == 503
    assert "failed while it answered" in failed.content.decode()


def test_a_pair_that_is_the_same_is_a_message_and_no_mistake(engine, told, persona, visitor, both):
    done = visitor.post(reverse("blind", args=[persona.pk]), follow=True)
    assert done.status_code == 200
    assert "word for word" in done.content.decode()


def test_one_version_is_nothing_to_compare(persona, version, visitor):
    assert "only one version" in visitor.get(reverse("blind", args=[persona.pk])).content.decode()
