"""The long help texts of the commands."""

from xpnet.cli.defaults import DEFAULTS, LEARNING_RATE_SGD, TABLE

__all__ = ["BENCH", "EVALUATE", "INSPECT", "PREDICT", "TOP", "TRAIN"]

TOP = """\
examples:
  xpnet train digits                       small images that come with scikit-learn
  xpnet train mnist --epochs 1 --plot mnist.png
  xpnet train wine.csv --target quality --json
  xpnet train wine.csv --target quality --save wine.safetensors
  xpnet predict wine.safetensors new.csv --out quality.csv
  xpnet bench --layers 784 128 10          which backend is faster, from which batch size on
  xpnet info                               backends and packages: what works here
"""

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

PREDICT = """\
Predict each row of a table. A CSV file must have the columns that the model was trained on, with
the same names, in any order; other columns are ignored. An archive must have the array X. The
features are scaled as they were for training. Classes are printed with their probability, numbers
in the units of the table. Without --out the predictions are written to standard output as CSV.
"""

EVALUATE = """\
Measure a model on a table with the true targets: loss and accuracy, or loss (mean squared error,
in the units of the table) and R2. All rows are used; from an archive that has X_test and y_test,
only those.
"""

INSPECT = """\
Show the network, the settings and the tensors in a model's file. The model is not built, so
custom layers need not be registered.
"""

BENCH = """\
Time one training step of a network on NumPy and on each GPU that CuPy can use, for the given batch
size and for smaller and larger ones. The step is what fit does, from gathering the batch to the
update, on random data that are already on the device. It is compared with its matrix products
alone, computed by the backend's matmul with as many threads. All are timed in turn, and medians are
shown. The ratio is the median of step / products over the rounds. No step is faster than its
products, unless compiled steps use a faster library for them. With --cores, nothing is compared: a
step of the given batch size is compiled for each number of threads, and one thread times what each
of them would do. The speed-up is computed from these times, whatever the number of cores here.
"""
