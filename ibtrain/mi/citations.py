"""What to cite for an estimate: a sentence on its method, and BibTeX entries of its sources."""

from ibtrain import __version__
from ibtrain.bibliography import entries
from ibtrain.mi.result import Estimate

__all__ = ["bibtex", "method_sentence"]

_CRITIC = "evaluated on samples that trained no critic"
METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "mine": (f"the Donsker-Varadhan bound of a neural critic (MINE), {_CRITIC}", ("belghazi2018",)),
    "nwj": (f"the Nguyen-Wainwright-Jordan bound of a neural critic, {_CRITIC}", ("nguyen2010",)),
    "infonce": (f"the InfoNCE bound of a neural critic, {_CRITIC}", ("oord2018",)),
    "smile": (f"the SMILE estimator with a neural critic, {_CRITIC}", ("song2020",)),
    "js": (
        f"the Nguyen-Wainwright-Jordan bound of a neural critic trained on the Jensen-Shannon bound, {_CRITIC}",
        ("nowozin2016", "nguyen2010"),
    ),
    "ksg": (
        "the nearest-neighbour estimator of Kraskov, Stögbauer and Grassberger on normal scores",
        ("kraskov2004", "holmes2019"),
    ),
    "ross": (
        "the nearest-neighbour estimator of Ross for a discrete and a continuous variable",
        ("ross2014", "holmes2019"),
    ),
    "binning": (
        "the plug-in estimator on binned values with jackknife entropies",
        ("zahl1977", "roulston1999"),
    ),
    "plug-in": (
        "the plug-in estimator from the counts of pairs with jackknife entropies",
        ("zahl1977", "roulston1999"),
    ),
    "gaussian": (
        "the closed form of a Gaussian copula with a correction of its bias",
        ("misra2005", "ince2017"),
    ),
}  # fmt: skip
"""Description of each method, which completes "was estimated by", and the keys of its sources."""


def method_sentence(estimate: Estimate) -> str:
    """Describes in one sentence, for a paper, how a value was estimated.

    Args:
        estimate: An estimate of :func:`~ibtrain.estimate`.

    Example:
        >>> from ibtrain import estimate
        >>> print(method_sentence(estimate([0, 1] * 50, [0, 1] * 50)))
        Mutual information was estimated by the plug-in estimator from the counts of pairs with jackknife entropies \\cite{zahl1977,roulston1999} from 100 samples with ibtrain ....
    """
    words, keys = METHODS[_entry(estimate)][0], _keys(estimate)
    quantity = "Conditional mutual" if _is_conditional(estimate) else "Mutual"
    count = estimate.n_control or estimate.n_test
    if estimate.critics == 1:
        count = estimate.n_train + estimate.n_select + estimate.n_test
    sentence = (
        f"{quantity} information was estimated by {words} \\cite{{{','.join(keys)}}} from {count} samples "
        f"with ibtrain {estimate.version or __version__}"
    )
    if estimate.seed is not None and estimate.method not in ("gaussian", "plug-in"):
        sentence += f" (seed {estimate.seed})"
    if estimate.permutation:
        sentence += (
            f"; the p-value is that of {estimate.permutation.count} permutations of one variable "
            "\\cite{phipson2010}"
        )
    return sentence + "."


def bibtex(estimate: Estimate) -> str:
    """Returns BibTeX entries of the method's sources and of this software.

    Args:
        estimate: An estimate of :func:`~ibtrain.estimate`.
    """
    keys = _keys(estimate)
    if estimate.permutation:
        keys.append("phipson2010")
    software = (
        "@software{ibtrain,\n"
        "  title = {ibtrain: Layer-by-Layer Training on the Information Bottleneck, and the Information Plane},\n"
        f"  version = {{{estimate.version or __version__}}}\n}}"
    )
    return "\n\n".join([*entries(keys), software])


def _is_conditional(estimate: Estimate) -> bool:
    return "z" in (estimate.read_as or {})


def _keys(estimate: Estimate) -> list[str]:
    """The keys of the sources of an estimate's method."""
    keys = [*METHODS[_entry(estimate)][1]]
    if _is_conditional(estimate) and estimate.method == "ksg":
        keys += ["frenzel2007", "mesner2021"]
    return keys


def _entry(estimate: Estimate) -> str:
    """The key of an estimate's method: nearest neighbours for a label are Ross's."""
    is_label = estimate.method == "ksg" and estimate.entropy is not None
    return "ross" if is_label else estimate.method
