from __future__ import annotations

import random

from questionnaires.dataset import Item, split_items
from questionnaires.dataset.similarity import jaccard, near_duplicates

SUBJECTS = ("piano", "river", "bread", "winter", "sister", "bicycle", "school", "money", "garden", "music")
VERBS = ("love", "fear", "buy", "forget", "repair", "lose", "admire", "draw", "avoid", "miss")
ITEMS = [
    Item(f"Which {subject} did you {verb}?", f"{verb} {subject} answer with words {index}", source=str(index))
    for index, (subject, verb) in enumerate((subject, verb) for subject in SUBJECTS for verb in VERBS)
]


def test_about_a_tenth_is_held_out_and_nothing_is_lost() -> None:
    parts = split_items(ITEMS)
    assert 4 <= len(parts.validation) <= 18
    assert sorted((*parts.training, *parts.validation), key=ITEMS.index) == ITEMS


def test_the_order_of_the_items_does_not_matter() -> None:
    mixed = random.Random(1).sample(ITEMS, len(ITEMS))
    assert set(split_items(mixed).validation) == set(split_items(ITEMS).validation)


def test_an_item_stays_on_its_side_when_others_are_added() -> None:
    before, after = split_items(ITEMS[:60]), split_items(ITEMS)
    assert set(before.validation) <= set(after.validation)
    assert set(before.training) <= set(after.training)


def test_from_ten_items_at_least_one_is_held_out_and_below_none() -> None:
    assert all(split_items(ITEMS[start : start + 10]).validation for start in range(90))
    assert split_items(ITEMS[:9]).validation == ()
    assert split_items([]).training == ()


def test_near_duplicates_are_never_on_both_sides() -> None:
    copies = [Item(item.question.upper() + "!!", f"Another answer {item.source}", source="c") for item in ITEMS]
    parts = split_items([*ITEMS, *copies])
    held_out = {item.question.lower().rstrip("?!") for item in parts.validation}
    assert held_out
    assert not held_out & {item.question.lower().rstrip("?!") for item in parts.training}


def test_a_repeated_answer_or_a_shared_wording_keeps_items_together() -> None:
    answer = "I tune and repair pianos in schools and homes."
    pair = [Item("What is your job?", answer), Item("How do you earn money?", answer.lower())]
    shared = [
        Item("Where is home?", "Ghent.", ("Your town?",)),
        Item("City of choice?", "A small one.", ("your town",)),
    ]
    for validation in (split_items([*ITEMS[:n], *pair, *shared]).validation for n in range(10, 100)):
        assert len(set(validation) & set(pair)) in (0, 2)
        assert len(set(validation) & set(shared)) in (0, 2)


def test_when_all_items_are_copies_nothing_is_held_out() -> None:
    parts = split_items([Item("Same?", f"Answer {index}") for index in range(20)])
    assert (len(parts.training), len(parts.validation)) == (20, 0)


def test_no_similar_pair_is_missed() -> None:
    drawn = random.Random(2)
    for threshold in (0.5, 0.7, 0.85):
        sets = [frozenset(drawn.sample(range(14), drawn.randint(0, 10))) for _ in range(150)]
        found = set(near_duplicates(sets, threshold))
        distinct = [index for index, each in enumerate(sets) if each and sets.index(each) == index]
        expected = {(i, j) for i in distinct for j in distinct if i < j and jaccard(sets[i], sets[j]) >= threshold}
        copies = {(sets.index(each), j) for j, each in enumerate(sets) if each and sets.index(each) != j}
        assert found == expected | copies
