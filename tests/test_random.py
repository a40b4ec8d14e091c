"""Philox by its published answers, and the same numbers on every library."""

from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest

import xpnet.backends
import xpnet.random
from xpnet.errors import ArgumentError
from xpnet.random import Key, bits, normal, permutation, uniform, words

F = 0xFFFFFFFF

# Random123's kat_vectors, philox4x32-10: counter words, key words, result.
ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((F, F, F, F), (F, F), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_published_answers(cases, counter, key, answer):
    """The counter is (index, step), low words first, and the key (seed, stream).

    No array is long enough to reach these indices, so the index comes from a stand-in for
    `arange` that holds one Python integer; everything behind it is the library's own code.
    """
    assert cases.philox(counter, key) == answer
    index = np.array([counter[0] | counter[1] << 32], dtype=object)
    xp = SimpleNamespace(
        int64=None, arange=lambda start, stop, dtype, device: index, zeros_like=np.zeros_like
    )
    got = bits(xp, Key(*key, step=counter[2] | counter[3] << 32), 1)
    assert tuple(int(word[0]) for word in got) == answer


def test_bits_in_int64_are_exact(xp, cases, each):
    """No product leaves int64, on any library: compare with Python's integers."""
    seeds, streams = (0, 1, 0x80000000, F), (0, F)
    steps = (0, 7, F, F + 1, 2**63, 2**64 - 1)
    for seed, stream, step in product(seeds, streams, steps):
        with each(seed=seed, stream=stream, step=step):
            words = bits(xp.xp, Key(seed, stream, step), 5)
            got = list(zip(*(xp.to_numpy(w).tolist() for w in words), strict=True))
            at = step & F, step >> 32
            assert got == [cases.philox((i, 0, *at), (seed, stream)) for i in range(5)]


def test_a_step_may_be_an_array(xp, each):
    """The step of a network that runs on a device; the bits are the same."""
    for step in (0, 7, F, F + 1, 2**62 + 3):
        with each(step=step):
            found = bits(xp.xp, Key(5, 6, xp.asarray(np.array(step))), 5)
            for got, wanted in zip(found, bits(np, Key(5, 6, step), 5), strict=True):
                np.testing.assert_array_equal(xp.to_numpy(got), wanted)


def halves(xp, step):
    """A step as the two 32-bit halves that libraries without int64 take."""
    return xp.asarray([step & F, step >> 32], dtype=xp.uint32)


STEPS = (0, 1, 2**31, F, F + 1, 2**32 + 5, 2**40, 2**63 - 1)


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "jax.numpy"])
def test_a_step_may_be_two_halves(library, each):
    """In uint32 arithmetic the bits are the same."""
    there = pytest.importorskip(library)
    wide = (0, 7, F) if library != "jax.numpy" else (F,)  # each seed is a program
    for seed, step in product(wide, STEPS):
        with each(seed=seed, step=step):
            found = bits(there, Key(seed, F, halves(there, step)), 5)
            assert {str(word.dtype).rpartition(".")[2] for word in found} == {"uint32"}
            wanted = bits(np, Key(seed, F, step), 5)
            np.testing.assert_array_equal([np.asarray(word) for word in found], wanted)


def test_normal_numbers_from_halves_in_float32():
    """Where there is no float64, they are rounded."""
    jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")
    for step in (3, 2**32 + 5):
        there = xpnet.backends.get("jax").xp
        found = normal(there, Key(3, 1, halves(jnp, step)), (1000,))
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found, normal(np, Key(3, 1, step), (1000,)), rtol=2e-5, atol=3e-6
        )


def test_the_halves_of_later_steps():
    """A step of a loop is counted on the device, over the border of 32 bits."""
    pytest.importorskip("jax", reason="JAX is not installed")
    backend = xpnet.backends.get("jax")
    for first in (0, 5, F - 1, F, 2**33 - 2, 2**40 + F):
        for more in (0, 1, 2, 3, 2**31 - 1):
            found = backend.later(backend.counter(first), more)
            assert np.asarray(found).tolist() == [(first + more) & F, (first + more) >> 32]


