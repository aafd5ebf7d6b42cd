"""A run at the stand-in, for the tests of remote trainings."""

from questionnaires.services import dataset_build
from training.connections import Fields, connection_create, host_of
from training.execution import run_execute
from training.models import TrainingRun
from training.row_files import row_files
from training.services import run_create

MODEL = "gpt-4.1-mini-2025-04-14"


def connect_to(standin, owner, preset="openai", **fields):
    """A connection to the stand-in with its key."""
    given = {"name": "Stand-in", "base_url": standin.base_url, "key": standin.key, **fields}
    return connection_create(owner=owner, preset=preset, fields=Fields(**given))


def consent_to(connection, persona, recipe="quick", format="chat", seed=0):
    items = dataset_build(persona=persona)
    files = row_files(items, name=persona.name, format=format, recipe=recipe, seed=seed, is_local=False)
    return {"to": host_of(connection), "at": "2026-11-23T05:00:00+00:00", "sha256": files.sha256}


def remote_run(persona, connection, **more):
    given = {"recipe": "quick", "base_model": MODEL, "overrides": {"epochs": 3}}
    return run_create(
        persona=persona, connection=connection, consent=consent_to(connection, persona), **{**given, **more}
    )[0]


def look(run, times=1):
    """Lets a worker work on it now, whenever it would be due; returns the run as it is then."""
    for _number in range(times):
        TrainingRun.objects.filter(pk=run.pk).update(not_before=None)
        run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run


def look_until(run, states, times=20):
    for _number in range(times):
        if look(run).state in states:
            return run
    raise AssertionError(f"It stays {run.state}: {run.error or run.remote}")
