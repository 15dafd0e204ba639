from django.urls import path

from example_site.events import views

urlpatterns = [
    path("", views.event_list, name="events"),
    path("events.csv", views.event_csv, name="events_csv"),
]
