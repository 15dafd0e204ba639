"""The events as an API: ``/api/events/?kind=view&ordering=-amount``."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.filters import OrderingFilter
from rest_framework.generics import ListAPIView
from rest_framework.serializers import ModelSerializer

from chunkqs.rest_framework import KeysetPagination

from .models import Event


class EventSerializer(ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["id", "user", "kind", "path", "country", "duration_ms", "amount", "created_at"]


class EventPagination(KeysetPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1_000
    ordering = "-created_at"


@extend_schema(parameters=[OpenApiParameter("kind", enum=Event.Kind.values)])
class EventList(ListAPIView[Event]):
    serializer_class = EventSerializer
    pagination_class = EventPagination
    filter_backends = [OrderingFilter]
    ordering_fields = ["id", "created_at", "amount"]

    def get_queryset(self) -> QuerySet[Event]:
        return Event.objects.of_kind(self.request.query_params.get("kind"))
