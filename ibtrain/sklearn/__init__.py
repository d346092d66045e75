"""The trainers as estimators of scikit-learn."""
