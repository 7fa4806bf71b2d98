"""What the site's own extensions make of docstrings, and which links they refuse."""

import importlib.util
import sys

import pytest

from tests.source_imports import ROOT


@pytest.fixture(scope="module", autouse=True)
def docs_on_path():
    """As when the site is built: the extensions are no part of the library."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield
    sys.path.remove(str(ROOT / "docs"))


def to_rest(text):
    from sphinx_extensions.markdown_docstrings import to_rest

    return "\n".join(to_rest(text.splitlines())).strip()


@pytest.mark.parametrize(
    ("markdown", "rest"),
    [
        ("It is `x`.", "It is ``x``."),
        ("It is ``x``.", "It is ``x``."),
        ("All `x`s of `a\nb`.", "All ``x``\\ s of ``a b``."),
        ("A `GlowConfig`.", "A :py:obj:`GlowConfig <tfglow.GlowConfig>`."),
        ("y = |a|, b_ and 2*c", "y = \\|a\\|, b\\_ and 2\\*c"),
        ("`|a| * b_`", "``|a| * b_``"),
        ("The sum:\n\n    a * b\n\nIt is.", "The sum:\n\n::\n\n    a * b\n\nIt is."),
        ("One of\n- a\n  and more\n- b\nor none.", "One of\n\n- a\n  and more\n- b\n\nor none."),
        ("Args:\n  x: One\n    or two.", "Args:\n  x: One\n    or two."),
        ("Example:\n  >>> 2 * x_\n  4", "Example:\n  >>> 2 * x_\n  4"),
    ],
)
def test_docstrings_become_rest(markdown, rest):
    assert to_rest(markdown) == rest


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("0.89 / 0.89", "number"),
        ("1.43 (1.85), 0.99 (1.18)", "number"),
        ("**0.989** [0.98, 0.99]", "number"),
        ("5.03 MB → 4.1 MB", "number"),
        ("L 3, K 32, width 512", ""),
        ("`float32`", ""),
        ("a / b", ""),
        ("", ""),
        ("memory in proportion to it", ""),
        ("how often the image is halved: so often that 4 pixels a side are left", "prose"),
    ],
)
def test_cells_of_tables_are_of_a_kind(cell, kind):
    from docutils import nodes
    from sphinx_extensions.line_breaks import mark

    entry = nodes.entry("", nodes.paragraph(text=cell))
    mark(nodes.tgroup("", entry))
    assert entry["classes"] == [kind] * bool(kind)


def test_only_code_that_no_phone_can_show_may_break():
    from docutils import nodes
    from sphinx_extensions.line_breaks import mark

    texts = ["--gradient_checkpointing=false", "tests/" * 7, " ".join(["--num_bits=5"] * 4)]
    literals = [nodes.literal(text=text) for text in texts]
    mark(nodes.paragraph("", "", *literals))
    assert [literal["classes"] for literal in literals] == [[], ["long"], []]


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ('<a href="other.html#there">', ""),
        ('<a href="#here">', ""),
        ('<img src="picture.png">', ""),
        ('<a href="https://arxiv.org/abs/1807.03039">', ""),
        ('<a href="http://localhost:8500">', ""),
        ('<a href="absent.html">', "leads to no file"),
        ('<a href="other.html#nowhere">', "leads to no place in that page"),
        ('<a href="#nowhere">', "leads to no place in that page"),
        ('<img src="absent.png">', "leads to no file"),
        ('<script src="https://cdn.example.org/x.js"></script>', "is fetched from another host"),
        ('<link href="//fonts.example.org/x.css">', "is fetched from another host"),
        ('<a href="https://nohost">', "is not a whole address"),
        ('<a href="http://arxiv.org">', "is not a whole address"),
    ],
)
def test_links_that_lead_nowhere_are_said(page, wrong, tmp_path):
    from sphinx_extensions.links import wrong_links

    (tmp_path / "index.html").write_text(f'<p id="here"></p>{page}')
    (tmp_path / "other.html").write_text('<p id="there"></p>')
    (tmp_path / "picture.png").write_bytes(b"")
    found = [said for _, _, said in wrong_links(tmp_path)]
    assert found == ([wrong] if wrong else [])


@pytest.mark.parametrize(
    ("style", "is_wrong"),
    [("a { background: url(x.png) }", False), ("@import 'https://a.org/b.css';", True)],
)
def test_styles_fetch_nothing_from_other_hosts(style, is_wrong, tmp_path):
    from sphinx_extensions.links import wrong_links

    (tmp_path / "site.css").write_text(style)
    assert bool(wrong_links(tmp_path)) == is_wrong


def test_every_extension_of_ours_is_used():
    spec = importlib.util.spec_from_file_location("conf", ROOT / "docs" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(conf)
    sys.path[:] = before
    there = {path.stem for path in (ROOT / "docs" / "sphinx_extensions").glob("[a-z]*.py")}
    ours = {name.partition(".")[2] for name in conf.extensions if "sphinx_extensions" in name}
    assert ours == there
