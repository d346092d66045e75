r"""Closed-form log-ratios :math:`\log p(x, y) / p(x) p(y)`, fitted to samples.

A neural critic that starts from a log-ratio only needs to learn its error.
"""

import math
import warnings
from abc import ABC, abstractmethod

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import special, stats
from torch import Tensor

from ibtrain.mi.neural.correlations import correlation_of, regular, simplify_cross

__all__ = [
    "GaussianLogRatio",
    "Independent",
    "LogRatioModel",
    "MixtureLogRatio",
    "StudentLogRatio",
    "fit_student",
]

Array = NDArray[np.float64]

DEGREES = (20.0, 10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.0)
"""Degrees of freedom that are tried; with more of them, a t copula is practically Gaussian."""
DEGREES_SAMPLES = 2000
"""Largest number of samples from which the degrees of freedom are selected."""
EM_ITERATIONS = 20
MIN_LEVEL = 1e-9
"""Smallest distance of a value of a distribution function to 0 and to 1."""


class LogRatioModel(ABC):
    """A log-ratio of known form.

    Samples are prepared once, which may be slow; then every x is scored with every y.
    """

    name: str

    @property
    def kind(self) -> str:
        """The name without parameters."""
        return self.name.partition("(")[0]

    @abstractmethod
    def prepare(self, z: Array) -> Array:
        """The coordinates that :meth:`matrix` reads, from normal scores, ``(n, dim)``."""

    @abstractmethod
    def matrix(self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]) -> Tensor:
        """The log-ratio of every prepared x with every prepared y, ``(n, m)``."""


class Independent(LogRatioModel):
    """Independence: the log-ratio is zero, and the neural critic learns all of it."""

    name = "none"

    def prepare(self, z: Array) -> Array:
        return z

    def matrix(self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]) -> Tensor:
        return x.new_zeros(len(x), len(y))


class _DeviceCache:
    """Tensors that are copied to a device once, because a copy in each step would block."""

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tensors
        self._copies = tensors

    def like(self, other: Tensor) -> tuple[Tensor, ...]:
        """The tensors with the device and the dtype of another one."""
        first = self._copies[0]
        if (first.device, first.dtype) != (other.device, other.dtype):
            self._copies = tuple(tensor.to(other) for tensor in self.tensors)
        return self._copies


