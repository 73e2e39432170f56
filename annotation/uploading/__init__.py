"""Files that people send by a page or the API, to be imported.

A request only keeps the file (``handlers``, ``uploads``); a worker looks into it, imports it, or
removes what it has stored (``working``), in a thread beside the worker's other tasks
(``background``), and holds a lease on the upload meanwhile (``leases``). What a lost worker leaves
behind, the clock gives to the next.
"""

from annotation.uploading.uploads import cancel, receive, set_columns, start

__all__ = ["cancel", "receive", "set_columns", "start"]
