"""A paragraph on the methods of a run, and BibTeX entries of what it used."""

import math
import re
from collections.abc import Iterator

from ibtrain.bibliography import entries
from ibtrain.config import OPTIMIZERS, Method, RunConfig
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.words import noise_words, numbers, objective_words
from ibtrain.text import printable

__all__ = ["sources"]

MEASURES = {
    "channel": (
        "Monte Carlo over the mixture of the N noisy samples, exact for x uniform over them",
        "goldfeld2019",
    ),
    "mine": ("Donsker-Varadhan bounds by neural critics on held-out samples", "belghazi2018"),
    "profile": ("the same Monte Carlo at eight sizes of the noise", "goldfeld2019"),
    "compressed": (
        "Monte Carlo over the mixture of the samples' principal components",
        "goldfeld2019",
    ),
    "probe": ("the accuracy of a linear probe", "alain2016"),
    "binned": ("entropies of activations in bins", "shwartzziv2017"),
    "pairwise": ("bounds from pairwise distances", "kolchinsky2017"),
    "ksg": ("nearest neighbours", "kraskov2004"),
    "dropout": ("Monte Carlo for the multiplicative noise of Gaussian dropout", "adilova2023"),
    "quantised": ("exact entropies of quantised activations", "lorenzen2022"),
}
"""What each measure of information computes, and the key of its source."""
OBJECTIVES = {
    "dv": "belghazi2018",
    "nwj": "nguyen2010",
    "infonce": "oord2018",
    "smile": "song2020",
    "squared-ib": "kolchinsky2019",
    "same-class": "khosla2020",
    "similarity": "nokland2019",
    "hsic": "ma2020",
    "renyi": "sanchezgiraldo2015, yu2021",
}
"""Keys of the sources of objectives of a block, and of the terms with a weight."""
PLANE, LAYERWISE, CRITICS = "shwartzziv2017", "elad2018", "belghazi2018"


def sources(run: ReportedRun) -> dict[str, str]:
    """The paragraph on the methods, whose keys in brackets are those of the BibTeX entries."""
    config = run.config
    sentences = [_training(config, run), *(_trained(config, m) for m in config.methods)]
    if run.panels:
        sentences += _plane(config, run)
    text = " ".join(sentences)
    return {
        "methods_text": text,
        "bibtex": "\n\n".join(entries(re.findall(r"[a-z]+\d{4}", " ".join(_keys(text))))),
    }


def _keys(text: str) -> Iterator[str]:
    """The text in brackets."""
    yield from re.findall(r"\[([a-z\d, ]+)\]", text)


def _training(config: RunConfig, run: ReportedRun) -> str:
    model = config.model
    network = (
        f"multilayer perceptron with hidden layers of {numbers(model.hidden)} {model.activation} units"
        if model.kind == "mlp"
        else f"network of the kind {printable(model.kind)} with {model.activation} activations"
    )
    counts = [run.results.get(name) for name in ("n_train", "n_test")]
    samples = "" if None in counts else f" ({counts[0]} training and {counts[1]} test samples)"
    shares = [
        f"{100 * config.train_share:g} % of the training samples" if config.train_share < 1 else "",
        f"{100 * config.label_noise:g} % of the training labels drawn at random"
        if config.label_noise
        else "",
    ]
    changed = "".join(f", with {words}" for words in shares if words)
    seeds = f"seed{'s' * (len(config.seeds) > 1)} {numbers(config.seeds)}"
    return (
        f"A {network} was trained on {printable(config.dataset)}{samples}{changed}, with {seeds}."
    )


def _trained(config: RunConfig, method: Method) -> str:
    optim = config.layerwise if method == "layerwise" else config.end_to_end
    settings = ""
    if optim is not None and optim.learning_rate is not None:
        batch = optim.batch_size or "full"
        further = "".join(f", {words} {value:g}" for words, value in optim.used().items())
        settings = (
            f" ({optim.epochs} epochs{' for each block' * (method == 'layerwise')}, {OPTIMIZERS[optim.optimizer]}, "
            f"learning rate {optim.learning_rate:g}, {optim.schedule} schedule, batch size {batch}{further})"
        )
    if method == "end_to_end":
        return f"End-to-end training minimised the cross-entropy by backpropagation{settings}."
    objective = config.objective
    values = vars(objective)
    words = printable(objective_words(values, "beta = "))
    used = {objective.name, *(term for term in OBJECTIVES if values.get(term.replace("-", "_")))}
    keys = ", ".join(key for term, key in OBJECTIVES.items() if term in used)
    words += f" [{keys}]" * bool(keys)
    if objective.name != "ib":
        return f"{METHOD_NAMES[method].capitalize()} training gave each block an objective of its own{settings}: {words}."
    noise = f"noise of standard deviation {numbers(values['noise_std'])} ({objective.noise_scale})"
    return (
        f"Layer-wise training maximised I(h; y) - beta I(x; t) of each block [{LAYERWISE}]{settings}, with Donsker-Varadhan "
        f"bounds by critics [{CRITICS}], {noise}, {words}."
    )


def _plane(config: RunConfig, run: ReportedRun) -> Iterator[str]:
    plane = config.plane
    count = run.results.get("plane_samples")
    samples = f" on {count} {'' if plane.on == 'all' else plane.on + ' '}samples" if count else ""
    ceilings = [math.log(count)] if count else []
    limit = f"; no value can exceed ln N = {ceilings[0]:.2f} nats" if ceilings else ""
    yield (
        f"The information plane [{PLANE}] shows I(X; T) and I(T; Y) of each layer{samples}, with T = h + sigma eps and sigma = "
        f"{noise_words(vars(plane))}{limit}."
    )
    known = [
        f"{name} ({words} [{key}])"
        for name, (words, key) in MEASURES.items()
        if name in plane.measures
    ]
    yield f"It was measured by {'; '.join(known) or _names(plane.measures)}."


def _names(measures: tuple[str, ...]) -> str:
    """Names of measures without a source."""
    return ", ".join(map(printable, measures))
