"""No command and no function makes a local folder called "gs:" of a URL."""

import os
import pathlib
import re

import numpy as np
import pytest

import tfglow
from export.publishing import check_base
from serving.client.files import check_file_to_write
from serving.embedded.config import ServerConfig
from tfglow import datasets, official
from tfglow.datasets.folder_files import FolderFiles
from tfglow.datasets.tfds_builders import find_builder
from tfglow.latents import AttributeDirections, read_attribute_table
from tfglow.local_paths import check_local_path, checkpoint_prefix
from tfglow.pictures import save_grid
from tfglow.pictures.reading import read_picture
from tfglow.runs import RunFolder
from tfglow.scoring import Detector
from tfglow.whole_files import replace_file

URLS = (
    "gs://bucket/a",
    "GS://bucket/a",
    "s3://bucket/a",
    "hdfs:///a",
    "http://host/a",
    "https://host/a",
    "abfs+x://host/a",
    "file:///tmp/a",
    "file:/tmp/a",
)
# Each takes what may be a URL.
USES = {
    "run_create": lambda url: RunFolder.create(url, {"model": {}}),
    "run_open": RunFolder.open,
    "run": lambda url: RunFolder(pathlib.Path(url)),
    "file": lambda url: replace_file(url, "x"),
    "export": check_base,
    "server": lambda url: ServerConfig(model_base_path=url),
    "client": lambda url: check_file_to_write(pathlib.Path(url)),
    "official": lambda url: official.infer_config(url),
    "folder": lambda url: datasets.load("folder", "train", url),
    "files": FolderFiles.find,
    "tfds": lambda url: datasets.load("cifar10", "train", url),
    "builder": lambda url: find_builder("cifar10", url),
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert os.listdir() == []


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("url", URLS)
def test_urls_are_refused(use, url):
    with pytest.raises(ValueError, match="must be a local path, got the URL") as caught:
        USES[use](url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, 0.5, ["a"]])
def test_what_is_no_path_is_quoted(value):
    loads = {
        "load_glow": tfglow.load_glow,
        "official": lambda path: official.load(path, tfglow.GlowConfig()),
        "infer_config": official.infer_config,
        "has_average": official.has_average,
        "run": RunFolder.open,
        "detector": lambda path: Detector.load(path, None),
        "directions": AttributeDirections.load,
        "table": read_attribute_table,
        "picture": read_picture,
        "grid": lambda path: save_grid(path, np.zeros([1, 8, 8, 1], np.uint8)),
        "data": lambda name: datasets.load(name, "test"),
        "split": lambda split: datasets.load("digits", split),
    }
    for name, load in loads.items():
        with pytest.raises(ValueError, match=rf"must be .*got {re.escape(repr(value))}\.$"):
            load(value)
            pytest.fail(name)


def test_tfds_s_own_place(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "gs://bucket/data")
    with pytest.raises(ValueError, match="`data_dir` must be a local path, got the URL 'gs://b"):
        datasets.load("cifar10", "train")


def test_what_to_do_is_said():
    with pytest.raises(ValueError) as caught:
        check_local_path("gs://bucket/run", "`run_dir`")
    assert str(caught.value) == (
        "`run_dir` must be a local path, got the URL 'gs://bucket/run': copy it, or mount it, and "
        "give that place."
    )
    with pytest.raises(ValueError, match="got the URL 'gs://bucket/run'"):
        check_local_path(pathlib.Path("gs://bucket/run"), "`run_dir`")
    with pytest.raises(ValueError, match="got the URL 'gs://bucket/run'"):
        check_local_path(os.path.abspath("gs://bucket/run"), "`run_dir`")
    with pytest.raises(ValueError, match=r": give '/my data/run'\.$"):
        check_local_path("file:///my%20data/run", "`run_dir`")


@pytest.mark.parametrize(
    "path",
    [
        "runs/a",
        "/runs/a",
        "C:\\runs",
        "C:/runs",
        "C:",
        "a:b",
        "12:30/a",
        "~/a",
        ".",
        "",
    ],
)
def test_local_paths_are_kept(path):
    assert check_local_path(path, "`run_dir`") == path


def test_bytes_and_paths_are_paths():
    assert check_local_path(pathlib.Path("a/b"), "`run_dir`") == "a/b"
    assert check_local_path(b"a/\xff", "`run_dir`") == os.fsdecode(b"a/\xff")


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", ".data-00003-of-00128"])
def test_a_checkpoint_is_named_by_any_of_its_files(ending):
    assert checkpoint_prefix(f"runs/a/ckpt-3{ending}") == "runs/a/ckpt-3"
    assert checkpoint_prefix(pathlib.Path(f"model.ckpt{ending}")) == "model.ckpt"


def test_other_endings_are_the_checkpoint_s_name():
    for path in ("my.index.d/glow.keras", "model.data-1-of-2", "model.ckpt-3.meta"):
        assert checkpoint_prefix(path) == path
