"""A Glow whose constants are worked out once."""

from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from tfglow.bijectors import GlowFlow
from tfglow.bijectors.multi_scale import LevelTerms
from tfglow.checks import check_bool
from tfglow.frozen_flow import FrozenFlow, Hold
from tfglow.image_flow import ImageFlow
from tfglow.ops import shapes
from tfglow.ops.own_graph import own_graph
from tfglow.ops.weights_snapshot import WeightsSnapshot

# How many changed weights an error names.
_NAMED = 2


class FrozenGlow(ImageFlow):
    """What `glow.frozen()` returns: the model's methods, from constants that its weights give.

    `Glow` scales every kernel and works out every channel map at each call, as weights may have
    changed. Here that is done once, in float64, so that values differ from the model's in the last
    digits.

    Weights that change: a call refuses to answer once a weight of the flow has another value
    than when the view was made, however it came to it: training, `assign`, `set_weights`,
    `load_weights`, `initialize`, a checkpoint. Call `glow.frozen()` again for a view of the new
    weights; a view answers again where its own come back. In a `tf.function` or `tf.data` pipeline
    of your own that is checked whenever it runs, by a call of Python, which neither XLA compiles
    nor a SavedModel holds: export/main.py makes what is served.

    Memory: the constants, as large as the weights; under `mixed_bfloat16` a second set, in
    float32, once `encode`, `decode` or `sample` is called. After weights have changed, also their
    old values, until the view is dropped.

    A view is neither copied nor pickled: it belongs to the variables of this process.

    Args:
      flow: The flow that is frozen.
      name: The model's name, for errors.
      constants_in_graph: Whether the constants are put into the graphs themselves. TensorFlow's
        oneDNN then lays them out for its products once, in place of at every call, and TensorFlow
        copies them: about nine times their size for each direction that is called.

    Raises:
      ValueError: If a weight is not finite, or a step cannot be inverted. In every method, what
        `Glow` raises; and if a weight has changed, which a graph that runs raises as
        `tf.errors.InvalidArgumentError`.

    Example:
      >>> view = glow.frozen()
      >>> np.allclose(view.encode(images), glow.encode(images), atol=1e-4)
      True
      >>> view.sample(2, temperature=0.7, seed=0).shape
      TensorShape([2, 8, 8, 1])
      >>> weights = glow.get_weights()
      >>> glow.set_weights([2.0 * weight for weight in weights])
      >>> view.encode(images)
      Traceback (most recent call last):
      ValueError: Weights of glow... have changed since `frozen()` (...): call `frozen()` again.
      >>> glow.set_weights(weights)
      >>> view.encode(images).shape
      TensorShape([64, 64])
    """

    def __init__(self, flow: GlowFlow, name: str = "glow", constants_in_graph: bool = False):
        constants_in_graph = check_bool("constants_in_graph", constants_in_graph)
        self.config = flow.config
        self.name = name
        self._flow = flow
        # In a graph a tensor is taken in, an array becomes a constant.
        self._hold: Hold = np.asarray if constants_in_graph else tf.identity
        self._snapshot = WeightsSnapshot(flow.named_variables)
        # By the dtype of the networks, and by that and the direction.
        self._frozen_flows: dict[tf.DType, FrozenFlow] = {}
        self._functions: dict[tuple[tf.DType, str], Any] = {}
        self._frozen_flow(flow.network_dtype)

    def __repr__(self) -> str:
        return f"<FrozenGlow of {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"The frozen view of {self.name} is neither copied nor pickled: save the model, and "
            "call `frozen()` of the one that is loaded."
        )

    # What `ImageFlow` asks for.

    def _forward(self, x, labels, exact):
        return self._run("forward", x, labels, exact)

    def _forward_terms(self, x: tf.Tensor, labels: tf.Tensor | None) -> list[LevelTerms]:
        return self._run("forward_terms", x, labels, exact=False)

    def _inverse(self, latents, labels):
        return self._run("inverse", latents, labels, exact=True)

    def _run(self, direction, x, labels, exact):
        with tf.init_scope():
            self._check_weights()
            function = self._function(direction, exact)
        if not tf.executing_eagerly():
            # Weights may change between the tracing of the caller's graph and its runs.
            with tf.control_dependencies([tf.py_function(self._check_weights, [], [])]):
                x = tf.identity(x)
        return function(x) if labels is None else function(x, labels)

    def _check_weights(self):
        changed = self._snapshot.changed()
        if changed:
            others = f" and {len(changed) - _NAMED} others" if len(changed) > _NAMED else ""
            raise ValueError(
                f"Weights of {self.name} have changed since `frozen()` ("
                f"{', '.join(changed[:_NAMED])}{others}): call `frozen()` again."
            )

    def _function(self, direction, exact):
        """A direction of the frozen flow as a graph, traced once, for any number of rows."""
        dtype = self._flow.dtype if exact else self._flow.network_dtype
        key = dtype, direction
        if key not in self._functions:
            run = shapes.for_any_number_of_rows(getattr(self._frozen_flow(dtype), direction))
            event = [self.config.num_dims] if direction == "inverse" else self.config.image_shape
            signature = [tf.TensorSpec([None, *event], self._flow.dtype)]
            if self.config.num_classes:
                signature.append(tf.TensorSpec([None], tf.int32))
            self._functions[key] = own_graph(run, input_signature=signature)
        return self._functions[key]

    def _frozen_flow(self, network_dtype):
        if network_dtype not in self._frozen_flows:
            self._frozen_flows[network_dtype] = FrozenFlow(
                self._flow, self._flow.dtype, network_dtype, self._hold
            )
        return self._frozen_flows[network_dtype]
