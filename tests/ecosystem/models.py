"""Models that other packages shape, each with their own managers and querysets."""

from __future__ import annotations

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin
from model_utils.managers import InheritanceManager
from model_utils.models import SoftDeletableModel
from polymorphic.models import PolymorphicModel
from simple_history.models import HistoricalRecords
from taggit.managers import TaggableManager
from tree_queries.models import TreeNode
from wagtail.models import Page

from chunkqs import ChunkedManager, ChunkedManagerMixin


class Project(PolymorphicModel):
    topic = models.CharField(max_length=50)


class ArtProject(Project):
    artist = models.CharField(max_length=50)


class ResearchProject(Project):
    supervisor = models.CharField(max_length=50)


class Poll(models.Model):
    question = models.CharField(max_length=50)
    history = HistoricalRecords()


class ChunkedInheritanceManager(ChunkedManagerMixin, InheritanceManager):
    pass


class Vehicle(models.Model):
    name = models.CharField(max_length=50)

    objects = ChunkedInheritanceManager()


class Car(Vehicle):
    doors = models.IntegerField()


class Boat(Vehicle):
    masts = models.IntegerField()


class Forgotten(SoftDeletableModel):
    name = models.CharField(max_length=50)


class Branch(TreeNode):
    name = models.CharField(max_length=50)


class Dish(models.Model):
    name = models.CharField(max_length=50)
    tags = TaggableManager()

    objects = ChunkedManager()


class CachedRow(models.Model):
    name = models.CharField(max_length=50)
    dish = models.ForeignKey(Dish, models.CASCADE, null=True)


class ArticlePage(Page):
    body = models.TextField()


class IndexPage(Page):
    intro = models.CharField(max_length=50)


class Tenant(TenantMixin):
    name = models.CharField(max_length=50)
    auto_create_schema = False


class Domain(DomainMixin):
    pass
