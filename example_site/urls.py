from django.contrib import admin
from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from example_site.events import api, views

urlpatterns = [
    path("", views.EventList.as_view(), name="events"),
    *(
        path(f"events.{form}", views.event_export, {"form": form}, name=f"events_{form}")
        for form in ("csv", "ndjson", "parquet")
    ),
    *(
        path(f"async/events.{form}", views.event_export_async, {"form": form})
        for form in ("csv", "ndjson", "parquet")
    ),
    path("api/events/", api.EventList.as_view(), name="api_events"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("admin/", admin.site.urls),
]
