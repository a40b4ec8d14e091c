"""The long help text of `xpnet train`."""

from xpnet.cli.defaults import DEFAULTS, LEARNING_RATE_SGD, TABLE

__all__ = ["TRAIN"]

TRAIN = f"""\
data:
  digits     1,797 handwritten digits, 8 x 8 pixels (needs xpnet[sklearn])
  mnist      70,000 handwritten digits, 28 x 28 pixels
  fashion    70,000 articles of clothing, 28 x 28 pixels (Fashion-MNIST)
             both are read from $XPNET_DATA or the cache, or downloaded (xpnet[datasets])
  FILE.csv   a header line, then rows; feature columns are numbers, the target may be text;
             --target names it (default: the last column)
  FILE.npz   arrays X (rows, features) and y (rows,), and optionally X_test and y_test

Task: a file's target is a class (softmax cross-entropy) if it is text or boolean, or if it is whole
numbers with exactly two distinct values, or with at most 100, none of them negative. Any other
target is a number to predict (mean squared error). --task overrides this rule.

Test rows: a fifth of a file's rows (a fifth of each class), chosen by --seed. An archive's own
X_test and y_test are used if it has them. Features and numeric targets are standardized with the
mean and standard deviation of the training rows; errors are reported in the units of the file.
Images are not standardized: their pixels are in [0, 1], and their split is always the same.

Loss and accuracy of the training rows are means over the epoch, while the network learns. The test
rows are measured after each epoch (val_loss, val_accuracy). Watch these numbers, but do not choose
settings by them: the test score would look better than it is.

Threads share a step on a CPU (with xpnet[fast]) if each gets at least 16 rows and about 100 us of
work. --threads limits their number. The same number gives the same bits.

defaults (activation relu, optimizer adam, dtype float32, seed 0):
  digits     {DEFAULTS["digits"]}
  mnist      {DEFAULTS["mnist"]}
  fashion    {DEFAULTS["fashion"]}
  files      {TABLE}
  With --optimizer sgd the learning rate is {LEARNING_RATE_SGD:g}.

examples:
  xpnet train digits
  xpnet train digits --hidden 64 32 --activation tanh --optimizer sgd --learning-rate 0.05
  xpnet train mnist --epochs 1 --backend auto
  xpnet train wine.csv --target quality --plot wine.png
  xpnet train wine.csv --target quality --task regression
  xpnet train table.npz --json | jq .test_accuracy
"""
