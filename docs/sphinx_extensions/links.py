"""After the build: every link of the site leads somewhere, and nothing comes from another host."""

import html.parser
import re
import urllib.parse
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

_LOG = logging.getLogger(__name__)
# Attributes whose files a browser fetches by itself; `a` is only followed.
_FETCHED = {"src", "href", "data", "srcset", "poster"}


def setup(app: Sphinx) -> dict[str, bool]:
    """A wrong link is a warning, and warnings are errors where the site is built."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True}


class _Page(html.parser.HTMLParser):
    """The targets and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.followed: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        for name in _FETCHED & set(values):
            (self.followed if tag == "a" else self.fetched).append(values[name])


def _check(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        for path, link, wrong in wrong_links(Path(app.outdir)):
            _LOG.warning("%s: the link %r %s", path, link, wrong)


def wrong_links(root: Path) -> list[tuple[str, str, str]]:
    """The links of the site in `root` that are wrong: the file, the link, and what is wrong."""
    root = root.resolve()
    pages: dict[Path, _Page] = {}
    for path in sorted(root.rglob("*.html")):
        pages[path] = _Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    found = [
        (path, link, _wrong(link, path, pages, is_fetched))
        for path, page in pages.items()
        for links, is_fetched in ((page.followed, False), (page.fetched, True))
        for link in links
    ]
    for path in sorted(root.rglob("*.css")):
        fetched = re.findall(
            r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]*)", path.read_text("utf-8")
        )
        found += [(path, link, "is fetched from another host") for link in fetched]
    return [(str(path.relative_to(root)), link, wrong) for path, link, wrong in found if wrong]


def _wrong(link: str, path: Path, pages: dict[Path, _Page], is_fetched: bool) -> str:
    """What is wrong with a link of the page at `path`; empty where nothing is."""
    parts = urllib.parse.urlsplit(link)
    if parts.scheme in ("mailto", "data"):
        return ""
    if parts.scheme or parts.netloc:
        if is_fetched:
            return "is fetched from another host"
        well_formed = parts.scheme == "https" and "." in parts.netloc and " " not in link
        return "" if well_formed or parts.hostname == "localhost" else "is not a whole address"
    target = path
    if parts.path:
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
    if not target.is_file():
        return "leads to no file"
    anchor = urllib.parse.unquote(parts.fragment)
    if target in pages and anchor not in pages[target].anchors:
        return "leads to no place in that page"
    return ""
