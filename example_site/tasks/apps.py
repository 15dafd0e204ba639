from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "example_site.tasks"
    label = "tasks"
