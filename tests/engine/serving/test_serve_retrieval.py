"""Embeddings and reranking over HTTP, with the real retriever."""

from __future__ import annotations

from typing import Any

import numpy as np
import openai
import pytest

from tests.engine.serving.conftest import BASE

pytestmark = pytest.mark.slow

DOCUMENTS = [
    {"id": "home", "questions": ["Where did you grow up?"], "answer": "In a small harbour town in the north."},
    {"id": "pet", "questions": ["Do you have a pet?"], "answer": "A grey cat called Moss."},
    {"id": "job", "questions": ["What is your job?", "How do you earn money?"], "answer": "I repair old clocks."},
]


def rerank(client: openai.OpenAI, **body: Any) -> Any:
    return client.post(
        "/rerank", body={"query": "Have you got any animals?", "documents": DOCUMENTS, **body}, cast_to=object
    )


def test_the_right_answer_comes_first(client: openai.OpenAI) -> None:
    found = rerank(client, top_n=2)
    assert found["results"][0]["id"] == "pet"
    assert len(found["results"]) == 2
    assert DOCUMENTS[found["results"][0]["index"]]["id"] == "pet"
    assert found["results"][0]["relevance_score"] > found["results"][1]["relevance_score"]
    assert 0 <= found["answerable"]["probability"] <= 1
    assert isinstance(found["answerable"]["known"], bool)


def test_no_documents_hold_no_answer(client: openai.OpenAI) -> None:
    assert rerank(client, documents=[]) == {"results": [], "answerable": {"probability": 0.0, "known": False}}


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"documents": {}},
        {"documents": [{"id": "x"}]},
        {"documents": [{"id": 1, "questions": [], "answer": ""}]},
    ],
)
def test_bad_reranks_are_refused(client: openai.OpenAI, body: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        rerank(client, **body)


def test_embeddings_are_unit_vectors_that_know_meaning(client: openai.OpenAI) -> None:
    texts = ["I love my cat.", "My kitten is dear to me.", "The train leaves at nine."]
    reply = client.embeddings.create(model=BASE, input=texts)  # the SDK asks for base64
    vectors = np.array([one.embedding for one in reply.data])
    plain = client.embeddings.create(model=BASE, input=texts, encoding_format="float")
    np.testing.assert_allclose(vectors, [one.embedding for one in plain.data], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


@pytest.mark.parametrize("body", [{"input": []}, {"input": [1, 2]}, {"input": "x", "dimensions": 3}])
def test_bad_embeddings_are_refused(client: openai.OpenAI, body: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.post("/embeddings", body={"model": BASE, **body}, cast_to=object)
