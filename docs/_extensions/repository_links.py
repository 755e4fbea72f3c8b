"""Links of Markdown pages to files of the repository, which are pages of the site or no pages at all.

The pages keep links that work where the repository is read, such as ``../data/README.md``. In the site, a link to a
file that a page includes leads to this page, and a link to any other file becomes its text and its path. Where the text
of a link is the name of the file, the site shows the title of the page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

PAGES = {
    "README.md": "quick-start.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "data/README.md": "reference/data-root.md",
}
"""Pages of the site that include a file of the repository, relative to docs/."""
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?P<target>[^()\s:#]+)(?P<anchor>#[^()\s]*)?\)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite the links of every page, and of every file that a page includes."""
    app.connect("source-read", _read)
    app.connect("include-read", _include)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    source[0] = rewritten(source[0], Path(app.srcdir), page, page)


def _include(app: Sphinx, path: Path, _: str, content: list[str]) -> None:
    page = Path(app.env.doc2path(app.env.docname))
    content[0] = rewritten(content[0], Path(app.srcdir), (Path(app.srcdir) / path).resolve(), page)


def rewritten(text: str, docs: Path, file: Path, page: Path) -> str:
    """Return the text of a file with links that hold on the page that shows it.

    Parameters
    ----------
    text
        Markdown.
    docs
        The folder of the site's sources.
    file, page
        The file that has the text, and the page that shows it; the same unless the page includes the file.
    """

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(file.parent / found["target"]))
        if not target.exists():
            return found[0]  # a wrong link, of which the build warns
        shown = docs / PAGES.get(os.path.relpath(target, docs.parent), os.path.relpath(target, docs))
        if docs in Path(os.path.normpath(shown)).parents:
            text = "" if found["text"].strip("`").endswith(target.name) else found["text"]
            return f"[{text}]({os.path.relpath(shown, page.parent)}{found['anchor'] or ''})"
        path = f"`{os.path.relpath(target, docs.parent)}`"
        return path if found["text"].strip("`") == path.strip("`") else f"{found['text']} ({path})"

    return _LINK.sub(link, text)
