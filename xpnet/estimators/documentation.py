"""The parameters and attributes that both estimators share, said once."""

from typing import TypeVar

__all__ = ["documented"]

_PARAMETERS = """
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, callable or list, default "relu"
        Of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any other of
        xpnet's by name, a layer, or a function of a symbolic value; a list has one for each layer.
    solver : {"lbfgs", "sgd", "adam"}, default "adam"
    alpha : float, default 0.0001
        At least 0. Adds alpha / 2 times the sum of the squared weights to a batch's loss, divided
        by the number of its samples or their weight.
    batch_size : int, default "auto"
        ``"auto"`` is 200, or all samples if there are fewer. L-BFGS takes all at once.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For the solver ``"sgd"``: as it is; divided by (samples seen + 1)**power_t after each
        epoch; divided by 5 whenever patience is out, until it is below 1e-6.
    learning_rate_init : float, default 0.001
        Greater than 0.
    power_t : float, default 0.5
        At least 0.
    max_iter : int, default 200
        Epochs, or iterations of L-BFGS.
    shuffle : bool, default True
        Whether each epoch takes the samples in a new order.
    random_state : int, RandomState or None, default None
        Draws the initial weights, the validation split and the order of the samples, with the same
        results as scikit-learn's estimator.
    tol : float, default 0.0001
        At least 0. What counts as progress; for L-BFGS the largest element of the gradient.
    verbose : bool or int, default False
        Print the loss of each epoch.
    warm_start : bool, default False
        Let `fit` go on from the weights of the last.
    momentum : float, default 0.9
        In [0, 1), for ``"sgd"``.
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Set samples aside, score them after each epoch, stop when the score does not improve by
        `tol`, and restore the best weights. With ``X_val`` and ``y_val`` given to `fit` or
        `partial_fit` those are scored.
    validation_fraction : float, default 0.1
        Share of the samples to set aside, in [0, 1).
    beta_1, beta_2 : float, defaults 0.9 and 0.999
        In [0, 1), for ``"adam"``.
    epsilon : float, default 1e-8
        Greater than 0, for ``"adam"``.
    n_iter_no_change : int or inf, default 10
        Epochs without progress that are waited for.
    max_fun : int, default 15000
        Evaluations of the loss by L-BFGS.
    dropout : float or list of float, default 0.0
        In [0, 1): the share of each hidden layer's activations set to 0 in training.
    normalization : {"batch", "layer"}, optional
        A `BatchNorm` or `LayerNorm` before each hidden activation.
    optimizer : str or Optimizer, optional
        Any of xpnet's, such as ``xpnet.AdamW(xpnet.CosineDecay(1e-3, 50))``, in place of `solver`
        and its settings, which must keep their defaults; its learning rate may be a schedule. One
        by name takes `learning_rate_init` if that is not its default.
    clip_value, clip_norm, clip_global_norm : float, optional
        Limits of the gradient for ``"sgd"`` and ``"adam"``; see `Optimizer`.
    scoring : str or callable, optional
        What early stopping and `restore_best` maximise: a scorer as scikit-learn takes it, or
        ``"loss"`` for the validation loss; by default `score`.
    restore_best : bool, default False
        Put back the weights of the epoch with the best validation score, or of the lowest training
        loss where nothing is validated. Always done with `early_stopping`.
    callbacks : list of Callback or function, optional
        xpnet's. scikit-learn's own are given to `set_callbacks`.
    initial_weights : (coefs, intercepts), optional
        Lists of arrays that the first fit starts from, in place of random ones.
    backend : str, optional
        Where to compute: ``"numpy"``, ``"cupy"``, ``"auto"``, or the name of an Array API library
        that can be imported, such as ``"torch"``. None follows X.
    dtype : {"float32", "float64"}, or that type of NumPy, optional
        Of the weights; by default that of X, float64 for integers.
""".strip("\n")

_ATTRIBUTES = """
    coefs_, intercepts_ : list of array
        Weights and biases of each layer, live: an array put into a list is what is used next.
    loss_, best_loss_ : float
        The last epoch's loss and the lowest; `best_loss_` is None where scores decide.
    loss_curve_ : list of float
        The loss of each epoch, with the penalty of `alpha`.
    validation_loss_curve_ : list of float
        The loss of the validation samples, without it, where there are any.
    validation_scores_ : list of float or None
    best_validation_score_ : float or None
    converged_ : bool
        Whether training ended because there was no more progress; after `partial_fit`, whether it
        should end.
    learning_rate_ : float
        The rate that was reached.
    n_iter_, t_ : int
        Epochs of the last fit; samples seen in all.
    n_layers_, n_outputs_ : int
        Layers with the input's, and outputs.
    out_activation_ : str
        What is applied to the last layer.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X had names of columns.
""".strip("\n")


Kind = TypeVar("Kind", bound=type)


def documented(kind: Kind) -> Kind:
    """Put the shared parts into a class's docstring."""
    if kind.__doc__ is not None:  # python -OO has none
        text = kind.__doc__.replace("    <parameters>", _PARAMETERS)
        kind.__doc__ = text.replace("    <attributes>", _ATTRIBUTES)
    return kind
