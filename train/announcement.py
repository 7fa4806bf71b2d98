"""What will be trained, in words, before it is."""

import tensorflow as tf

from tfglow import GlowConfig
from tfglow.counting import counted
from tfglow.datasets import ImageData
from tfglow.runs.run_folder import RunFolder
from train import strategies
from train.config import TrainConfig
from train.data import steps_per_epoch
from train.memory import expected_memory

_MOST_CLASS_NAMES = 5


def announcement(
    config: TrainConfig,
    run: RunFolder,
    train_data: ImageData,
    eval_data: ImageData,
    strategy: tf.distribute.Strategy,
    num_parameters: int,
) -> str:
    """A block of lines: data, model, steps, memory, devices and where to look.

    Args:
      config: The run's configuration, `resolved`.
      run: The run's folder.
      train_data: The split to train on.
      eval_data: The split to evaluate on.
      strategy: The distribution strategy that it computes under.
      num_parameters: The model's trainable weights.
    """
    parts = {
        "Data": _data(config, train_data, eval_data),
        "Model": _model(config, num_parameters),
        "Steps": _steps(config, train_data, strategy),
        "Memory": _memory(config, train_data, eval_data, strategy, num_parameters),
        "Devices": _devices(config, strategy),
        "Results": _results(config, run),
    }
    return "\n".join(f"{name:<8} {text}" for name, text in parts.items())


def _data(config: TrainConfig, train_data: ImageData, eval_data: ImageData) -> str:
    place = f" in {config.data_dir}" if config.data_dir else ""
    parts = [
        f"{config.dataset}{place}: {counted(train_data.num_images, 'image')} to train on "
        f"({train_data.split}), {eval_data.num_images:,} to evaluate on ({eval_data.split})",
        _classes(config, train_data),
    ]
    skipped = len(train_data.skipped) + len(eval_data.skipped)
    if skipped:
        parts.append(f"{counted(skipped, 'file')} skipped")
    changes = [f"other sizes are brought to the model's by {config.resize}"]
    changes += ["mirrored at random"] if config.flip else []
    changes += [f"shifted by up to {config.shift} pixels"] if config.shift else []
    return "; ".join([*parts, ", ".join(changes)])


def _classes(config: TrainConfig, data: ImageData) -> str:
    if not data.num_classes:
        return "no classes"
    names = ", ".join(data.class_names[:_MOST_CLASS_NAMES])
    names += ", ..." if data.num_classes > _MOST_CLASS_NAMES else ""
    if config.model.num_classes:
        return f"{data.num_classes} classes ({names})"
    return (
        f"{data.num_classes} classes ({names}), which the model does not use: "
        f"--num_classes={data.num_classes} would"
    )


def _model(config: TrainConfig, num_parameters: int) -> str:
    model = config.model
    height, width, channels = model.image_shape
    permutation = model.permutation
    if permutation == "invertible_1x1_conv":
        permutation += f" ({model.parameterization})"
    parts = [
        f"images {height}x{width}x{channels} of {model.num_bits} bits",
        f"{counted(model.levels, 'level')} of {counted(model.steps, 'step')}",
        f"width {model.width}",
        f"{model.coupling} coupling",
        permutation,
        f"{num_parameters:,} parameters",
    ]
    if model.num_classes:
        parts.insert(-1, f"conditional on {model.num_classes} classes")
    return ", ".join(parts)


def _steps(config: TrainConfig, train_data: ImageData, strategy: tf.distribute.Strategy) -> str:
    each = steps_per_epoch(config, train_data)
    init_images = min(config.init_images or 0, train_data.num_images)
    replicas = strategy.num_replicas_in_sync
    share = f", {config.batch_size // replicas} a replica" if replicas > 1 else ""
    start = f"initialised on {init_images:,} images"
    if config.init_from is not None:
        start = f"started from {config.init_from}"
    return (
        f"{config.epochs * each:,} = {counted(config.epochs, 'epoch')} of {each:,}, "
        f"{config.batch_size} "
        f"images a step{share}; {config.optimizer}, learning rate {config.learning_rate:g} after "
        f"{config.warmup_steps:,} steps; {start}"
    )


def _memory(
    config: TrainConfig,
    train_data: ImageData,
    eval_data: ImageData,
    strategy: tf.distribute.Strategy,
    num_parameters: int,
) -> str:
    replicas = strategy.num_replicas_in_sync
    num_images = train_data.num_images + eval_data.num_images
    memory = expected_memory(config, num_parameters, num_images, replicas)
    parts = (
        f"{_size(memory.weights)} for weights and optimizer, {_size(memory.activations)} for a "
        f"step, {_size(memory.initialization)} for the initialisation"
    )
    rest = memory.images + memory.program
    if _on_gpus(strategy):
        return f"about {_size(memory.device)} on each GPU ({parts}), and {_size(rest)} beside it"
    local = replicas // strategies.num_workers(strategy)
    return (
        f"about {_size(local * memory.device + rest)} ({parts}, {_size(memory.images)} for images, "
        f"{_size(memory.program)} for the program)"
    )


def first_step_note(model: GlowConfig, compiled: bool) -> str:
    """Why the first step takes longer, and what makes it shorter.

    Args:
      model: The model's configuration.
      compiled: Whether XLA compiles.
    """
    if not compiled:
        return "The first step is traced, which takes longer than the steps after it."
    note = "The first step is traced and compiled by XLA, which takes longer than those after it"
    if model.scan_steps or model.steps == 1:
        return f"{note}."
    return (
        f"{note}: a level's {model.steps} flow steps one by one. With --scan_steps XLA compiles "
        "one a level, and every step of training takes longer."
    )


def _devices(config: TrainConfig, strategy: tf.distribute.Strategy) -> str:
    names = [device.rpartition("device:")[2] for device in strategy.extended.worker_devices]
    workers = strategies.num_workers(strategy)
    text = f"{', '.join(names)} ({config.strategy}"
    text += f", {workers} workers" if workers > 1 else ""
    compiled = strategies.compiles(strategy, config.jit_compile)
    text += f"), {config.model.precision}, {'' if compiled else 'not '}compiled by XLA"
    return text + (", a level's steps as a loop" if config.model.scan_steps else "")


def _results(config: TrainConfig, run: RunFolder) -> str:
    what = "samples/ and curves.png every epoch"
    if config.sample_every > 1:
        what = f"samples/ every {config.sample_every} epochs, curves.png every epoch"
    return f"{run.path}: {what}; tensorboard --logdir={run.path}"


def _on_gpus(strategy: tf.distribute.Strategy) -> bool:
    return all("GPU" in device for device in strategy.extended.worker_devices)


def _size(num_bytes: int) -> str:
    """Bytes in the unit that suits them."""
    if num_bytes >= 2**30:
        return f"{num_bytes / 2**30:.1f} GiB"
    return f"{max(1, round(num_bytes / 2**20)):,} MiB"
