"""What the people's side announces. It does not know who listens."""

from django.dispatch import Signal

# After a submission is durable; ``submission`` is it.
submitted = Signal()
