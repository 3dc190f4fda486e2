// kt_hooks -- faults on demand, so that tests can prove each limit of a child.
#pragma once

#include "common/fault.h"
#include "node/decoder/channel.h"

void kt_hooks_fault(const kt_test_faults_t *faults, kt_channel_t *channel, uint64_t size_bytes);
