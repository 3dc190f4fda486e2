// Accesses of whole warps (banks.cpp), counted where a test asks for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cudasim
{

extern bool counting_banks;
void        banks_note(uintptr_t address, size_t bytes, bool global, const void *pc);
void        banks_close_warp(unsigned warp);
void        banks_close_block(void);

}  // namespace cudasim
