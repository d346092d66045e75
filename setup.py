"""Installs ibtrain and its command."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="ibtrain",
    version="0.1.0",
    description="Layer-by-layer training on the information bottleneck, beside backprop, on the information plane",
    long_description=(Path(__file__).parent / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["ibtrain", "ibtrain.*"]),
    package_data={"ibtrain": ["py.typed"]},
    install_requires=[
        "click>=8.1",
        "jaxtyping>=0.3",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "pandas>=2.2",
        "pillow>=10",
        "scikit-learn>=1.6",
        "scipy>=1.11",
        "torch>=2.11",
        "torchvision>=0.26",
        "tqdm>=4.66",
    ],
    extras_require={
        "onnx": ["onnx>=1.16", "onnxscript>=0.2"],
        "parquet": ["pyarrow>=15"],
        "test": [
            "beartype>=0.18",
            "hypothesis>=6.100",
            "mypy>=1.10",
            "pyarrow>=15",
            "pytest>=8",
            "pytest-benchmark>=4",
            "pytest-xdist>=3",
            "ruff>=0.6",
        ],
    },
    entry_points={"console_scripts": ["ibtrain = ibtrain.cli.entry:main"]},
)
