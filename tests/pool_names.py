"""Names of a session's databases: the template that every pool is copied from, and numbers for the copies."""

from itertools import count

NUMBERS = count(1)
TEMPLATE = "pool_template"
