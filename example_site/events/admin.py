from django.contrib import admin

from chunkqs.admin import LargeTableAdminMixin

from .models import Event, User


@admin.register(Event)
class EventAdmin(LargeTableAdminMixin, admin.ModelAdmin):
    list_display = ["created_at", "user", "kind", "path", "country", "amount"]
    list_filter = ["kind"]
    list_select_related = ["user"]
    raw_id_fields = ["user"]


@admin.register(User)
class UserAdmin(LargeTableAdminMixin, admin.ModelAdmin):
    list_display = ["name", "email"]
    search_fields = ["email"]
