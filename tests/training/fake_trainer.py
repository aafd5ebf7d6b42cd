"""Speaks engine.train's contract without a model: seconds instead of minutes.

What it does comes from the environment variable FAKE_TRAINER (JSON: steps, seconds, exit, at, message, ignore_term,
bytes), and for one run alone from `overrides` in its job.json: {"fake": {...}}.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
plan = {"steps": 6, "seconds": 0.02, "exit": 0, "at": None, "message": "", "ignore_term": False, "bytes": 0}
job = json.loads((folder / "job.json").read_text())
plan |= json.loads(os.environ.get("FAKE_TRAINER", "{}")) | job.get("overrides", {}).get("fake", {})
stopping = []
signal.signal(signal.SIGTERM, signal.SIG_IGN if plan["ignore_term"] else lambda *_: stopping.append(1))


def tell(event, **data):
    with (folder / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "at": time.time(), **data}) + "\n")


def save(step):
    (folder / "checkpoints").mkdir(exist_ok=True)
    part = folder / "checkpoints" / "part"  # as the real one: a kill leaves the old one or the new one
    part.write_text(str(step))
    part.replace(folder / "checkpoints" / "step")
    tell("checkpoint", step=step)


def finish(code, message):
    if message:
        tell("error", message=message, code="fake")
    sys.exit(code)


ballast = bytearray(plan["bytes"])
saved = folder / "checkpoints" / "step"
first = int(saved.read_text()) + 1 if saved.exists() else 1
tell("state", state="preparing")
tell("state", state="training")
(folder / "pid").write_text(str(os.getpid()))
for step in range(first, plan["steps"] + 1):
    time.sleep(plan["seconds"])
    tell(
        "step",
        step=step,
        total_steps=plan["steps"],
        epoch=1.0,
        loss=3.0 / step,
        tokens_per_second=500,
        seconds_left=(plan["steps"] - step) * plan["seconds"],
    )
    if step % 2 == 0:
        tell("validation", step=step, loss=3.2 / step, token_accuracy=0.5)
        for sample in job["samples"][:1]:
            tell("sample", step=step, question=sample["question"], expected=sample["expected"], reply=f"Reply {step}")
        save(step)
    if plan["at"] == step:
        finish(plan["exit"], plan["message"])
    if stopping:
        save(step)
        sys.exit(3)
tell("state", state="evaluating")
tell("state", state="publishing")
part = folder / "output.part"
part.mkdir(exist_ok=True)
result = {"steps": plan["steps"], "validation_loss": 0.5, "token_accuracy": 0.6, "seconds": 1.0, "first_step": first}
(part / "adapter_model.safetensors").write_bytes(b"weights")
(part / "result.json").write_text(json.dumps(result))
part.rename(folder / "output")
tell("done", result=result)
