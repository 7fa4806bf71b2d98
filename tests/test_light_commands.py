"""Commands that only print their help, or refuse, import neither TensorFlow nor what needs it."""

import subprocess
import sys

from tests.conftest import REPO
from tfglow.runs import RunFolder
from train.presets import PRESETS

# Each calls commands as `(module, arguments, what it says)`.
PROGRAM = """
import contextlib, importlib, io, sys

HEAVY = {"tensorflow", "tensorflow_probability", "tensorflow_datasets", "tensorflow_serving",
         "keras", "tf_keras", "matplotlib", "scipy", "sklearn", "torch"}


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise RuntimeError(f"{name} is imported")


def run(cases):
    for module, arguments, expected in cases:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                main = importlib.import_module(module).main
                sys.argv = [module, *arguments]
                main() if module.startswith("benchmarks.") else main(arguments)
            except SystemExit as end:
                print(end.code, file=said)
        # An error is a line or two, without the usage.
        wordy = "--help" not in arguments and said.getvalue().count("\\n") > 2
        if expected not in said.getvalue() or wordy and "--print_config" not in arguments:
            print(module, arguments, repr(said.getvalue()[-300:]))


sys.meta_path.insert(0, Refuse())
run(CASES)
# TFDS, which knows the names of data sets, asks whether TensorFlow is there, without importing it.
del sys.meta_path[0]
run(BY_NAME)
if "tensorflow" in sys.modules:
    print("TensorFlow is imported to know that a data set is not there")
print(len(CASES) + len(BY_NAME), "commands")
"""
HELP = (
    "export.main",
    "serving.client.cli",
    "serving.demo.cli",
    "serving.server",
    "tfglow.official.__main__",
    "train.evaluate",
    "train.experiments.anomalies",
    "train.experiments.attributes",
    "train.experiments.compare",
    "train.experiments.conditional",
    "train.experiments.depth_and_bits",
    "train.experiments.interpolate",
    "train.experiments.paper_table",
    "train.experiments.temperature",
    "train.main",
    "train.score",
)
# Whose `main` reads the process's arguments. Those of the server and of GPUs need its packages.
BENCHMARKS = (
    "benchmarks.compile_time",
    "benchmarks.eager",
    "benchmarks.far_latents",
    "benchmarks.first_step",
    "benchmarks.growth",
    "benchmarks.input_pipeline",
    "benchmarks.large_data.__main__",
    "benchmarks.large_data.make",
    "benchmarks.large_images",
    "benchmarks.mixed_precision",
    "benchmarks.operation_times",
    "benchmarks.optimizer_update",
    "benchmarks.peers.__main__",
    "benchmarks.precision_curve",
    "benchmarks.scaling",
    "benchmarks.sitting",
    "benchmarks.suite",
)
NO_RUN = "There is no run folder '/nowhere'."
REFUSALS = (
    ("export.main", ["--run_dir=/nowhere", "--export_dir=new"], NO_RUN),
    ("export.main", ["--run_dir=a", "--export_dir=b", "--format=x"], "invalid choice: 'x'"),
    ("serving.client.cli", ["sample", "--num=0"], "'0' is not a whole number from 1 on"),
    ("serving.demo.cli", ["--port=-1"], "`port` must be an integer from 0 to 65535"),
    ("serving.client.cli", ["sampel"], "invalid choice: 'sampel'"),
    ("serving.client.cli", ["sample", "--tempreature=1"], "did you mean --temperature"),
    ("serving.server", ["--model_base_path=/nowhere"], "`model_base_path` must be a folder"),
    ("serving.server", ["--model_base_path=.", "--port=x"], "--port: expected an integer, got 'x'"),
    ("serving.server", ["--model_base_path=.", "--prt=1"], "Unknown flag '--prt'; did you mean"),
    ("tfglow.official.__main__", ["x"], "the following arguments are required: --out"),
    ("tfglow.official.__main__", ["x", "--out", "/"], "'/' exists and is not an empty folder."),
    ("train.evaluate", ["--run_dir=/nowhere"], NO_RUN),
    ("train.evaluate", ["--run_dir=a", "--strategy=x"], "`strategy` must be one of mirrored"),
    ("train.evaluate", ["--run_dir=a", "--checkpoint=x"], "`checkpoint` must be one of best"),
    ("train.experiments.anomalies", ["altered", "--run_dir=/nowhere", "--result_dir=n"], NO_RUN),
    ("train.experiments.attributes", ["find", "--run_dir=/nowhere", "--output=a.npz"], NO_RUN),
    ("train.experiments.compare", ["--compare_dir=n", "--seed=1"], "--seed is what is compared"),
    ("train.experiments.conditional", ["--run_dir=/nowhere", "--output=a.png"], NO_RUN),
    ("train.experiments.depth_and_bits", ["--result_dir=n", "--bits=9"], "`num_bits` must be"),
    ("train.experiments.interpolate", ["--run_dir=/nowhere", "--output=a.png"], NO_RUN),
    ("train.experiments.paper_table", ["--runs", "/nowhere"], NO_RUN),
    ("train.experiments.temperature", ["--run_dir=/nowhere", "--output=a.png"], NO_RUN),
    (
        "train.experiments.temperature",
        ["--run_dir=a", "--output=a.png", "--checkpoint=first"],
        "--checkpoint: invalid choice: 'first'",
    ),
    ("train.main", ["--nothing"], "Unknown flag '--nothing'"),
    ("train.main", ["--preset=tinny"], "Unknown preset 'tinny'; did you mean tiny?"),
    ("train.main", ["--preset=tiny", "--learning_rate=-1"], "`learning_rate` must be a finite"),
    ("train.main", ["--dataset=cifar10", "--width=0"], "`width` must be an integer >= 1, got 0."),
    ("train.main", ["--preset=tiny", "--strategy=multi_worker_mirrored"], "TF_CONFIG"),
    ("train.main", ["--dataset=folder"], "The data set 'folder' needs `data_dir`"),
    ("train.main", ["--dataset=folder", "--data_dir=/nowhere"], "'/nowhere' is not a folder."),
    ("train.main", ["--preset=imagenet64", "--print_config"], "--warmup_steps=980"),
    ("train.score", ["--run_dir=/nowhere", "--data=x", "--out=new"], NO_RUN),
    (
        "train.score",
        ["--run_dir=a", "--data=x", "--out=new", "--weights=best"],
        "`weights` must be one of averaged, raw or None; got 'best'",
    ),
)
# Where the name of a data set is wrong, or nothing of it is there.
BY_NAME = (
    ("train.main", ["--dataset=cifr10"], "did you mean 'cifar10'"),
    ("train.main", ["--dataset=cifar10", "--data_dir=/nowhere"], "not prepared in '/nowhere'"),
    ("train.main", ["--preset=lsun64", "--data_dir=/nowhere"], "tfds build lsun/church_outdoor"),
    ("train.main", ["--dry_run", "--dataset=lsun/x"], "Unknown configuration 'x' of 'lsun'"),
    ("train.evaluate", ["--run_dir=run", "--dataset=cifr10"], "did you mean 'cifar10'"),
    ("train.score", ["--run_dir=run", "--data=cifr10", "--out=new"], "did you mean 'cifar10'"),
    ("train.score", ["--run_dir=run", "--data=a/b", "--out=new"], "There is no folder 'a/b'"),
)


