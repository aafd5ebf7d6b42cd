"""From a person's answers to the bytes a model is trained on, and back. No Django, openai or Celery."""

from questionnaires.dataset.checks import check
from questionnaires.dataset.findings import MESSAGES, Finding, Severity
from questionnaires.dataset.held_out import held_out_wording
from questionnaires.dataset.items import Item, Note, Row, Turn
from questionnaires.dataset.jsonl import JsonlError, decode, encode
from questionnaires.dataset.prompt import RENDERERS, Messages, Renderer, renderer
from questionnaires.dataset.readers import read
from questionnaires.dataset.records import ImportedItem, ImportFailure
from questionnaires.dataset.row_checks import check_rows
from questionnaires.dataset.split import Split, split_items
from questionnaires.dataset.text import normalise
from questionnaires.dataset.training_rows import Recipe, Sample, TrainingRows, build

__all__ = [
    "MESSAGES",
    "RENDERERS",
    "Finding",
    "ImportFailure",
    "ImportedItem",
    "Item",
    "JsonlError",
    "Messages",
    "Note",
    "Recipe",
    "Renderer",
    "Row",
    "Sample",
    "Severity",
    "Split",
    "TrainingRows",
    "Turn",
    "build",
    "check",
    "check_rows",
    "decode",
    "encode",
    "held_out_wording",
    "normalise",
    "read",
    "renderer",
    "split_items",
]
