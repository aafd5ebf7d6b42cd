"""What is over goes, of those who said so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Conversation
from privacy.models import Retention
from privacy.retention import retention_apply
from questionnaires.models import Answer, AnswerRevision
from tests.privacy.whole_life import CANARY, files_with, lead_a_life
from training.models import TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def lives(owner, stranger, bank, settings):
    """Both old; the owner alone wants things to go."""
    for number, who in enumerate((owner, stranger)):
        lead_a_life(who, settings, number=number)
    long_ago = timezone.now() - timedelta(days=100)
    Conversation.objects.update(active_at=long_ago)
    AnswerRevision.objects.update(created_at=long_ago)
    TrainingRun.objects.update(finished_at=long_ago)
    return owner, stranger


def test_nothing_goes_by_itself(lives):
    assert retention_apply() == {"conversations": 0, "revisions": 0, "frozen_rows": 0}
    assert Conversation.objects.count() == 2


def test_what_is_over_goes_and_the_answers_stay(lives, settings):
    owner, stranger = lives
    before = dict(Answer.objects.filter(owner=owner).values_list("pk", "text"))
    Retention.objects.create(owner=owner, conversations=90, revisions=90, frozen_rows=90)
    gone = retention_apply()
    assert gone == {"conversations": 1, "revisions": 15, "frozen_rows": 1}
    assert Conversation.objects.get().owner == stranger
    assert dict(Answer.objects.filter(owner=owner).values_list("pk", "text")) == before
    left = AnswerRevision.objects.filter(owner=owner).exclude(text="")
    assert left.count() == 7
    assert not AnswerRevision.objects.filter(owner=stranger, thinned=True).exists()
    assert not files_with(settings.RUNS_DIR, f"{CANARY} of life 0")
    assert files_with(settings.RUNS_DIR, f"{CANARY} of life 1")


def test_what_is_not_over_stays(lives):
    Retention.objects.create(owner=lives[0], conversations=365, revisions=365, frozen_rows=365)
    assert retention_apply() == {"conversations": 0, "revisions": 0, "frozen_rows": 0}
