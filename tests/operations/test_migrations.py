"""Expand, fill, tighten: while a release rolls out, the code before it works on the tables after it."""

import pytest
from django.apps import apps
from django.db import connection, connections, models
from django.db.migrations import RunPython, RunSQL
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

from persona_site.sqlite.base import DatabaseWrapper
from tests.operations.rows import rows_make

# The newest migration of each app in the last release; docs/upgrading.md says when it moves.
RELEASED = {
    "chat": "0003_translation_and_telegram",
    "fidelity": "0002_friends",
    "persona_site": "0001_initial",
    "questionnaires": "0007_agreement_by_topic",
    "sessions": "0001_initial",
    "training": "0002_providers",
}
# "app.Model.field: what" -> why the release before can live with it.
ALLOWED = {
    "training.TrainingRun.an_order_once: a constraint on rows that the old code writes": (
        "Its condition leaves out rows without a program's name for the order, and the old code gives none."
    ),
}
OURS = {"accounts", "api", "chat", "fidelity", "operations", "persona_site", "privacy", "questionnaires", "training"}


def state_at(loader, nodes):
    return loader.project_state([node for node in nodes if node in loader.graph.nodes])


def dangers(before, after):
    """What the code of `before` would stumble over in the tables of `after`; one line each."""
    found = []
    for key, old in before.models.items():
        new, name = after.models.get(key), f"{old.app_label}.{old.name}"
        if new is None:
            found.append(f"{name}: the table is gone or renamed")
            continue
        found += [f"{name}.{field}: {what}" for field, what in _dangers_of_fields(old, new)]
        known = {constraint.name for constraint in old.options.get("constraints", [])}
        for constraint in new.options.get("constraints", []):
            if constraint.name not in known:
                found.append(f"{name}.{constraint.name}: a constraint on rows that the old code writes")
    return found


def _dangers_of_fields(old, new):
    for name, field in old.fields.items():
        if name not in new.fields:
            yield name, "the column is gone or renamed"
        elif changed := _tightened(field, new.fields[name]):
            yield name, changed
    for name, field in new.fields.items():
        is_column = name not in old.fields and not isinstance(field, models.ManyToManyField)
        if is_column and not field.null and field.db_default is NOT_PROVIDED:
            yield name, "the old code does not fill it: null or db_default"


def _tightened(old, new):
    if old.get_internal_type() != new.get_internal_type():
        return "another type"
    if old.null and not new.null:
        return "must not be empty any more"
    if (new.unique and not old.unique) or old.db_column != new.db_column:
        return "unique now, or of another name"
    if new.max_length and (old.max_length or 10**9) > new.max_length:
        return "shorter"
    return ""


@pytest.fixture(scope="module")
def loader():
    return MigrationLoader(None)


def test_the_release_before_can_live_with_the_tables_of_this_one(loader):
    before = state_at(loader, RELEASED.items())
    after = state_at(loader, loader.graph.leaf_nodes())
    found = [line for line in dangers(before, after) if line.split(".")[0] in OURS and line not in ALLOWED]
    assert not found, "See docs/upgrading.md:\n" + "\n".join(found)


def test_each_exception_is_one(loader):
    found = dangers(state_at(loader, RELEASED.items()), state_at(loader, loader.graph.leaf_nodes()))
    assert set(ALLOWED) <= set(found), "an exception that is none any more: remove it"
    assert all(len(reason) > 20 for reason in ALLOWED.values())


def test_each_migration_has_a_way_back(loader):
    one_way = [
        f"{node[0]}.{node[1]}"
        for node, migration in loader.disk_migrations.items()
        if node[0] in OURS
        for operation in migration.operations
        if isinstance(operation, RunPython | RunSQL) and not operation.reversible
    ]
    assert one_way == []


@pytest.mark.parametrize(
    ("field", "what"),
    [
        (None, "gone"),
        (models.TextField(), "another type"),
        (models.CharField(max_length=5, null=True), "shorter"),
        (models.CharField(max_length=10), "empty"),
        (models.CharField(max_length=10, null=True, unique=True), "unique"),
    ],
)
def test_the_gate_sees_what_is_dangerous(field, what, loader):
    before = state_at(loader, RELEASED.items())
    key = ("training", "connection")
    before.models[key].fields["x"] = models.CharField(max_length=10, null=True)
    after = before.clone()
    after.models[key].fields = dict(after.models[key].fields)
    if field is None:
        del after.models[key].fields["x"]
    else:
        after.models[key].fields["x"] = field
    (line,) = dangers(before, after)
    assert what in line
    assert line.startswith("training.Connection.x")


def test_the_gate_sees_a_new_column_that_nobody_fills(loader):
    before = state_at(loader, RELEASED.items())
    after = before.clone()
    fields = {"safe": models.IntegerField(default=0, db_default=0), "empty": models.IntegerField(null=True)}
    key = ("training", "connection")
    after.models[key].fields = before.models[key].fields | fields | {"bad": models.IntegerField(default=0)}
    assert [line.split(":")[0] for line in dangers(before, after)] == ["training.Connection.bad"]


@pytest.fixture
def released(tmp_path, django_db_blocker):
    """A database of its own in the place of "default": what migrations do to rows, they do to those of that."""
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    settings = connection.settings_dict | {"NAME": tmp_path / "released.sqlite3", "OPTIONS": options}
    own, connections["default"] = connections["default"], DatabaseWrapper(settings, "default")
    with django_db_blocker.unblock():
        yield connections["default"]
        connections["default"].close()
    connections["default"] = own


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's tables are made anew, which is the harder case")
def test_rows_of_the_release_before_migrate_and_its_code_goes_on_writing(released):
    before = MigrationExecutor(released).migrate(list(RELEASED.items()))
    made = rows_make(before.apps)
    assert len(made) > 25
    executor = MigrationExecutor(released)
    executor.migrate(executor.loader.graph.leaf_nodes())
    again = rows_make(before.apps, numbers=(2, 3))
    assert set(again) == set(made)
    ours = [model for model in apps.get_models() if model._meta.label in made and model._meta.app_label in OURS]
    assert len(ours) > 20
    for model in ours:  # the new code reads what the old code wrote
        assert model._base_manager.count() == len(list(model._base_manager.all())) == 4
