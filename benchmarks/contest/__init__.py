"""The libraries that `peers.py` times side by side, and the rules of the contest.

All make the same steps: the same initial weights, data, order of the batches, optimizer and dtype
(float32). A step gathers its batch from all rows by an index, computes loss and gradients, and
updates. A library is timed only after its losses agree with those of the others.
"""
