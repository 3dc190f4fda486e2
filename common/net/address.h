// kt_address -- addresses in settings, checked here: the libraries beneath take port 99999 for 34463.
//     HOST:PORT   [IPV6]:PORT   tcp://HOST:PORT   ipc://PATH
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { KT_ADDRESS_WHY = 128 };

// any_port: of an address on which a program listens: 0 (any free one) and, of tcp://, * too. KT_EINVAL with what is
// wrong ("the port is no number from 1 to 65535").
KT_MUST_USE kt_err_t kt_address_check(const char *address, bool any_port, char why[KT_ADDRESS_WHY]);
// Of a program that does not answer: looks the name up on a thread of its own, which logs NAME-UNRESOLVED if there is
// none of that name. At most one at a time. Any thread; does not block.
void kt_address_look_up(const char *address);
