from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "example_site.events"
    label = "events"
