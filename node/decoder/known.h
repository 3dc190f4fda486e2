// kt_known -- formats that are recognised by their first bytes and not read: the name of each for the error. Pure; any
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_KNOWN_TEXT = 160 };

// The first n bytes of a file, at best 4096. Into text: "WavPack audio: not enabled" of media, "ZIP archive:
// not a media file" of others. *opaque: such a file may hold other files, so that it is not searched for sound.
bool kt_known_find(const uint8_t *head, size_t n, char text[KT_KNOWN_TEXT], bool *opaque);
