"""The tutorials: a picture near the top of each, small files, and a way on from it."""

import code
import re

import pytest

from tests.docs.page_blocks import blocks
from tests.source_imports import ROOT

TUTORIALS = ROOT / "docs" / "tutorials"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(TUTORIALS.glob("*.md"))}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_its_end_and_a_picture_and_leads_on(page):
    text = PAGES[page]
    before = text[: text.index("\n## ")]
    assert "At the end of this page" in before
    assert re.search(rf"!\[[^]]+\]\({page}/\w+\.png\)", before)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-1] == "Where to go next"


def test_every_picture_is_shown_and_small():
    pictures = {path.relative_to(TUTORIALS).as_posix(): path for path in TUTORIALS.rglob("*.png")}
    shown = {link for text in PAGES.values() for link in re.findall(r"!\[[^]]+\]\((.*?)\)", text)}
    assert set(pictures) == shown
    assert max(path.stat().st_size for path in pictures.values()) < 60_000


@pytest.mark.parametrize("page", PAGES)
def test_the_code_writes_the_pictures_that_the_page_shows(page):
    source = "".join(re.findall(r"^```(?:python|bash)\n(.*?)^```$", PAGES[page], re.M | re.S))
    for name in re.findall(rf"\({page}/(\w+\.png)\)", PAGES[page]):
        assert name in source or name == "page.png"  # What a browser shows.


def test_a_page_that_goes_on_says_after_which_in_its_second_line():
    for text in PAGES.values():
        for earlier in re.findall(r"<!-- after: (\w+)\.md -->", text):
            assert earlier in PAGES
            assert text.splitlines()[1] == f"<!-- after: {earlier}.md -->"


@pytest.mark.parametrize("page", ["first_flow", "likelihood", "latent_space"])
def test_blocks_can_be_pasted_into_python(page):
    """Before 3.13 it wants an empty line after a loop, and none in it."""
    for block in blocks(PAGES[page]):
        statement: list[str] = []
        for line in [*block.source.splitlines(), ""] if block.language == "python" else []:
            statement.append(line)
            if code.compile_command("\n".join(statement)) is not None:
                statement.clear()
        assert statement == []
