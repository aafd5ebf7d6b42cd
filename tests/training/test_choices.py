"""What a form may ask for, and the sentence for what it may not."""

import pytest

from engine.recipes import RECIPES as ENGINE_RECIPES
from training.choices import REMOTE_EPOCHS, choice_read, settable
from training.connections import Fields, connection_create
from training.providers.presets import presets

pytestmark = pytest.mark.django_db


@pytest.fixture
def connect(owner):
    def make(preset):
        fields = Fields("", presets()[preset].base_url or "https://a.example/v1", "sk-0123456789abcdef")
        return connection_create(owner=owner, preset=preset, fields=fields)

    return make


def test_an_empty_form_is_the_usual_training(settings):
    reading = choice_read({}, None)
    assert reading.faults == {}
    choice = reading.choice
    assert (choice.base_model, choice.recipe, choice.format) == (settings.BASE_MODEL, "quick", "chat")
    assert (choice.epochs, choice.hyperparameters) == (ENGINE_RECIPES["quick"].epochs, {})


def test_what_was_set_is_taken_with_a_comma_too():
    reading = choice_read({"epochs": "2", "learning_rate": "0,0005", "rank": " 8 ", "seed": "7"}, None)
    assert reading.choice.hyperparameters == {"epochs": 2, "learning_rate": 0.0005, "rank": 8}
    assert (reading.choice.seed, reading.choice.epochs) == (7, 2)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("epochs", "0", "must be a whole number from 1 to 20"),
        ("epochs", "2.5", "must be a whole number"),
        ("learning_rate", "5", "must be a number from 0.000001 to 0.1"),
        ("learning_rate", "nan", "must be a number"),
        ("rank", "1000", "from 1 to 256"),
        ("seed", "-1", "must be a whole number"),
        ("recipe", "magic", "Choose one of: quick, thorough"),
        ("format", "parquet", "Choose one of: chat, marker"),
        ("model", "m" * 201, "no name of a model"),
        ("other_model", "a\x00b", "no name of a model"),
    ],
)
def test_a_wrong_field_is_a_sentence_and_the_rest_stays(field, value, sentence):
    reading = choice_read({"batch_rows": "4", field: value}, None)
    assert sentence in reading.sentence
    assert reading.choice.overrides == {"batch_rows": 4}


def test_a_provider_takes_its_own_fields_alone(connect):
    data = {"rank": "8", "learning_rate": "0.001", "learning_rate_multiplier": "2", "batch_rows": "4"}
    openai = choice_read(data, connect("openai")).choice
    assert openai.hyperparameters == {"learning_rate_multiplier": 2.0, "batch_rows": 4, "epochs": REMOTE_EPOCHS}
    nebius = choice_read(data, connect("nebius")).choice
    assert nebius.hyperparameters == {"rank": 8, "learning_rate": 0.001, "batch_rows": 4, "epochs": REMOTE_EPOCHS}
    assert "learning_rate_multiplier" not in settable(None)


def test_a_rate_and_its_multiplier_exclude_each_other(connect):
    reading = choice_read({"learning_rate": "0.001", "learning_rate_multiplier": "2"}, connect("crusoe"))
    assert "not both" in reading.sentence


def test_the_format_with_markers_is_refused_where_it_is_not_taken(connect):
    assert choice_read({"format": "marker"}, connect("openai")).sentence
    assert choice_read({"format": "marker"}, connect("nebius")).choice.format == "marker"


def test_a_typed_model_comes_before_the_chosen_one(connect):
    openai = connect("openai")
    assert choice_read({"model": "a", "other_model": " b "}, openai).choice.base_model == "b"
    assert choice_read({}, openai).choice.base_model == presets()["openai"].offers[0].id


def test_the_query_leads_to_the_same_choice(connect):
    from urllib.parse import parse_qsl

    connection = connect("nebius")
    data = {
        "recipe": "thorough",
        "format": "marker",
        "seed": "3",
        "rank": "8",
        "learning_rate": "0.0002",
        "price": "0.4",
    }
    choice = choice_read(data, connection).choice
    assert choice_read(dict(parse_qsl(choice.query)), connection).choice == choice
