"""Problems with known mutual information, and the comparison of estimators with them."""
