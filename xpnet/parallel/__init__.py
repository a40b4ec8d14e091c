"""Who sums gradients at the cut: nobody, or processes by MPI."""
