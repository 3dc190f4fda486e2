// kt_cost -- estimated analysis time of a file; used only to size batches, so an error costs only some balance. Pure;
// any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Milliseconds, at least 1, of sound or of a film by the file's extension in the input message. From the declared
// duration; else from the declared size and the bit rate that is usual for the format; else that of four minutes.
uint32_t kt_cost_ms(uint64_t declared_bytes, double declared_duration_s, const char *body, size_t body_bytes);
