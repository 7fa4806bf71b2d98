"""The pages that a newcomer follows are true: their code blocks run, in order, in one folder."""

import pytest

from tests.docs.page_run import PageRun
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


# A worker a page: they are long.
@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in PAGES]
)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    with PageRun(ROOT / page, tmp_path) as run:
        run.run()
