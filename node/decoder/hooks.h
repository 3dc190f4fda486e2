// kt_hooks -- faults on demand, so that tests can prove each limit. Does nothing unless KITHARA_DECODE_FAULT is set:
// KIND or KIND:BYTES (only for files of that size), KIND one of hang, crash, swell, spin, forbidden.
#pragma once

#include "node/decoder/channel.h"

void kt_hooks_fault(kt_channel_t *channel, uint64_t size_bytes);
