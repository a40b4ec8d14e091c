"""The long help text of `xpnet search`."""

__all__ = ["SEARCH"]

SEARCH = """\
Each trial trains with other settings and is measured on validation rows. The first trial takes the
defaults of xpnet train. The next ten choose at random, later ones where earlier ones were good
(Optuna's TPE). A trial that is worse than half of the others after the same number of epochs ends
early (the median rule). The test rows are never used to choose.

                 mlp                          fast, realmlp
  hidden         1 to 4 layers of 16 to 512   256 256 256, 64 64 64 64 64, or 512
  learning rate  0.0001 to 0.01               0.02 to 0.3
  dropout        0 to 0.5                     0, 0.15 or 0.3
  weight decay   1e-6 to 0.1                  0 or 0.02
  batch size     32 to 512                    32 to 512
  measured by    the loss, early stopping     the accuracy, or the loss for numbers

An option that is given is not searched. The best settings are printed as a command of xpnet train,
which repeats that trial.

Several processes: start the same command on each machine, or several times on one, with a FILE
that all of them see. They share the trials, and each prints the best of all when the last one has
ended. Processes on one machine share its cores; --threads sets the number for this process. If a
process is killed, another one repeats its trial after a minute. Start the command again to continue
a search, or with a larger N to extend it. Other data or options are refused.

Ctrl-C and SIGTERM end the process after the current step: it gives its trial back, and prints the
best so far.
"""
