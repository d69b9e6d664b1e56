"""What an administrator can change, and by which rules: the command and the console ask here."""
