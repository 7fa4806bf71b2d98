import socket

import pytest

from tfglow.datasets.tfds_builders import find_builder


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("The network was tried.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def message_of(name, data_dir=None):
    with pytest.raises(ValueError) as caught:
        find_builder(name, data_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_by_name(cifar10_dir):
    for name in ("cifar10", "cifar10:3.0.2", "cifar10:3.*.*"):
        builder = find_builder(name, cifar10_dir)
        assert (builder.name, str(builder.version)) == ("cifar10", "3.0.2")
        assert builder.is_prepared()


def test_digits(digits_dir):
    for name in ("digits", "digits:1.0.0"):
        assert find_builder(name, digits_dir).info.splits["train"].num_examples == 1500


def test_a_data_set_that_tfds_does_not_know_is_read_from_its_files(photos_dir):
    builder = find_builder("photos", photos_dir)
    assert str(builder.version) == "2.1.0"
    assert builder.info.splits["train"].num_shards == 4


def test_an_older_version_is_read_where_tfds_has_a_newer_one(photos_dir):
    assert str(find_builder("cifar10", photos_dir).version) == "1.0.0"


@pytest.mark.parametrize("name", ["lsun/church_outdoor", "celeb_a_hq/256", "imagenet2012"])
def test_a_data_set_that_is_not_prepared(name, tmp_path):
    assert message_of(name, tmp_path) == (
        f"The data set {name!r} is not prepared in '{tmp_path}'; this prepares it: "
        f"tfds build {name} --data_dir={tmp_path}"
    )


def test_without_a_folder_tfds_s_own_is_meant(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    message = message_of("downsampled_imagenet/32x32")
    assert "is not prepared in '~/tensorflow_datasets'; this prepares it: tfds build" in message


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("cifr10", " (did you mean 'cifar10' or "),
        ("CIFAR10", " (did you mean 'cifar10' or "),
        ("digit", " (did you mean 'digits'"),
        ("foldr", " (did you mean 'folder'"),
        ("zzzzzzzzzz", ""),
        ("huggingface:mnist", ""),
        ("a b", ""),
        ("", ""),
        ("cifar10/", " (did you mean 'cifar10' or "),
        ("cifr10:3.0.2", " (did you mean 'cifar10' or "),
    ],
)
def test_an_unknown_name(name, suggestion, tmp_path):
    start = (
        f"Unknown data set {name!r}: expected 'digits', 'fashion', 'folder' or the name of a TFDS "
        "data set"
    )
    message = message_of(name, tmp_path)
    assert message.startswith(start + suggestion)
    assert message.endswith(".")
    if not suggestion:
        assert message == start + "."


def test_an_unknown_configuration(tmp_path):
    message = message_of("lsun/chirch_outdoor", tmp_path)
    assert message.startswith("Unknown configuration 'chirch_outdoor' of 'lsun': it has ")
    assert "(did you mean 'church_outdoor'" in message
    assert message_of("cifar10/small", tmp_path) == (
        "The data set 'cifar10' has no configurations, got 'small'."
    )


def test_an_unknown_version(cifar10_dir, tmp_path):
    assert message_of("cifar10:9.9.9", cifar10_dir) == (
        f"The data set 'cifar10:9.9.9' is not prepared in '{cifar10_dir}', which holds "
        "'cifar10:3.0.2'."
    )
    assert message_of("cifar10:9.9.9", tmp_path) == (
        f"The data set 'cifar10:9.9.9' is not prepared in '{tmp_path}', and the installed TFDS "
        "makes version 3.0.2, not 9.9.9."
    )


@pytest.mark.parametrize("name", ["photos", "cifar10"])
def test_a_folder_in_that_of_the_data_set(name, photos_dir):
    [version] = (photos_dir / name).iterdir()
    for place in (photos_dir / name, version):
        assert message_of(name, place) == (
            f"`data_dir` = '{place}' is in the folder of the data set '{name}': give the one that "
            f"this is in, '{photos_dir}'."
        )


def test_what_is_prepared_is_named(photos_dir, tmp_path):
    """Where another version is there, of a data set that TFDS knows or does not."""
    assert message_of("cifar10:3.0.2", photos_dir).endswith("which holds 'cifar10:1.0.0'.")
    assert message_of("photos:1.0.0", photos_dir).endswith("which holds 'photos:2.1.0'.")
    for version in ("1.0.0", "10.0.0", "9.0.0"):
        folder = tmp_path / "lsun" / "tower" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
    for name in ("lsun/chirch_outdoor", "lsun/church_outdoor", "lsun/tower:2.0.0"):
        assert message_of(name, tmp_path) == (
            f"The data set {name!r} is not prepared in '{tmp_path}', which holds "
            "'lsun/tower:1.0.0', 'lsun/tower:9.0.0', 'lsun/tower:10.0.0'."
        )
