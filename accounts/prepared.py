"""Statements whose SQL is made once a connection: making it takes Django longer than the database takes to run it.

For what is done at each save of an answer, and nothing else. The SQL is Django's own, made from a sample of each value;
later values only take the samples' places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.sql import InsertQuery, UpdateQuery

Row = TypeVar("Row", bound=models.Model)

SAMPLES: dict[type, Callable[[int], Any]] = {
    int: lambda number: 1_500_000_000 + number,
    str: lambda number: f"a sample, {number}",
    UUID: lambda number: UUID(int=(0xA << 124) + number),
    datetime: lambda number: datetime(1999, 1, 1, 0, 0, number).astimezone(),
}
"""Values that a statement holds nowhere else."""


class _Prepared:
    """`fields`: for each named value the field that says how the database wants it, and its type in Python."""

    def __init__(self, fields: Mapping[str, tuple[models.Field[Any, Any], type]]) -> None:
        self._fields = fields

    def _samples(self) -> dict[str, Any]:
        return {name: SAMPLES[kind](number) for number, (name, (_field, kind)) in enumerate(self._fields.items())}

    def _adapted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: field.get_db_prep_value(values[name], connection=connection, prepared=False)
            for name, (field, _kind) in self._fields.items()
        }

    def _places(self, params: Sequence[Any]) -> list[tuple[str | None, Any]]:
        """For each parameter the name of its value, or the value that is always the same."""
        known = {value: name for name, value in self._adapted(self._samples()).items()}
        places = [(known.get(param), param) for param in params]
        missing = set(self._fields) - {name for name, _param in places}
        if missing:
            raise ValueError(f"The statement has no place for {', '.join(sorted(missing))}.")
        return places

    def _made(self, make: Callable[[], Any]) -> Any:
        """What `make` makes for this connection, made now or before. It goes with the connection's thread."""
        own = connections[DEFAULT_DB_ALIAS]  # of this thread; `connection` stands for those of all
        kept: dict[int, Any] = own.__dict__.setdefault("prepared_statements", {})
        if id(self) not in kept:
            kept[id(self)] = make()
        return kept[id(self)]


def _cursor() -> Any:
    """One that has the server prepare the statement too, where the database backend has such."""
    return getattr(connection, "prepared_cursor", connection.cursor)()


def _filled(places: Sequence[tuple[str | None, Any]], values: Mapping[str, Any]) -> list[Any]:
    return [values[name] if name else param for name, param in places]


class PreparedRow(_Prepared, Generic[Row]):
    """Reads the one row of `query(**values)`, which selects whole rows of one model."""

    def __init__(
        self, query: Callable[..., models.QuerySet[Row]], **fields: tuple[models.Field[Any, Any], type]
    ) -> None:
        super().__init__(fields)
        self._query = query

    def get(self, **values: Any) -> Row | None:
        """The first row; None where there is none."""
        sql, places, compiler, converters, model, names = self._made(self._compile)
        with _cursor() as cursor:
            cursor.execute(sql, _filled(places, self._adapted(values)))
            row = cursor.fetchone()
        if row is None:
            return None
        if converters:
            (row,) = compiler.apply_converters([row], converters)
        found: Row = model.from_db(connection.alias, names, row)
        return found

    def _compile(self) -> tuple[Any, ...]:
        queryset = self._query(**self._samples())
        compiler = queryset.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = [column.target.attname for column, _sql, _alias in compiler.select]
        converters = compiler.get_converters([column for column, _sql, _alias in compiler.select])
        return sql, self._places(params), compiler, converters, queryset.model, names


class PreparedUpdate(_Prepared):
    """Changes the row of `model` with the primary key `pk`; `fields` are the columns that change."""

    def __init__(self, model: type[models.Model], **kinds: type) -> None:
        named: dict[str, Any] = {name: (model._meta.get_field(name), kind) for name, kind in kinds.items()}
        super().__init__({**named, "pk": (model._meta.pk, UUID)})
        self._model = model

    def run(self, **values: Any) -> None:
        sql, places = self._made(self._compile)
        with _cursor() as cursor:
            cursor.execute(sql, _filled(places, self._adapted(values)))

    def _compile(self) -> tuple[str, list[tuple[str | None, Any]]]:
        samples = self._samples()
        rows = self._model._default_manager.filter(pk=samples.pop("pk")).order_by()
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(samples)
        sql, params = query.get_compiler(connection=connection).as_sql()
        return sql, self._places(params)


class PreparedInsert(_Prepared):
    """Stores a new object of `model`."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__({})
        self._model = model

    def run(self, instance: models.Model) -> None:
        sql = self._made(lambda: self._compile(instance))
        params = [
            field.get_db_prep_save(field.pre_save(instance, add=True), connection=connection)
            for field in self._model._meta.concrete_fields
        ]
        with _cursor() as cursor:
            cursor.execute(sql, params)

    def _compile(self, instance: models.Model) -> str:
        query = InsertQuery(self._model)
        query.insert_values(self._model._meta.concrete_fields, [instance])
        ((sql, _params),) = query.get_compiler(connection=connection).as_sql()
        return str(sql)
