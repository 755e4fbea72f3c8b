"""The documentation site builds without a warning and loads nothing from other sites; its tutorials work."""

import importlib.util
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from myst_nb.core.read import myst_nb_reader_plugin
from nbclient import NotebookClient

from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets_tests.surveys.test_own_chain import RECIPES
from rotator_assets_tests.test_documents import DOCUMENTS

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if DOCS / "_build" not in path.parents)
REMOTE = re.compile(
    r"<(?:script|img|iframe|embed|source|audio|video|object)\b[^>]*\b(?:src|srcset|data)=\"(?:https?:)?//[^>]*>"
    r"|<link\b(?![^>]*rel=\"(?:canonical|license)\")[^>]*href=\"(?:https?:)?//[^>]*>"
    r"|(?:@import\s+|url\()[\"']?(?:https?:)?//[^;)]*"
)
"""What a browser would load from another site."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, with tutorials that were not run."""
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--fail-on-warning", "--keep-going"]
    built = subprocess.run(
        [*command, "-D", "nb_execution_mode=off", str(DOCS), str(folder)], capture_output=True, text=True, timeout=500
    )
    assert (built.returncode, built.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_site_and_can_be_reached(site):
    shown = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    pages = {path.relative_to(DOCS).with_suffix("") for path in PAGES}
    made = {path for path in shown if path.name in ("genindex", "search", "py-modindex") or str(path).startswith("_")}
    assert pages == shown - made
    linked = {
        Path(os.path.normpath(page.parent / target)).relative_to(site).with_suffix("")
        for page in site.rglob("*.html")
        for target in re.findall(r'href="([^":#]+\.html)', page.read_text("utf-8"))
    }
    assert pages <= linked


@pytest.mark.slow
def test_nothing_is_loaded_from_other_sites(site):
    files = [path for ending in ("html", "css") for path in site.rglob(f"*.{ending}")]
    loaded = {str(path.relative_to(site)): REMOTE.findall(path.read_text("utf-8")) for path in files}
    assert len(files) > len(PAGES) and {name: found for name, found in loaded.items() if found} == {}


def test_what_is_loaded_from_other_sites_is_found():
    for text in (
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        "@import 'https://fonts.example/a.css';",
        "src: url(https://fonts.example/a.woff2)",
    ):
        assert REMOTE.search(text), text
    assert not REMOTE.search('<a href="https://example.org"></a><img src="a.png"><script src="_static/a.js"></script>')


@pytest.mark.slow
def test_the_reference_has_commands_functions_and_terms(site):
    def text(page: str) -> str:
        return unescape(re.sub(r"<[^>]+>", "", (site / page).read_text("utf-8")))

    commands = text("reference/commands.html")
    assert "rotators survey check [OPTIONS] NAME" in commands and "--questions" not in commands
    assert "rotators predict 'new/*.fits' --catalog new.csv" in commands
    assert "is_slow_rotator(lambda_r, ellipticity" in text("reference/science.html")
    assert 'href="../glossary.html#term-recipe"' in (site / "tutorials/demo-to-answer.html").read_text("utf-8")


def test_every_block_is_run_by_a_test_or_by_the_build():
    others = [page for page in PAGES if page not in DOCUMENTS and page.parent.name != "tutorials"]
    blocks = {str(page): re.findall(r"^```(?!{eval-rst}$)\w.*", page.read_text("utf-8"), re.M) for page in others}
    assert len(others) > 10 and {page: found for page, found in blocks.items() if found} == {}
    cells = re.compile(r"^```(?!{code-cell} ipython3$).+", re.M)
    assert [cells.findall(page.read_text("utf-8")) for page in PAGES if page.parent.name == "tutorials"] == [[]] * 4


def test_links_to_the_repository_lead_to_pages_or_become_paths():
    source = DOCS / "_extensions" / "repository_links.py"
    spec = importlib.util.spec_from_file_location("repository_links", source)
    assert spec and spec.loader
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)

    def on(page: str, text: str, file: Path | None = None) -> str:
        return links.rewritten(text, DOCS, file or DOCS / page, DOCS / page)

    assert on("predicting.md", "[files](../data/README.md#tables)") == "[files](reference/data-root.md#tables)"
    assert on("how-to/a.md", "see [recipes](../recipes.md).") == "see [recipes](../recipes.md)."
    assert on("how-to/a.md", "[`docs/recipes.md`](../recipes.md#training)") == "[](../recipes.md#training)"
    assert on("licences.md", "[BSD](../LICENSE)") == "BSD (`LICENSE`)"
    assert on("licences.md", "[`LICENSE`](../LICENSE)") == "`LICENSE`"
    included = "[recipes](docs/recipes.md), [changes](CHANGELOG.md), [web](https://example.org), ![picture](docs/a.png)"
    assert on("project/contributing.md", included, PROJECT / "CONTRIBUTING.md") == (
        "[recipes](../recipes.md), [changes](changelog.md), [web](https://example.org), ![picture](docs/a.png)"
    )
    assert on("index.md", "[gone](../no-such-file)") == "[gone](../no-such-file)"


@pytest.mark.chain
@pytest.mark.timeout(1500)
def test_the_tutorial_of_a_survey_works(tmp_path, monkeypatch):
    """The shortest of the tutorials, which are all run by `make docs`; here with a smaller network."""
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text(RECIPES)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(recipes))
    monkeypatch.setenv("ROTATORS_TUTORIALS", str(tmp_path))
    tutorial = DOCS / "tutorials" / "own-survey.md"
    cells = myst_nb_reader_plugin(str(tutorial))
    NotebookClient(cells, timeout=1200, resources={"metadata": {"path": str(tutorial.parent)}}).execute()
    printed = "".join(output.get("text", "") for cell in cells.cells for output in cell.get("outputs", []))
    assert "1. Synthetic data: " in printed and "nothing is missing" in printed
    assert any("image/png" in output.get("data", {}) for cell in cells.cells for output in cell.get("outputs", []))
