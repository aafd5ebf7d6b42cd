"""Local training against the obvious peer: TRL's SFTTrainer with peft, side by side on the same rows.

    python -m benchmarks.train [--persona persona.json]

`persona.json` holds {"qa": [{"q": question, "alts": [rewordings], "a": answer}]}. Both sides learn the same rows with
the same rank, targets, learning rate and epochs; the rest of the peer is its defaults. They take turns, each in a
process of its own, so that a busy machine disturbs both alike. Validation is measured by one function for both and
kept out of the times. After each of the engine's runs the machine's matrix products are timed (matmul_peak.py), which
tells what share of them the training made use of. Needs trl (requirements-bench.txt).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EVALUATIONS_PER_EPOCH = 4
PEER_BATCH = 8  # rows a step, the default of SFTConfig


def render(qa: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """One chat row an answer by one of its wordings; 70 % show the answer as a note."""
    source = random.Random(seed)
    rows = []
    for item in qa:
        note = "" if source.random() < 0.3 else f" These are your own words:\n- {item['a']}"
        question = source.choice([item["q"], *item.get("alts", [])])
        texts = (("system", f"You are Nora.{note}"), ("user", question), ("assistant", item["a"]))
        rows.append({"messages": [{"role": role, "content": text} for role, text in texts]})
    return rows


def write_job(folder: Path, options: argparse.Namespace, epochs: int) -> None:
    """A job folder; every tenth answer is for validation."""
    qa = json.loads(options.persona.read_text(encoding="utf-8"))["qa"][: options.rows]
    folder.mkdir()
    parts = {"train": [x for i, x in enumerate(qa) if i % 10], "validation": qa[::10]}
    for name, items in parts.items():
        lines = (json.dumps(row) + "\n" for row in render(items, 1))
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    overrides = {"epochs": epochs, "check_replies": 0, "evaluations_per_epoch": EVALUATIONS_PER_EPOCH}
    job = {"base_model": options.model, "cache_dir": str(options.cache), "recipe": "quick", "overrides": overrides}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a command; CalledProcessError if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    environment = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), **os.environ}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, used


def measure_engine(folder: Path) -> dict[str, Any]:
    """Train with the engine; its curve is (training seconds, validation loss)."""
    wall, processor = timed([sys.executable, "-m", "engine.train", str(folder)])
    events = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    seconds = {event["step"]: event["seconds"] for event in events if event["event"] == "step"}
    curve = [(seconds[event["step"]], event["loss"]) for event in events if event["event"] == "validation"]
    result = events[-1]["result"]
    return {
        "wall": wall,
        "processor": processor,
        "tokens_per_second": result["tokens"] / result["seconds"],
        "tokens_per_processor_second": result["tokens_per_processor_second"],
        "curve": curve,
        "memory": result["peak_memory_bytes"],
        **measure_share(folder, result),
    }


def measure_share(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What the training needed of what this machine's matrix products allowed right after it."""
    command = [sys.executable, "-m", "benchmarks.matmul_peak", str(folder), result["dtype"]]
    facts = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {
        "share": facts["needed"] / result["seconds"] / facts["peak"],
        "peak": facts["peak"],
        "dtype": result["dtype"],
    }


def measure_peer(folder: Path) -> dict[str, Any]:
    """Train with TRL in a process of its own."""
    wall, processor = timed([sys.executable, __file__, "--peer", str(folder)])
    return {"wall": wall, "processor": processor, **json.loads((folder / "peer.json").read_text())}


