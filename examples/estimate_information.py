"""How much one variable tells about another, beside an answer that is known.

python examples/estimate_information.py
"""

import numpy as np

from ibtrain.mi import PROBLEMS, estimate

problem = PROBLEMS["student-3-nu-2"]
x, y = problem.sample(3000, np.random.default_rng(0))

print(f"truth: {problem.mi:.3f} nats")
for method in ("mine", "ksg", "gaussian"):
    found = estimate(x, y, method)
    flags = f" ({', '.join(found.flags)})" if found.flags else ""
    print(f"{method}: {found.mi:.3f} ± {found.stderr:.3f}{flags}")
