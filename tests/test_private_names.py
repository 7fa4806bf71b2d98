"""Private names of TensorFlow, TFP and Keras are used where a table says so, and nowhere else."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

import pytest

from tests.source_imports import ROOT, imports, modules

# What is used, and why. The same table stands in docs/architecture.md.
ALLOWED: dict[tuple[str, str], str] = {
    ("tfglow/bijectors/one_pass_bijector.py", "_cache"): "TFP would answer with stale values",
    ("tfglow/keras_variable.py", "_initialize_with_initializer"): "Keras adopts no tf.Variable",
    ("tfglow/keras_variable.py", "_value"): "Keras adopts no tf.Variable",
    ("tfglow/optimizers/fused_optimizer.py", "_momentums"): "a variable's slots in Keras's Adam",
    ("tfglow/optimizers/fused_optimizer.py", "_velocities"): "a variable's slots in Keras's Adam",
    ("tfglow/optimizers/fused_optimizer.py", "_backend_update_step"): "what all variables share",
    ("tfglow/optimizers/fused_optimizer.py", "_get_variable_index"): "a variable's slots",
    ("tfglow/optimizers/fused_optimizer.py", "_trainable_variables"): "the variables it updates",
}

# Methods that TFP's base classes leave to their subclasses, as their docstrings say.
HOOKS = {
    "_forward",
    "_inverse",
    "_forward_log_det_jacobian",
    "_inverse_log_det_jacobian",
    "_forward_event_shape",
    "_forward_event_shape_tensor",
    "_inverse_event_shape",
    "_inverse_event_shape_tensor",
    "_parameter_properties",
    "_log_prob",
    "_sample_and_log_prob",
}
# Of Python itself: what named tuples have is public, and argparse has no other name for a group, or
# for what a parser has been given.
PYTHONS = {"_asdict", "_fields", "_make", "_replace", "_ArgumentGroup", "_actions"}
FOREIGN = ("tensorflow", "tensorflow_probability", "keras", "tf_keras")
PRIVATE_MODULES = (
    "tensorflow.python",
    "tensorflow.core",
    "tensorflow_probability.python",
    "keras.src",
)

MODULES = modules(ROOT, "tfglow")


def is_private(name: str) -> bool:
    return name == "__internal__" or (name.startswith("_") and not name.startswith("__"))


def attributes(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Every private attribute with the object that it is asked of, `getattr(x, "_name")` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.value, node.attr
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            function, (owner, name, *_) = node.func, node.args
            is_access = getattr(function, "id", getattr(function, "attr", "")) in (
                "getattr",
                "setattr",
                "hasattr",
                "__setattr__",
            )
            value = name.value if isinstance(name, ast.Constant) else None
            if is_access and isinstance(value, str) and is_private(value):
                yield owner, value


def is_own_object(owner: ast.expr) -> bool:
    """Whether an expression is `self`, `cls` or `super()`."""
    if isinstance(owner, ast.Call):
        return isinstance(owner.func, ast.Name) and owner.func.id == "super"
    return isinstance(owner, ast.Name) and owner.id in ("self", "cls")


def defined(tree: ast.AST) -> set[str]:
    """The private names that a file gives to something itself."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return {name for name in names if is_private(name)}


def foreign_names(cls: type) -> set[str]:
    """The private names of the classes of TensorFlow, TFP and Keras that `cls` derives from."""
    names = set()
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in FOREIGN:
            names |= set(vars(base))
            names |= set(re.findall(r"\bself\.(_\w+)", inspect.getsource(base)))
    return {name for name in names if is_private(name)}


def own_body(node: ast.ClassDef) -> set[str]:
    """The private names that a class defines, and those that it asks of itself."""
    names = {name for owner, name in attributes(node) if is_own_object(owner)}
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.add(statement.target.id)
    return {name for name in names if is_private(name)}


def private_names() -> set[tuple[str, str]]:
    """File and name of each private name of another library."""
    trees = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}
    own = set().union(*map(defined, trees.values())) | PYTHONS
    found = set()
    for name, tree in trees.items():
        path = str(MODULES[name].relative_to(ROOT))
        # Of any object, what nothing of ours is called.
        found |= {(path, attribute) for _, attribute in attributes(tree) if attribute not in own}
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                cls = getattr(importlib.import_module(name), node.name)
                used = own_body(node) & foreign_names(cls) - HOOKS
                found |= {(path, attribute) for attribute in used}
    return found


def test_private_names_are_those_of_the_table():
    assert private_names() == set(ALLOWED)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_of_another_librarys_inside_is_imported(name):
    inside = [
        found.target for found in imports(name, MODULES) if found.target.startswith(PRIVATE_MODULES)
    ]
    assert not inside
