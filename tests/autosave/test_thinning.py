"""Old revisions are thinned, and what counts of them stays."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires import services
from questionnaires.history import history_get
from questionnaires.models import AnswerRevision
from questionnaires.thinning import ALL, HOURLY, Kept, histories_thin, revisions_to_thin

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def rows_of(*hours, special=()):
    """Revisions of so many hours ago, oldest first; their ids count from 0."""
    return [Kept(n, NOW - timedelta(hours=each), n in special) for n, each in enumerate(hours)]


def test_a_day_is_kept_whole_then_the_last_of_each_hour_then_of_each_day():
    rows = rows_of(999, 230.9, 230.5, 230.1, 228, 51.9, 51.5, 51.1, 50, 23.9, 23.8, 23.7)
    # Ten days ago were 21:06 to 00:00 UTC (a day ends between), two days ago 08:06 to 10:00.
    assert revisions_to_thin(rows, NOW) == [1, 2, 5, 6]


def test_the_first_the_last_and_the_special_ones_never_go():
    assert revisions_to_thin(rows_of(50.9, 50.8, 50.7), NOW) == []
    assert revisions_to_thin(rows_of(50.9, 50.8, 50.7, 50.6, special={1}), NOW) == []
    assert revisions_to_thin(rows_of(50.9, 50.8, 50.7, 50.6), NOW) == [1]
    # A conflict that came later does not make the stored text one that may go.
    assert revisions_to_thin(rows_of(50.9, 50.8, 50.7, special={2}), NOW) == []


@given(st.lists(st.tuples(st.floats(0, 3000), st.booleans()), max_size=60))
def test_whatever_the_history_is(entries):
    ordered = sorted(entries, reverse=True)
    rows = rows_of(*[hours for hours, _special in ordered], special={n for n, e in enumerate(ordered) if e[1]})
    gone = set(revisions_to_thin(rows, NOW))
    left = [row for row in rows if row.id not in gone]
    assert revisions_to_thin(left, NOW) == []  # once is enough
    plain = [row for row in rows if not row.is_special]
    assert not gone & {row.id for row in rows if row.is_special or NOW - row.at <= ALL or row in (plain[0], plain[-1])}
    for row in rows:
        if row.id in gone:
            span = timedelta(hours=1) if NOW - row.at <= HOURLY else timedelta(days=1)
            assert any(timedelta(0) <= other.at - row.at <= span for other in left)


@pytest.fixture
def written(persona):
    """An answer with six revisions: from 40 days ago, of one hour two days ago, and of now."""
    asked = services.question_create(persona=persona, text="What do you count?")
    for number in range(6):
        services.answer_save(
            persona=persona, question=asked, text=f"Text {number}.", base_revision=number, operation_id=f"op-{number}"
        )
    for number, hours in enumerate([40 * 24, 51.9, 51.8, 51.7, 51.6, 0]):
        AnswerRevision.objects.filter(operation_id=f"op-{number}").update(created_at=NOW - timedelta(hours=hours))
    return asked


def again(persona, asked, number):
    return services.answer_save(
        persona=persona, question=asked, text=f"Text {number}.", base_revision=number, operation_id=f"op-{number}"
    )


def test_a_thinned_save_that_is_repeated_gets_its_first_reply(persona, written):
    before = [again(persona, written, number) for number in range(6)]
    assert histories_thin(now=NOW) == 3
    assert [again(persona, written, number) for number in range(6)] == before
    assert AnswerRevision.objects.count() == 6
    assert not AnswerRevision.objects.filter(thinned=True).exclude(text="").exists()
    assert [entry.parts[-1][1] for entry in history_get(persona=persona, question=written)][-1] == "Text 0."
    assert len(history_get(persona=persona, question=written)) == 3


def test_after_a_month_the_thinned_rows_go_too(persona, written):
    histories_thin(now=NOW)
    histories_thin(now=NOW + timedelta(days=29))
    assert set(AnswerRevision.objects.values_list("operation_id", flat=True)) == {"op-0", "op-4", "op-5"}


def test_thinning_reads_all_histories_at_once(persona, written, django_assert_max_num_queries):
    histories_thin(now=NOW)
    with django_assert_max_num_queries(3):
        assert histories_thin(now=NOW) == 0
