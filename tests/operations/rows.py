"""Rows for every table, made from what its fields say."""

import datetime
import uuid

from django.db.models import ForeignKey

MOMENT = datetime.datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=datetime.UTC)
JSON = {"a": [1, 2.5, 1e20, None, True], "ü\u2028": "😀 ###", "nested": {"z": 1, "b": {}}}
BUILT_IN = {"contenttypes", "auth.Permission"}


def rows_make(apps, using="default", numbers=(0, 1)):
    """A row for each number in each table that `apps` knows, parents first; {label: rows}. Optional things stay empty.

    Tables whose parents are only made by Django itself are left out where it has not made them.
    """
    models = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]
    models = [m for m in models if not {m._meta.app_label, m._meta.label} & BUILT_IN]
    made = {}
    while models:
        ready = [model for model in models if not _waits(model, models)]
        assert ready, models
        for model in ready:
            if _has_parents(model, using, made, len(numbers)):
                rows = [model(**_values(model, *place, using, made)) for place in enumerate(numbers)]
                made[model._meta.label] = model._base_manager.using(using).bulk_create(rows)
        models = [model for model in models if model not in ready]
    return made


def _parents(model):
    return [f.related_model for f in model._meta.concrete_fields if isinstance(f, ForeignKey) and not f.null]


def _waits(model, others):
    labels = {other._meta.label for other in others} - {model._meta.label}
    return any(parent._meta.label in labels for parent in _parents(model))


def _has_parents(model, using, made, count):
    return all(len(_rows(parent, using, made)) >= count for parent in _parents(model))


def _rows(model, using, made):
    return made.get(model._meta.label) or model._base_manager.using(using).order_by("pk")


def _values(model, place, number, using, made):
    fields = [f for f in model._meta.concrete_fields if not f.generated]
    values = {f.attname: _value(f, number) for f in fields}
    parents = [f for f in fields if isinstance(f, ForeignKey) and not f.null]
    values |= {f.attname: _rows(f.related_model, using, made)[place].pk for f in parents}
    return {name: value for name, value in values.items() if value is not None}


def _value(field, number):
    kind = field.get_internal_type()
    if kind in {"AutoField", "BigAutoField"} or (field.null and kind != "JSONField"):
        return None
    if kind == "JSONField":
        return JSON if number else None if field.null else {}
    if field.choices:
        return next(iter(field.flatchoices))[0]
    if field.has_default() and kind not in {"UUIDField", "FloatField"}:
        return field.get_default()
    return _sample(kind, field, number)


def _sample(kind, field, number):
    if kind in {"CharField", "TextField", "SlugField", "EmailField"}:
        return f"{number}{field.name} “ü” 😀"[: field.max_length or 100]
    samples = {
        "BooleanField": True,
        "BinaryField": b"\x00\xff" + bytes([number]),
        "DateTimeField": MOMENT + datetime.timedelta(microseconds=number),
        "DateField": MOMENT.date(),
        "DurationField": datetime.timedelta(seconds=1.5),
        "FloatField": 0.1 + number,
        "GenericIPAddressField": "127.0.0.1",
        "UUIDField": uuid.uuid5(uuid.NAMESPACE_URL, f"{field.model._meta.label}{field.name}{number}"),
    }
    return samples.get(kind, number)
