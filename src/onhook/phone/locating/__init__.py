"""Where a trunk's servers are, by RFC 3263: from a host, a port and a transport to addresses in order.

target    what is to be found (pure)
names     what a name server answers, and the Protocol of whoever asks one
plan      the servers of a target and their order: NAPTR, SRV, weights (pure, but for the questions)
dns       asks name servers, by dnspython
hosts     names of this machine: /etc/hosts, `localhost`
resting   which servers were not there a while ago (RFC 3263 4.3)
locator   keeps what was found for as long as its TTL says, and puts it all together
"""
