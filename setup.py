"""Installs ibtrain and its command."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="ibtrain",
    version="0.1.0",
    description="Layer-by-layer training on the information bottleneck, beside backprop, on the information plane",
    long_description=(Path(__file__).parent / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="ibtrain developers",
    license="MIT",
    keywords=["information bottleneck", "information plane", "mutual information", "PyTorch"],
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["ibtrain", "ibtrain.*"]),
    package_data={
        "ibtrain": ["py.typed", "references.bib"],
        "ibtrain.report.page": ["assets/*", "assets/vendor/*"],
    },
    install_requires=[
        "click>=8.4",
        "jaxtyping>=0.3",
        "matplotlib>=3.9",
        "numpy>=2",
        "pandas>=2.2.2",
        "pillow>=10.1",
        "scikit-learn>=1.6",
        "scipy>=1.13",
        "torch>=2.11",
        "torchvision>=0.26",
        "tqdm>=4.66",
    ],
    extras_require={
        "docs": ["furo>=2024.8.6", "latex2mathml>=3.77", "myst-parser>=4", "sphinx>=8"],
        "notebook": ["ipykernel>=6", "ipywidgets>=8", "nbclient>=0.9"],
        "onnx": ["onnx>=1.16", "onnxscript>=0.2"],
        "parquet": ["pyarrow>=15"],
        "ray": ["ray>=2.44"],
        "search": ["optuna>=4"],
        "tensorboard": ["tensorboard>=2.14"],
        "test": [
            "beartype>=0.20",
            "hypothesis>=6.100",
            "ipykernel>=6",
            "mypy>=1.10",
            "nbclient>=0.9",
            "optuna>=4",
            "pyarrow>=15",
            "pytest>=8",
            "pytest-benchmark>=4",
            "pytest-xdist>=3",
            "ray>=2.44",
            "ruff>=0.6",
            "selenium>=4.20",
            "statsmodels>=0.14",
            "tensorboard>=2.14",
        ],
    },
    entry_points={"console_scripts": ["ibtrain = ibtrain.cli.entry:main"]},
)
