"""A mark for tests whose fits are brief, or whose data are badly scaled, on purpose."""

import pytest

__all__ = ["BRIEF"]

BRIEF = pytest.mark.filterwarnings("ignore::xpnet.errors.TrainingWarning")
