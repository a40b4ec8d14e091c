"""Training: the loop, the strategies that make its steps, and their reports."""
