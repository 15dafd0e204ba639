"""Metadata of the distribution; settings of the build and of the tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

TOP = Path(__file__).parent
# For users. What developers need is in the dependency groups of pyproject.toml.
EXTRAS = {
    "psycopg2": ["psycopg2-binary>=2.9.9"],
    "psycopg": ["psycopg[binary]>=3.2"],
    "mysql": ["mysqlclient>=2.2.1"],
    "progress": ["tqdm>=4.66"],
    "arrow": ["pyarrow>=17"],
    "rest_framework": ["djangorestframework>=3.16"],
    "ninja": ["django-ninja>=1.4"],
}


def version() -> str:
    """Return `chunkqs.__version__`, without an import of Django."""
    source = (TOP / "chunkqs" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)[1]


def description() -> str:
    """Return the README as it can be read on its own: no pictures and links into the project."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^!\[.*?\]\((?!https?:).*?\)\n+", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"`\1`", text)


setup(
    name="chunkqs",
    version=version(),
    description="Walk Django querysets of any size: the first row at once, memory flat.",
    long_description=description(),
    long_description_content_type="text/markdown",
    author="chunkqs contributors",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    packages=find_packages(include=["chunkqs", "chunkqs.*"]),
    package_data={"chunkqs": ["py.typed"]},
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=["Django>=5.2"],
    # Ends the walks of a failed test before its tables are flushed.
    entry_points={"pytest11": ["chunkqs = chunkqs.pytest_plugin"]},
    extras_require=EXTRAS,
    keywords=["django", "queryset", "iterator", "keyset", "server-side cursor", "streaming"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Framework :: Django :: 6.1",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
        "Typing :: Typed",
    ],
)
