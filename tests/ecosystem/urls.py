"""The URLs of the project that the tests of this folder run in: none."""

urlpatterns: list[object] = []
