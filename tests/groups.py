"""Which tests one worker runs in a row."""


def group(item) -> str:
    """The name of `item`'s group: its file, or what tests of several files share."""
    return item.get_closest_marker("xdist_group").args[0]


def is_last_of_group(item, nextitem) -> bool:
    """Whether what the group made can go after `item`."""
    return nextitem is None or group(nextitem) != group(item)
