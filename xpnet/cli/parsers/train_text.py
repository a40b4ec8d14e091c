"""The long help text of `xpnet train`."""

from xpnet.cli.defaults import DEFAULTS, LEARNING_RATE_SGD, MOST_EPOCHS, TABLE

__all__ = ["TRAIN"]

TRAIN = f"""\
data:
  digits     1,797 handwritten digits, 8 x 8 pixels (needs xpnet[sklearn])
  mnist      70,000 handwritten digits, 28 x 28 pixels
  fashion    70,000 articles of clothing, 28 x 28 pixels (Fashion-MNIST)
             both are read from $XPNET_DATA or the cache, or downloaded (xpnet[datasets])
  FILE       a table with a column for each feature and one for the target: text with any delimiter
             (.csv, .tsv, .gz), .parquet or .feather (all need xpnet[tables]); - is standard input
  FILE.npz   arrays X (rows, features) and y (rows,), and optionally X_test and y_test

Columns hold numbers, categories, booleans or dates. xpnet detects and prints the kind of each.
Columns without information (a constant, text that differs in nearly every row) are ignored, with a
note. --drop leaves out others, and --categorical names columns whose numbers are names. Numbers are
standardized with the mean and standard deviation of the training rows; missing ones become the
median, and are marked. Categories of at most 8 values become one column for each value; others
become learned vectors of 8 numbers. Dates become parts: the time of the year, the day of the week,
... All this is saved with the model.

Task: the target is a class (softmax cross-entropy) if it is text or boolean, or if it is whole
numbers with exactly two distinct values, or with at most 100 (at most half as many as rows, or 10
if that is more), none of them negative. Any other target is a number to predict (mean squared
error); it is standardized too, and errors are reported in the units of the file. --task overrides
this rule. Rows without a target are left out. A class of one row is learned but cannot be tested;
a warning names it.

Test rows: a fifth of the rows (a fifth of each class), chosen by --seed; --test changes the
fraction or names a file. An archive's own X_test and y_test are used if it has them. The scores at
the end are those of the test rows. Images are not standardized, and their split is always the same.

Loss and accuracy of the training rows are means over the epoch, while the network learns. After
each epoch the test rows are measured too (val_loss, val_accuracy). Watch these numbers, but do not
choose settings by them: the test score would look better than it is. --validation holds out other
rows for this, and --early-stopping does so by itself: it keeps the epoch with the lowest loss on
them.

Presets: realmlp and fast follow the recipe of TabularClassifier and TabularRegressor. They choose
the network, the schedules and the validation rows (a fifth of the training rows), and keep the
epoch that is best on these. --hidden, --epochs, --batch-size, --learning-rate, --dropout and
--weight-decay change the recipe.

Threads share a step on a CPU (with xpnet[fast]) if each gets at least 16 rows and about 100 us of
work. --threads limits their number. The same number gives the same bits.

defaults (activation relu, optimizer adam, dtype float32, seed 0):
  digits     {DEFAULTS["digits"]}
  mnist      {DEFAULTS["mnist"]}
  fashion    {DEFAULTS["fashion"]}
  files      {TABLE}
  With --optimizer sgd the learning rate is {LEARNING_RATE_SGD:g}.
  With --early-stopping there are at most {MOST_EPOCHS} epochs.

examples:
  xpnet train digits
  xpnet train digits --hidden 64 32 --activation tanh --optimizer sgd --learning-rate 0.05
  xpnet train mnist --epochs 1 --backend auto
  xpnet train adult.csv --target income --early-stopping --save adult.safetensors
  xpnet train wine.csv --target quality --plot wine.png
  xpnet train wine.csv --target quality --task regression
  zcat adult.csv.gz | xpnet train - --target income --drop fnlwgt --class-weight balanced
  xpnet train table.npz --json | jq .test_accuracy
"""
