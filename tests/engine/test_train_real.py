"""The trainer as a process on the bundled model: killed, stopped, out of disk; and what llama.cpp makes of its work."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.job_folder import JobFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMMAND = [sys.executable, "-m", "engine.train"]


def start(job: JobFolder, *options: str, file_limit: int = 0) -> subprocess.Popen[bytes]:
    def limit() -> None:
        if file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    # Under the limit Python would write its own caches (.pyc) torn, and break every later start.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*COMMAND, *options, str(job.write())]
    return subprocess.Popen(command, preexec_fn=limit, stderr=subprocess.DEVNULL, env=environment)


def wait_for_step(job: JobFolder, step: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        file = job.folder / "progress.jsonl"
        if file.exists() and any(json.loads(line).get("step", 0) >= step for line in file.read_text().splitlines()):
            return
        time.sleep(0.02)


def test_killed_at_a_random_step_it_ends_with_the_same_loss(real_job: JobFolder) -> None:
    """Once: the fault campaign does it at twenty steps."""
    real_job.overrides["epochs"] = 2
    assert start(real_job).wait() == 0
    undisturbed = real_job.events("done")[-1]["result"]["validation_loss"]
    real_job.folder = real_job.folder.with_name("killed")
    process = start(real_job)
    wait_for_step(real_job, random.randrange(1, 5), process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert start(real_job).wait() == 0
    assert real_job.events("done")[-1]["result"]["validation_loss"] == pytest.approx(undisturbed, abs=1e-4)


def test_sigterm_saves_a_checkpoint_and_ends_with_3(real_job: JobFolder) -> None:
    real_job.overrides |= {"epochs": 20, "checkpoint_seconds": 1000}
    process = start(real_job)
    wait_for_step(real_job, 1, process)
    process.terminate()
    assert process.wait(60) == 3
    step = real_job.events("checkpoint")[-1]["step"]
    assert (real_job.folder / "checkpoints" / f"step-{step}" / "state.json").is_file()


def test_a_full_disk_ends_with_5_and_a_sentence(real_job: JobFolder) -> None:
    process = start(real_job, file_limit=1_000_000)  # a checkpoint takes 59 MB
    assert process.wait() == 5
    assert real_job.events("error")[-1]["message"].startswith("The disk is full")
    assert list((real_job.folder / "checkpoints").glob("*")) == []
    assert start(real_job).wait() == 0


def test_it_dies_with_its_parent(real_job: JobFolder) -> None:
    real_job.overrides |= {"epochs": 50}
    script = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); p.wait()"
    command = [sys.executable, "-c", script, *COMMAND, "--die-with-parent", str(real_job.write())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_for_step(real_job, 1, parent)
        parent.kill()
    deadline, alive = time.monotonic() + 60, Path(f"/proc/{child}").exists
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_llama_cpp_says_what_peft_says(real_job: JobFolder) -> None:
    import xllamacpp
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from engine.base_models import resolve
    from engine.data import prompt_text

    real_job.overrides["epochs"] = 3
    assert start(real_job).wait() == 0
    base, output = resolve(real_job.base_model, real_job.cache_dir), real_job.folder / "output"
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base.folder, dtype="float32"), output)
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.verbosity = str(base.gguf), 512, 0
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(output / "adapter.gguf"), 1.0)]
    server = xllamacpp.Server(parameters)
    for row in real_job.rows[1:4]:
        prompt = prompt_text(tokenizer, row)
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        out = model.generate(**ids, max_new_tokens=32, do_sample=False)[0, ids.input_ids.shape[1] :]
        reply = server.handle_completions({"prompt": prompt, "n_predict": 32, "temperature": 0})
        assert reply["choices"][0]["text"] == tokenizer.decode(out, skip_special_tokens=True)
