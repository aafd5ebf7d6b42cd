"""No table with something of a person is forgotten."""

import re

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import ForeignKey

from privacy.catalogue import LEFT_OUT, TABLES
from privacy.erasure_scope import Scope
from questionnaires.models import Persona

SECRET = re.compile(r"sealed|secret|token|digest|password|hint|key$")
NO_SECRETS = {  # columns whose names sound like secrets and hold none
    "questionnaires.AnswerRevision.digest": "of a text that is gone",
    "questionnaires.LeftFinding.key": "which finding",
    "accounts.Quota.chat_tokens": "of a model: how many",
    "chat.TranslatedText.digest": "of what was translated",
    "training.TrainingRun.client_key": "a program's own name for its order",
}
OURS_ALONE = {"admin", "contenttypes", "sessions", "socialaccount"}


def of_persons():
    """Models whose rows belong to an account or to a persona."""
    for model in apps.get_models():
        keys = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
        if any(key.related_model in {User, Persona} for key in keys) and model._meta.app_label not in OURS_ALONE:
            yield model._meta.label


def test_every_table_of_a_person_is_in_the_archive_or_has_a_reason():
    listed = {table.label for table in TABLES}
    forgotten = set(of_persons()) - listed - set(LEFT_OUT)
    assert not forgotten, f"{sorted(forgotten)}: name them in privacy/catalogue.py, in TABLES or in LEFT_OUT"
    assert not listed & set(LEFT_OUT)
    for label in LEFT_OUT:
        apps.get_model(label)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_secret_is_in_the_archive(table):
    named = {f"{table.label}.{field.name}" for field in table.fields() if SECRET.search(field.name)}
    assert named <= set(NO_SECRETS), f"{named}: omit them, or say in this test why they are no secrets"


def test_every_table_of_a_persona_goes_with_it(db):
    """What hangs on a row of a persona has a path to it, so that it is counted."""
    counted = {label for label, _rows in Scope(User(pk=1), Persona().pk).tables()}
    missing = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey)
        and not field.null
        and field.related_model._meta.label in counted
        and model._meta.label not in counted
    }
    assert not missing, f"{sorted(missing)}: say in privacy/erasure_scope.py how they lead to a persona"
