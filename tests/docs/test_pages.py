"""The pages that a newcomer follows are true: their code blocks run, in order, in one folder."""

import pathlib
import re

import pytest

from tests.docs.page_run import SERVERS, PageRun
from tests.source_imports import ROOT

DOCS = ROOT / "docs"
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        DOCS / "index.md",
        DOCS / "faq.md",
        *sorted((DOCS / "tutorials").glob("*.md")),
        *sorted((DOCS / "coming_from").glob("*.md")),
    )
    if path.exists()
]


def _all_pages():
    return [path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")]


# What a page that goes on with another one's files says, such as "<!-- after: first_flow.md -->".
_AFTER = re.compile(r"^<!-- after: (\S+) -->$", re.MULTILINE)


def before(page: str) -> str | None:
    """The page whose folder a page goes on in."""
    found = _AFTER.search((ROOT / page).read_text(encoding="utf-8"))
    return (pathlib.PurePosixPath(page).parent / found[1]).as_posix() if found else None


def group(page: str) -> str:
    """The page whose folder it is in the end."""
    while earlier := before(page):
        page = earlier
    return page


@pytest.fixture(scope="session")
def folders():
    """Where the pages have run, that others go on after."""
    return {}


# A worker a page, and those that go on with its files: they are long.
@pytest.mark.slow
# Keras 3.15 saves the kernels of its own layers so.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.xdist_group(group(page))) for page in PAGES]
)
def test_page_runs(page, folders, tmp_path_factory, monkeypatch):
    run_page(page, folders, tmp_path_factory, monkeypatch)


@pytest.mark.parametrize("page", sorted({*PAGES, *_all_pages()}))
def test_a_port_that_a_page_names_is_a_default_or_a_flag_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    known = {*map(str, SERVERS.values()), *re.findall(r"port=(\d+)", text)}
    assert set(re.findall(r"(?:localhost|127\.0\.0\.1):(\d+)", text)) <= known


def run_page(page, folders, tmp_path_factory, monkeypatch):
    """Runs a page that has not yet run, and before it the one that it goes on after."""
    if page in folders:
        return
    earlier = before(page)
    if earlier:
        run_page(earlier, folders, tmp_path_factory, monkeypatch)
    folder = folders[earlier] if earlier else tmp_path_factory.mktemp("page")
    monkeypatch.chdir(folder)
    # One reader's: what a page has prepared there is there for the next.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    with PageRun(ROOT / page, folder) as run:
        run.run()
    folders[page] = folder
