"""How far the data can be trusted: agreement, who is reliable, what people agree on.

The arithmetic is numpy on arrays and knows no database; ``reading`` fills the arrays.
"""
