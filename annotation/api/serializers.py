"""Serializers that several nouns share."""

from typing import Any

from rest_framework import serializers


class Closed(serializers.Serializer):
    # A comment, for a docstring would describe every body: it may hold its own fields, no others.

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = {
                str(name): [f"unknown field. Known: {', '.join(sorted(self.fields))}."]
                for name in data
                if name not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class RefusalSerializer(serializers.Serializer):
    """Why nothing was done."""

    detail = serializers.CharField(help_text="What is wrong, where, and how to mend it.")
    code = serializers.CharField(help_text="The same in one word, for programs.")


class MessageSerializer(serializers.Serializer):
    role = serializers.CharField()
    content = serializers.CharField()


class SourceSerializer(serializers.Serializer):
    """Where a completion came from."""

    kind = serializers.CharField()
    name = serializers.CharField(help_text="Empty where nobody said.")
