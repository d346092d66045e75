"""Problems whose mutual information is known, and estimators against them."""
