"""A request of the page that cannot be answered, as a sentence."""


class BadRequest(ValueError):
    """What is wrong with a request; `status` is HTTP's."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status
