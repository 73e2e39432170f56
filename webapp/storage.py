"""Static files under names that change with their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Rewrites the imports of ES modules too, so that no page mixes old modules with new ones."""

    support_js_module_import_aggregation = True
