"""Croissant metadata of a data set folder: which files there are and what their columns hold.

Croissant 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

from typing import Any

from annotation.exporting.manifest import File
from annotation.licences import address_of

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
TYPES = {"integer": "sc:Integer", "number": "sc:Float", "truth": "sc:Boolean"}
TYPES |= {"integers": "sc:Integer", "numbers": "sc:Float", "truths": "sc:Boolean"}
LISTS = ("integers", "numbers", "truths", "texts", "text lists", "messages")
PARQUET = "application/x-parquet"  # as readers of Croissant know it


def describe(
    name: str,
    about: str,
    licence: str,
    published: str | None,
    tables: list[tuple[File, dict[str, str]]],
) -> dict[str, Any]:
    """The whole of croissant.json. ``tables`` are the Parquet files with their columns. Of a
    cell with messages it gives the texts: Croissant 1.0 has no list of structures."""
    said = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": about,
        "license": address_of(licence),
        "citeAs": f"{name}, exported from Concord",
        "version": "1.0.0",
        "distribution": [_file_object(file) for file, _ in tables],
        "recordSet": [_record_set(file, columns) for file, columns in tables],
    }
    return said | ({"datePublished": published} if published else {})


def _id(file: File) -> str:
    return file.path.removesuffix(".parquet").replace("/", "-")


def _file_object(file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": _id(file),
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _record_set(file: File, columns: dict[str, str]) -> dict[str, Any]:
    name = _id(file)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [_field(file, column, kind) for column, kind in columns.items()],
    }


def _field(file: File, column: str, kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file.path}, "extract": {"column": column}}
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{_id(file)}/{column}",
        "name": column,
        "dataType": TYPES.get(kind, "sc:Text"),
        "source": source,
    }
    if kind == "messages":
        source["transform"] = {"jsonPath": "content"}
        field["description"] = "The texts of messages, each of which has a role and a content."
    if kind in LISTS:
        field["repeated"] = True
    return field