def test_help_and_refusals_need_no_tensorflow(tmp_path):
    cases = [(module, ["--help"], "usage: ") for module in HELP] + list(REFUSALS)
    cases += [(module, ["--help"], "TF_CPP_MIN_LOG_LEVEL=0") for module in HELP]
    cases += [(module, ["--help"], "usage: ") for module in BENCHMARKS]
    RunFolder.create(tmp_path / "run", PRESETS["tiny"].to_dict())
    values = f"CASES, BY_NAME = {cases!r}, {BY_NAME!r}"
    program = f"import sys\nsys.path.insert(0, {str(REPO)!r})\n{values}\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (done.stderr, done.stdout) == ("", f"{len(cases) + len(BY_NAME)} commands\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_every_command_is_among_them():
    found = {
        ".".join(file.relative_to(REPO).with_suffix("").parts)
        for folder in ("export", "serving", "tfglow", "train")
        for file in (REPO / folder).rglob("*.py")
        if 'if __name__ == "__main__":' in file.read_text(encoding="utf-8")
    }
    # What is behind the scripts of these packages; and programs that are no commands of users.
    found -= {"serving.client", "serving.demo", "tfglow.log_filter"}
    found = {name for name in found if ".make_" not in name}
    assert found | {"serving.client.cli", "serving.demo.cli"} == set(HELP)


def test_every_benchmark_is_among_them():
    found = {
        ".".join(file.relative_to(REPO).with_suffix("").parts)
        for file in (REPO / "benchmarks").rglob("*.py")
        if ".parse_args()" in file.read_text(encoding="utf-8")
        and file.parent.name not in ("gpu", "serving")
    }
    assert found == set(BENCHMARKS)
