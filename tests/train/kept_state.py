"""The state of a run, for several runs of one configuration in turn."""

import tensorflow as tf

from train.config import TrainConfig
from train.state import TrainState


def all_variables(state: TrainState) -> list[tf.Variable]:
    """Everything that a run changes."""
    variables = [*state.glow.variables, *state.average.variables, *state.optimizer.variables]
    variables += [state.step, state.skipped, state.best]
    variables += [v for mean in state.train_means.values() for v in mean.variables]
    return variables if state.weight_average is None else [*variables, state.weight_average.count]


class KeptState:
    """A `TrainState` that can begin again: what was traced of it is then used again."""

    def __init__(self, config: TrainConfig, strategy: tf.distribute.Strategy):
        self._state = TrainState(config, strategy)
        self._values = [variable.numpy() for variable in all_variables(self._state)]

    def renewed(self) -> TrainState:
        """The state, with the values of a new one."""
        for variable, value in zip(all_variables(self._state), self._values, strict=True):
            variable.assign(value)
        return self._state
