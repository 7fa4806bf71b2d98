"""The format of what is saved: run folders, `.keras` files and exports."""

# Names of weights, and the files around them. 1 is that of tfglow 0.1.
FORMAT = 2
# Where TensorFlow Serving looks in a version's folder for requests to replay before it is available
# (`saved_model_warmup_util.cc`).
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def check_format(found: object, what: str) -> None:
    """Refuses what another tfglow wrote in another format.

    Args:
      found: The number that was saved; None for 1, which was not.
      what: The beginning of the sentence, such as the file's name.

    Raises:
      ValueError: If it is not the format of this tfglow.
    """
    number = 1 if found is None else found
    if number == FORMAT:
        return
    newer = isinstance(number, int) and number > FORMAT
    age, remedy = ("a newer", "use it") if newer else ("an older", "train again, or use tfglow 0.1")
    raise ValueError(
        f"{what} was written by {age} tfglow (format {number}); this one reads format {FORMAT}: "
        f"{remedy}."
    )
