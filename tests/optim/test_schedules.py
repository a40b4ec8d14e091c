"""Learning rates as functions of the time in epochs."""

from math import cos, pi, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import (
    SGD,
    CosineDecay,
    CosineRestarts,
    CosLog,
    ExponentialDecay,
    FlatCosine,
    InverseScaling,
    InverseTimeDecay,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Warmup,
)
from xpnet.errors import ArgumentError
from xpnet.optim import Constant, Scaled, schedule


def test_constant():
    assert [schedule(0.25)(epoch) for epoch in (0, 0.5, 1000)] == [0.25] * 3
    assert schedule(0.25) == Constant(0.25)


@pytest.mark.smoke
def test_step_decay():
    rates = [StepDecay(0.8, factor=0.5, every=3)(epoch) for epoch in range(8)]
    assert rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2]
    assert StepDecay(0.8, factor=0.5, every=3)(2.99) == 0.8
    assert StepDecay(0.8, factor=0.5, every=3)(3.5) == 0.4


def test_defaults_of_step_decay():
    decay = StepDecay(1.0)
    assert (decay(9), decay(10)) == (1.0, 0.1)


def test_any_function_is_a_schedule():
    def rate(epoch):
        return 1 / (1 + epoch)

    assert schedule(rate) is rate
    assert SGD(rate).learning_rate(3) == 0.25
    assert SGD(StepDecay(0.5)).learning_rate(0) == 0.5


BY_HAND = {
    "exponential": (ExponentialDecay(0.4, 0.25), [(0, 0.4), (0.5, 0.2), (1, 0.1), (2, 0.025)]),
    "exponential every 2": (ExponentialDecay(0.4, 0.25, every=2), [(1, 0.2), (2, 0.1)]),
    "inverse time": (InverseTimeDecay(0.6, 0.5), [(0, 0.6), (1, 0.4), (2, 0.3), (10, 0.1)]),
    "inverse time every 4": (InverseTimeDecay(0.6, 0.5, every=4), [(4, 0.4), (8, 0.3)]),
    "inverse scaling": (InverseScaling(0.6), [(0, 0.6), (1, 0.6 / sqrt(2)), (3, 0.3)]),
    "inverse scaling 2": (InverseScaling(0.9, power=2), [(0.5, 0.4), (2, 0.1)]),
    "polynomial": (
        PolynomialDecay(1.0, 0.2, 4),
        [(0, 1), (1, 0.8), (2.5, 0.5), (4, 0.2), (9, 0.2)],
    ),
    "polynomial 2": (PolynomialDecay(1.0, 0.2, 4, power=2), [(2, 0.4), (3, 0.25), (5, 0.2)]),
    "cosine": (CosineDecay(1.0, 4, final=0.2), [(0, 1), (2, 0.6), (4, 0.2), (100, 0.2)]),
    "restarts": (
        CosineRestarts(1.0, 2),
        [(0, 1), (1, 0.5), (2, 1), (4, 0.5), (6, 1), (10, 0.5), (14, 1)],
    ),
    "equal restarts": (CosineRestarts(1.0, 2, factor=1, final=0.5), [(1, 0.75), (2001, 0.75)]),
    "cosine of a logarithm": (
        CosLog(0.4, 15),
        [
            (0, 0),
            (sqrt(2) - 1, 0.4),
            (1, 0),
            (2 * sqrt(2) - 1, 0.4),
            (3, 0),
            (7, 0),
            (15, 0),
            (99, 0),
        ],
    ),
    "one cycle of a logarithm": (
        CosLog(0.4, 3, cycles=1),
        [(0, 0), (3 * (sqrt(2) - 1), 0.4), (3, 0)],
    ),
    "flat cosine": (FlatCosine(0.4, 8), [(0, 0.4), (4, 0.4), (6, 0.2), (8, 0), (9, 0)]),
    "flat cosine 3/4": (FlatCosine(0.4, 8, flat=0.75), [(6, 0.4), (7, 0.2), (8, 0)]),
    "flat cosine 0": (FlatCosine(0.4, 8, flat=0), [(0, 0.4), (4, 0.2), (8, 0)]),
    "warm-up": (Warmup(0.4, 4), [(0, 0), (1, 0.1), (3, 0.3), (4, 0.4), (99, 0.4)]),
    "warm-up from": (Warmup(0.4, 2, start=0.5), [(0, 0.2), (1, 0.3), (2, 0.4)]),
    "warm-up then": (Warmup(StepDecay(0.4, 0.5, every=2), 2), [(1, 0.2), (3.5, 0.4), (4, 0.2)]),
    "one cycle": (
        OneCycle(1.0, 10, start_factor=0.5, final_factor=0.5, warmup=0.4),
        [(0, 0.5), (2, 0.75), (4, 1), (7, 0.625), (10, 0.25), (11, 0.25)],
    ),
    "scaled": (Scaled(StepDecay(0.4, 0.5, every=2), 0.5), [(0, 0.2), (2, 0.1)]),
    "scaled number": (Scaled(0.4, 0.25), [(0, 0.1), (7.5, 0.1)]),
    "scaled twice": (Scaled(Scaled(0.4, 0.5), 0.5), [(3, 0.1)]),
}


