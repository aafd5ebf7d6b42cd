"""Result files and events of providers, in all the forms that they come in."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.providers.remote_events import lines, new_events, state_of
from training.providers.result_files import read_metrics

CSV = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,3.5,0.2,,\n2,2.5,0.4,2.75,0.5\n"
ROWS = [
    {"step": 1, "train_loss": 3.5, "train_mean_token_accuracy": 0.2},
    {
        "step": 2,
        "train_loss": 2.5,
        "train_mean_token_accuracy": 0.4,
        "valid_loss": 2.75,
        "valid_mean_token_accuracy": 0.5,
    },
]


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CSV,
        base64.b64encode(CSV),
        base64.encodebytes(CSV),
        CSV.replace(b"\n1,", b"\nnot a step,9,9,9,9\n1,"),
        b"\n".join([CSV.split(b"\n")[0], *CSV.split(b"\n")[2:0:-1]]),
    ],
    ids=["plain", "crlf", "bom", "base64", "base64 in lines", "a torn row", "backwards"],
)
def test_the_same_rows_whatever_the_form(content):
    assert read_metrics(content) == ROWS


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"<html>,", b"a,b\n1,2\n", b"step\n", b'step,"\n'])
def test_another_file_has_no_rows(content):
    assert read_metrics(content) == []


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reading(content):
    assert all(isinstance(row["step"], int) for row in read_metrics(b"step,train_loss\n" + content))


def test_numbers_that_are_none_are_left_out():
    content = b"step,train_loss,valid_loss\n1,nan,inf\n2,-,1e400\n3,,0.5\n"
    assert read_metrics(content) == [{"step": 1}, {"step": 2}, {"step": 3, "valid_loss": 0.5}]


def metrics(**data):
    return {"id": "e", "created_at": 7, "type": "metrics", "message": "Step", "data": data}


def test_a_metrics_event_is_a_step_and_the_better_of_its_validations():
    told = metrics(step="4", total_steps=8, train_loss=1.5, valid_loss=2.0, full_valid_loss=1.75)
    assert list(lines(told)) == [
        {"event": "step", "at": 7.0, "step": 4, "total_steps": 8, "loss": 1.5},
        {"event": "validation", "at": 7.0, "step": 4, "loss": 1.75, "full": True},
    ]


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (metrics(step=1, train_loss=None), 0),
        (metrics(step=1, train_loss=True), 0),
        (metrics(step=None), 1),
        ({"id": "e"}, 0),
        ({"id": "e", "message": "Hello", "data": None}, 1),
        ({"id": "e", "message": "Hello", "data": [], "created_at": "soon"}, 1),
    ],
)
def test_odd_events_do_no_harm(told, count):
    assert len(list(lines(told))) == count


@pytest.mark.parametrize(("told", "kept"), [(-5, 0), (1e300, 2_000_000_000), ("7", 7)])
def test_a_step_fits_its_column(told, kept):
    assert [line["step"] for line in lines(metrics(step=told, train_loss=1.0))] == [kept]


def test_events_come_once_and_in_order():
    rows = [{"id": name, "created_at": at} for name, at in [("b", 2), ("a", 2), ("c", 1), ("a", 2), ("d", 3)]]
    assert [row["id"] for row in new_events(rows, {"d"})] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("status", "step", "state"),
    [
        ("validating_files", 0, "validating"),
        ("queued", 0, "validating"),
        ("running", 3, "training"),
        ("running", 6, "evaluating"),
        ("paused", 3, "paused"),
        ("pausing", 3, ""),
        ("thinking", 3, ""),
        ("", 0, ""),
    ],
)
def test_statuses(status, step, state):
    assert state_of(status, step, 6) == state
