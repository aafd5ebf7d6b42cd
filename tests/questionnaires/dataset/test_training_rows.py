from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from questionnaires.dataset import RENDERERS, Item, Renderer, TrainingRows, build, renderer, split_items
from questionnaires.dataset.training_rows import ENOUGH_ROWS, ROUNDS, Recipe

MARKER, CHAT = renderer("marker"), renderer("chat")
WORDS = ("piano", "river", "bread", "winter", "sister", "bicycle", "school", "money", "garden", "music")
ITEMS = [
    Item(
        f"Why {one} and {two}?", f"Because of {two}, {one}.", (f"Is {one} like {two}?", f"{one} or {two}?"), source=one
    )
    for one, two in itertools.combinations(WORDS, 2)
]
formats = pytest.mark.parametrize("rendering", RENDERERS.values(), ids=RENDERERS)


def rows(rendering: Renderer = CHAT, recipe: Recipe = "quick", seed: int = 1) -> TrainingRows:
    return build(ITEMS, renderer=rendering, name="Nora", recipe=recipe, seed=seed)


def has_note(row: dict[str, object]) -> bool:
    return "own words" in str(row) or str(row).count("###") > 1


@formats
def test_quick_is_one_row_an_answer_and_uses_every_wording(rendering: Renderer) -> None:
    many = [*ITEMS, *(replace(item, question=f"{item.question} {turn}") for turn in range(4) for item in ITEMS)]
    built = build(many, renderer=rendering, name="Nora", recipe="quick", seed=1)
    parsed = [rendering.parse(row) for row in built.training]
    assert sorted(answer for _, answer in parsed) == sorted(item.answer for item in split_items(many).training)
    used = Counter("or" if " or " in question else question.split()[0] for question, _ in parsed)
    assert set(used) == {"Why", "Is", "or"}
    assert min(used.values()) >= len(parsed) // 8  # "or" is held out for a third of the questions


@formats
def test_no_row_asks_a_wording_that_is_held_out_to_measure_likeness(rendering: Renderer) -> None:
    held_out = {item.held_out for item in ITEMS} - {""}
    assert len(held_out) > len(ITEMS) // 5
    for recipe in ("quick", "thorough"):
        found = rows(rendering, recipe)
        assert held_out.isdisjoint(rendering.parse(row)[0] for row in (*found.training, *found.validation))


@formats
def test_thorough_is_a_row_for_every_wording(rendering: Renderer) -> None:
    asked = sorted(rendering.parse(row)[0] for row in rows(rendering, "thorough").training)
    assert asked == sorted(question for item in split_items(ITEMS).training for question in item.ways_to_ask)


@formats
@pytest.mark.parametrize("recipe", ["quick", "thorough"])
def test_seven_rows_of_ten_carry_their_own_answer_as_the_note(rendering: Renderer, recipe: Recipe) -> None:
    training = rows(rendering, recipe).training
    noted = [row for row in training if has_note(row)]
    assert len(noted) == len(training) - round(0.3 * len(training))
    assert all(str(row).count(rendering.parse(row)[1]) == 2 for row in noted)
    assert any(has_note(row) for row in training[:5])
    assert not all(has_note(row) for row in training[:5])


@formats
def test_held_out_items_are_validated_with_their_note_and_without(rendering: Renderer) -> None:
    built = rows(rendering)
    held_out = sorted(item.answer for item in split_items(ITEMS).validation)
    for noted in (True, False):
        assert sorted(rendering.parse(row)[1] for row in built.validation if has_note(row) is noted) == held_out


@formats
def test_samples_are_validation_prompts_without_their_answer(rendering: Renderer) -> None:
    built = rows(rendering)
    assert 1 <= len(built.samples) <= 4
    for sample, row in zip(built.samples, built.validation[::2], strict=False):
        assert rendering.parse(sample["row"]) == (sample["question"], "")
        assert rendering.parse(row) == (sample["question"], sample["expected"])


def test_the_same_arguments_give_the_same_rows_and_another_seed_other_wordings() -> None:
    assert rows() == rows()
    assert sorted(map(str, rows().training)) != sorted(map(str, rows(seed=2).training))


def test_few_answers_are_asked_again_with_their_note_and_by_other_wordings() -> None:
    usual, filled = (
        build(ITEMS, renderer=CHAT, name="Nora", recipe="quick", seed=1, fill=fill).training for fill in (False, True)
    )
    further = filled[len(usual) :]
    assert filled[: len(usual)] == usual
    assert len(filled) == min(ENOUGH_ROWS, ROUNDS * len(usual))
    assert all(has_note(row) for row in further)
    times = Counter(CHAT.parse(row)[1] for row in filled)
    assert max(times.values()) <= ROUNDS
    asked = Counter(CHAT.parse(row)[0] for row in filled)
    assert asked.most_common(1)[0][1] < ROUNDS  # they have two wordings at least


def test_enough_answers_and_a_thorough_training_are_left_as_they_are() -> None:
    many = [*ITEMS, *(replace(item, question=f"{item.question} {turn}") for turn in range(4) for item in ITEMS)]
    for items, recipe in ((many, "quick"), (ITEMS, "thorough")):
        usual, filled = (
            build(items, renderer=CHAT, name="Nora", recipe=recipe, seed=1, fill=fill) for fill in (False, True)
        )
        assert usual == filled


def test_an_item_without_wordings_repeats_its_question() -> None:
    built = build([Item("Who?", "Nora.")], renderer=MARKER, name="Nora", recipe="thorough", seed=0)
    assert [MARKER.parse(row) for row in built.training] == [("Who?", "Nora.")]
    assert (built.validation, built.samples) == ([], [])


def test_no_items_give_no_rows() -> None:
    assert build([], renderer=MARKER, name="", recipe="quick", seed=0) == TrainingRows([], [], [])
