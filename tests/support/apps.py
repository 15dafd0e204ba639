"""The app of the models that the tests walk."""

from django.apps import AppConfig


class Support(AppConfig):
    """The models, under a label that is short in the names of their tables."""

    name = "tests.support"
    label = "tests"
