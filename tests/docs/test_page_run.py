"""What runs of a page, and what its comments change."""

import re

import pytest

from tests.docs.page_blocks import blocks
from tests.docs.page_run import PageRun
from tests.source_imports import ROOT


def run(text, tmp_path, monkeypatch):
    """Runs a page of this text in an empty folder; returns how many blocks ran."""
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setattr("tests.docs.page_run.ROOT", tmp_path)
    monkeypatch.setattr("tests.docs.page_run.LINKS", ())
    with PageRun(page, tmp_path / "run") as page_run:
        return page_run.run()


def test_blocks_share_a_namespace_and_a_folder(tmp_path, monkeypatch):
    text = """
```python
import pathlib

a = 3
pathlib.Path("a.txt").write_text("of a file\\n")
```

1. In a list:

   ```python
   print(a + 4)
   ```

   <!-- output -->
   ```text
   7
   ```

```bash
mkdir -p b && cp a.txt b/  # a comment
cat \\
    b/*.txt
```

<!-- output -->
```text
of a ...
```
"""
    assert run(text, tmp_path, monkeypatch) == 3


@pytest.mark.parametrize("changed", [("print(7)", "print(8)"), ("print(7)", "pass")])
def test_other_output_fails(changed, tmp_path, monkeypatch):
    text = "```python\nprint(7)\n```\n<!-- output -->\n```text\n7\n```\n".replace(*changed)
    with pytest.raises(AssertionError, match="the page shows\n7\n"):
        run(text, tmp_path, monkeypatch)


def test_an_error_is_in_the_page_s_own_line(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError) as caught:
        run("# Heading\n\n```python\na = 1\na / 0\n```\n", tmp_path, monkeypatch)
    assert caught.traceback[-1].lineno + 1 == 5
    assert caught.value.__notes__ == ["in page.md, block of line 4"]


@pytest.mark.parametrize("line", ["false", "echo x | false", "python train/main.py --no_such=1"])
def test_a_command_that_fails_fails_the_page(line, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match=re.escape(line.split()[-1])):
        run(f"```bash\n{line}\n```\n", tmp_path, monkeypatch)


def test_comments_say_what_is_not_run_and_what_is_smaller():
    ports, small, shown = blocks(
        "<!-- not run: needs a GPU -->\n```bash\nnvidia-smi\n```\n"
        "<!-- run with: 100 => 2 -->\n<!-- run with: big => small -->\n"
        '```python\nfit("big", epochs=100)\n```\n```json\n{}\n```\n'
    )
    assert (ports.not_run, ports.line) == ("needs a GPU", 3)
    assert (small.source, small.not_run, small.line) == ('fit("small", epochs=2)\n', "", 8)
    assert shown.language == "json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- run with: 3 => 4 -->\n```python\nx = 5\n```", "no '3' to replace"),
        ("<!-- skipped -->\n```python\nx = 5\n```", "comment 'skipped'"),
        ("```shell\nls\n```", "got 'shell'"),
        ("```py\nls\n```", "got 'py'"),
    ],
)
def test_what_would_leave_a_block_out_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        blocks(text)


def test_pages_hold_no_fence_that_is_not_read():
    """A block that the reader of blocks misses would not be run."""
    from tests.docs.test_pages import PAGES

    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)) == 2 * len(blocks(text))
