"""Which methods of Django's database wrappers an engine replaces.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.backends.base.base import BaseDatabaseWrapper

DJANGO = ("django.db.backends.", "django.contrib.gis.db.backends.")

# Django 5.2, 6.0, 6.1: what takes no part in connecting, in making cursors or in beginning
# transactions. Everything else of a wrapper does, or may in another version.
HARMLESS = frozenset(
    [
        *("SchemaEditorClass", "client_class", "creation_class", "features_class"),
        *("introspection_class", "ops_class", "validation_class"),
        *("vendor", "display_name", "operators", "_operators", "pattern_esc", "pattern_ops"),
        *("data_types", "_data_types", "data_types_suffix", "data_type_check_constraints"),
        *("_limited_data_types", "queries", "queries_limit", "queries_logged"),
        *("schema_editor", "prepare_database", "check_settings", "check_constraints"),
        *("constraint_checks_disabled", "disable_constraint_checking"),
        *("enable_constraint_checking", "get_database_version"),
        *("check_database_version_supported", "is_usable", "close_if_unusable_or_obsolete"),
        *("close_if_health_check_failed", "on_commit", "run_and_clear_commit_hooks"),
        *("execute_wrapper", "inc_thread_sharing", "dec_thread_sharing"),
        *("validate_thread_sharing", "__repr__"),
    ]
)

#: What Python itself puts into a class.
BY_PYTHON = frozenset(
    [
        *("__module__", "__doc__", "__qualname__", "__dict__", "__weakref__", "__slots__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("__static_attributes__", "__firstlineno__", "__orig_bases__", "__parameters__"),
        *("__type_params__", "__abstractmethods__", "__hash__"),
    ]
)


def overrides(engine: type[BaseDatabaseWrapper], trusted: Collection[type]) -> list[str]:
    """Name what `engine` replaces of how Django's own sets a session up.

    Methods that it adds count for nothing, as nothing but its other methods calls them; nor do
    the `trusted` classes among those that it is derived from.
    """
    own = next((one for one in engine.__mro__ if one.__module__.startswith(DJANGO)), engine)
    names = {name for one in own.__mro__ for name in vars(one)}
    replaced: list[str] = []
    for one in engine.__mro__:
        if one in own.__mro__ or one in trusted:
            continue
        if type(one) is not type:
            replaced.append(f"the metaclass of {one.__qualname__}")
        replaced += [f"{one.__qualname__}.{name}" for name in vars(one) if _takes_part(name, names)]
    return replaced


def _takes_part(name: str, names: set[str]) -> bool:
    if name in HARMLESS or name in BY_PYTHON:
        return False
    return name in names or name.startswith("__")
