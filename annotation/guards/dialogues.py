"""Conversations: whose they are, and what they went on with."""

from collections.abc import Iterator

from annotation.guards.guard import Guard, changed, refuse


def dialogue_guards() -> Iterator[Guard]:
    """Whose turn it is, what it may go on with, and that what is over stays over."""
    yield refuse(
        "dialogue_ended",
        "annotation_dialogue",
        "UPDATE",
        "a dialogue that has ended stays ended",
        f"OLD.ended_at IS NOT NULL AND ({changed('ended_at')})",
    )
    yield refuse(
        "dialogue_project",
        "annotation_dialogue",
        "INSERT",
        "a dialogue is a person's of its own project",
        "NOT EXISTS (SELECT 1 FROM annotation_annotator a"
        " WHERE a.id = NEW.annotator_id AND a.project_id = NEW.project_id)",
    )
    yield refuse(
        "turn_after_end",
        "annotation_turn",
        "INSERT",
        "a dialogue that has ended takes no turn",
        "EXISTS (SELECT 1 FROM annotation_dialogue d"
        " WHERE d.id = NEW.dialogue_id AND d.ended_at IS NOT NULL)",
    )
    yield refuse(
        "turn_chosen_fixed",
        "annotation_turn",
        "UPDATE",
        "what a conversation went on with stays",
        f"OLD.chosen_id IS NOT NULL AND ({changed('chosen_id', 'task_id')})",
    )
    for event in ("INSERT", "UPDATE"):
        yield refuse(
            f"turn_task_{event.lower()}",
            "annotation_turn",
            event,
            "a turn asks the person of its dialogue",
            "NEW.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM annotation_task t"
            " JOIN annotation_dialogue d ON d.annotator_id = t.reserved_for_id"
            " WHERE t.id = NEW.task_id AND d.id = NEW.dialogue_id"
            " AND t.prompt_id = NEW.prompt_id AND t.purpose = 'dialogue')",
        )
        yield refuse(
            f"turn_chosen_{event.lower()}",
            "annotation_turn",
            event,
            "a conversation goes on with one of the turn's responses",
            "NEW.chosen_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM annotation_taskcompletion s"
            " WHERE s.task_id = NEW.task_id AND s.completion_id = NEW.chosen_id)",
        )