def run_peer(folder: Path) -> None:
    """The peer's process: SFTTrainer with its defaults, but for what the recipe says."""
    from engine.base_models import resolve
    from engine.data import encode_all
    from engine.job import read_job
    from engine.memory import peak_memory
    from engine.model import CausalModel

    job = read_job(folder)
    reader = CausalModel(resolve(job.base_model, job.cache_dir).folder)
    examples = encode_all(reader.tokenizer, job.train, 4096)
    held_out = encode_all(reader.tokenizer, job.validation, 4096)
    steps = -(-len(examples) // PEER_BATCH) * job.recipe.epochs
    every = max(1, steps // (EVALUATIONS_PER_EPOCH * job.recipe.epochs))
    clock = clock_for(lambda model: validation_loss(reader, held_out, model), every, steps)
    peer_trainer(folder, job, clock).train()
    tokens = sum(example.length for example in examples) * job.recipe.epochs
    memory = peak_memory()
    facts = {
        "tokens_per_second": tokens / clock.seconds,
        "tokens_per_processor_second": tokens / clock.processor,
        "curve": clock.curve,
        "memory": memory,
    }
    (folder / "peer.json").write_text(json.dumps(facts), encoding="utf-8")


def validation_loss(reader: Any, held_out: list[Any], model: Any) -> float:
    """The loss in nats a token as the engine measures it, of the peer's model."""
    import torch

    from engine.data import collate

    reader.network, was_training = model.get_base_model(), model.training
    model.eval()
    with torch.no_grad():
        batches = [collate(held_out[i : i + 4], reader.padding) for i in range(0, len(held_out), 4)]
        total = sum(reader.loss(batch).item() for batch in batches)
    model.train(was_training)
    return total / sum(len(batch.labels) for batch in batches)


def clock_for(measure: Any, every: int, steps: int) -> Any:
    """A callback that adds up the seconds of the steps and measures after every so many."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds, self.processor, self.started = 0.0, 0.0, (0.0, 0.0)
            self.curve: list[tuple[float, float]] = []

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.monotonic(), time.process_time()

        def on_step_end(self, _: Any, state: Any, __: Any, model: Any = None, **___: Any) -> None:
            self.seconds += time.monotonic() - self.started[0]
            self.processor += time.process_time() - self.started[1]
            if state.global_step % every == 0 or state.global_step == steps:
                self.curve.append((self.seconds, measure(model)))

    return Clock()


def peer_trainer(folder: Path, job: Any, clock: Any) -> Any:
    """TRL's trainer over the job's rows, learning the last message alone as the engine does."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from engine.base_models import resolve

    recipe = job.recipe
    config = SFTConfig(
        output_dir=str(folder / "peer"),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        save_strategy="no",
        report_to="none",
        use_cpu=True,  # without it TRL asks for a GPU
    )
    adapter = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    parts = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in job.train]
    model = str(resolve(job.base_model, job.cache_dir).folder)
    rows = Dataset.from_list(parts)
    return SFTTrainer(model, args=config, train_dataset=rows, peft_config=adapter, callbacks=[clock])


def seconds_to(curve: list[tuple[float, float]], loss: float) -> float:
    """Training seconds until the validation loss is at most `loss`."""
    return next((seconds for seconds, value in curve if value <= loss), float("inf"))


def processor() -> str:
    """The processor's name, and whether it has AMX, which decides the speed of bfloat16."""
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8") if sys.platform == "linux" else ""
    names = [line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()} ({'with' if 'amx_bf16' in facts else 'without'} AMX)"


def report(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Print medians and ratios."""

    def line(name: str, key: Any, higher_is_better: bool = False) -> None:
        a, b = (statistics.median(key(run) for run in runs) for runs in (ours, theirs))
        print(f"{name:<44}{a:>10.1f}{b:>10.1f}{a / b if higher_is_better else b / a:>10.2f}")

    target = max(min(loss for _, loss in run["curve"]) for run in (*ours, *theirs))
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, {len(ours)} rounds")
    print(f"{'':<44}{'engine':>10}{'trl':>10}{'ratio':>10}")
    line("tokens a second", lambda run: run["tokens_per_second"], higher_is_better=True)
    line("tokens a processor second", lambda run: run["tokens_per_processor_second"], higher_is_better=True)
    line(f"seconds to validation loss {target:.2f}", lambda run: seconds_to(run["curve"], target))
    line("seconds from start to end", lambda run: run["wall"])
    line("processor seconds from start to end", lambda run: run["processor"])
    line("peak memory, MiB", lambda run: run["memory"] / 2**20)
    share, peak = (statistics.median(run[name] for run in ours) for name in ("share", "peak"))
    print(f"share of the matrix products ({peak / 1e9:.0f} GFLOP/s in {ours[0]['dtype']}){share:>27.0%}")


def main() -> None:
    """Compare, or be the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persona", type=Path, default=Path(__file__).parent / "data" / "personas" / "gus.json")
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        run_peer(options.peer)
        return
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(options.rounds):
            for measure, runs in ((measure_engine, ours), (measure_peer, theirs)):
                folder = Path(temporary) / f"{measure.__name__}-{number}"
                write_job(folder, options, options.epochs)
                runs.append(measure(folder))
                print(f"{measure.__name__}: {runs[-1]}", file=sys.stderr)
    report(ours, theirs)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
