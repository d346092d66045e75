"""A classifier with scikit-learn's interface, trained layer by layer or end to end."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ibtrain.backend.device import choose_device, choose_threads, threads
from ibtrain.checks import check_choice, check_integer
from ibtrain.config import METHODS, CompleteOptimConfig, Method, ModelConfig, ObjectiveConfig
from ibtrain.config.recipes import SMALL, VALIDATION_SHARE, recipe
from ibtrain.data.dataset import Dataset
from ibtrain.errors import DataError, IBTrainWarning
from ibtrain.models.build import build_model
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.trainer import Trainer

__all__ = ["IBClassifier"]

NAME = "IBClassifier"
NUM_UNUSED = 2
"""Number of training samples that stand for the test split, which a data set has and an estimator lacks."""
DTYPES = (np.float64, np.float32)
SMALL_RATE = 3e-3
"""Learning rate of both trainers for few samples: the recipe of backprop, 1e-3, is that of a wider network."""
MAX_SEED = 2**31 - 1


class IBClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""A multilayer perceptron whose layers are trained one by one on the information bottleneck.

    Each hidden layer maximises :math:`I(h; y) - \beta I(x; t)`, :math:`t = h + \sigma \epsilon`, and is then frozen; see
    :class:`~ibtrain.LayerwiseTrainer`. The columns of X are standardised, so that no scaler is needed.

    Args:
        hidden: Numbers of units of the hidden layers; a single number for one layer.
        trainer: ``layerwise``, or ``end_to_end`` for backprop on the cross-entropy of the same network, which ignores
            ``objective``, ``beta``, ``noise_std``, ``predict_from`` and ``order``.
        objective: Objective of the hidden layers: ``ib``, ``cross-entropy`` of a classifier that reads the layer, or
            another one of :data:`~ibtrain.config.OBJECTIVES`.
        beta: Weight of the compression term; one number, or one for each layer including the output layer.
        noise_std: Standard deviation sigma of the noise, in units of the activations; likewise.
        predict_from: What the prediction term of a hidden layer reads: ``clean`` h, ``noisy`` t or ``mixed``: t, but h
            in the last hidden layer.
        order: Training order of the layers: ``sequential``, ``simultaneous`` or ``joint``.
        activation: Activation function of the hidden layers, of :data:`~ibtrain.config.ACTIVATIONS`.
        dropout: Probability with which an output of a hidden layer is set to zero in training.
        epochs: Passes over the samples, for each layer where they train one after another; None chooses by their number.
        learning_rate: Learning rate of Adam; None is 3e-3 for fewer than 10,000 samples, and else the trainer's own.
        batch_size: Samples per training step; None chooses by the number of samples.
        weight_decay: Weight decay of the network.
        label_smoothing: Share of a label that the objective spreads over all classes; None is 0.1. The objectives ``nwj``,
            ``smile`` and ``infonce`` have it in the output layer only.
        weight_averaging: Largest decay per step of the average of the weights; 0 for none. None is 0.999 for ``layerwise`` with
            10,000 samples or more, an average over about the last tenth of the steps, and else 0.
        patience: Number of epochs without a better validation accuracy after which a layer's training stops and keeps
            its best weights; 0 trains all epochs on all samples.
        validation_fraction: Share of the samples held out for validation if ``patience`` is above 0.
        random_state: Seeds weights, batches, critics and noise: an int for the same result at every call.
        device: ``auto``, ``cuda``, ``mps`` or ``cpu``.
        verbose: 0 is quiet; 1 shows a progress bar on a terminal and in a notebook.

    Attributes:
        classes_: The classes, ``(classes,)``.
        n_features_in_: Number of columns of X.
        feature_names_in_: Names of the columns, if X was a data frame with names that are strings.
        n_iter_: Number of epochs of the layer that trained longest.
        result_: The :class:`~ibtrain.train.results.FitResult`: accuracies, metrics of every epoch, ``save``.
        network_: A plain torch module, on the CPU: raw samples ``(samples, features)`` to class scores.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_val_score
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = IBClassifier(hidden=(20,), epochs=20, learning_rate=0.02, random_state=0)
        >>> bool(cross_val_score(classifier, x, y, cv=3).mean() > 0.9)
        True
    """

    def __init__(
        self,
        hidden: tuple[int, ...] | int = (100,),
        *,
        trainer: Method = "layerwise",
        objective: str = "ib",
        beta: float | tuple[float, ...] = 1e-4,
        noise_std: float | tuple[float, ...] = 0.5,
        predict_from: str = "mixed",
        order: str = "sequential",
        activation: str = "relu",
        dropout: float = 0.0,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        weight_decay: float = 0.0,
        label_smoothing: float | None = None,
        weight_averaging: float | None = None,
        patience: int = 0,
        validation_fraction: float = VALIDATION_SHARE,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden = hidden
        self.trainer = trainer
        self.objective = objective
        self.beta = beta
        self.noise_std = noise_std
        self.predict_from = predict_from
        self.order = order
        self.activation = activation
        self.dropout = dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.weight_averaging = weight_averaging
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "IBClassifier":  # noqa: N803
        """Trains the network.

        Args:
            X: Samples, ``(samples, features)``: numbers, none of them missing.
            y: Labels, ``(samples,)``: whole numbers, booleans or strings.

        Raises:
            ConfigError: If a parameter is out of range.
            DataError: If there is a single class, or too few samples.
            NonFiniteError: If a bound or a loss became NaN or infinite.
        """
        check_choice("trainer", self.trainer, METHODS)
        check_integer("verbose", self.verbose, 0)
        x, y = validate_data(self, X, y, dtype=DTYPES)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            given = f"1 class ({self.classes_.tolist()[0]!r})"
            raise DataError(given, "at least 2 classes", f"{NAME}: y")
        seed = int(check_random_state(self.random_state).randint(MAX_SEED))
        data = self._dataset(x, index, seed)
        optim = self._optim(len(data.train))
        trainer = self._trainer(data, optim, seed)
        batch = optim.samples_per_step(len(data.train))
        weights = sum(parameter.numel() for parameter in trainer.blocks.parameters())
        with threads(choose_threads(batch, weights)):
            self.result_ = trainer.fit(data)
        # of training samples
        del self.result_.accuracies["test"]
        self.n_iter_ = max(record.epoch for record in self.result_.history)
        self.network_ = self.result_.to_module()
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Estimates the probability of each class.

        Args:
            X: Samples, ``(samples, features)``.

        Returns:
            Probabilities in the order of ``classes_``, ``(samples, classes)``.
        """
        check_is_fitted(self)
        x = validate_data(self, X, dtype=DTYPES, reset=False)
        return self.result_.predict_proba(x)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Predicts the class of each sample.

        Args:
            X: Samples, ``(samples, features)``.

        Returns:
            Labels of the kind of y, ``(samples,)``.
        """
        index = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[index])

    def _dataset(self, x: NDArray[Any], index: NDArray[np.int64], seed: int) -> Dataset:
        """All samples as the training split, but for those held out for validation."""
        # labels such as 1.0
        is_float = self.classes_.dtype.kind == "f"
        classes = self.classes_.astype(np.int64) if is_float else self.classes_
        y = classes[index]
        with warnings.catch_warnings():
            # resampled data, as of bagging, have copies on purpose
            warnings.filterwarnings("ignore", ".*are copies of others", IBTrainWarning)
            return Dataset.from_arrays(
                x,
                y,
                test=(x[:NUM_UNUSED], y[:NUM_UNUSED]),
                name=NAME,
                classes=tuple(classes.tolist()),
                validation=self.validation_fraction if self.patience else 0.0,
                seed=seed,
                device=choose_device(self.device),
            )

    def _trainer(self, data: Dataset, optim: CompleteOptimConfig, seed: int) -> Trainer:
        model = ModelConfig(
            hidden=self.hidden,  # type: ignore[arg-type]
            activation=self.activation,
            dropout=self.dropout,
        )
        network = build_model(model, data, seed)
        progress = self.verbose > 0
        if self.trainer == "end_to_end":
            return EndToEndTrainer(network, optim, seed=seed, progress=progress)
        objective = ObjectiveConfig(
            name=self.objective,
            beta=self.beta,
            noise_std=self.noise_std,
            predict_from=self.predict_from,
            order=self.order,
        )
        return LayerwiseTrainer(network, objective, optim, seed=seed, progress=progress)

    def _optim(self, count: int) -> CompleteOptimConfig:
        """The recipe for so many samples, but for what is given."""
        names = ("epochs", "learning_rate", "batch_size", "label_smoothing", "weight_averaging")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        settings = recipe(self.trainer, NAME, count)
        if count < SMALL:
            settings = replace(settings, learning_rate=SMALL_RATE)
        return replace(settings, patience=self.patience, weight_decay=self.weight_decay, **given)
