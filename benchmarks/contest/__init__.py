"""The libraries that `peers.py` times side by side, and the rules of the contest.

Each makes the same steps: the same initial weights, data, order of the batches, optimizer and
type (float32). A step gathers its batch from all rows by an index, computes loss and gradients,
and updates. Nothing is timed before its losses agreed with those of the others.
"""
