"""A train step through `TransformedDistribution.log_prob` against a single pass by hand.

TFP asks a bijector for its value and for its log-det in two calls. This prints what the way
through TFP costs over calling each layer once, by hand, for the same loss and gradients:

    python -m benchmarks.single_pass --steps=8 --width=128 --batch_size=32
"""

import argparse

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.timing import alternate, ratio_line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=8, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=128, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20, help="timed runs of each")
    args = parser.parse_args()

    config = tfglow.GlowConfig(
        image_shape=(32, 32, 3), levels=3, steps=args.steps, width=args.width
    )
    glow = tfglow.Glow(config)
    x = tf.random.stateless_uniform([args.batch_size, *config.image_shape], [0, 0], -0.5, 0.5)
    glow.flow.initialize(x)
    by_distribution = train_step(glow, lambda x: glow.distribution.log_prob(x))
    by_hand = train_step(glow, lambda x: log_prob_by_hand(glow.flow, x))
    losses = [float(step(x)) for step in (by_distribution, by_hand)]
    print(f"loss (nats): through the distribution {losses[0]:.4f}, by hand {losses[1]:.4f}")
    times = alternate([lambda: by_distribution(x), lambda: by_hand(x)], args.repeats)
    print(ratio_line("time of a train step, distribution / by hand", *times))


def log_prob_by_hand(flow: tfglow.bijectors.GlowFlow, x: tf.Tensor) -> tf.Tensor:
    """log p(x), nats, `[B]`: every layer called once, nothing of TFP's in between."""
    log_prob = tf.zeros(tf.shape(x)[:1])
    latents = []
    for level, steps in enumerate(flow.steps):
        x, _ = flow.squeeze.forward_and_log_det(x)
        for step in steps:
            for layer in (step.actnorm, step.permutation, step.coupling):
                x, log_det = layer.forward_and_log_det(x)
                log_prob += log_det
        if level < len(flow.splits):
            x, eps, log_det = flow.splits[level].split(x)
            log_prob += log_det
            latents.append(eps)
    eps, log_det = flow.top_prior.forward_and_log_det(x)
    log_prob += log_det
    for latent in (*latents, eps):
        log_prob -= 0.5 * tf.reduce_sum(tf.square(latent) + np.log(2 * np.pi), axis=[1, 2, 3])
    return log_prob


def train_step(glow: tfglow.Glow, log_prob_fn) -> tf.types.experimental.PolymorphicFunction:
    """One step of gradient descent on −log p."""
    variables = [variable.value for variable in glow.trainable_variables]
    rate = tf.Variable(0.0)  # The updates run, and the two compare the same model throughout.

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(log_prob_fn(x))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(rate * gradient)
        return loss

    return step


if __name__ == "__main__":
    main()
