"""What is raised for a detector of another model."""


class OtherWeights(ValueError):
    """A detector was fitted with other weights than those that it is loaded beside."""
