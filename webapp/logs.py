"""What goes into the log."""

import logging

SERVER_ERROR = 500


class RefusalsInOneLine(logging.Filter):
    """Of a request that was refused, the line that says so is enough: nothing in the code is at
    fault, and anybody could fill the log with traces."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", SERVER_ERROR) < SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True