@pytest.mark.parametrize(("rates", "points"), BY_HAND.values(), ids=list(BY_HAND))
def test_by_hand(rates, points):
    for epoch, wanted in points:
        assert rates(epoch) == pytest.approx(wanted, rel=1e-12, abs=1e-15), epoch
        assert type(rates(epoch)) is float


GRID = 12  # epochs

TORCH = {
    "step": (StepDecay(0.8, 0.5, every=3), 0.8, "StepLR", {"step_size": 3, "gamma": 0.5}),
    "exponential": (ExponentialDecay(0.8, 0.7), 0.8, "ExponentialLR", {"gamma": 0.7}),
    "polynomial": (
        PolynomialDecay(0.8, 0.0, 9, power=1.7),
        0.8,
        "PolynomialLR",
        {"total_iters": 9, "power": 1.7},
    ),
    "cosine": (
        CosineDecay(0.8, GRID, final=0.1),
        0.8,
        "CosineAnnealingLR",
        {"T_max": GRID, "eta_min": 0.1},
    ),
    "restarts": (
        CosineRestarts(0.8, 2, final=0.1),
        0.8,
        "CosineAnnealingWarmRestarts",
        {"T_0": 2, "T_mult": 2, "eta_min": 0.1},
    ),
    "equal restarts": (
        CosineRestarts(0.8, 5, factor=1),
        0.8,
        "CosineAnnealingWarmRestarts",
        {"T_0": 5},
    ),
    "warm-up": (
        Warmup(0.8, 5, start=0.25),
        0.8,
        "LinearLR",
        {"start_factor": 0.25, "total_iters": 5},
    ),
    # Of its total_steps rates, torch reaches the peak at 0.3 total_steps - 1 and the end at
    # total_steps - 1.
    "one cycle": (
        OneCycle(0.8, GRID, warmup=(0.3 * (GRID + 1) - 1) / GRID),
        0.8,
        "OneCycleLR",
        {"max_lr": 0.8, "total_steps": GRID + 1, "cycle_momentum": False},
    ),
}


@pytest.mark.parametrize(("ours", "rate", "name", "settings"), TORCH.values(), ids=list(TORCH))
def test_on_a_grid_as_torch_has_them(ours, rate, name, settings):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    theirs = getattr(torch.optim.lr_scheduler, name)(optimizer, **settings)
    found = []
    for epoch in range(GRID + 1):
        found.append((ours(epoch), theirs.get_last_lr()[0]))
        optimizer.step()
        if epoch < GRID:
            theirs.step()
    assert_allclose(*zip(*found, strict=True), rtol=1e-9, atol=1e-12)


def test_restarts_between_epochs_as_torch_has_them():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
    optimizer.step()
    for epoch in np.arange(0, 25, 0.375).tolist():
        theirs.step(epoch)
        assert_allclose(CosineRestarts(0.8, 3)(epoch), theirs.get_last_lr()[0], rtol=1e-9)


@pytest.mark.parametrize(
    "rates",
    [
        ExponentialDecay(0.8, 0.5),
        InverseTimeDecay(0.8, 0.5),
        InverseScaling(0.8),
        PolynomialDecay(0.8, 0.1, 9),
        CosineDecay(0.8, 9, final=0.1),
    ],
    ids=lambda r: type(r).__name__,
)
def test_decays_fall_without_jumps(rates):
    values = np.array([rates(epoch) for epoch in np.linspace(0, 9, 901).tolist()])
    assert values[0] == 0.8
    assert (np.diff(values) < 0).all()
    assert np.abs(np.diff(values)).max() < 0.01


def test_warm_up_meets_what_comes_behind():
    rates = Warmup(CosineDecay(0.5, 10), 3)
    assert rates(3 - 1e-9) == pytest.approx(rates(3))
    assert rates(3 + 4) == 0.5 * (1 + cos(0.4 * pi)) / 2


def test_which_rates_change_within_an_epoch():
    """Your own functions are called once an epoch."""
    for rates in (0.1, StepDecay(0.1), lambda epoch: 0.1, Scaled(StepDecay(0.1), 2)):
        assert SGD(rates).varies is False
    for rates in (CosineDecay(0.1, 3), Warmup(0.1, 3), Scaled(OneCycle(0.1, 3), 2)):
        assert SGD(rates).varies is True
    assert all(
        SGD(kind(0.1, 0.5)).varies for kind in (ExponentialDecay, InverseTimeDecay, InverseScaling)
    )
    assert SGD(PolynomialDecay(0.1, 0, 3)).varies
    assert SGD(CosineRestarts(0.1, 3)).varies
    assert SGD(CosLog(0.1, 3)).varies
    assert SGD(FlatCosine(0.1, 3)).varies


