"""The parameters and attributes that both estimators share."""

from typing import TypeVar

__all__ = ["documented"]

_PARAMETERS = """
    hidden_layer_sizes : int or sequence of int, default (100,)
        Number of units in each hidden layer.
    activation : str, callable or list, default "relu"
        For the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any other
        xpnet name, a layer, or a function of a symbolic value; a list has one entry per layer.
    solver : {"lbfgs", "sgd", "adam"}, default "adam"
    alpha : float, default 0.0001
        At least 0. Adds alpha / 2 times the sum of the squared weights to a batch's loss, divided
        by the batch's number of samples or their total weight.
    batch_size : int, default "auto"
        ``"auto"`` is 200, or all samples if there are fewer. L-BFGS uses all at once.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For the solver ``"sgd"``, in this order: constant; the initial rate divided by
        (samples seen + 1)**power_t after each epoch; divided by 5 whenever `n_iter_no_change`
        epochs bring no progress, until it is below 1e-6.
    learning_rate_init : float, default 0.001
        Greater than 0.
    power_t : float, default 0.5
        At least 0.
    max_iter : int, default 200
        Epochs, or iterations of L-BFGS.
    shuffle : bool, default True
        Whether to shuffle the samples in each epoch.
    random_state : int, RandomState or None, default None
        Seed for the initial weights, the validation split and the order of the samples, which are
        the same as in scikit-learn.
    tol : float, default 0.0001
        At least 0. The smallest improvement that counts as progress; L-BFGS stops when no element
        of the gradient is larger.
    verbose : bool or int, default False
        Print the loss of each epoch.
    warm_start : bool, default False
        Whether `fit` starts from the weights of the previous fit.
    momentum : float, default 0.9
        In [0, 1), for ``"sgd"``.
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Hold out samples, score them after each epoch, stop when the score does not improve by
        `tol`, and restore the best weights. If `fit` or `partial_fit` gets ``X_val`` and ``y_val``,
        they are scored instead.
    validation_fraction : float, default 0.1
        Share of the samples to hold out, in [0, 1).
    beta_1, beta_2 : float, defaults 0.9 and 0.999
        In [0, 1), for ``"adam"``.
    epsilon : float, default 1e-8
        Greater than 0, for ``"adam"``.
    n_iter_no_change : int or inf, default 10
        Number of epochs without progress to allow before training stops.
    max_fun : int, default 15000
        Maximum number of loss evaluations by L-BFGS.
    dropout : float or list of float, default 0.0
        In [0, 1): the share of each hidden layer's activations that training sets to 0.
    normalization : {"batch", "layer"}, optional
        A `BatchNorm` or `LayerNorm` before each hidden activation.
    optimizer : str or Optimizer, optional
        One of xpnet's, such as ``xpnet.AdamW(xpnet.CosineDecay(1e-3, 50))``, instead of `solver`
        and its settings, which must keep their defaults. Its learning rate may be a schedule. An
        optimizer given by name uses `learning_rate_init` unless that has its default value.
    clip_value, clip_norm, clip_global_norm : float, optional
        Limits on the gradient for ``"sgd"`` and ``"adam"``; see `Optimizer`.
    scoring : str or callable, optional
        The score that early stopping and `restore_best` maximize: a scikit-learn scorer, or
        ``"loss"`` to minimize the validation loss; by default `score`.
    restore_best : bool, default False
        Restore the weights of the epoch with the best validation score, or with the lowest training
        loss if there is no validation. `early_stopping` always does.
    callbacks : list of Callback or function, optional
        xpnet's callbacks. Pass scikit-learn's own to `set_callbacks`.
    initial_weights : (coefs, intercepts), optional
        Lists of arrays with which the first fit starts, instead of random ones.
    backend : str, optional
        Where to compute: ``"numpy"``, ``"cupy"``, ``"torch"``, ``"jax"`` (with a device after a
        colon, such as ``"torch:mps"``), ``"auto"``, or the name of an importable Array API
        library. None means the library of X.
    dtype : {"float32", "float64"}, or that type of NumPy, optional
        Type of the weights; by default the type of X, or float64 for integers.
    threads : int, optional
        From 1 to 64: with the extra ``fast``, the most threads that share a step; see `Model.fit`.
""".strip("\n")

_ATTRIBUTES = """
    coefs_, intercepts_ : list of array
        Weights and biases of each layer. They are live: if you replace an array in a list, the
        next call uses yours.
    model_ : Model
        The trained network, with the weights of `coefs_`. Its output is the one before the last
        activation, and before `scale_target` is undone. `xpnet.exchange` converts the estimator.
    loss_, best_loss_ : float
        Loss of the last epoch, and the lowest loss; `best_loss_` is None if scores decide.
    loss_curve_ : list of float
        The loss of each epoch, with the penalty of `alpha`.
    validation_loss_curve_ : list of float
        The loss of the validation samples, without the penalty; absent if there are none.
    validation_scores_ : list of float or None
    best_validation_score_ : float or None
    converged_ : bool
        Whether training stopped for lack of progress; after `partial_fit`, whether it should stop.
    learning_rate_ : float
        The learning rate at the end.
    n_iter_, t_ : int
        Epochs of the last fit; samples seen in total.
    n_layers_, n_outputs_ : int
        Number of layers, including the input, and of outputs.
    out_activation_ : str
        Activation of the output layer.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X had column names.
""".strip("\n")


Kind = TypeVar("Kind", bound=type)


def documented(kind: Kind) -> Kind:
    """Insert the shared parts into a class's docstring."""
    if kind.__doc__ is not None:  # python -OO has none
        text = kind.__doc__.replace("    <parameters>", _PARAMETERS)
        kind.__doc__ = text.replace("    <attributes>", _ATTRIBUTES)
    return kind
