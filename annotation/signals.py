"""What the people's side announces. It does not know who listens."""

from django.dispatch import Signal

# After a submission is durable; ``submission`` is it.
submitted = Signal()

# After somebody's rankings count more or less than before; ``project_id`` is where.
reweighed = Signal()
