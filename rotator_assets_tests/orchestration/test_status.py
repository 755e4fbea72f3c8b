"""The status prints links so that they can be clicked: whole, and on lines of their own."""

import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.status import link_lines, print_status
from rotator_assets.surveys import SURVEYS
from rotator_assets.tables import open_store

WIDTH = 80
LINKS = [part for s in SURVEYS.values() for i in s.expected_inputs for part in i.where.split() if "http" in part]


def test_each_link_has_a_line_and_words_stay():
    text = "https://a.org/x?r=RA&d=1, saved as <id>.fits; or frames: https://b.org/301/ or https://c.org/f.fits (all)"
    assert list(link_lines(text, WIDTH)) == [
        "https://a.org/x?r=RA&d=1",
        "saved as <id>.fits; or frames:",
        "https://b.org/301/",
        "https://c.org/f.fits",
        "(all)",
    ]


def test_words_without_a_link_are_one_line():
    assert list(link_lines("your own: columns plateifu, lambda_r", WIDTH)) == ["your own: columns plateifu, lambda_r"]


@pytest.mark.parametrize(
    ("link", "lines"),
    [
        ("https://a.org/one/two/three.fits", ["https://a.org/one/two/", "  three.fits"]),
        ("https://a.org/one/two.fits?ra=RA&dec=D", ["https://a.org/one/two.fits", "  ?ra=RA&dec=D"]),
    ],
)
def test_a_link_longer_than_the_line_ends_at_its_folder(link, lines):
    assert list(link_lines(link, 28)) == lines
    assert list(link_lines(link, len(link))) == [link]


@pytest.mark.parametrize("link", LINKS)
def test_no_known_link_is_wider_than_a_terminal(link):
    link = link.rstrip(",;")
    first, *rest = link_lines(link, WIDTH - 2)
    assert len(first) <= WIDTH - 2 and first.startswith("https://")
    assert "".join([first, *(line.strip() for line in rest)]) == link


def test_in_a_pipe_links_are_whole_and_what_is_needed_comes_first(tmp_path, capsys):
    (tmp_path / "manga" / "catalogs").mkdir(parents=True)
    (tmp_path / "manga" / "catalogs" / "lambda_r.csv").write_text("plateifu,lambda_r\n8000-1901,0.3\n")
    print_status(DataRoot(tmp_path), open_store, _no_runner)
    shown = capsys.readouterr().out
    lines = [line.strip() for line in shown.splitlines()]
    assert {link.rstrip(",;") for link in LINKS} <= set(lines)
    manga = shown[shown.index("\nmanga:") : shown.index("\ntng100:")]
    found, needed, optional = manga.index("found:"), manga.index("needed:"), manga.index("optional:")
    assert found < manga.index("lambda_r.csv (1 rows") < needed < manga.index("- images (") < optional
    assert optional < manga.index("- lambda_R of Pipe3D")  # lambda_R is there already


def _no_runner(root):
    raise AssertionError("nothing was materialized")
