"""Where a run computes: distribution strategies by name."""

import tensorflow as tf

from train.config import STRATEGIES
from train.workers import check_tf_config


def make_strategy(name: str) -> tf.distribute.Strategy:
    """A distribution strategy.

    Args:
      name: "mirrored": a replica on each GPU, or one on the CPU where there is none.
        "one_device": the first GPU, or the CPU.
        "cpu_mirrored": two replicas on two logical CPUs, to try replication anywhere.
        "multi_worker_mirrored": the workers that the environment variable TF_CONFIG names, each
        with a replica on each of its GPUs, or one on its CPU. All must see the same run folder.

    Raises:
      ValueError: If there is no such strategy, or the process is not set up for it.
    """
    makers = {
        "mirrored": _mirrored,
        "one_device": _one_device,
        "cpu_mirrored": _cpu_mirrored,
        "multi_worker_mirrored": _multi_worker_mirrored,
    }
    if name not in makers:
        raise ValueError(f"`strategy` must be one of {', '.join(STRATEGIES)}; got {name!r}.")
    return makers[name]()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that evaluates, saves and reports."""
    return strategy.extended.should_checkpoint


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict() if resolver else {}
    return max(1, sum(len(cluster.get(job, ())) for job in ("chief", "worker")))


def worker_index(strategy: tf.distribute.Strategy) -> int:
    """Which of them this one is, from 0."""
    if num_workers(strategy) == 1:
        return 0
    resolver = strategy.cluster_resolver
    chiefs = len(resolver.cluster_spec().as_dict().get("chief", ()))
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)


def compiles(strategy: tf.distribute.Strategy, jit_compile: bool | None) -> bool:
    """Whether XLA compiles what runs under a strategy; None: on GPUs, not on CPUs."""
    if jit_compile is not None:
        return jit_compile
    return all("GPU" in device for device in strategy.extended.worker_devices)


def _mirrored() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices("GPU")
    # Without GPUs a single CPU, even where there are several logical ones.
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus] or ["CPU:0"])


def _one_device() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.OneDeviceStrategy(gpus[0].name if gpus else "CPU:0")


def _cpu_mirrored() -> tf.distribute.Strategy:
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or ()) < 2:
        try:
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * 2
            )
        except RuntimeError as error:
            raise ValueError(
                "`strategy` = 'cpu_mirrored' needs two logical CPUs, and TensorFlow has started "
                "with one in this process: configure them first."
            ) from error
    # Not the default, collectives: a process can have these for one strategy and dtype only.
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def _multi_worker_mirrored() -> tf.distribute.Strategy:
    check_tf_config()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "`strategy` = 'multi_worker_mirrored' must be made before TensorFlow computes "
            f"anything in this process: {error}"
        ) from error
