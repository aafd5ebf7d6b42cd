"""A wish that cannot be met, as one sentence for the person."""


class Refused(Exception):
    """The message says what is wrong and what to do; `status` is the answer's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
