"""Ways to tell people something: robots of groups and mailboxes."""