class _Quadratic:
    """Squared Mahalanobis distances of x, of y and of pairs, for one covariance matrix."""

    def __init__(self, joint: Tensor, dim_x: int) -> None:
        self.dim_x = dim_x
        blocks = joint[:dim_x, :dim_x], joint[dim_x:, dim_x:]
        self.precisions = _DeviceCache(*(torch.linalg.inv(matrix) for matrix in (joint, *blocks)))
        self.log_dets = [torch.linalg.slogdet(matrix)[1].item() for matrix in (joint, *blocks)]
        self.log_det = 0.5 * (self.log_dets[1] + self.log_dets[2] - self.log_dets[0])

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Squared distances of x ``(n, 1)``, of y ``(m,)`` and of the pairs ``(n, m)``."""
        cut = self.dim_x
        precision, precision_x, precision_y = self.precisions.like(x)
        squares_x = ((x @ precision[:cut, :cut]) * x).sum(1, keepdim=True)
        squares_y = ((y @ precision[cut:, cut:]) * y).sum(1)
        pairs = squares_x + squares_y + 2 * (x @ precision[:cut, cut:]) @ y.T
        distance_x = ((x @ precision_x) * x).sum(1, keepdim=True)
        distance_y = ((y @ precision_y) * y).sum(1)
        return distance_x, distance_y, pairs


class GaussianLogRatio(LogRatioModel):
    r"""Log-ratio of jointly Gaussian vectors with unit variances.

    .. math:: \frac12 \log \frac{|R_x| |R_y|}{|R|}
        - \frac12 \left(z^\top R^{-1} z - x^\top R_x^{-1} x - y^\top R_y^{-1} y\right)

    Args:
        z: Samples of x and y side by side, ``(n, dim_x + dim_y)``; all coordinates have mean 0.
        dim_x: Number of coordinates of x.
        cross: Structure of the cross-correlation; see :func:`~ibtrain.mi.neural.correlations.simplify_cross`.
    """

    def __init__(self, z: Array, dim_x: int, cross: str = "full") -> None:
        self.name = _form_name("gaussian", cross)
        correlation = simplify_cross(correlation_of(z), dim_x, len(z), cross)
        self.quadratic = _Quadratic(torch.from_numpy(correlation), dim_x)

    def prepare(self, z: Array) -> Array:
        return z

    def matrix(self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]) -> Tensor:
        distance_x, distance_y, pairs = self.quadratic(x, y)
        ratio: Tensor = self.quadratic.log_det - 0.5 * (pairs - distance_x - distance_y)
        return ratio


class StudentLogRatio(LogRatioModel):
    r"""Log-ratio of a t copula: a joint Student distribution with arbitrary marginals.

    With :math:`\nu` degrees of freedom, squared distances :math:`q` and dimensions d,

    .. math:: \log \frac{\Gamma(\frac{\nu+d}2) \Gamma(\frac\nu2)}
        {\Gamma(\frac{\nu+d_x}2) \Gamma(\frac{\nu+d_y}2)} + \frac12 \log \frac{|R_x| |R_y|}{|R|}
        - \frac{\nu+d}2 \log(1 + \tfrac{q}{\nu}) + \frac{\nu+d_x}2 \log(1 + \tfrac{q_x}{\nu})
        + \frac{\nu+d_y}2 \log(1 + \tfrac{q_y}{\nu})

    Args:
        z: Normal scores of x and y side by side, ``(n, dim_x + dim_y)``.
        dim_x: Number of coordinates of x.
        degrees: Degrees of freedom :math:`\nu`.
        cross: Structure of the cross-correlation; see :func:`~ibtrain.mi.neural.correlations.simplify_cross`.

    References:
        Kotz & Nadarajah, Multivariate t Distributions and Their Applications (2004), section 1.1;
        Demarta & McNeil, The t Copula and Related Copulas (2005).
    """

    def __init__(self, z: Array, dim_x: int, degrees: float, cross: str = "full") -> None:
        self.name = f"{_form_name('student', cross)}({degrees:g})"
        self.degrees = degrees
        self.dims = (dim_x, z.shape[1] - dim_x)
        scores = self.prepare(z)
        start = correlation_of(z)
        correlation = _student_correlation(scores, degrees, start)
        self.correlation = simplify_cross(correlation, dim_x, len(z), cross)
        self.quadratic = _Quadratic(torch.from_numpy(self.correlation), dim_x)

    def log_likelihood(self, z: Array) -> float:
        """The mean log-density of the copula at normal scores ``(n, dim)``."""
        scores = self.prepare(z)
        density = _student_log_density(scores, self.correlation, self.degrees).mean()
        return float(density - stats.t.logpdf(scores, self.degrees).sum(axis=1).mean())

    def prepare(self, z: Array) -> Array:
        levels = np.clip(special.ndtr(z), MIN_LEVEL, 1 - MIN_LEVEL)
        scores: Array = special.stdtrit(self.degrees, levels)
        return scores

    def matrix(self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]) -> Tensor:
        nu, (dim_x, dim_y) = self.degrees, self.dims
        distance_x, distance_y, pairs = self.quadratic(x, y)
        gammas = [math.lgamma((nu + d) / 2) for d in (dim_x + dim_y, 0, dim_x, dim_y)]
        constant = gammas[0] + gammas[1] - gammas[2] - gammas[3] + self.quadratic.log_det
        tails_x = (nu + dim_x) / 2 * torch.log1p(distance_x / nu)
        tails_y = (nu + dim_y) / 2 * torch.log1p(distance_y / nu)
        tails = (nu + dim_x + dim_y) / 2 * torch.log1p(pairs / nu)
        ratio: Tensor = constant + tails_x + tails_y - tails
        return ratio


class MixtureLogRatio(LogRatioModel):
    r"""Log-ratio of a mixture of Gaussians, whose marginals are mixtures of Gaussians too.

    .. math:: \log \sum_k w_k N(x, y; \mu_k, \Sigma_k) - \log \sum_k w_k N(x; \mu_k^x, \Sigma_k^{xx})
        - \log \sum_k w_k N(y; \mu_k^y, \Sigma_k^{yy})

    Unlike a single Gaussian, it can represent clusters and curved shapes. A covariance matrix is fitted for
    each component, which limits it to few dimensions.

    Args:
        z: Samples of x and y side by side, ``(n, dim_x + dim_y)``.
        dim_x: Number of coordinates of x.
        components: Number of Gaussians.
        seed: Seeds the initial values of EM.
    """

    def __init__(self, z: Array, dim_x: int, components: int = 8, seed: int = 0) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        self.name = f"mixture({components})"
        mixture = GaussianMixture(components, reg_covar=1e-4, random_state=seed)
        with warnings.catch_warnings():
            # a fit that has not converged is still a valid closed form; the selection split decides about it
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(z)
        dims = [dim_x, z.shape[1] - dim_x]
        self.means = _DeviceCache(*torch.from_numpy(mixture.means_).split(dims, dim=1))
        self.log_weights = np.log(mixture.weights_).tolist()
        covariances = [torch.from_numpy(covariance) for covariance in mixture.covariances_]
        self.quadratics = [_Quadratic(covariance, dim_x) for covariance in covariances]

    def prepare(self, z: Array) -> Array:
        return z

    def matrix(self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]) -> Tensor:
        terms_x, terms_y, terms = [], [], []
        for log_weight, mean_x, mean_y, quadratic in zip(
            self.log_weights, *self.means.like(x), self.quadratics, strict=True
        ):
            distance_x, distance_y, pairs = quadratic(x - mean_x, y - mean_y)
            log_det, log_det_x, log_det_y = quadratic.log_dets
            terms_x.append(log_weight - 0.5 * (log_det_x + distance_x))
            terms_y.append(log_weight - 0.5 * (log_det_y + distance_y))
            terms.append(log_weight - 0.5 * (log_det + pairs))
        joint, density_x, density_y = (
            torch.stack(logs).logsumexp(0) for logs in (terms, terms_x, terms_y)
        )
        return joint - density_x - density_y


def fit_student(z: Array, dim_x: int, cross: str = "full") -> StudentLogRatio:
    """The t copula whose degrees of freedom maximise the likelihood.

    Args:
        z: Normal scores of x and y side by side, ``(n, dim_x + dim_y)``, in random order.
        dim_x: Number of coordinates of x.
        cross: Structure of the cross-correlation; see :func:`~ibtrain.mi.neural.correlations.simplify_cross`.
    """
    # the degrees of freedom are one number, for which a few thousand samples suffice
    subset = z[:DEGREES_SAMPLES]
    likeliest = StudentLogRatio(subset, dim_x, DEGREES[0])
    for degrees in DEGREES[1:]:
        heavier = StudentLogRatio(subset, dim_x, degrees)
        # the likelihood has a single maximum: it is passed as soon as the likelihood falls
        if heavier.log_likelihood(subset) <= likeliest.log_likelihood(subset):
            break
        likeliest = heavier
    return StudentLogRatio(z, dim_x, likeliest.degrees, cross)


def _form_name(form: str, cross: str) -> str:
    return form if cross == "full" else f"{form}-{cross}"


def _student_correlation(scores: Array, degrees: float, start: Array) -> Array:
    """Maximum-likelihood correlation by EM for a Gaussian scale mixture; its diagonal is kept at one."""
    correlation = start
    dim = scores.shape[1]
    for _ in range(EM_ITERATIONS):
        solved = np.linalg.solve(correlation, scores.T).T
        weights = (degrees + dim) / (degrees + (solved * scores).sum(axis=1))
        correlation = regular((scores * weights[:, None]).T @ scores / len(scores))
    return correlation


def _student_log_density(scores: Array, correlation: Array, degrees: float) -> Array:
    density: Array = stats.multivariate_t(shape=correlation, df=degrees).logpdf(scores)
    return density
