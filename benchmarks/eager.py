"""A model's methods called eagerly against the same calls in a `tf.function`, in turn.

    python -m benchmarks.eager
    python -m benchmarks.eager --levels=3 --steps=8 --width=128 --batch_size=32

The first eager call is that of a fresh process, tracing included; methods are called in the order
of the table, so that a later one finds traced what an earlier one shares with it.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.measuring import Seconds, alternate
from benchmarks.sizes import Size, add_size_flags, size_from
from tfglow.one_sentence_parser import OneSentenceParser

if TYPE_CHECKING:
    import tensorflow as tf

    import tfglow


class EagerCall(NamedTuple):
    """How long a method takes."""

    # Seconds of the first eager call.
    first: float
    # Those after it.
    eager: Seconds
    # The same call in a `tf.function`.
    graph: Seconds


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    add_size_flags(parser)
    parser.add_argument("--repeats", type=int, default=20, help="timed runs of each")
    args = parser.parse_args()
    print("| call | first eager call, s | eager, ms | graph, ms | eager / graph (quartiles) |")
    print("|---|---:|---:|---:|---:|", flush=True)
    for name, call in measure(size_from(args), args.repeats).items():
        eager, graph = (1e3 * float(np.median(s.wall)) for s in (call.eager, call.graph))
        low, median, high = np.percentile(call.eager.wall / call.graph.wall, [25, 50, 75])
        print(
            f"| `{name}` | {call.first:.2f} | {eager:.1f} | {graph:.1f} "
            f"| {median:.2f} ({low:.2f} to {high:.2f}) |"
        )


def measure(size: Size, repeats: int) -> dict[str, EagerCall]:
    """Times every method, by what is called.

    Args:
      size: The model, and the images of a call.
      repeats: How often each is timed, after its first calls.
    """
    import tensorflow as tf

    import tfglow
    from benchmarks.images import random_batch
    from benchmarks.models import glow_config

    glow = tfglow.Glow(glow_config(size))
    images = random_batch(size.batch_size, size.image_shape)["image"]
    glow.initialize(images)
    methods = calls(glow, images)
    first = {name: _seconds(run) for name, run in methods.items()}
    measured = {}
    for name, run in methods.items():
        eager, graph = alternate([run, tf.function(run, autograph=False)], repeats)
        measured[name] = EagerCall(first[name], eager, graph)
    return measured


def calls(glow: "tfglow.Glow", images: "tf.Tensor") -> "dict[str, Callable[[], tf.Tensor]]":
    """What users call, each as a function without arguments."""
    import tensorflow as tf

    shape = images.shape
    continuous = tf.random.stateless_uniform(shape, [0, 2], -0.5, 0.5)
    latents = tf.random.stateless_normal([shape[0], glow.config.num_dims], [0, 3], stddev=0.7)
    return {
        "glow.log_prob": lambda: glow.log_prob(images),
        "glow.encode": lambda: glow.encode(images),
        "glow.decode": lambda: glow.decode(latents),
        "glow.sample": lambda: glow.sample(shape[0], temperature=0.7),
        "glow.distribution.log_prob": lambda: glow.distribution.log_prob(continuous),
    }


def _seconds(run):
    start = time.perf_counter()
    run().numpy()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
