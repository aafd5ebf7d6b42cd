"""Whether a persona learns a person's taste in films: real ratings, half of them learned, the other half asked.

    python -m benchmarks.films --ratings film_ratings.json --people 12 [--folder adapters] [--json out.json]

`film_ratings.json` holds {"films": [{"id", "title", "year", "genres", "mean"}], "people": [{"id", "ratings": {film
id: 0.5 to 5}}]}, such as a subset of MovieLens 20M. For each person one half of the ratings becomes a data set of
answers in words, an adapter is trained on it, and of the other half each pair of films that the person rated
differently is asked: which does this person like better? A film's score under a model is the mean of the stars 1 to
5, each weighted by its probability as the first token of the reply, so a pair costs nothing beyond its two films and
no place in a list can be favoured. "Matched" pairs differ by at most 0.1 stars in the mean of all people: popularity
cannot tell them apart.

Beside it, on the same pairs: the mean of all people, nearest neighbours and a ridge regression on genres (what others'
ratings and a film's description alone can tell), the untouched base model, the base model with ratings in its prompt,
and the adapter of the next person of the list. Intervals resample people, tests flip signs over people.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.train import processor
from engine.base_models import DEFAULT_MODEL
from fidelity.measures.bootstrap import accuracy, compare

Ratings = Mapping[str, float]
Scores = dict[str, float]
Film = Mapping[str, Any]
Films = Mapping[str, Film]
STARS = (1, 2, 3, 4, 5)
WORDS = ("I hated it", "I did not like it", "It was all right", "I liked it very much", "It is one of my favourites")
SYSTEM = "You are one person who tells how you like films."
MATCHED = 0.1  # stars between the means of a matched pair
IN_PROMPT = 24  # ratings that the base model is shown
NEIGHBOURS, SHARED = 20, 5  # of people who rated at least so many of the same films
RIDGE = 10.0


def question(film: Film) -> str:
    return f"How do you like {film['title']} ({film['year']}), {', '.join(film['genres']).lower()}?"


def answer(stars: float) -> str:
    """ "4.5 stars. I liked it very much."; half a star belongs to the words below it."""
    return f"{stars:g} stars. {WORDS[max(0, int(stars) - 1)]}."


def halves(ratings: Ratings, seed: int) -> tuple[Ratings, Ratings]:
    """Learned and asked, drawn at random."""
    films = sorted(ratings)
    random.Random(seed).shuffle(films)
    middle = len(films) // 2
    return {f: ratings[f] for f in films[:middle]}, {f: ratings[f] for f in films[middle:]}


def pairs_of(asked: Ratings, means: Ratings, apart: float | None) -> list[tuple[str, str]]:
    """Pairs of films, the better liked first; all of them, or those whose means differ by at most `apart`."""
    films = sorted(asked)
    found = [(a, b) if asked[a] > asked[b] else (b, a) for i, a in enumerate(films) for b in films[i + 1 :]]
    return [
        (a, b) for a, b in found if asked[a] != asked[b] and (apart is None or abs(means[a] - means[b]) <= apart + 1e-9)
    ]


def agreement(scores: Scores, pairs: Iterable[tuple[str, str]]) -> float:
    """Share of pairs whose better liked film has the higher score; ties count half."""
    return statistics.fmean(1.0 if scores[a] > scores[b] else 0.5 if scores[a] == scores[b] else 0.0 for a, b in pairs)


def neighbours(learned: Ratings, asked: Ratings, others: list[Ratings], means: Ratings) -> Scores:
    """Mean of all people plus the weighted deviations of those with correlated deviations (Herlocker et al., 1999)."""
    weighted = []
    for other in others:
        shared = [film for film in learned if film in other]
        if len(shared) < SHARED:
            continue
        mine = np.array([learned[film] - means[film] for film in shared])
        theirs = np.array([other[film] - means[film] for film in shared])
        size = float(np.linalg.norm(mine) * np.linalg.norm(theirs))
        weighted.append((float(mine @ theirs) / size * min(1.0, len(shared) / 50) if size else 0.0, other))
    near = sorted(weighted, key=lambda pair: -pair[0])[:NEIGHBOURS]
    return {film: means[film] + _deviation(film, near, means) for film in asked}


def _deviation(film: str, near: list[tuple[float, Ratings]], means: Ratings) -> float:
    told = [(weight, other[film] - means[film]) for weight, other in near if film in other and weight > 0]
    total = sum(weight for weight, _ in told)
    return sum(weight * deviation for weight, deviation in told) / total if total else 0.0


def ridge(learned: Ratings, asked: Ratings, films: Films) -> Scores:
    """Stars from genres and decade by ridge regression: what a film's description tells about this person's taste."""
    genres = sorted({genre for film in films.values() for genre in film["genres"]})

    def features(film: str) -> list[float]:
        facts = films[film]
        return [1.0, (facts["year"] - 1990) / 20, *(float(genre in facts["genres"]) for genre in genres)]

    x, y = np.array([features(film) for film in learned]), np.array(list(learned.values()))
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[0, 0] = 0.0
    weights = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    return {film: float(np.array(features(film)) @ weights) for film in asked}


class Rater:
    """A base model, with or without an adapter, that tells how many stars it would give."""

    def __init__(self, model: str, cache: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from engine.base_models import resolve

        self.torch, folder = torch, resolve(model, cache).folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.stars = [self.tokenizer.encode(str(star), add_special_tokens=False)[0] for star in STARS]

    def scores(self, films: list[Film], adapter: Path | None, shown: str = "") -> Scores:
        """By film id: the expected stars of a reply that begins with a number of stars."""
        from peft import PeftModel

        network = PeftModel.from_pretrained(self.base, adapter) if adapter else self.base
        if adapter:
            network.merge_adapter()  # twice as fast to ask
        prompts = [self.tokenizer.encode(self._prompt(film, shown)) for film in films]
        same = next(i for i, tokens in enumerate(zip(*prompts, strict=False)) if len(set(tokens)) > 1)
        common = prompts[0][:same]
        with self.torch.no_grad():
            cache = network(self.torch.tensor([common]), use_cache=True).past_key_values
            found = [self._stars(network, prompt[same:], cache) for prompt in prompts]
        if adapter:
            network.unmerge_adapter()
            network.unload()
        return {film["id"]: score for film, score in zip(films, found, strict=True)}

    def _stars(self, network: Any, rest: list[int], cache: Any) -> float:
        """`cache` holds what all prompts begin with, which is read once."""
        reply = network(self.torch.tensor([rest]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.crop(-len(rest))
        shares = self.torch.softmax(reply.logits[0, -1, self.stars], dim=-1)
        return float(shares.numpy() @ np.array(STARS, float))

    def _prompt(self, film: Film, shown: str) -> str:
        messages = [{"role": "system", "content": SYSTEM + shown}, {"role": "user", "content": question(film)}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def shown_ratings(learned: Ratings, films: Films) -> str:
    """The person's most telling ratings, highest and lowest in turn, as words in the prompt."""
    ranked = sorted(learned, key=lambda film: learned[film])
    ends = [film for pair in zip(ranked[::-1], ranked, strict=True) for film in pair]
    chosen = list(dict.fromkeys(ends))[:IN_PROMPT]
    return " This is what you said:\n" + "\n".join(f"- {films[f]['title']}: {answer(learned[f])}" for f in chosen)


