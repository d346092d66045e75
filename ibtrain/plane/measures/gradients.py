"""Mean, standard deviation and signal-to-noise ratio of the gradient of a layer's weights."""

from ibtrain.plane.gradients import weight_matrices, weight_norm
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Gradients"]


class Gradients(Measure):
    r"""Norm of the mean gradient of batches, norm of its standard deviation, both divided by the norm of the weights.

    Valid for the loss that trains the layer, of training samples and in evaluation mode, without dropout; a layer without
    trained weights has no values. The ratio of both norms is the signal-to-noise ratio, ``gradient_snr``. Where the loss of a
    batch is the mean of its samples' losses, as cross-entropy is and the bounds of layer-wise training are not, there are
    also those of single samples, ``gradient_mean_sample`` and so on. See
    :func:`~ibtrain.plane.gradients.gradient_statistics`.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3.2 and figure 4.
    """

    quantities = tuple(
        Quantity(name, heading, "", in_tables=name == "gradient_snr", is_optional=True)
        for name, heading in (
            ("gradient_snr", "SNR"),
            ("gradient_mean", "mean gradient"),
            ("gradient_std", "std of gradient"),
            ("gradient_snr_sample", "SNR of samples"),
            ("gradient_mean_sample", "mean gradient of samples"),
            ("gradient_std_sample", "std of samples' gradients"),
        )
    )
    fits = False
    reads_module = True

    def measure(self, layer: LayerSample) -> Values:
        """Divides the gradients' norms by that of the weights."""
        statistics = layer.gradients()
        if layer.module is None or statistics is None:
            return {}
        norm = weight_norm(weight_matrices(layer.module)) or 1.0
        pairs = {"": (statistics.mean, statistics.std)}
        if statistics.sample_mean is not None and statistics.sample_std is not None:
            pairs["_sample"] = statistics.sample_mean, statistics.sample_std
        values: Values = {}
        for suffix, (mean, std) in pairs.items():
            values |= {
                f"gradient_mean{suffix}": mean / norm,
                f"gradient_std{suffix}": std / norm,
                f"gradient_snr{suffix}": mean / std if std else 0.0,
            }
        return values
