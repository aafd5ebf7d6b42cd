"""A trainer of some seconds that makes a version which the real model server can serve: random weights, so small that
the base model shines through. A run with an odd seed is trained for real.

Speaks engine.train's contract (docs/architecture.md): steps with checkpoints, resumed after a kill.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

STEPS, SECONDS = 20, 0.5

folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
if job["seed"] % 2:
    os.execv(sys.executable, [sys.executable, "-m", "engine.train", *sys.argv[1:]])  # noqa: S606


def tell(event: str, **data: object) -> None:
    with (folder / "progress.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "at": time.time(), **data}) + "\n")


def write_adapter(target: Path) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(target / "adapter.gguf", "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    random = np.random.default_rng(job["seed"])
    for layer in range(30):
        for part, shape in (("a", (4, 576)), ("b", (576, 4))):
            values = (random.standard_normal(shape) * 0.01).astype(np.float16)
            writer.add_tensor(f"blk.{layer}.attn_output.weight.lora_{part}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    config = {"peft_type": "LORA", "base_model_name_or_path": job["base_model"]}
    (target / "adapter_config.json").write_text(json.dumps(config))
    (target / "adapter_model.safetensors").write_bytes(b"not read by llama.cpp")


stopping: list[int] = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
saved = folder / "checkpoints" / "step"
saved.parent.mkdir(exist_ok=True)
first = int(saved.read_text()) + 1 if saved.exists() else 1
tell("state", state="training")
for step in range(first, STEPS + 1):
    time.sleep(SECONDS)
    tell("step", step=step, total_steps=STEPS, loss=3.0 / step, seconds_left=(STEPS - step) * SECONDS)
    if step % 4 == 0 or stopping:
        part = saved.with_name("part")
        part.write_text(str(step))
        part.replace(saved)
        tell("checkpoint", step=step)
    if stopping:
        sys.exit(3)
part = folder / "output.part"
part.mkdir(exist_ok=True)
write_adapter(part)
result = {"steps": STEPS, "validation_loss": 0.5, "token_accuracy": 0.6, "seconds": STEPS * SECONDS}
(part / "result.json").write_text(json.dumps(result))
part.rename(folder / "output")
tell("done", result=result)
