"""What to cite for an estimate: a sentence on its method, and BibTeX entries of its sources."""

from ibtrain import __version__
from ibtrain.mi.result import Estimate

__all__ = ["bibtex", "method_sentence"]

ENTRIES = {
    "belghazi2018mine": """@inproceedings{belghazi2018mine,
  title = {Mutual Information Neural Estimation},
  author = {Belghazi, Mohamed Ishmael and Baratin, Aristide and Rajeswar, Sai and Ozair, Sherjil and Bengio, Yoshua and Courville, Aaron and Hjelm, R Devon},
  booktitle = {Proceedings of the 35th International Conference on Machine Learning},
  series = {PMLR}, volume = {80}, pages = {531--540}, year = {2018}
}""",
    "nguyen2010estimating": """@article{nguyen2010estimating,
  title = {Estimating Divergence Functionals and the Likelihood Ratio by Convex Risk Minimization},
  author = {Nguyen, XuanLong and Wainwright, Martin J. and Jordan, Michael I.},
  journal = {IEEE Transactions on Information Theory},
  volume = {56}, number = {11}, pages = {5847--5861}, year = {2010}
}""",
    "oord2018representation": """@article{oord2018representation,
  title = {Representation Learning with Contrastive Predictive Coding},
  author = {van den Oord, Aaron and Li, Yazhe and Vinyals, Oriol},
  journal = {arXiv preprint arXiv:1807.03748}, year = {2018}
}""",
    "song2020understanding": """@inproceedings{song2020understanding,
  title = {Understanding the Limitations of Variational Mutual Information Estimators},
  author = {Song, Jiaming and Ermon, Stefano},
  booktitle = {International Conference on Learning Representations}, year = {2020}
}""",
    "nowozin2016fgan": """@inproceedings{nowozin2016fgan,
  title = {f-{GAN}: Training Generative Neural Samplers using Variational Divergence Minimization},
  author = {Nowozin, Sebastian and Cseke, Botond and Tomioka, Ryota},
  booktitle = {Advances in Neural Information Processing Systems}, volume = {29}, year = {2016}
}""",
    "kraskov2004estimating": """@article{kraskov2004estimating,
  title = {Estimating Mutual Information},
  author = {Kraskov, Alexander and St{\\"o}gbauer, Harald and Grassberger, Peter},
  journal = {Physical Review E}, volume = {69}, pages = {066138}, year = {2004}
}""",
    "ross2014mutual": """@article{ross2014mutual,
  title = {Mutual Information between Discrete and Continuous Data Sets},
  author = {Ross, Brian C.},
  journal = {PLoS ONE}, volume = {9}, number = {2}, pages = {e87357}, year = {2014}
}""",
    "holmes2019estimation": """@article{holmes2019estimation,
  title = {Estimation of Mutual Information for Real-Valued Data with Error Bars and Controlled Bias},
  author = {Holmes, Caroline M. and Nemenman, Ilya},
  journal = {Physical Review E}, volume = {100}, pages = {022404}, year = {2019}
}""",
    "zahl1977jackknifing": """@article{zahl1977jackknifing,
  title = {Jackknifing an Index of Diversity},
  author = {Zahl, Samuel},
  journal = {Ecology}, volume = {58}, number = {4}, pages = {907--913}, year = {1977}
}""",
    "roulston1999estimating": """@article{roulston1999estimating,
  title = {Estimating the Errors on Measured Entropy and Mutual Information},
  author = {Roulston, Mark S.},
  journal = {Physica D}, volume = {125}, pages = {285--294}, year = {1999}
}""",
    "misra2005estimation": """@article{misra2005estimation,
  title = {Estimation of the Entropy of a Multivariate Normal Distribution},
  author = {Misra, Neeraj and Singh, Harshinder and Demchuk, Eugene},
  journal = {Journal of Multivariate Analysis}, volume = {92}, number = {2}, pages = {324--342}, year = {2005}
}""",
    "ince2017statistical": """@article{ince2017statistical,
  title = {A Statistical Framework for Neuroimaging Data Analysis Based on Mutual Information Estimated via a {Gaussian} Copula},
  author = {Ince, Robin A. A. and Giordano, Bruno L. and Kayser, Christoph and Rousselet, Guillaume A. and Gross, Joachim and Schyns, Philippe G.},
  journal = {Human Brain Mapping}, volume = {38}, number = {3}, pages = {1541--1573}, year = {2017}
}""",
    "phipson2010permutation": """@article{phipson2010permutation,
  title = {Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly Drawn},
  author = {Phipson, Belinda and Smyth, Gordon K.},
  journal = {Statistical Applications in Genetics and Molecular Biology}, volume = {9}, number = {1}, year = {2010}
}""",
}
"""BibTeX entries by key."""
_CRITIC = "evaluated on samples that trained no critic"
METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "mine": (f"the Donsker-Varadhan bound of a neural critic (MINE), {_CRITIC}", ("belghazi2018mine",)),
    "nwj": (f"the Nguyen-Wainwright-Jordan bound of a neural critic, {_CRITIC}", ("nguyen2010estimating",)),
    "infonce": (f"the InfoNCE bound of a neural critic, {_CRITIC}", ("oord2018representation",)),
    "smile": (f"the SMILE estimator with a neural critic, {_CRITIC}", ("song2020understanding",)),
    "js": (
        f"the Nguyen-Wainwright-Jordan bound of a neural critic trained on the Jensen-Shannon bound, {_CRITIC}",
        ("nowozin2016fgan", "nguyen2010estimating"),
    ),
    "ksg": (
        "the nearest-neighbour estimator of Kraskov, Stögbauer and Grassberger on normal scores",
        ("kraskov2004estimating", "holmes2019estimation"),
    ),
    "ross": (
        "the nearest-neighbour estimator of Ross for a discrete and a continuous variable",
        ("ross2014mutual", "holmes2019estimation"),
    ),
    "binning": (
        "the plug-in estimator on binned values with jackknife entropies",
        ("zahl1977jackknifing", "roulston1999estimating"),
    ),
    "plug-in": (
        "the plug-in estimator from the counts of pairs with jackknife entropies",
        ("zahl1977jackknifing", "roulston1999estimating"),
    ),
    "gaussian": (
        "the closed form of a Gaussian copula with a correction of its bias",
        ("misra2005estimation", "ince2017statistical"),
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
        Mutual information was estimated by the plug-in estimator from the counts of pairs with jackknife entropies \\cite{zahl1977jackknifing,roulston1999estimating} from 100 samples with ibtrain ....
    """
    words, keys = METHODS[_entry(estimate)]
    count = estimate.n_control or estimate.n_test
    if estimate.critics == 1:
        count = estimate.n_train + estimate.n_select + estimate.n_test
    sentence = (
        f"Mutual information was estimated by {words} \\cite{{{','.join(keys)}}} from {count} samples "
        f"with ibtrain {estimate.version or __version__}"
    )
    if estimate.seed is not None and estimate.method not in ("gaussian", "plug-in"):
        sentence += f" (seed {estimate.seed})"
    if estimate.permutation:
        sentence += (
            f"; the p-value is that of {estimate.permutation.count} permutations of one variable "
            "\\cite{phipson2010permutation}"
        )
    return sentence + "."


def bibtex(estimate: Estimate) -> str:
    """Returns BibTeX entries of the method's sources and of this software.

    Args:
        estimate: An estimate of :func:`~ibtrain.estimate`.
    """
    keys = [*METHODS[_entry(estimate)][1]]
    if estimate.permutation:
        keys.append("phipson2010permutation")
    software = (
        "@software{ibtrain,\n"
        "  title = {ibtrain: Layer-by-Layer Training on the Information Bottleneck, and the Information Plane},\n"
        f"  version = {{{estimate.version or __version__}}}\n}}"
    )
    return "\n\n".join([*(ENTRIES[key] for key in keys), software])


def _entry(estimate: Estimate) -> str:
    """The key of an estimate's method: nearest neighbours for a label are Ross's."""
    is_label = estimate.method == "ksg" and estimate.entropy is not None
    return "ross" if is_label else estimate.method
