"""The test of many machines takes all of this one for minutes: it is run only where it is asked for."""

import pytest

from tests.scale.machines import MISSING


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `scale` unless `-m scale` asks for it, and say what it lacks."""
    wanted = "scale" in str(config.option.markexpr)
    left_out = [item for item in items if item.get_closest_marker("scale") and not wanted]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if MISSING:
        for item in items:
            if item.get_closest_marker("scale"):
                item.add_marker(pytest.mark.skip(reason=f"not installed here: {', '.join(MISSING)}"))
