"""The one place that reaches into a model's optimizer state."""

from xpnet.model import Model

__all__ = ["rescale_velocity"]


def rescale_velocity(model: Model, factor: float) -> None:
    """Multiply the state of the model's optimizer, the velocity of SGD, by a factor."""
    updater = model.updater
    updater.put({name: slot * factor for name, slot in updater.slots.items()}, updater.step)
