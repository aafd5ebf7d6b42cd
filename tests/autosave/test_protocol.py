"""The protocol of autosave under random faults: static/js/draft-keeper.js in Node, with a server in the same process.

`node tests/autosave/campaign.mjs 10000` runs more of them. What that server answered is compared with the real one.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.urls import reverse

from questionnaires import services

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")
SCRIPTS = ["static/js/draft-keeper.js", "static/js/draft-shelf.js"]
HERE = ["campaign.mjs", "world.mjs", "server.mjs"]

pytestmark = pytest.mark.skipif(not NODE, reason="Node is not installed")


def campaign(root: Path, *arguments: object) -> subprocess.CompletedProcess:
    command = [NODE, root / "tests" / "autosave" / "campaign.mjs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_in_two_thousand_histories_no_text_is_lost(tmp_path):
    done = campaign(ROOT, 2000)
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)
    assert totals["runs"] == 2000
    assert totals["saves"] > 10_000
    assert totals["conflicts"] > 1_000
    assert totals["acknowledged"] > 2_000


KEEPER, SHELF, SERVER = SCRIPTS[0], SCRIPTS[1], "tests/autosave/server.mjs"
MUTATIONS = {
    "typed text goes to the network alone": (
        KEEPER,
        "    this.text = text;\n    this.keep();",
        "    this.text = text;",
    ),
    "saved is said whatever the hash": (KEEPER, "!== reply.sha256", "=== null"),
    "the draft goes when the save sets off": (
        KEEPER,
        "this.pending ??= this.newSave([]);\n      this.keep();",
        "this.pending ??= this.newSave([]);\n      this.world.shelf.drop();",
    ),
    "each try is an operation of its own": (
        KEEPER,
        "this.pending ??= this.newSave([])",
        "this.pending = this.newSave([])",
    ),
    "a save that was never sent again": (KEEPER, "this.pending = record.pending ?? null", "this.pending = null"),
    "text written while a save is under way is taken for saved": (
        KEEPER,
        "this.saved = text;\n    this.revision = reply.revision;",
        "this.saved = this.text;\n    this.revision = reply.revision;",
    ),
    "an ended session ends the draft": (
        KEEPER,
        'return this.retry("locked")',
        "return (this.pending = null, this.saved = this.text, this.keep(), false)",
    ),
    "a lost connection ends the draft": (
        KEEPER,
        'catch { return this.retry("offline"); }',
        "catch { this.pending = null; this.saved = this.text; this.keep(); return false; }",
    ),
    "a conflict is taken for a save": (
        KEEPER,
        "    this.conflict = reply;\n",
        "    this.saved = this.text; this.pending = null; this.keep(); return true;\n",
    ),
    "what was sent while leaving is forgotten": (
        KEEPER,
        "const follows = [...this.flown, ...more]",
        "const follows = [...more]",
    ),
    "another tab's text replaces one that is being written": (KEEPER, "if (this.isDirty || revision", "if (revision"),
    "all tabs share one draft": (
        SHELF,
        "Object.assign(this, { storage, key, existing, now });",
        "Object.assign(this, { storage, key: key.slice(0, 25), existing, now });",
    ),
    "a draft is removed before it is taken over": (
        SHELF,
        "if (record && this.put(record)) this.storage.removeItem(key);\n    return record;",
        "this.storage.removeItem(key);\n    return null;",
    ),
    "a save based on an old revision overwrites": (SERVER, "if (!this.fits(save)) return this.outdated(save);", ""),
    "a conflicting text is not kept": (SERVER, "    this.keep(save, true);\n", ""),
    "a repeated operation is stored again": (SERVER, "let seen = this.find(save.operation);", "let seen = null;"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_protocol_is_found_out(name, tmp_path):
    for part in (*SCRIPTS, *(f"tests/autosave/{file}" for file in HERE)):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    file, old, new = MUTATIONS[name]
    text = (tmp_path / file).read_text("utf-8")
    assert text.count(old) == 1
    (tmp_path / file).write_text(text.replace(old, new), "utf-8")
    done = campaign(tmp_path, 2000)
    assert done.returncode == 1, "nothing was noticed"


def test_the_server_of_the_histories_answers_as_the_real_one(tmp_path, visitor, persona):
    assert campaign(ROOT, 25, 5000, "--trace", tmp_path / "traces.json", 25).returncode == 0
    for number, trace in enumerate(json.loads((tmp_path / "traces.json").read_text("utf-8"))):
        asked = services.question_create(persona=persona, text=f"Question {number}?")
        address = reverse("answer", args=[persona.pk, asked.slug])
        for save, expected in trace:
            response = visitor.put(address, json.dumps(save), content_type="application/json")
            reply = {key: value for key, value in response.json().items() if key not in {"merged", "parts"}}
            assert {"status": response.status_code, "reply": reply} == expected, save
