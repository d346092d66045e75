"""Estimators without a critic: nearest neighbours, bins, counts and the Gaussian closed form."""
