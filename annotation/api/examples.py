"""Examples for the API's description, all of one task."""

from drf_spectacular.utils import OpenApiExample

FIRST, SECOND, THIRD, FOURTH = (
    "0b8e31b5-6d0c-4b0e-9c52-7a1d4e1f0a01",
    "5f2c7f0e-3c55-4a53-8a44-2b7f3a6c9b02",
    "91d4a6c2-0f7b-4d3e-b6a1-c8e5d2f47c03",
    "c3a9e8d7-52b4-4f60-a9c8-1e6f7b3d5d04",
)
WORK = OpenApiExample(
    "Four completions to rank",
    value={
        "id": 4711,
        "expires_at": "2026-01-31T12:15:00Z",
        "guideline_version": "v3",
        "task": {
            "id": 4711,
            "kind": "rank",
            "prompt": [{"role": "user", "content": "Why is the sea salty?"}],
            "completions": [
                {"id": FIRST, "text": "Rain washes salts out of rocks; rivers carry them down."},
                {"id": SECOND, "text": "Because of the fish."},
                {"id": THIRD, "text": "Rivers bring dissolved minerals to the sea."},
                {"id": FOURTH, "text": "Because of the whales."},
            ],
        },
    },
    response_only=True,
    status_codes=["200", "201"],
)
ANSWERS = (
    OpenApiExample(
        "A ranking with a tie",
        description="The first is far better than the third; the two last ones are tied.",
        value={
            "ranks": {FIRST: 1, SECOND: 3, THIRD: 2, FOURTH: 3},
            "strengths": [3, 2],
            "labels": {SECOND: ["untrue"]},
            "comment": "The first names the cause.",
        },
        request_only=True,
    ),
    OpenApiExample(
        "Two unacceptable completions",
        value={"ranks": {FIRST: 1, THIRD: 2}, "unacceptable": [SECOND, FOURTH]},
        request_only=True,
    ),
    OpenApiExample("A thumb", value={"verdict": "good"}, request_only=True),
    OpenApiExample(
        "A written answer",
        value={"text": "Rain washes salts out of rocks, and rivers carry them into the sea."},
        request_only=True,
    ),
)
RECEIPT = OpenApiExample(
    "Stored", value={"id": 1234, "pairs": 5}, response_only=True, status_codes=["201"]
)
