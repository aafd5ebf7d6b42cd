"""Learns the ranking of the English space whole: the encoder's layers, the corrections of its vectors, its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Encoding
from torch import Tensor, nn
from torch.nn.functional import normalize

from engine.retrieval.documents import joint, passages
from engine.retrieval.encoder import Array
from engine.retrieval.space import TokenProjection
from engine.retrieval.tuning.adapter import AdapterModel, Lesson, bank_loss, person_loss
from engine.retrieval.tuning.data import Person
from engine.retrieval.tuning.layers import TunedEncoder

EPOCHS = 3
RATE = 5e-4
"""Of the layers' corrections; what lies on top of the encoder learns at twice that."""
DECAY = 0.02
WARM_UP = 10
CLIP = 1.0
DOCUMENTS = 36
"""Answers of one step: more are more wrong ones for each message, fewer are more steps."""
FIELDS = (0.75, 0.75, 1.125, 1.5)
"""Shares at the start: wording, sentence, question with answer, words. They hardly move."""
MISSING = -1.0

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Texts:
    """A person as tokens; `sentences[i]` are those of document i."""

    messages: list[Encoding]
    sources: list[list[int]]
    wordings: list[Encoding]
    sentences: list[list[Encoding]]
    joint: list[Encoding]


class RankingModel(nn.Module):
    """Everything that ranks, in one piece: what is trained is the score that is used."""

    def __init__(self, projection: TokenProjection) -> None:
        super().__init__()
        self.encoder = TunedEncoder()
        self.adapter = AdapterModel(FIELDS)
        self.mean = torch.tensor(projection.mean)
        self.directions = nn.Parameter(torch.tensor(projection.directions))

    def texts(self, person: Person) -> Texts:
        read, answers = self.encoder.tokenize, person.answers
        return Texts(
            messages=read([message for message, _ in person.asked]),
            sources=[sources for _, sources in person.asked],
            wordings=read([answer.questions[0] for answer in answers]),
            sentences=[read(passages(answer)) for answer in answers],
            joint=read([joint(answer) for answer in answers]),
        )

    def lesson(self, texts: Texts, chosen: Sequence[int]) -> Lesson:
        """The chosen documents, and the messages that one of them answers."""
        right = torch.tensor([[document in sources for document in chosen] for sources in texts.sources])
        asked = right.any(dim=1)
        messages = [message for message, kept in zip(texts.messages, asked.tolist(), strict=True) if kept]
        sentences = list(chain(*(texts.sentences[document] for document in chosen)))
        wordings, joints = ([part[document] for document in chosen] for part in (texts.wordings, texts.joint))
        sizes = [len(messages), len(wordings), len(sentences), len(joints)]
        read = [*range(len(messages)), *range(sum(sizes[:3]), sum(sizes))]
        vectors, words = self.encoder([*messages, *wordings, *sentences, *joints], read)
        owner = torch.tensor([place for place, document in enumerate(chosen) for _ in texts.sentences[document]])
        aligned = self._aligned(words[: len(messages)], words[len(messages) :])
        asking, wording, sentence, whole = vectors.split(sizes)
        return Lesson(asking, wording, sentence, whole, owner, right[asked], aligned)

    def _aligned(self, messages: Sequence[Tensor], documents: Sequence[Tensor]) -> Tensor:
        """The mean over a message's words of each one's best match in a document: (messages, documents)."""
        queries, asked = self._words(messages)
        answers, told = self._words(documents)
        alike = torch.einsum("qnd,kmd->qnkm", queries, answers).masked_fill(~told, MISSING).amax(-1)
        return (alike * asked[..., None]).sum(1) / asked.sum(1, keepdim=True)

    def _words(self, states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        projected = normalize((torch.cat(list(states)) - self.mean) @ self.directions, dim=-1)
        lengths = [len(state) for state in states]
        padded = nn.utils.rnn.pad_sequence(list(projected.split(lengths)), batch_first=True)
        return padded, torch.arange(padded.shape[1])[None] < torch.tensor(lengths)[:, None]


def learn_ranking(persons: Sequence[Person], projection: TokenProjection, pairs: Pairs) -> dict[str, Array]:
    """The arrays of the English space by name, without the gate's. `pairs`: other wordings and their questions."""
    torch.manual_seed(0)
    order = np.random.default_rng(0)
    model = RankingModel(projection).train()
    texts = [model.texts(person) for person in persons]
    jobs = [job for _ in range(EPOCHS) for job in _epoch(texts, order)]
    optimiser = _optimiser(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / WARM_UP) * (1 - step / len(jobs))
    )
    for job in jobs:
        optimiser.zero_grad()
        torch.autograd.backward(_loss(model, job, pairs))
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        schedule.step()
    return arrays_of(model)


def arrays_of(model: RankingModel) -> dict[str, Array]:
    """Arrays under the names that `space` reads."""
    arrays = {f"deltas/{name}": values for name, values in model.encoder.deltas().items()}
    arrays |= {name: values.detach().numpy().copy() for name, values in model.adapter.named_parameters()}
    return arrays | {"tokens/mean": model.mean.numpy(), "tokens/directions": model.directions.detach().numpy().copy()}


def mean_of(first: Mapping[str, Array], second: Mapping[str, Array]) -> dict[str, Array]:
    """The mean of two models from the same start: of low-rank products exactly, at the sum of their ranks.

    Averaged weights rank better than either (Wortsman et al. 2022, arXiv:2203.05482), and each half of the persons
    has one model that never saw it, on which the gate can learn.
    """
    result = {}
    for name, one in first.items():
        other = second[name]
        if name.endswith(("/down", "_a")):
            result[name] = np.concatenate([one, other], axis=1)
        elif name.endswith(("/up", "_b")):
            result[name] = np.concatenate([one, other]) / 2
        else:
            result[name] = (one + other) / 2
    return result


Job = tuple[Texts, npt.NDArray[np.intp]] | None
"""Some of a person's documents; None for the question bank."""


def _epoch(texts: Sequence[Texts], order: np.random.Generator) -> list[Job]:
    jobs: list[Job] = [None]
    for one in texts:
        parts = max(1, round(len(one.joint) / DOCUMENTS))
        jobs += [(one, part) for part in np.array_split(order.permutation(len(one.joint)), parts)]
    return [jobs[place] for place in order.permutation(len(jobs))]


def _loss(model: RankingModel, job: Job, pairs: Pairs) -> Tensor:
    if job is not None:
        texts, chosen = job
        return person_loss(model.adapter, model.lesson(texts, chosen.tolist()))
    questions = list(dict.fromkeys(question for _, question in pairs))
    read = [*(wording for wording, _ in pairs), *questions]
    vectors, _ = model.encoder(model.encoder.tokenize(read), [])
    target = torch.tensor([questions.index(question) for _, question in pairs])
    return bank_loss(model.adapter, vectors[: len(pairs)], vectors[len(pairs) :], target)


def _optimiser(model: RankingModel) -> torch.optim.Optimizer:
    above = [*model.adapter.parameters(), model.directions]
    groups = [{"params": list(model.encoder.parameters()), "lr": RATE}, {"params": above, "lr": 2 * RATE}]
    return torch.optim.AdamW(groups, weight_decay=DECAY)
