"""Layer-wise training in scikit-learn: cross-validation, and a search for beta and the noise.

python examples/scikit_learn.py
"""

from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score

from ibtrain import IBClassifier

x, y = load_wine(return_X_y=True, as_frame=True)
classifiers = {
    "layer-wise": IBClassifier(hidden=(30,), random_state=0),
    "end-to-end": IBClassifier(hidden=(30,), trainer="end_to_end", random_state=0),
}
print("wine, accuracy % in 3 folds")
for name, classifier in classifiers.items():
    scores = 100 * cross_val_score(classifier, x, y, cv=3)
    print(f"{name:10} {scores.mean():.1f} ± {scores.std():.1f}")

grid = {"beta": [1e-4, 0.1], "noise_std": [0.5, 1.0]}
search = GridSearchCV(IBClassifier(hidden=(30,), epochs=50, random_state=0), grid, cv=3)
search.fit(x, y)
print(f"best of the grid: {search.best_params_}, {100 * search.best_score_:.1f} %")

best = search.best_estimator_
print(f"probabilities of the first sample: {best.predict_proba(x[:1]).round(3).tolist()[0]}")
print(f"the plain torch module has {sum(p.numel() for p in best.network_.parameters())} weights")
