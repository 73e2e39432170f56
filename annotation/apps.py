from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AnnotationConfig(AppConfig):
    name = "annotation"
    verbose_name = "Annotation"

    def ready(self) -> None:
        from annotation import guards, repeats  # noqa: F401 - repeats listen

        pre_migrate.connect(guards.on_pre_migrate, sender=self)
        post_migrate.connect(guards.on_post_migrate, sender=self)