def row(film: Film, stars: float) -> dict[str, Any]:
    texts = (("system", SYSTEM), ("user", question(film)), ("assistant", answer(stars)))
    return {"messages": [{"role": role, "content": text} for role, text in texts]}


def train(folder: Path, learned: Ratings, films: Films, options: argparse.Namespace) -> float:
    """Trains an adapter in `folder`, unless one is there; returns the seconds of its training."""
    if not (folder / "output").is_dir():
        write_job(folder, learned, films, options)
        threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), **os.environ}
        command = [sys.executable, "-m", "engine.train", str(folder)]
        subprocess.run(command, check=True, env=threads, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return float(json.loads((folder / "output" / "result.json").read_text())["seconds"])


def write_job(folder: Path, learned: Ratings, films: Films, options: argparse.Namespace) -> None:
    folder.mkdir(parents=True)
    rows = [json.dumps(row(films[film], stars)) + "\n" for film, stars in learned.items()]
    parts = {"train": [r for i, r in enumerate(rows) if i % 10], "validation": rows[::10]}
    for name, lines in parts.items():
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    overrides = {"check_replies": 0, "epochs": options.epochs, "patience": 2, "longest_prompt": 1024}
    overrides |= {"learning_rate": options.learning_rate, "evaluations_per_epoch": 1, "batch_rows": 8}
    job = {"base_model": options.model, "cache_dir": str(options.cache), "recipe": "thorough", "overrides": overrides}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def measure(data: dict[str, Any], options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """One row a person: agreement of each method on all pairs and on matched ones."""
    films = {film["id"]: film for film in data["films"]}
    people = data["people"][: options.people]
    parts = [halves(person["ratings"], seed) for seed, person in enumerate(people)]
    seconds = []
    for number, (learned, _) in enumerate(parts):
        seconds.append(train(folder / str(number), learned, films, options))
        print(f"{number + 1} of {len(people)} trained, {seconds[-1]:.0f} s", file=sys.stderr)
    rater, rows = Rater(options.model, options.cache), []
    for number, (learned, asked) in enumerate(parts):
        own, other = (folder / str(n % len(parts)) / "output" for n in (number, number + 1))
        others = [person["ratings"] for person in data["people"] if person["id"] != people[number]["id"]]
        scores = by_models(rater, learned, [films[film] for film in asked], own, other, films)
        scores |= by_figures(learned, asked, others, films)
        rows.append({"learned": len(learned), "seconds": seconds[number], **compared(scores, asked, films)})
        print(f"{number + 1} of {len(people)} asked", file=sys.stderr)
    return rows


def by_models(
    rater: Rater, learned: Ratings, listed: list[Film], own: Path, other: Path, films: Films
) -> dict[str, Scores]:
    shown = shown_ratings(learned, films)
    return {
        "persona": rater.scores(listed, own),
        "persona, ratings in the prompt": rater.scores(listed, own, shown),
        "another person's adapter": rater.scores(listed, other),
        "base model": rater.scores(listed, None),
        "base model, ratings in the prompt": rater.scores(listed, None, shown),
    }


def by_figures(learned: Ratings, asked: Ratings, others: list[Ratings], films: Films) -> dict[str, Scores]:
    means = {film: facts["mean"] for film, facts in films.items()}
    return {
        "mean of all people": {film: means[film] for film in asked},
        "nearest neighbours": neighbours(learned, asked, others, means),
        "ridge on genres": ridge(learned, asked, films),
    }


def compared(scores: Mapping[str, Scores], asked: Ratings, films: Films) -> dict[str, Any]:
    means = {film: facts["mean"] for film, facts in films.items()}
    kinds = {"all": pairs_of(asked, means, None), "matched": pairs_of(asked, means, MATCHED)}
    found: dict[str, Any] = {"pairs": {kind: len(pairs) for kind, pairs in kinds.items()}}
    for kind, pairs in kinds.items():
        found[kind] = {name: agreement(each, pairs) for name, each in scores.items()}
    return found


def report(rows: list[dict[str, Any]]) -> str:
    """A Markdown table: each method's mean over people with its interval, and the test against another's adapter."""
    lines = ["| method | all pairs | matched pairs | matched: persona against it |", "|---|---|---|---|"]
    for name in rows[0]["all"]:
        cells = [_cell([row[kind][name] for row in rows]) for kind in ("all", "matched")]
        test = ""
        if name != "persona":
            ours, theirs = ([row["matched"][which] for row in rows] for which in ("persona", name))
            found = compare(ours, theirs)
            test = f"{100 * found.difference.value:+.1f}, p = {found.p_value:.3f}"
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {test} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    found = accuracy(values)
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratings", type=Path, required=True)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--cache", type=Path, default=Path("var/base"))
    parser.add_argument("--folder", type=Path, help="keeps the adapters there, and takes those that are there")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = json.loads(options.ratings.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(data, options, options.folder or Path(folder))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(report(rows))
    seconds = statistics.median(row["seconds"] for row in rows)
    print(f"\n{len(rows)} people, {seconds:.0f} s of training each; {processor()}")


if __name__ == "__main__":
    main()
