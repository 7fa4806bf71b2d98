"""What the pages link to and name is there: files, headings, programs, modules."""

import functools
import pathlib
import re

import pytest

from tests.source_imports import ROOT, modules

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FOLDERS = "benchmarks|docs|examples|export|serving|tests|tfglow|train"
# History names what is no longer there.
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
pages_of_now = pytest.mark.parametrize("page", NOW, ids=lambda page: page.name)


@functools.cache
def text(page: pathlib.Path) -> str:
    return page.read_text(encoding="utf-8")


@functools.cache
def headings(page: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pages
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target.resolve()), link


@pages_of_now
def test_paths_that_are_named_exist(page):
    paths = re.findall(rf"`((?:(?:{FOLDERS})/|\.ci/)[^`\s:]*)(?:::[^`]*)?`", text(page))
    paths += re.findall(rf"python ((?:{FOLDERS})/\S+\.py)", text(page))
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


@pages_of_now
def test_modules_that_are_run_exist(page):
    known = {**modules(ROOT, "benchmarks"), **modules(ROOT, "tfglow")}
    for name in re.findall(r"python -m ((?:benchmarks|tfglow)[\w.]*\w)", text(page)):
        assert name in known and (known[name].stem != "__init__" or f"{name}.__main__" in known)
