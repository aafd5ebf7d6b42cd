"""The people of the tests: an owner, a stranger, and a persona with answers."""

import atexit
import shutil
import tempfile

import pytest
from django.db import connections
from django.test import Client

# A file: threads that share SQLite's memory fail with "table is locked", which no real database does. Of this process
# alone: DATA_DIR may be shared.
if connections["default"].vendor == "sqlite":
    FOLDER = tempfile.mkdtemp(prefix="persona-tests-db-")
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    connections["default"].settings_dict["TEST"]["NAME"] = f"{FOLDER}/test.sqlite3"


def pytest_collection_modifyitems(items):
    """Files with slow tests begin first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def english():
    """A page that was asked for in Russian leaves its thread in Russian."""
    from django.utils import translation

    translation.activate("en")


@pytest.fixture
def owner(db):
    from persona_site.entry import owner_get

    return owner_get()


@pytest.fixture
def stranger(db, django_user_model):
    return django_user_model.objects.create_user("stranger")


@pytest.fixture
def client_of():
    """A browser that somebody is logged in with."""

    def make(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def visitor(owner, client_of) -> Client:
    return client_of(owner)


@pytest.fixture
def persona(owner):
    from questionnaires.models import Persona

    return Persona.objects.create(owner=owner, name="Ada", language="en")


@pytest.fixture
def standin():
    """A provider of fine-tuning on loopback (tests/provider_standin)."""
    from tests.provider_standin import Standin

    with Standin() as running:
        yield running
