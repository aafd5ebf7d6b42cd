"""The files of deploy/: they name settings and programs that there are, and can be read by what reads them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from persona_site.environment import Environment
from persona_site.programs import site_programs

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = set(Environment.model_fields)


@pytest.fixture
def roles(settings):
    settings.REDIS_URL, settings.ENGINE_HOST = "redis://x", "0.0.0.0"
    return {program.name for program in site_programs()}


@pytest.fixture
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture
def objects():
    texts = [path.read_text() for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    return [each for text in texts for each in yaml.safe_load_all(text)]


def names_in(path):
    return set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", path.read_text(), re.M))


def test_compose_names_settings_and_programs_that_there_are(compose, roles):
    services = {name: each for name, each in compose["services"].items() if each["image"] == "persona"}
    assert set(services) == {"web", "io", "train", "engine1", "engine2"}
    for service in services.values():
        assert set(service["command"]) <= roles
        assert set(service["environment"]) <= SETTINGS
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(compose["volumes"])
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))


def test_compose_reaches_its_own_services(compose):
    common = compose["services"]["web"]["environment"]
    hosts = set(re.findall(r"//(?:[^@/]*@)?([a-z0-9]+):", " ".join(map(str, common.values()))))
    assert hosts == {"postgres", "valkey", "engine1", "engine2"} <= set(compose["services"])


def test_kubernetes_names_settings_and_programs_that_there_are(objects, roles):
    for each in objects:
        if each["kind"] in {"ConfigMap", "Secret"}:
            assert set(each.get("data") or each["stringData"]) <= SETTINGS
        if each["kind"] in {"Deployment", "StatefulSet"}:
            template = each["spec"]["template"]
            assert template["metadata"]["labels"] == each["spec"]["selector"]["matchLabels"]
            for container in template["spec"]["containers"]:
                assert set(container["args"]) <= roles
                assert {one["name"] for one in container.get("env", ())} <= SETTINGS
    assert {each["metadata"].get("namespace", "persona") for each in objects} == {"persona"}


def test_kubernetes_engines_have_the_names_that_the_others_ask(objects):
    [site] = [each for each in objects if each["kind"] == "ConfigMap"]
    [engine] = [each for each in objects if each["kind"] == "StatefulSet" and each["metadata"]["name"] == "engine"]
    count, service = engine["spec"]["replicas"], engine["spec"]["serviceName"]
    wanted = ",".join(f"http://engine-{number}.{service}:8766" for number in range(count))
    assert site["data"]["ENGINE_URLS"] == wanted


def test_files_of_settings_name_those_that_there_are():
    assert names_in(DEPLOY / "env.example") <= SETTINGS
    assert names_in(DEPLOY / "systemd" / "env.example") <= SETTINGS | {"ROLES"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", ["persona.service", "persona-versions.service"])
def test_systemd_reads_its_units(name, tmp_path):
    unit = tmp_path / name
    text = (DEPLOY / "systemd" / name).read_text()
    unit.write_text(text.replace("/srv/persona/.venv/bin/python", "/bin/true").replace("User=persona", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if line.startswith(name) or name in line]
    assert not faults


def test_the_image_has_what_the_roles_need():
    text = (DEPLOY / "Dockerfile").read_text()
    assert "requirements-server.txt" in text and "\nUSER persona\n" in text
    assert re.search(r'ENTRYPOINT .*"up", "--no-browser", "--only"\]', text)
