"""What a token may be used for. The token itself is knox's row, which keeps a hash alone."""

from django.db import models
from django.utils.translation import gettext_lazy
from knox.models import AuthToken


class Scope(models.TextChoices):
    """Each covers what those before it cover; none covers what its owner may not do."""

    READ = "read", gettext_lazy("Read")
    ANNOTATE = "annotate", gettext_lazy("Read and annotate")
    MANAGE = "manage", gettext_lazy("All that I may do")


class TokenAccess(models.Model):
    """How far a token reaches, and what its owner calls it. A token without this row only reads."""

    token = models.OneToOneField(AuthToken, models.CASCADE, related_name="access")
    name = models.CharField(max_length=100, blank=True)
    scope = models.CharField(max_length=8, choices=Scope)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope__in=["read", "annotate", "manage"]), name="token_scope"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"
