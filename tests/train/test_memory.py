import dataclasses

import pytest

from tfglow import GlowConfig
from train.config import TrainConfig
from train.memory import expected_memory

MIB = 2**20

# The growth of a process's memory, in MiB, over what it had with all imported: from building the
# model to the third step of training (on two cores, TensorFlow 2.21), and the model's parameters.
MEASURED = [
    ({"steps": 8, "width": 128}, 32, 1_656_852, 338),
    ({"steps": 8, "width": 128, "gradient_checkpointing": True}, 32, 1_656_852, 187),
    ({"steps": 8, "width": 128, "precision": "mixed_bfloat16"}, 32, 1_656_852, 293),
    ({"steps": 8, "width": 512}, 1, 11_158_548, 427),
    ({"steps": 4, "width": 512}, 16, 5_581_620, 383),
    ({"steps": 4, "width": 512, "precision": "mixed_bfloat16"}, 16, 5_581_620, 351),
    (
        {"image_shape": (64, 64, 3), "levels": 4, "steps": 4, "width": 64, "coupling": "additive"},
        16,
        614_252,
        258,
    ),
    ({"image_shape": (64, 64, 3), "levels": 4, "steps": 32, "width": 16}, 1, 2_184_196, 242),
]
# What tracing a step takes, whatever the model is.
GRAPH = 60


def config(batch_size=32, init_images=1, **model):
    return TrainConfig(
        model=GlowConfig(**model), batch_size=batch_size, init_images=init_images
    ).resolved()


@pytest.mark.parametrize(("model", "batch_size", "parameters", "measured"), MEASURED)
def test_is_what_was_measured_within_a_third(model, batch_size, parameters, measured):
    settings = config(batch_size, **model)
    memory = expected_memory(settings, parameters, 0, 1)
    steps = settings.model.levels * settings.model.steps
    expected = memory.device / MIB + GRAPH + steps
    assert measured / 1.34 < expected < 1.34 * measured


@pytest.mark.parametrize(
    ("model", "images", "measured"),
    [
        ({"levels": 1, "steps": 1, "width": 512}, 256, 325),
        ({"levels": 1, "steps": 2, "width": 512}, 128, 175),
        ({"image_shape": (128, 128, 3), "levels": 1, "steps": 1, "width": 64}, 64, 323),
    ],
)
def test_the_initialisation_is_what_was_measured(model, images, measured):
    memory = expected_memory(config(2, images, **model), 0, 10**6, 1)
    expected = memory.device / MIB + GRAPH
    assert measured / 1.34 < expected < 1.34 * measured


def test_replicas_divide_activations_not_weights():
    one, two = (expected_memory(config(), 1000, 0, n) for n in (1, 2))
    assert one.activations == 2 * two.activations
    assert one.weights == two.weights == 7 * 4 * 1000
    no_average = dataclasses.replace(config(), average_decay=0.0)
    assert expected_memory(no_average, 1000, 0, 1).weights == 6 * 4 * 1000


def test_images_are_kept_where_they_fit():
    assert expected_memory(config(), 0, 60_000, 1).images == 60_000 * 32 * 32 * 3
    assert expected_memory(config(), 0, 1_200_000, 1).images == 0
    cropped = dataclasses.replace(config(), resize="random_crop")
    assert expected_memory(cropped, 0, 60_000, 1).images == 0


@pytest.mark.parametrize("width", [64, 512])
def test_grows_with_the_image_and_less_with_checkpointing(width):
    def activations(side, **model):
        settings = config(1, image_shape=(side, side, 3), steps=32, width=width, **model)
        return expected_memory(settings, 0, 0, 1).activations

    assert activations(64) == 4 * activations(32)
    assert activations(64, gradient_checkpointing=True) < activations(64) / 6
    assert activations(64, scan_steps=True) == activations(64, gradient_checkpointing=True)
    assert activations(64, precision="mixed_bfloat16") < 0.8 * activations(64)
    assert activations(64, precision="float64") == 2 * activations(64)
