"""How a distribution is made again, for copies."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tensorflow_probability import distributions as tfd


@dataclasses.dataclass(frozen=True)
class DistributionRecipe:
    """A distribution's class and arguments, which `copy.deepcopy` and pickle take.

    They do not take TFP's distributions themselves, which cannot be made without arguments.
    """

    kind: type
    # By name; distributions among them are recipes.
    arguments: Mapping[str, Any]

    @classmethod
    def of(cls, distribution: tfd.Distribution) -> "DistributionRecipe":
        """The recipe of a distribution, with the objects that it was made of."""
        arguments = {
            name: cls.of(value) if isinstance(value, tfd.Distribution) else value
            for name, value in distribution.parameters.items()
        }
        return cls(type(distribution), arguments)

    def made(self) -> tfd.Distribution:
        """The distribution."""
        return self.kind(
            **{
                name: value.made() if isinstance(value, DistributionRecipe) else value
                for name, value in self.arguments.items()
            }
        )
