"""Training: the loop, the strategies that make its steps, and what is told of them."""
