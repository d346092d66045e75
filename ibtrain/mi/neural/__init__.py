"""Neural estimators of mutual information, for samples and for layers during training."""
