"""Replies are written one after the other, and options scored beside them until the last one is written."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from fidelity.models import ReportItem
from fidelity.rounds import SCORERS, asked_side_by_side

FACT, CHOICE = ReportItem.Kind.FACT, ReportItem.Kind.CHOICE
SECONDS = 10


def rows(kind, count):
    return [ReportItem(kind=kind, item=f"{kind} {number}") for number in range(count)]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(SCORERS) as pool:
        yield pool


def test_options_are_scored_while_a_reply_is_written_and_the_rest_waits(pool):
    all_scored, written = Event(), Event()
    asked, choices = [], rows(CHOICE, 4 * SCORERS)

    def ask(row):
        asked.append(row)
        if row.kind == FACT:
            assert all_scored.wait(SECONDS), "nothing was scored beside the reply"
            written.set()
        elif len([each for each in asked if each.kind == CHOICE]) > SCORERS:
            all_scored.set()
            assert written.wait(SECONDS)
        return {"points": row.item}

    answered = asked_side_by_side([*rows(FACT, 1), *choices], ask, pool)
    assert [row.kind for row, _fields in answered].count(FACT) == 1
    assert SCORERS < len(answered) <= 1 + 2 * SCORERS  # those begun when the reply was there, and no more
    assert {row.item for row, _fields in answered} == {row.item for row in asked}
    assert all(fields == {"points": row.item} for row, fields in answered)


def test_replies_are_written_one_at_a_time(pool):
    running = []

    def ask(row):
        running.append(row)
        assert [each.kind for each in running].count(FACT) == 1
        Event().wait(0.01)
        running.remove(row)
        return {}

    assert len(asked_side_by_side(rows(FACT, 5), ask, pool)) == 5


def test_without_replies_all_options_are_scored(pool):
    choices = rows(CHOICE, 7)
    assert [row for row, _fields in asked_side_by_side(choices, lambda row: {}, pool)] == choices


@pytest.mark.parametrize("kind", [FACT, CHOICE])
def test_a_failure_in_either_lane_is_the_round_s(pool, kind):
    scored = Event()

    def ask(row):
        if row.kind == CHOICE:
            scored.set()
        else:
            assert scored.wait(SECONDS)
        if row.kind == kind:
            raise ConnectionError(row.item)
        return {}

    with pytest.raises(ConnectionError):
        asked_side_by_side([*rows(FACT, 1), *rows(CHOICE, 3)], ask, pool)
