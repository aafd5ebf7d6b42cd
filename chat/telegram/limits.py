"""How much the bot listens to: messages a minute of an account, and strangers once an hour."""

from collections import OrderedDict, deque

A_MINUTE = 20  # messages of an account
GUESSES = 5  # wrong codes an hour
MOST_STRANGERS = 10_000

MINUTE, HOUR = 60.0, 3600.0


class Limits:
    """Moments are Unix seconds, of the messages themselves: what waited while the bot was away is no flood."""

    def __init__(self) -> None:
        self._spoken: OrderedDict[int, deque[float]] = OrderedDict()
        self._answered: OrderedDict[int, float] = OrderedDict()
        self._guesses: OrderedDict[int, deque[float]] = OrderedDict()

    def may_speak(self, user: int, moment: float) -> bool:
        return _within(self._spoken, user, moment, A_MINUTE, MINUTE)

    def is_first_too_much(self, user: int, moment: float) -> bool:
        """Whether to say so: once a minute, not to each message."""
        return self._once(-user, moment, MINUTE)

    def may_guess(self, user: int, moment: float) -> bool:
        return _within(self._guesses, user, moment, GUESSES, HOUR)

    def may_be_told(self, stranger: int, moment: float) -> bool:
        """A stranger gets one sentence an hour."""
        return self._once(stranger, moment, HOUR)

    def _once(self, key: int, moment: float, seconds: float) -> bool:
        if moment - self._answered.get(key, -seconds) < seconds:
            return False
        self._answered[key] = moment
        _shorten(self._answered)
        return True


def _within(seen: OrderedDict[int, deque[float]], user: int, moment: float, most: int, seconds: float) -> bool:
    times = seen.setdefault(user, deque(maxlen=most))
    _shorten(seen)
    if len(times) == most and moment - times[0] < seconds:
        return False
    times.append(moment)
    return True


def _shorten(seen: "OrderedDict[int, deque[float]] | OrderedDict[int, float]") -> None:
    while len(seen) > MOST_STRANGERS:
        seen.popitem(last=False)
