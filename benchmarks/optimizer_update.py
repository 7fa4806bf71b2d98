"""An update of a model's weights: Keras's Adam against the fused one, in turn.

    python -m benchmarks.optimizer_update --size=paper

Gradients are constants; what is timed is the update alone.
"""

import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measuring import alternate
from benchmarks.peers.contestant import count_operations
from benchmarks.sizes import add_size_flags, size_from
from tfglow.one_sentence_parser import OneSentenceParser

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    add_size_flags(parser)
    parser.add_argument("--repeats", type=int, default=10, help="timed runs of each")
    args = parser.parse_args()

    import keras
    import tensorflow as tf

    import tfglow
    from benchmarks.models import glow_config
    from tfglow.optimizers import FusedAdam

    glow = tfglow.Glow(glow_config(size_from(args)))
    variables = glow.trainable_variables
    gradients = [tf.fill(variable.shape, 1e-3) for variable in variables]
    rows, updates = {}, []
    optimizers = {
        "keras.optimizers.Adam": keras.optimizers.Adam(1e-4),
        "FusedAdam": FusedAdam(1e-4),
    }
    for name, optimizer in optimizers.items():
        update = update_function(optimizer, variables)
        start = time.perf_counter()
        operations = count_operations(update, gradients)
        rows[name] = (operations, time.perf_counter() - start)
        updates.append(lambda update=update: update(gradients))
    times = alternate(updates, args.repeats)
    print(f"{len(variables)} variables, {sum(int(tf.size(g)) for g in gradients):,} weights")
    print("| optimizer | graph operations | tracing, s | an update, ms (quartiles) |")
    print("|---|---:|---:|---:|")
    for (name, (operations, tracing)), seconds in zip(rows.items(), times, strict=True):
        low, median, high = 1e3 * np.percentile(seconds.wall, [25, 50, 75])
        spread = f"{median:.0f} ({low:.0f} to {high:.0f})"
        print(f"| `{name}` | {operations:,} | {tracing:.2f} | {spread} |")


def update_function(
    optimizer: "keras.optimizers.Optimizer", variables: "list[keras.Variable]"
) -> "tf.types.experimental.PolymorphicFunction":
    """A `tf.function` of gradients that updates the variables, and returns when that is done."""
    import tensorflow as tf

    optimizer.build(variables)

    @tf.function(autograph=False)
    def update(gradients):
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return optimizer.iterations.value

    return update


if __name__ == "__main__":
    main()
