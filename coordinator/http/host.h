// kt_http_host -- what the Host of a request says about its sender. A web page whose name is made to resolve to this
// machine (DNS rebinding) reads answers as its own, but its requests carry that name: only addresses, localhost, the
// name of this machine and configured names are served. Pure functions; any thread.
#pragma once

#include <stdbool.h>

// host: the header's value, "name", "10.0.0.7:8710", "[::1]:8710". An address as browsers and libraries write it (an
// IPv4 address in four decimal numbers, an IPv6 address in brackets), localhost, or a name of `names`; upper and lower
// case are the same, as is a dot at the end of a name. names: separated by blanks or commas.
bool kt_http_host_allowed(const char *host, const char *names);
// localhost, or an address of the loopback interface.
bool kt_http_host_is_loopback(const char *host);
// Whether the header is one that a proxy adds to what it passes on, such as X-Forwarded-For.
bool kt_http_is_proxy_header(const char *name);
