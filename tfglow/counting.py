"""Numbers of things, in words."""


def counted(number: int, noun: str) -> str:
    """A number and what is counted, in the number that it is: "1 image", "2,344 images".

    Args:
      number: How many there are.
      noun: What one is called; several are called so with an "s".

    Example:
      >>> from tfglow.counting import counted
      >>> counted(1, "image"), counted(2344, "image"), counted(0, "latent")
      ('1 image', '2,344 images', '0 latents')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
