"""Estimators without a critic: nearest neighbours, bins, counts, the Gaussian closed form."""
