"""Finds the answer that a chat message asks for. Pure: numpy, tokenizers, no Django, no torch."""

from engine.retrieval.documents import Document
from engine.retrieval.ranker import Hit, Ranking, Retriever

__all__ = ["Document", "Hit", "Ranking", "Retriever"]
