"""What ``onhook init`` does: five questions, and what is written of the answers.

questions       each has an answer that is proposed, and may be answered by an option
settings_file   deploy/onhook.toml with the answers
unit_file       deploy/systemd/onhook.service with the paths of here
making          the data directory, with a number and its application
writing         all of it, to files that are there whole or not at all
application.py  the first application: it is copied, and run by whoever was begun for
"""
