#!/bin/sh
# The command `onhook` beside onhook.service, for root: as the service's user, with the service's settings. To
# /usr/local/bin/onhook. Lines of /etc/onhook.env are taken as they are, NAME=VALUE without quotes.
set -eu
export ONHOOK_CONFIG=/etc/onhook.toml ONHOOK_DATA=/var/lib/onhook
if [ -e /etc/onhook.env ]; then
    while IFS= read -r line; do
        case $line in [A-Z]*=*) export "${line?}" ;; esac
    done </etc/onhook.env
fi
exec runuser -u onhook -- /opt/onhook/bin/onhook "$@"
