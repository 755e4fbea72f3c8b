"""The page of licences lists every package that the program needs, with its locked version and a licence."""

from rotator_assets_tests.licences import PAGE, locked_packages


def test_the_page_lists_every_locked_package():
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    listed = {name.removeprefix("| "): version for name, version, _ in rows}
    needed = locked_packages()
    assert len(needed) > 100 and needed.items() <= listed.items(), "run `make licences`"


def test_every_package_has_a_licence_that_allows_its_use():
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| package"):
            licence = line.split(" | ")[2].removesuffix(" |")
            assert licence and "AGPL" not in licence and "Business Source" not in licence, line