def test_a_negative_step_of_an_array_counts_from_the_end():
    """It is the unsigned number of the same 64 bits."""
    got = bits(np, Key(5, 6, np.array(-2)), 3)
    np.testing.assert_array_equal(got, bits(np, Key(5, 6, 2**64 - 2), 3))


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (129,)])
def test_words_are_the_four_arrays_of_bits(shape):
    key = Key(3, 1, 4)
    size = int(np.prod(shape))
    wanted = np.concatenate(bits(np, key, -(-size // 4)))[:size].reshape(shape)
    np.testing.assert_array_equal(words(np, key, shape), wanted)


def test_same_numbers_on_every_library(xp, each):
    key = Key(3, 1, 4)
    shapes = (), (0,), (1,), (3, 5), (2, 0, 3), (129,)
    for (draw, exact), shape in product(((uniform, True), (normal, False)), shapes):
        with each(draw.__name__, shape):
            wanted = draw(np, key, shape)
            got = draw(xp.xp, key, shape)
            assert tuple(got.shape) == shape
            got = xp.to_numpy(got)
            assert got.dtype == np.float64
            if exact:
                np.testing.assert_array_equal(got, wanted)
            np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-15)


def test_same_permutation_on_every_library(xp, each):
    for n in (0, 1, 2, 5, 1000):
        with each(n=n):
            got = xp.to_numpy(permutation(xp.xp, Key(1, 2, 3), n))
            assert got.dtype == np.int64
            assert sorted(got.tolist()) == list(range(n))
            np.testing.assert_array_equal(got, permutation(np, Key(1, 2, 3), n))


@pytest.mark.parametrize("other", [Key(1, 2, 4), Key(1, 3, 3), Key(2, 2, 3)])
def test_each_part_of_the_key_counts(other):
    key = Key(1, 2, 3)
    assert (permutation(np, key, 50) != permutation(np, other, 50)).sum() > 30
    assert (uniform(np, key, (50,)) != uniform(np, other, (50,))).all()


def test_permutations_are_fair():
    """Each row comes to each place about equally often: chi-squared over 2000 shuffles of 6."""
    counts = np.zeros((6, 6))
    for step in range(2000):
        counts[np.arange(6), permutation(np, Key(0, 2, step), 6)] += 1
    expected = 2000 / 6
    assert ((counts - expected) ** 2 / expected).sum() < 55  # 25 degrees of freedom, p < 0.001


def test_uniform_fills_the_open_interval():
    u = uniform(np, Key(7, 1), (100_000,))
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert abs(u.mean() - 0.5) < 0.004
    assert abs(u.var() - 1 / 12) < 0.002


def test_extreme_words_stay_inside_the_open_interval(monkeypatch):
    """Words of all zeros and all ones are the middles of the first and the last interval."""
    words = tuple(np.array([w], "int64") for w in (0, F, 0, F))
    monkeypatch.setattr(xpnet.random, "bits", lambda *_: words)
    u = uniform(np, Key(0, 0), (4,))
    np.testing.assert_array_equal(u, [0.5**33, 1 - 0.5**33] * 2)
    assert np.isfinite(normal(np, Key(0, 0), (4,))).all()


def test_normal_has_the_moments_of_a_normal():
    z = normal(np, Key(7, 1), (100_000,))
    assert np.isfinite(z).all()
    assert abs(z.mean()) < 0.015
    assert abs(z.std() - 1) < 0.01
    assert abs((z**3).mean()) < 0.04
    assert abs((z**4).mean() - 3) < 0.1
    assert abs(np.corrcoef(z[:50_000], z[50_000:])[0, 1]) < 0.02  # cosine and sine


def test_bad_keys(each):
    for arguments, name in (
        ((-1, 0), "seed"),
        ((2**32, 0), "seed"),
        ((1.5, 0), "seed"),
        ((True, 0), "seed"),
        (("1", 0), "seed"),
        ((None, 0), "seed"),
        ((0, 2**32), "stream"),
        ((0, 0, -1), "step"),
        ((0, 0, 2**64), "step"),
        ((0, 0, np.array([1])), "step"),
        ((0, 0, np.array(1.0)), "step"),
        ((0, 0, np.array(1, "int32")), "step"),
        ((0, 0, np.float64(1.0)), "step"),
    ):
        with each(arguments), pytest.raises(ArgumentError, match=f"^{name} must be a"):
            Key(*arguments)


def test_numpy_integers_are_seeds():
    key = Key(np.int64(5), np.uint32(6), np.int32(7))
    assert (key.seed, key.stream, key.step) == (5, 6, 7)


def test_too_many_rows_to_shuffle():
    with pytest.raises(ArgumentError, match="cannot shuffle 2147483648 rows"):
        permutation(np, Key(0, 0), 2**31)


def test_parts_of_a_draw_are_the_whole(xp, each):
    """Processes that draw parts of a batch's numbers get those of one process."""
    key = Key(3, 18, 5)
    for total, parts in product((1, 2, 3, 7, 40, 101, 1000), (1, 2, 3, 4, 7)):
        cuts = [total * r // parts for r in range(parts + 1)]
        for draw in (words, uniform, normal):
            with each(total=total, parts=parts, draw=draw.__name__):
                found = [
                    xp.to_numpy(draw(xp.xp, key, (b - a,), part=(a, total)))
                    for a, b in pairwise(cuts)
                    if a < b
                ]
                whole = xp.to_numpy(draw(xp.xp, key, (total,)))
                np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-15, atol=1e-15)
