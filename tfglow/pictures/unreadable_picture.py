"""What is wrong with a picture file, in one sentence."""


class UnreadablePicture(ValueError):
    """A picture file that cannot be used.

    Args:
      name: The file's name, which the sentence quotes.
      reason: What is wrong with it.

    Example:
      >>> from tfglow.pictures.unreadable_picture import UnreadablePicture
      >>> raise UnreadablePicture("a.png", "it is empty")
      Traceback (most recent call last):
          ...
      tfglow.pictures.unreadable_picture.UnreadablePicture: Cannot read the image file 'a.png': it
          is empty
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Cannot read the image file {name!r}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type["UnreadablePicture"], tuple[str, str]]:
        return UnreadablePicture, (self.name, self.reason)
