"""The index of images gives back what it was given."""

from pathlib import Path

from rotator_assets.core.archives import ArchiveMember
from rotator_assets.imaging.images import ImageSource
from rotator_assets.surveys.image_index import ImageIndex


def test_images_are_those_that_were_added():
    class Other(ImageSource):
        """A source with more than files, such as one of frames."""

    images = {
        "1-1": ImageSource("cube", (Path("/images/1-1.fits"),)),
        "1-2": ImageSource("bands", tuple(Path(f"/images/1-2_{band}.fits") for band in "gri")),
        "1-3": ImageSource("counts", (ArchiveMember(Path("/images/a.tar"), "b/1-3.fits", 512, 2880),)),
        "1-4": Other("frames", ()),
    }
    index = ImageIndex()
    for galaxy_id, image in {"1-1": images["1-2"], **images}.items():  # the last one counts
        index[galaxy_id] = image
    assert index == images and list(index) == list(images) and len(index) == 4
    assert isinstance(index["1-4"], Other)
    assert "1-5" not in index
