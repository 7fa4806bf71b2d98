"""One step of training, on all replicas."""

from typing import Any

import tensorflow as tf

from train.state import TrainState


class TrainStep:
    """Computes gradients on every replica, adds them up, and updates the weights if all is finite.

        loss = mean of the whole batch's objective,  w ← optimizer(w, ∇loss)

    A step whose loss or gradient norm is not finite leaves weights, optimizer and average as they
    are.

    Args:
      state: What is trained.
      strategy: That which `state` was made for.
      batch_size: Images of a step, over all replicas.
      clip_norm: Norm to which a larger gradient is scaled; None: never.
      jit_compile: Whether XLA compiles the step: with one replica all of it, with several each
        replica's gradients.
    """

    def __init__(
        self,
        state: TrainState,
        strategy: tf.distribute.Strategy,
        *,
        batch_size: int,
        clip_norm: float | None = None,
        jit_compile: bool = False,
    ):
        self._state = state
        self._strategy = strategy
        self._batch_size = batch_size
        self._clip_norm = clip_norm
        self._dtype = state.glow.config.dtype
        self._variables = [v.value for v in state.glow.trainable_variables]
        self._several = strategy.num_replicas_in_sync > 1
        self._gradients = self._terms_and_gradients
        if jit_compile and self._several:
            self._gradients = tf.function(self._gradients, autograph=False, jit_compile=True)
        self._step = tf.function(
            self._run, autograph=False, jit_compile=jit_compile and not self._several
        )

    def __call__(self, batch: dict[str, Any], stop: bool = False) -> dict[str, tf.Tensor]:
        """Takes one step.

        Args:
          batch: A batch from `TrainingBatches`.
          stop: Whether this worker wants to stop after this step.

        Returns:
          Scalars: the means over the batch of what `Glow.objective` returns; `gradient_norm`,
          before clipping; `applied`, bool; `stop`, bool: whether any worker wants to stop.
        """
        return self._step(batch, tf.constant(stop))

    @property
    def function(self) -> tf.types.experimental.PolymorphicFunction:
        """The `tf.function` of a batch and a scalar bool that a call runs."""
        return self._step

    def _run(self, batch, stop):
        gradients, results = self._strategy.run(self._on_replica, args=(batch, stop))
        # Equal on all replicas.
        results = tf.nest.map_structure(
            lambda value: self._strategy.experimental_local_results(value)[0], results
        )
        norm = results["gradient_norm"]
        finite = tf.math.is_finite(results["loss"]) & tf.math.is_finite(norm)
        scale = 1.0
        if self._clip_norm is not None:
            scale = self._clip_norm / tf.maximum(norm, self._clip_norm)
        self._state.optimizer.update_where(finite, gradients, scale)
        if self._state.weight_average is not None:
            self._state.weight_average.update(finite)
        return {**results, "applied": finite}

    def _on_replica(self, batch, stop):
        """The batch's gradients and scalars, each already the sum over the replicas."""
        terms, gradients = self._gradients(batch)
        sums = {**terms, "stop": tf.cast(stop, self._dtype)}
        if self._several:
            context = tf.distribute.get_replica_context()
            gradients, sums = context.all_reduce(tf.distribute.ReduceOp.SUM, (gradients, sums))
        norm = tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(g) for g in gradients]))
        return gradients, {**sums, "gradient_norm": norm, "stop": sums["stop"] > 0}

    def _terms_and_gradients(self, batch):
        """This replica's part of the means over the whole batch, and of their gradient."""
        with tf.GradientTape() as tape:
            terms = self._state.glow.objective(
                batch["image"], batch.get("label"), noise=batch["noise"]
            )
            terms = {name: tf.reduce_sum(t) / self._batch_size for name, t in terms.items()}
        gradients = tape.gradient(
            terms["loss"], self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return terms, gradients