BAD = {
    "rate": (lambda: StepDecay(0.0), "learning_rate must be a number greater than 0, got 0.0"),
    "rate of text": (lambda: StepDecay("a"), "learning_rate"),
    "factor 0": (lambda: StepDecay(0.1, 0), "factor"),
    "factor over 1": (lambda: StepDecay(0.1, 1.5), r"factor must be in \(0, 1\], got 1.5"),
    "factor nan": (lambda: StepDecay(0.1, float("nan")), "factor"),
    "factor of text": (lambda: StepDecay(0.1, "half"), "factor"),
    "every 0": (lambda: StepDecay(0.1, 0.5, 0), "every must be a whole number .* 1, got 0"),
    "every half": (lambda: StepDecay(0.1, 0.5, 2.5), "every"),
    "every true": (lambda: StepDecay(0.1, 0.5, True), "every"),
    "exponential rate": (lambda: ExponentialDecay(-1, 0.5), "learning_rate"),
    "exponential factor": (lambda: ExponentialDecay(0.1, 2), "factor"),
    "exponential every": (lambda: ExponentialDecay(0.1, 0.5, 0), "every"),
    "inverse time rate": (lambda: InverseTimeDecay(None, 1), "learning_rate"),
    "inverse time decay": (lambda: InverseTimeDecay(0.1, -1), "decay"),
    "inverse time every": (lambda: InverseTimeDecay(0.1, 1, 0), "every"),
    "inverse scaling rate": (lambda: InverseScaling(0), "learning_rate"),
    "inverse scaling power": (lambda: InverseScaling(0.1, -0.5), "power"),
    "polynomial rate": (lambda: PolynomialDecay(0, 0, 3), "learning_rate"),
    "polynomial final": (lambda: PolynomialDecay(0.1, -1, 3), "final"),
    "polynomial epochs": (lambda: PolynomialDecay(0.1, 0, 0), "epochs"),
    "polynomial power": (lambda: PolynomialDecay(0.1, 0, 3, 0), "power"),
    "cosine rate": (lambda: CosineDecay(0, 3), "learning_rate"),
    "cosine epochs": (lambda: CosineDecay(0.1, float("inf")), "epochs"),
    "cosine final": (lambda: CosineDecay(0.1, 3, "0"), "final"),
    "restarts rate": (lambda: CosineRestarts(0, 3), "learning_rate"),
    "restarts epochs": (lambda: CosineRestarts(0.1, 0), "epochs"),
    "restarts factor": (lambda: CosineRestarts(0.1, 3, 0.5), "factor"),
    "restarts final": (lambda: CosineRestarts(0.1, 3, 2, -1), "final"),
    "cosine of a logarithm rate": (lambda: CosLog(0, 3), "rate must be a number greater than 0"),
    "cosine of a logarithm epochs": (lambda: CosLog(0.1, 0), "epochs"),
    "cosine of a logarithm cycles": (lambda: CosLog(0.1, 3, 0.5), "cycles must be a whole number"),
    "flat cosine rate": (lambda: FlatCosine(-1, 3), "rate"),
    "flat cosine epochs": (lambda: FlatCosine(0.1, 0), "epochs"),
    "flat cosine flat": (lambda: FlatCosine(0.1, 3, 1), r"flat must be a number in \[0, 1\)"),
    "one cycle rate": (lambda: OneCycle(0, 3), "learning_rate"),
    "one cycle epochs": (lambda: OneCycle(0.1, -3), "epochs"),
    "one cycle start": (lambda: OneCycle(0.1, 3, start_factor=0), "start_factor"),
    "one cycle final": (lambda: OneCycle(0.1, 3, final_factor=0), "final_factor"),
    "one cycle warm-up 0": (lambda: OneCycle(0.1, 3, warmup=0), "warmup"),
    "one cycle warm-up 1": (lambda: OneCycle(0.1, 3, warmup=1), "warmup .*between 0 and 1, got 1"),
    "warm-up then": (lambda: Warmup(0, 3), "learning_rate"),
    "warm-up epochs": (lambda: Warmup(0.1, 0), "epochs"),
    "warm-up start": (lambda: Warmup(0.1, 3, 1), "start"),
    "scaled factor": (lambda: Scaled(0.1, 0), "factor"),
    "scaled rate": (lambda: Scaled(-0.1, 1), "learning_rate"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=list(BAD))
def test_bad_settings(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("rate", [0, -1, float("nan"), None, "0.1"])
def test_bad_rates(rate):
    with pytest.raises(ArgumentError, match="learning_rate"):
        schedule(rate)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf"), None])
def test_a_schedule_that_gives_a_bad_rate(rate):
    with pytest.raises(ArgumentError, match=r"learning_rate \(from the schedule\)"):
        SGD(lambda epoch: rate).rate(0.5)
