import pathlib

import pytest
import tensorflow as tf

REPO = pathlib.Path(__file__).resolve().parents[1]

# Two replicas on any machine need two logical CPUs, which must be there before TensorFlow starts.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def shared_dir():
    """The reference files beside the checkout."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"The reference files are not in {folder}.")
    return folder
