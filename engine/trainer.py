"""One training: steps of AdamW on the adapter, validation, and a state that can be saved and taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data import Example, plan_epoch
from engine.learner import learner_for
from engine.lora import Adapter
from engine.model import CausalModel
from engine.recipes import Recipe


@dataclass(frozen=True)
class Evaluation:
    """The mean loss in nats a token and the share of tokens that were the most likely one."""

    loss: float
    token_accuracy: float


class Trainer:
    """Moves an adapter over examples.

    Each part of a batch goes forward and back on a thread of its own with torch's own threads switched off: threads
    that wait for each other once a step bear a busy machine, threads that wait at every operation do not (ten times
    slower when the cores are shared). Parts are summed in their order, so that a run can be repeated bit for bit.
    """

    def __init__(
        self, model: CausalModel, adapter: Adapter, examples: Sequence[Example], recipe: Recipe, seed: int, parts: int
    ) -> None:
        self.model, self.adapter, self.examples, self.recipe, self.seed = model, adapter, examples, recipe, seed
        self.parts = parts
        self.learner = learner_for(model, adapter, recipe.longest_prompt, recipe.max_tokens)
        self.step = 0
        self.steps_per_epoch = -(-len(examples) // recipe.batch_rows)
        self.total_steps = self.steps_per_epoch * recipe.epochs
        self.optimizer = torch.optim.AdamW(
            [adapter.flat], lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self._plan: tuple[int, list[list[int]]] = (-1, [])

    def batch_at(self, step: int) -> list[int]:
        """The rows of a step, a function of seed and step alone."""
        epoch, number = divmod(step, self.steps_per_epoch)
        if self._plan[0] != epoch:
            self._plan = (epoch, plan_epoch(len(self.examples), self.recipe.batch_rows, self.seed, epoch))
        return self._plan[1][number]

    def learning_rate_at(self, step: int) -> float:
        """Rises over the warm-up, then falls in a line to zero."""
        warm = max(1, round(self.recipe.warmup * self.total_steps))
        falling = (self.total_steps - step) / max(1, self.total_steps - warm)
        return self.recipe.learning_rate * min(1.0, (step + 1) / warm, falling)

    def take_step(self, pool: ThreadPoolExecutor) -> tuple[float, int]:
        """Learn the next batch; its loss in nats a token, and its tokens with prompts."""
        batch = [self.examples[row] for row in self.batch_at(self.step)]
        parts = self.learner.split(batch, self.parts, self.recipe.part_tokens)
        learned = sum(len(example.answer) for example in batch)
        self.learner.take_adapter()
        results = list(pool.map(self.learner.loss_and_gradient, parts))
        gradient = results[0][1]
        for _, other in results[1:]:
            gradient += other
        self.adapter.flat.grad = gradient.div_(learned)
        torch.nn.utils.clip_grad_norm_([self.adapter.flat], self.recipe.gradient_norm)
        self.optimizer.param_groups[0]["lr"] = self.learning_rate_at(self.step)
        with torch.no_grad():
            self.optimizer.step()
        self.step += 1
        return sum(loss for loss, _ in results) / learned, sum(example.length for example in batch)

    def evaluate(self, examples: Sequence[Example], pool: ThreadPoolExecutor) -> Evaluation:
        """The loss and the accuracy on examples that are not learned."""
        parts = self.learner.split(examples, -(-len(examples) // self.recipe.batch_rows), self.recipe.part_tokens)
        self.learner.take_adapter()
        measured = pool.map(self.learner.measure, parts)
        losses, hits, tokens = (sum(column) for column in zip(*measured, strict=True))
        return Evaluation(losses / tokens, hits / tokens)

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs: the adapter, AdamW's two averages and its count."""
        moments = self.optimizer.state.get(self.adapter.flat, {})
        return {"adapter": self.adapter.flat.detach(), "rng": torch.get_rng_state(), **moments}

    def restore(self, step: int, state: dict[str, Tensor]) -> None:
        """Go on after `step` from what `state` returned then."""
        self.step = step
        self.restore_adapter(state["adapter"])
        torch.set_rng_state(state["rng"])
        if "exp_avg" in state:
            moments = {name: state[name] for name in ("step", "exp_avg", "exp_avg_sq")}
            self.optimizer.state[self.adapter.flat] = moments

    def restore_adapter(self, flat: Tensor) -> None:
        """Take the adapter's numbers from `flat`."""
        with torch.no_grad():
            self.adapter.flat.copy_(flat)
