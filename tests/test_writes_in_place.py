"""Nothing writes a file in its place, where a process that is killed leaves half of it."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

from tests.source_imports import ROOT

PROGRAMS = ("tfglow", "train", "export", "serving")
# What writes otherwise than by `tfglow/whole_files.py`, and why that may be.
EXCEPTIONS = {
    "serving/pem.py": "a file without a name",
    "serving/quiet.py": "nothing is written to /dev/null",
    "tfglow/whole_files.py": "the file beside",
    "train/log.py": "a line is appended, and half a line is forgotten when the run goes on",
    "train/scoring/heat_maps.py": "in a folder that is there complete or not at all",
    "train/scoring/score_table.py": "in a folder that is there complete or not at all",
}
# Functions that write a file if their first argument is a path; a library's own.
_LIBRARIES = {"save", "savez", "savez_compressed", "savetxt", "savefig", "imsave"}
_ALWAYS = {"write_text", "write_bytes", "tofile", "write_file", "copyfile", "copy2"}


def writes_in_place(source: str) -> Iterator[int]:
    """The lines of a program on which it opens or writes a file itself."""
    tree = ast.parse(source)
    beside = set(_held(tree))
    pictures = any(
        isinstance(node, ast.ImportFrom) and node.module == "PIL" for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        target = node.args[0] if node.args else None
        held = isinstance(target, ast.Name) and target.id in beside
        if name in _ALWAYS or (name in ("open", "fdopen", "GFile") and _mode(node) & set("wax+")):
            yield node.lineno
        elif name in _LIBRARIES and not held:
            owner = called.value if isinstance(called, ast.Attribute) else None
            numpy = isinstance(owner, ast.Name) and owner.id in ("np", "numpy")
            if name != "save" or numpy or pictures:
                yield node.lineno


def _held(tree: ast.AST) -> Iterator[str]:
    """Names of what is no file's place: a file in memory, or one beside its place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "io.BytesIO()":
            yield from (t.id for t in node.targets if isinstance(t, ast.Name))
        if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            beside = ast.unparse(node.context_expr).startswith("replacing(")
            yield from [node.optional_vars.id] if beside else []


def _mode(call: ast.Call) -> set[str]:
    """The letters of the mode that a call of some `open` gives; none where it reads."""
    values = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    modes = [mode for mode in modes if set(mode) <= set("rwaxbt+")]
    flags = any("O_CREAT" in ast.unparse(v) or "O_WRONLY" in ast.unparse(v) for v in values)
    return set("w" if flags else "").union(*modes)


def test_files_are_written_whole():
    found = set()
    for folder in PROGRAMS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if any(writes_in_place(file.read_text(encoding="utf-8"))):
                found.add(file.relative_to(ROOT).as_posix())
    assert found == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("open(path, 'w')", [1]),
        ("path.open('wb')", [1]),
        ("open(path, mode='a')", [1]),
        ("os.fdopen(handle, 'r+b')", [1]),
        ("os.open(path, os.O_CREAT | os.O_WRONLY)", [1]),
        ("tf.io.gfile.GFile(path, 'w')", [1]),
        ("tf.io.write_file(path, data)", [1]),
        ("path.write_text('a')\npath.write_bytes(b'a')", [1, 2]),
        ("np.savez(path, a=a)\nnp.save(path, a)", [1, 2]),
        ("figure.savefig(path)", [1]),
        ("from PIL import Image\nimage.save(path)", [2]),
        ("file = io.BytesIO()\nnp.savez(file)\nfigure.savefig(file)", []),
        ("with replacing(path) as file:\n  np.savez(file)", []),
        ("open(path)\nopen(path, 'rb')\nself._open(name)\nglow.save(path)", []),
        ("os.open(path, os.O_RDONLY)", []),
    ],
)
def test_what_the_scan_finds(source, lines):
    assert list(writes_in_place(source)) == lines


def test_every_exception_is_there():
    assert [name for name in EXCEPTIONS if not pathlib.Path(ROOT, name).is_file()] == []
