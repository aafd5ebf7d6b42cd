"""Database work of coroutines that no request looks after: streams, and replies that outlive their page.

Django opens a broken connection anew where a request begins. The thread of these coroutines sees none begin, so after a
database that went and came back each of its queries would fail for good.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """The function as a coroutine; a connection that broke, or grew old, is opened anew before it."""

    @wraps(function)
    def fresh(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        close_old_connections()
        return function(*arguments, **named)

    return sync_to_async(fresh)
