"""What tests of pictures share."""

from io import BytesIO

import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib")


@pytest.fixture
def saved():
    """Draw a figure for good; whatever is wrong with it warns or raises now."""

    def save(picture, kind="png"):
        figure = picture if hasattr(picture, "savefig") else picture.figure
        file = BytesIO()
        figure.savefig(file, format=kind, dpi=60)
        return file.getvalue()

    return save


@pytest.fixture
def renderer():
    """Draw a figure and return what measures its texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    def draw(figure):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return canvas.get_renderer()

    return draw
