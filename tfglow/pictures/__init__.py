"""Pictures as arrays, without TensorFlow."""

# The modules that are for users; what they define is public.
__all__ = [
    "image_grid",
    "labelled_grid",
    "picture_fit",
    "preparation",
    "reading",
    "unreadable_picture",
]
