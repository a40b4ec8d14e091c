"""The only module here that accesses a model's optimizer state."""

from xpnet.model import Model

__all__ = ["rescale_velocity"]


def rescale_velocity(model: Model, factor: float) -> None:
    """Multiply the state of the model's optimizer, the velocity of SGD, by a factor."""
    engine, state = model.engine, model.engine.state
    slots = {name: slot * factor for name, slot in state.slots.items()}
    state.set_slots(engine.backend, slots, state.updates)
