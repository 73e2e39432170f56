"""Making prompts, completions and tasks."""

import pytest

from annotation.errors import Invalid
from annotation.models import Prompt, Source, Task
from annotation.tasking import add_prompt, ask_about, make_task, new_completion, outside_source
from tests.cast import give_task, make_cast

pytestmark = pytest.mark.django_db
QUESTION = "Why is the sea salty?"


@pytest.fixture
def prompt(cast):
    return add_prompt(cast.project, QUESTION)[0]


@pytest.fixture
def completions(cast, prompt):
    made = [new_completion(prompt, outside_source(cast.project, "m"), text) for text in "abcd"]
    for completion in made:
        completion.save()
    return made


def test_a_prompt_is_stored_once_by_its_content(cast, prompt):
    assert add_prompt(cast.project, [{"role": "user", "content": QUESTION}]) == (prompt, False)
    other, new = add_prompt(cast.project, "Why is the sea blue?")
    assert new
    assert other != prompt


def test_a_prompt_of_another_project_is_another(prompt):
    other, new = add_prompt(make_cast("other").project, QUESTION)
    assert new
    assert (other.content_sha256, other.split) == (prompt.content_sha256, prompt.split)


def test_wordings_that_differ_little_share_group_and_split(cast, prompt):
    other, new = add_prompt(cast.project, "why is the sea salty")
    assert new
    assert (other.group, other.split) == (prompt.group, prompt.split)


def test_what_is_no_prompt_is_not_stored(cast):
    with pytest.raises(Invalid, match="prompt: it is empty"):
        add_prompt(cast.project, " ")
    assert not Prompt.objects.exists()


def test_a_completion_is_kept_byte_for_byte(cast, prompt):
    text = " Salt.\r\n\u202eRivers\t"
    completion = new_completion(prompt, outside_source(cast.project, ""), text, seed=7)
    completion.save()
    completion.refresh_from_db()
    assert (completion.text, completion.seed) == (text, 7)


def test_a_source_is_made_once_by_its_name(cast):
    named, unnamed = outside_source(cast.project, "m"), outside_source(cast.project, "")
    assert outside_source(cast.project, "m") == named
    assert Source.objects.count() == 2
    assert str(unnamed) == "unnamed"


def test_a_task_holds_its_completions_in_their_slots(cast, prompt, completions):
    task = make_task(prompt, completions[::-1])
    assert list(task.slots.values_list("slot", "completion_id")) == [
        (slot, completion.pk) for slot, completion in enumerate(completions[::-1])
    ]
    assert (task.k, task.wanted, task.taken) == (4, cast.project.overlap, 0)
    assert (task.kind, task.purpose) == ("rank", "normal")


def test_the_same_key_gives_the_task_made_before(prompt, completions):
    task = make_task(prompt, completions, key="round 1")
    assert make_task(prompt, completions[:2], key="round 1", priority=5.0) == task
    assert Task.objects.get().k == 4


@pytest.mark.parametrize(
    ("kind", "k", "allowed"),
    [
        *(("rank", 1, "2 to 9"), ("rank", 10, "2 to 9")),
        *(("compare", 3, "2"), ("thumbs", 2, "1"), ("write", 2, "0 to 1")),
    ],
)
def test_a_number_of_completions_that_does_not_fit_the_kind_is_refused(cast, kind, k, allowed):
    with pytest.raises(Invalid, match=f"a {kind} task needs {allowed}, not {k}"):
        give_task(cast.project, *map(str, range(k)), kind=kind)


@pytest.mark.parametrize(
    ("kind", "k"), [("rank", 2), ("rank", 9), ("compare", 2), ("thumbs", 1), ("write", 1)]
)
def test_a_number_of_completions_that_fits_is_taken(cast, kind, k):
    assert give_task(cast.project, *map(str, range(k)), kind=kind).k == k


def test_an_answer_may_be_asked_for_from_nothing(prompt):
    assert make_task(prompt, [], kind="write").k == 0


def test_samples_with_one_text_are_asked_about_once(prompt):
    samples = [saved(prompt, text) for text in ("salt", "rivers", "salt", "rain")]
    task = ask_about(prompt, samples, key="k")
    assert [each.text for each in task.completions.order_by("slots__slot")] == [
        *("salt", "rivers", "rain")
    ]


def test_samples_that_all_say_the_same_ask_nobody_anything(prompt):
    task = ask_about(prompt, [saved(prompt, "salt") for _ in range(4)], key="k")
    assert task.withdrawn
    assert not Task.objects.open().exists()


def saved(prompt, text):
    completion = new_completion(prompt, outside_source(prompt.project, "a model"), text)
    completion.save()
    return completion
